// GPUQueue.copyExternalImageToTexture. WIT has no such function: the pixels are converted here, and written.

import { brand, calls, methods } from './interfaces.js';
import { dictionary, integers, oneOf, required, size32 } from '../define.js';
import { frameOf, isBare } from '../web/canvas.js';
import { pixelsOf } from '../web/image.js';
import { deviceOf } from './order.js';
import { copyable, texels } from './pixels.js';

const { writeTextureWithCopy: writeTexture } = calls['gpu-queue'];
const { createBuffer } = calls['gpu-device'];
const NAME = 'GPUQueue.copyExternalImageToTexture';
const operationError = (message) => new DOMException(`${NAME}: ${message}`, 'OperationError');

function sourceOf(value) {
  const from = dictionary(value, `${NAME}: source`);
  const flipY = !!from.flipY;
  const origin = from.origin === undefined ? [0, 0] : integers(from.origin, [['x', 0], ['y', 0]], `${NAME}: source.origin`);
  return { flipY, origin, image: from.source };
}

function destinationOf(value) {
  const to = dictionary(value, `${NAME}: destination`);
  const aspect = oneOf(to.aspect, ['all', 'stencil-only', 'depth-only'], `${NAME}: destination.aspect`, 'all');
  const mipLevel = to.mipLevel === undefined ? 0 : size32(to.mipLevel, `${NAME}: destination.mipLevel`);
  const origin = to.origin === undefined ? [0, 0, 0] : integers(to.origin, [['x', 0], ['y', 0], ['z', 0]], `${NAME}: destination.origin`);
  const texture = brand(to.texture, 'gpu-texture', `${NAME}: destination.texture`);
  const colorSpace = oneOf(to.colorSpace, ['srgb', 'display-p3'], `${NAME}: destination.colorSpace`, 'srgb');
  return { place: { aspect, mipLevel, origin, texture }, colorSpace, premultiplied: !!to.premultipliedAlpha };
}

/** The rule that a destination breaks, if it does. */
function problem({ usage, format, dimension, sampleCount }) {
  const needed = GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  if ((usage & needed) !== needed) return 'the destination lacks the usage COPY_DST or RENDER_ATTACHMENT';
  if (!copyable(format)) return `the destination's format is ${format}`;
  if (dimension !== '2d') return `the destination's dimension is ${dimension}`;
  return sampleCount === 1 ? null : `the destination has ${sampleCount} samples`;
}

/** Reports a validation error on a queue's device. WIT has no function for it: one that is bound to fail carries the message. */
function report(queue, message) {
  const device = deviceOf(queue);
  if (device) createBuffer.call(device, { label: `${NAME}: ${message}`, size: 0, usage: 0 });
}

/** Copies on the GPU, where source and destination have the same pixels. Returns false where they differ. */
function copied(queue, frame, { flipY, origin }, { place, colorSpace, premultiplied }, size) {
  const device = deviceOf(queue);
  if (!frame || frame.device !== device || flipY || !premultiplied || frame.alphaMode === 'opaque') return false;
  if (frame.colorSpace !== colorSpace || frame.format !== place.texture.format) return false;
  const encoder = device.createCommandEncoder({ label: NAME });
  encoder.copyTextureToTexture({ texture: frame.texture, origin }, place, size);
  queue.submit([encoder.finish()]);
  return true;
}

methods('gpu-queue', {
  copyExternalImageToTexture(source, destination, copySize) {
    required(arguments.length, 3, NAME);
    const from = sourceOf(source);
    const to = destinationOf(destination);
    const size = integers(copySize, [['width'], ['height', 1], ['depthOrArrayLayers', 1]], `${NAME}: copySize`);
    const frame = frameOf(from.image);
    if (isBare(from.image)) throw operationError('the canvas has no context, or no pixels');
    const picture = frame ?? pixelsOf(from.image);
    if (!picture) throw new TypeError(`${NAME}: source.source is not an ImageBitmap, ImageData or OffscreenCanvas`);
    const [x, y] = from.origin;
    const [width, height, layers] = size;
    const known = frame ? from.image : picture;
    if (x + width > known.width || y + height > known.height || layers > 1) throw operationError('the copy reaches beyond the picture');
    const broken = problem(to.place.texture);
    if (broken) return report(this, broken);
    if (copied(this, frame, from, to, size)) return undefined;
    const { format } = to.place.texture;
    const { bytes, bytesPerRow } = texels(frame ? pixelsOf(from.image) : picture, {
      x, y, width, height, flipY: from.flipY, format, premultiplied: to.premultiplied, colorSpace: to.colorSpace,
    });
    writeTexture.call(this, to.place, bytes, { bytesPerRow, rowsPerImage: height }, size);
    return undefined;
  },
});

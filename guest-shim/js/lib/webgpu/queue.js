// GPUQueue: writes from any buffer source, counted in its elements, and copies of pictures.

import { brand, calls, methods, without } from './interfaces.js';
import { required, size64 } from '../define.js';
import { pixelsOf } from '../web/image.js';
import { last } from './order.js';
import { convert } from './pixels.js';

const { writeBufferWithCopy: writeBuffer, writeTextureWithCopy: writeTexture, onSubmittedWorkDone } = calls['gpu-queue'];

/** The bytes of a buffer source, and the size of one of its elements. */
export function source(data, what) {
  if (ArrayBuffer.isView(data)) {
    return { bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), unit: data.BYTES_PER_ELEMENT ?? 1 };
  }
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return { bytes: new Uint8Array(data), unit: 1 };
  throw new TypeError(`${what} is not an ArrayBuffer or a view of one`);
}

/** A part of a buffer source, given in its elements. */
export function part(data, offset, size, what, fail) {
  const { bytes, unit } = source(data, `${what}: data`);
  const start = offset === undefined ? 0 : size64(offset, `${what}: dataOffset`) * unit;
  if (start > bytes.length) throw fail(`${what}: dataOffset lies behind the data's end`);
  const length = size === undefined ? bytes.length - start : size64(size, `${what}: size`) * unit;
  if (start + length > bytes.length) throw fail(`${what}: the data ends at ${bytes.length} bytes, before ${start + length}`);
  if (length % 4) throw fail(`${what}: ${length} bytes are not a multiple of 4`);
  return start === 0 && length === bytes.length ? bytes : bytes.subarray(start, start + length);
}

const operationError = (message) => new DOMException(message, 'OperationError');

methods('gpu-queue', {
  onSubmittedWorkDone() {
    return last(this, onSubmittedWorkDone.call(this));
  },
  writeBuffer(buffer, bufferOffset, data, dataOffset, size) {
    required(arguments.length, 3, 'GPUQueue.writeBuffer');
    // The usual case, a whole view, is passed unchanged.
    const whole = dataOffset === undefined && size === undefined && ArrayBuffer.isView(data) && data.BYTES_PER_ELEMENT && data.byteLength % 4 === 0;
    writeBuffer.call(this, buffer, bufferOffset, whole ? data : part(data, dataOffset, size, 'GPUQueue.writeBuffer', operationError));
  },
  writeTexture(destination, data, dataLayout, size) {
    required(arguments.length, 4, 'GPUQueue.writeTexture');
    writeTexture.call(this, destination, source(data, 'GPUQueue.writeTexture: data').bytes, dataLayout, size);
  },
  copyExternalImageToTexture(from, destination, copySize) {
    required(arguments.length, 3, 'GPUQueue.copyExternalImageToTexture');
    const picture = pixelsOf(from?.source);
    if (!picture) throw new TypeError('GPUQueue.copyExternalImageToTexture: source.source is not an ImageBitmap, ImageData or OffscreenCanvas');
    const texture = brand(destination?.texture, 'gpu-texture', 'GPUQueue.copyExternalImageToTexture: destination.texture');
    const [width, height = 1, layers = 1] = Symbol.iterator in Object(copySize) ? copySize : [copySize?.width, copySize?.height, copySize?.depthOrArrayLayers];
    const origin = from.origin ?? {};
    const [x = 0, y = 0] = Symbol.iterator in Object(origin) ? origin : [origin.x, origin.y];
    if (x + width > picture.width || y + height > picture.height || layers > 1) throw operationError('GPUQueue.copyExternalImageToTexture: the copy reaches beyond the picture');
    const { bytes, bytesPerRow } = convert(picture, {
      x, y, width, height, flipY: !!from.flipY, format: texture.format, premultiply: !!destination.premultipliedAlpha,
    });
    const { mipLevel, aspect, origin: at } = destination;
    writeTexture.call(this, { texture, mipLevel, aspect, origin: at }, bytes, { bytesPerRow, rowsPerImage: height }, [width, height]);
  },
});
without('gpu-queue', 'writeBufferWithCopy', 'writeTextureWithCopy');
for (const [name, length] of [['writeBuffer', 3]]) Object.defineProperty(GPUQueue.prototype[name], 'length', { value: length });

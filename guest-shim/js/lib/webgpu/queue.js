// GPUQueue: writes from any buffer source, counted in its elements.

import { brand, calls, getters, methods, without } from './interfaces.js';
import { PIECE, integers, pieces, required, size32, size64 } from '../define.js';
import { last } from './order.js';

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

/** Writes in several calls what is too much for one. A range beyond the buffer is one error, and writes nothing. */
function writeLarge(queue, buffer, bufferOffset, bytes) {
  const start = size64(bufferOffset, 'GPUQueue.writeBuffer: bufferOffset');
  brand(buffer, 'gpu-buffer', 'GPUQueue.writeBuffer: buffer');
  if (start + bytes.length > getters['gpu-buffer'].size.call(buffer)) {
    writeBuffer.call(queue, buffer, start + bytes.length - 4, bytes.subarray(bytes.length - 4));
    return;
  }
  for (const [at, piece] of pieces(bytes)) writeBuffer.call(queue, buffer, start + at, piece);
}

/** Formats whose rows of texels are stored one by one. */
const hasPlainRows = (format) => !/^(bc|etc2|eac|astc)/.test(format);

/** The same for a texture, by its rows. */
function writeLargeTexture(queue, destination, bytes, dataLayout, size) {
  const [width, height, layers] = integers(size, [['width'], ['height', 1], ['depthOrArrayLayers', 1]], 'GPUQueue.writeTexture: size');
  const number = (value, otherwise, what) => (value === undefined ? otherwise : size32(value, `GPUQueue.writeTexture: dataLayout.${what}`));
  const bytesPerRow = number(dataLayout?.bytesPerRow, 0, 'bytesPerRow');
  const offset = dataLayout?.offset === undefined ? 0 : size64(dataLayout.offset, 'GPUQueue.writeTexture: dataLayout.offset');
  const rowsPerImage = number(dataLayout?.rowsPerImage, height, 'rowsPerImage');
  const texture = brand(destination?.texture, 'gpu-texture', 'GPUQueue.writeTexture: destination.texture');
  const end = offset + bytesPerRow * (rowsPerImage * (layers - 1) + height);
  // What is not valid is one call with too few bytes, and so one error.
  if (!bytesPerRow || rowsPerImage < height || end - bytesPerRow > bytes.length || !hasPlainRows(getters['gpu-texture'].format.call(texture))) {
    writeTexture.call(queue, destination, bytes.subarray(0, PIECE), dataLayout, size);
    return;
  }
  const [x, y, z] = destination.origin === undefined ? [0, 0, 0] : integers(destination.origin, [['x', 0], ['y', 0], ['z', 0]], 'GPUQueue.writeTexture: destination.origin');
  const { mipLevel, aspect } = destination;
  const rows = Math.max(1, Math.floor(PIECE / bytesPerRow));
  for (let layer = 0; layer < layers; layer += 1) {
    for (let row = 0; row < height; row += rows) {
      const count = Math.min(rows, height - row);
      const start = offset + bytesPerRow * (rowsPerImage * layer + row);
      const piece = bytes.subarray(start, start + bytesPerRow * count);
      writeTexture.call(queue, { texture, mipLevel, aspect, origin: [x, y + row, z + layer] }, piece, { bytesPerRow, rowsPerImage: count }, [width, count, 1]);
    }
  }
}

const operationError = (message) => new DOMException(message, 'OperationError');

methods('gpu-queue', {
  onSubmittedWorkDone() {
    return last(this, onSubmittedWorkDone.call(this));
  },
  writeBuffer(buffer, bufferOffset, data, dataOffset, size) {
    // The usual case, a whole view, is passed unchanged. No use of `arguments`, which the engine would make for each call.
    const whole = dataOffset === undefined && size === undefined && ArrayBuffer.isView(data) && data.BYTES_PER_ELEMENT && data.byteLength % 4 === 0;
    const bytes = whole ? data : part(data, dataOffset, size, 'GPUQueue.writeBuffer', operationError);
    if (bytes.byteLength <= PIECE) writeBuffer.call(this, buffer, bufferOffset, bytes);
    else writeLarge(this, buffer, bufferOffset, source(bytes, 'GPUQueue.writeBuffer: data').bytes);
  },
  writeTexture(destination, data, dataLayout, size) {
    required(arguments.length, 4, 'GPUQueue.writeTexture');
    const { bytes } = source(data, 'GPUQueue.writeTexture: data');
    if (bytes.length <= PIECE) writeTexture.call(this, destination, bytes, dataLayout, size);
    else writeLargeTexture(this, destination, bytes, dataLayout, size);
  },
});
without('gpu-queue', 'writeBufferWithCopy', 'writeTextureWithCopy');
for (const [name, length] of [['writeBuffer', 3]]) Object.defineProperty(GPUQueue.prototype[name], 'length', { value: length });

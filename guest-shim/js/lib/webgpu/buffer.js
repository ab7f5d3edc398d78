// GPUBuffer: mapped ranges are ArrayBuffers, copies of the host's ranges that unmap writes back.

import native from 'airlock:native';
import { calls, methods, without } from './interfaces.js';
import { first } from './order.js';
import { enforceRange, pieces, required, size64 } from '../define.js';

const { mapAsync, unmap, destroy, getMappedRangeGetWithCopy: read, getMappedRangeSetWithCopy: write } = calls['gpu-buffer'];

/** What is known of a buffer that is mapped or becomes so: its mode (0 while it is pending) and the ranges given out. */
const mappings = new WeakMap();
/** The mapped buffers of a device, which end to be mapped with it. */
const byDevice = new WeakMap();
const owners = new WeakMap();

/** A buffer of this device is mapped from now on. */
export function watch(device, buffer, mode) {
  mappings.set(buffer, { mode, ranges: [] });
  remember(device, buffer);
}

function remember(device, buffer) {
  owners.set(buffer, device);
  let buffers = byDevice.get(device);
  if (!buffers) byDevice.set(device, buffers = new Set());
  if (!mappings.get(buffer).weak) buffers.add(mappings.get(buffer).weak = new WeakRef(buffer));
}

/** Ends the mapping: what was written goes to the host, and the ArrayBuffers lose their memory. */
function end(buffer, keep) {
  const mapping = mappings.get(buffer);
  if (!mapping) return;
  mappings.delete(buffer);
  byDevice.get(owners.get(buffer))?.delete(mapping.weak);
  for (const { offset, data } of mapping.ranges) {
    if (keep && mapping.mode === GPUMapMode.WRITE) {
      for (const [start, bytes] of pieces(new Uint8Array(data))) write.call(buffer, bytes, offset + start, bytes.length);
    }
    native.detach(data);
  }
}

/** The bytes of a buffer that the library made, once the GPU has written them: waits for it. */
export function readNow(buffer) {
  native.mapNow(buffer);
  return read.call(buffer);
}

/** All buffers of a device. */
export function unmapAll(device) {
  for (const weak of byDevice.get(device) ?? []) weak.deref()?.unmap();
}

/** The ArrayBuffers of mapped ranges, which only `unmap` detaches. */
const ranges = new WeakSet();

/** Throws for the ArrayBuffer of a mapped range: a script cannot transfer it. */
export function mayDetach(buffer) {
  if (ranges.has(buffer) && !buffer.detached) throw new TypeError('the ArrayBuffer is a mapped range, which only unmap() detaches');
}
for (const name of ['transfer', 'transferToFixedLength', 'resize']) {
  const original = ArrayBuffer.prototype[name];
  if (typeof original !== 'function') continue;
  const guarded = { [name](length) { mayDetach(this); return original.apply(this, arguments); } }[name];
  Object.defineProperty(guarded, 'length', { value: original.length, configurable: true });
  Object.defineProperty(ArrayBuffer.prototype, name, { value: guarded, writable: true, configurable: true, enumerable: false });
}

const operationError = (message) => new DOMException(message, 'OperationError');

methods('gpu-buffer', {
  async mapAsync(mode, offset, size) {
    required(arguments.length, 1, 'GPUBuffer.mapAsync');
    const flags = enforceRange(mode, 0xffffffff, 'GPUBuffer.mapAsync: mode');
    if (mappings.get(this)?.mode === 0) throw operationError('the buffer is being mapped already');
    const known = mappings.has(this);
    const promise = first(this, mapAsync.call(this, flags > 3 ? 0 : flags, offset, size));
    const mapping = known ? null : { mode: 0, ranges: [] };
    if (mapping) mappings.set(this, mapping);
    try {
      await promise;
    } catch (error) {
      if (mapping && mappings.get(this) === mapping) mappings.delete(this);
      throw error;
    }
    if (mapping) mapping.mode = flags;
  },
  getMappedRange(offset = 0, size = undefined) {
    offset = size64(offset, 'GPUBuffer.getMappedRange: offset');
    const length = size === undefined ? Math.max(0, this.size - offset) : size64(size, 'GPUBuffer.getMappedRange: size');
    const mapping = mappings.get(this);
    if (!mapping?.mode) throw operationError('the buffer is not mapped');
    if (offset % 8) throw operationError(`the offset ${offset} is not a multiple of 8`);
    if (length % 4) throw operationError(`the size ${length} is not a multiple of 4`);
    for (const range of mapping.ranges) {
      if (offset < range.offset + range.length && range.offset < offset + length) throw operationError('the range overlaps one that was given out');
    }
    const data = read.call(this, offset, length);
    ranges.add(data);
    mapping.ranges.push({ offset, length, data });
    return data;
  },
  unmap() {
    end(this, true);
    unmap.call(this);
  },
  destroy() {
    end(this, false);
    destroy.call(this);
  },
});
without('gpu-buffer', 'getMappedRangeGetWithCopy', 'getMappedRangeSetWithCopy');
for (const [name, length] of [['mapAsync', 1], ['getMappedRange', 0]]) Object.defineProperty(GPUBuffer.prototype[name], 'length', { value: length });

// Mapping, and writes of the queue.

import { all, bytesOf, equal, fn, redsOf, target, wordsOf } from './support.js';
import { rejects, throws } from '../harness.js';

const { COPY_DST, COPY_SRC, MAP_READ, MAP_WRITE } = GPUBufferUsage;
const readable = (device, size = 32) => device.createBuffer({ size, usage: MAP_READ | COPY_DST });
const writable = (device, size = 32) => device.createBuffer({ size, usage: MAP_WRITE | COPY_SRC });

fn('gpu-buffer.map-async', {
  valid: async (device) => {
    const buffer = readable(device);
    equal(await buffer.mapAsync(GPUMapMode.READ), undefined);
    buffer.unmap();
    await buffer.mapAsync(GPUMapMode.READ, 8, 16);
    equal(buffer.mapState, 'mapped');
  },
  invalid: async (device) => {
    const buffer = readable(device);
    await rejects('TypeError', () => buffer.mapAsync());
    await rejects('TypeError', () => buffer.mapAsync(1, -8));
    await all(device, false, {
      'for writing': () => rejects('OperationError', () => buffer.mapAsync(GPUMapMode.WRITE)),
      'both ways': () => rejects('OperationError', () => buffer.mapAsync(3)),
      'a buffer that cannot be mapped': () => rejects('OperationError', () => device.createBuffer({ size: 8, usage: COPY_DST }).mapAsync(GPUMapMode.READ)),
      'a destroyed buffer': () => { const gone = readable(device); gone.destroy(); return rejects('OperationError', () => gone.mapAsync(GPUMapMode.READ)); },
    });
    await buffer.mapAsync(GPUMapMode.READ);
    await all(device, false, { 'a mapped buffer': () => rejects('OperationError', () => buffer.mapAsync(GPUMapMode.READ)) });
  },
  boundary: async (device) => {
    for (const [offset, size] of [[0, 32], [0, undefined], [24, 8], [32, 0], [32, undefined], [8, 0]]) {
      const buffer = readable(device);
      await all(device, true, { [`${offset}, ${size}`]: () => buffer.mapAsync(GPUMapMode.READ, offset, size) });
      buffer.unmap();
    }
    for (const [offset, size] of [[4, 8], [0, 2], [0, 36], [40, 0], [40, undefined], [2 ** 53 - 8, 8]]) {
      await all(device, false, { [`${offset}, ${size}`]: () => rejects('OperationError', () => readable(device).mapAsync(GPUMapMode.READ, offset, size)) });
    }
    const buffer = readable(device);
    const first = buffer.mapAsync(GPUMapMode.READ).then(() => '', (error) => error.name);
    buffer.unmap();
    const second = buffer.mapAsync(GPUMapMode.READ).then(() => 'mapped');
    equal([await first, await second], ['AbortError', 'mapped'], 'a map after one that was given up');
  },
});
fn('gpu-buffer.get-mapped-range-get-with-copy', {
  valid: async (device) => {
    const buffer = readable(device);
    device.queue.writeBuffer(buffer, 0, new Uint32Array([1, 2, 3, 4]));
    await buffer.mapAsync(GPUMapMode.READ);
    equal([...new Uint32Array(buffer.getMappedRange(8, 8))], [3, 4]);
    equal([...new Uint32Array(buffer.getMappedRange(0, 8))], [1, 2]);
  },
  invalid: async (device) => {
    const buffer = readable(device);
    throws('OperationError', () => buffer.getMappedRange(), 'an unmapped buffer');
    const mapping = buffer.mapAsync(GPUMapMode.READ);
    throws('OperationError', () => buffer.getMappedRange(), 'a buffer that is being mapped');
    await mapping;
    buffer.getMappedRange(0, 8);
    throws('OperationError', () => buffer.getMappedRange(0, 16), 'an overlap');
    throws('TypeError', () => buffer.getMappedRange(-8));
  },
  boundary: async (device) => {
    const buffer = readable(device);
    await buffer.mapAsync(GPUMapMode.READ, 8, 16);
    for (const [offset, size] of [[0, 8], [8, 20], [24, 8], [12, 4], [16, 3], [16, 2 ** 53 - 4]]) throws('OperationError', () => buffer.getMappedRange(offset, size), `${offset}, ${size}`);
    equal(buffer.getMappedRange(8, 16).byteLength, 16, 'all of it');
    equal(buffer.getMappedRange(24, 0).byteLength, 0, 'nothing at its end');
    const empty = device.createBuffer({ size: 0, usage: COPY_DST, mappedAtCreation: true });
    equal(empty.getMappedRange().byteLength, 0, 'an empty buffer');
  },
});
fn('gpu-buffer.get-mapped-range-set-with-copy', {
  valid: async (device) => {
    const buffer = writable(device, 16);
    await buffer.mapAsync(GPUMapMode.WRITE);
    new Uint32Array(buffer.getMappedRange(0, 8)).set([5, 6]);
    new Uint32Array(buffer.getMappedRange(8, 8)).set([7, 8]);
    buffer.unmap();
    equal(await wordsOf(device, buffer), [5, 6, 7, 8]);
  },
  invalid: async (device) => {
    const buffer = readable(device, 16);
    device.queue.writeBuffer(buffer, 0, new Uint32Array([1, 2, 3, 4]));
    await buffer.mapAsync(GPUMapMode.READ);
    new Uint32Array(buffer.getMappedRange()).fill(9);
    buffer.unmap();
    await buffer.mapAsync(GPUMapMode.READ);
    equal([...new Uint32Array(buffer.getMappedRange())], [1, 2, 3, 4], 'what was written to a mapping for reading');
  },
  boundary: async (device) => {
    const buffer = writable(device, 16);
    await buffer.mapAsync(GPUMapMode.WRITE, 8, 8);
    const range = buffer.getMappedRange(8, 8);
    new Uint32Array(range).set([1, 2]);
    buffer.unmap();
    equal(range.byteLength, 0, 'the size of a range after unmap');
    equal(await wordsOf(device, buffer), [0, 0, 1, 2]);
  },
});
fn('gpu-buffer.unmap', {
  valid: async (device) => {
    const buffer = device.createBuffer({ size: 8, usage: COPY_SRC, mappedAtCreation: true });
    new Uint32Array(buffer.getMappedRange()).set([3, 4]);
    equal(buffer.unmap(), undefined);
    equal(await wordsOf(device, buffer), [3, 4]);
  },
  invalid: () => throws('TypeError', () => GPUBuffer.prototype.unmap.call({})),
  boundary: async (device) => {
    const buffer = writable(device);
    await all(device, true, {
      'an unmapped buffer': () => buffer.unmap(),
      'a destroyed buffer': () => { const gone = writable(device); gone.destroy(); gone.unmap(); },
      'a buffer that is being mapped': async () => {
        const mapping = buffer.mapAsync(GPUMapMode.WRITE);
        buffer.unmap();
        await rejects('AbortError', () => mapping);
      },
    });
  },
});
fn('gpu-buffer.destroy', {
  valid: (device) => equal(writable(device).destroy(), undefined),
  invalid: async (device) => {
    throws('TypeError', () => GPUBuffer.prototype.destroy.call({}));
    const buffer = device.createBuffer({ size: 8, usage: COPY_DST });
    buffer.destroy();
    await all(device, false, { 'a write to a destroyed buffer': () => device.queue.writeBuffer(buffer, 0, new Uint32Array(1)) });
  },
  boundary: async (device) => {
    const buffer = readable(device);
    const mapping = buffer.mapAsync(GPUMapMode.READ).then(() => 'mapped', (error) => error.name);
    buffer.destroy();
    buffer.destroy();
    equal([await mapping, buffer.mapState, buffer.size], ['AbortError', 'unmapped', 32]);
  },
});

fn('gpu-queue.write-buffer-with-copy', {
  valid: async (device) => {
    const buffer = device.createBuffer({ size: 16, usage: COPY_DST | COPY_SRC });
    device.queue.writeBuffer(buffer, 0, new Float32Array([1]));
    device.queue.writeBuffer(buffer, 4, new Uint8Array([0, 1, 2, 3, 4, 5]), 2, 4);
    device.queue.writeBuffer(buffer, 8, new Uint16Array([7, 8, 9, 10]), 2);
    equal([...(await bytesOf(device, buffer))], [0, 0, 128, 63, 2, 3, 4, 5, 9, 0, 10, 0, 0, 0, 0, 0]);
  },
  invalid: async (device) => {
    const buffer = device.createBuffer({ size: 16, usage: COPY_DST });
    throws('TypeError', () => device.queue.writeBuffer(buffer, 0, 'text'));
    throws('TypeError', () => device.queue.writeBuffer({}, 0, new Uint32Array(1)));
    throws('OperationError', () => device.queue.writeBuffer(buffer, 0, new Uint8Array(6)), 'six bytes');
    await all(device, false, { 'another usage': () => device.queue.writeBuffer(device.createBuffer({ size: 16, usage: COPY_SRC }), 0, new Uint32Array(1)), 'an odd place': () => device.queue.writeBuffer(buffer, 1, new Uint32Array(1)) });
    const mapped = device.createBuffer({ size: 16, usage: COPY_DST, mappedAtCreation: true });
    await all(device, false, { 'a mapped buffer': () => device.queue.writeBuffer(mapped, 0, new Uint32Array(1)) });
  },
  boundary: async (device) => {
    const buffer = device.createBuffer({ size: 16, usage: COPY_DST });
    const data = new Uint32Array(4);
    await all(device, true, { 'all of it': () => device.queue.writeBuffer(buffer, 0, data), 'nothing at its end': () => device.queue.writeBuffer(buffer, 16, new Uint8Array(0)), 'nothing from the data\'s end': () => device.queue.writeBuffer(buffer, 0, data, 4, 0) });
    await all(device, false, { 'a word more': () => device.queue.writeBuffer(buffer, 4, data), 'behind the end': () => device.queue.writeBuffer(buffer, 20, new Uint8Array(0)), 'at 2^53 - 4': () => device.queue.writeBuffer(buffer, 2 ** 53 - 4, data) });
    throws('OperationError', () => device.queue.writeBuffer(buffer, 0, data, 5), 'from behind the data\'s end');
    throws('OperationError', () => device.queue.writeBuffer(buffer, 0, data, 1, 4), 'more than there is');
  },
});
fn('gpu-queue.write-texture-with-copy', {
  valid: async (device) => {
    const texture = target(device);
    device.queue.writeTexture({ texture, origin: [1, 2] }, Uint8Array.from({ length: 40 }, (_, at) => at + 1), { offset: 4, bytesPerRow: 20 }, [2, 2]);
    equal(await redsOf(device, texture), [0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 9, 0, 0, 25, 29, 0]);
  },
  invalid: async (device) => {
    const texture = target(device);
    throws('TypeError', () => device.queue.writeTexture({ texture }, [0, 0, 0, 0], {}, [1]));
    throws('TypeError', () => device.queue.writeTexture({}, new Uint8Array(4), {}, [1]));
    await all(device, false, {
      'short rows': () => device.queue.writeTexture({ texture }, new Uint8Array(64), { bytesPerRow: 12 }, [4, 2]),
      'no length of rows': () => device.queue.writeTexture({ texture }, new Uint8Array(64), {}, [4, 2]),
      'another usage': () => device.queue.writeTexture({ texture: device.createTexture({ size: [4], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING }) }, new Uint8Array(4), {}, [1]),
      'samples': () => device.queue.writeTexture({ texture: device.createTexture({ size: [4, 4], sampleCount: 4, format: 'rgba8unorm', usage: 2 | 16 }) }, new Uint8Array(4), {}, [1]),
    });
  },
  boundary: async (device) => {
    const texture = target(device);
    const write = (size, origin, bytes, layout = { bytesPerRow: 16 }) => () => device.queue.writeTexture({ texture, origin }, new Uint8Array(bytes), layout, size);
    await all(device, true, { 'all of it': write([4, 4], [0, 0], 64), 'its last texel': write([1, 1], [3, 3], 4), nothing: write([0, 0], [4, 4], 0), 'a short last row': write([2, 4], [0, 0], 56) });
    await all(device, false, { 'a column more': write([4, 4], [1, 0], 64), 'a byte less': write([4, 4], [0, 0], 63), 'nothing behind its end': write([0, 0], [5, 0], 0), 'no such level': () => device.queue.writeTexture({ texture, mipLevel: 1 }, new Uint8Array(4), {}, [1]), 'two layers': write([1, 1, 2], [0, 0], 64, { bytesPerRow: 16, rowsPerImage: 1 }), 'from far behind the data': write([1, 1], [0, 0], 4, { offset: 2 ** 53 - 4 }) });
  },
});

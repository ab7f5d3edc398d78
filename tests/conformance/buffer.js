// GPUBuffer and GPUQueue.writeBuffer: sizes, usages, mapping, data.

import { check, contents, equal, rejects, test, throws, validates } from './harness.js';

const { COPY_DST, COPY_SRC, INDEX, MAP_READ, MAP_WRITE, STORAGE, VERTEX } = GPUBufferUsage;

test('GPUDevice.createBuffer: attributes', (device) => {
  const buffer = device.createBuffer({ size: 12, usage: COPY_DST | VERTEX, label: 'mine' });
  equal(buffer.size, 12);
  equal(buffer.usage, COPY_DST | VERTEX);
  equal(buffer.label, 'mine');
  equal(buffer.mapState, 'unmapped');
});
test('GPUDevice.createBuffer: usages', async (device) => {
  for (const [usage, valid] of [[0, false], [1 << 15, false], [MAP_READ, true], [MAP_READ | COPY_DST, true], [MAP_READ | COPY_SRC, false], [MAP_WRITE | COPY_SRC, true], [MAP_READ | MAP_WRITE, false], [STORAGE | INDEX, true]]) {
    await validates(device, valid, () => device.createBuffer({ size: 4, usage }), `usage ${usage}`);
  }
});
test('GPUDevice.createBuffer: sizes', async (device) => {
  await validates(device, true, () => device.createBuffer({ size: 0, usage: COPY_DST }));
  await validates(device, true, () => device.createBuffer({ size: 3, usage: COPY_DST }));
  await validates(device, false, () => device.createBuffer({ size: device.limits.maxBufferSize + 4, usage: COPY_DST }));
  throws('RangeError', () => device.createBuffer({ size: 3, usage: COPY_DST, mappedAtCreation: true }));
});
test('GPUBuffer.getMappedRange: offsets, sizes, overlaps', (device) => {
  const buffer = device.createBuffer({ size: 32, usage: COPY_SRC, mappedAtCreation: true });
  equal(buffer.mapState, 'mapped');
  for (const [offset, size] of [[4, 4], [0, 3], [0, 36], [40, 0], [32, 4]]) throws('OperationError', () => buffer.getMappedRange(offset, size), `${offset}, ${size}`);
  equal(buffer.getMappedRange(0, 8).byteLength, 8);
  throws('OperationError', () => buffer.getMappedRange(0, 4), 'an overlap');
  throws('OperationError', () => buffer.getMappedRange(), 'an overlap');
  equal(buffer.getMappedRange(16).byteLength, 16);
  throws('TypeError', () => buffer.getMappedRange(-8));
  buffer.unmap();
  throws('OperationError', () => buffer.getMappedRange(8, 8), 'an unmapped buffer');
});
test('GPUBuffer.unmap: what was written arrives, and the range is detached', async (device) => {
  const buffer = device.createBuffer({ size: 16, usage: COPY_SRC, mappedAtCreation: true });
  const range = buffer.getMappedRange(8);
  new Uint32Array(range).set([5, 6]);
  buffer.unmap();
  equal(range.byteLength, 0);
  equal(buffer.mapState, 'unmapped');
  equal(new Uint32Array(await contents(device, buffer)), [0, 0, 5, 6]);
  buffer.unmap();
});
test('GPUBuffer.mapAsync: states', async (device) => {
  const buffer = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
  const promise = buffer.mapAsync(GPUMapMode.READ);
  equal(buffer.mapState, 'pending');
  await rejects('OperationError', () => buffer.mapAsync(GPUMapMode.READ), 'a second map');
  equal(await promise, undefined);
  equal(buffer.mapState, 'mapped');
  buffer.unmap();
  const aborted = buffer.mapAsync(GPUMapMode.READ);
  buffer.unmap();
  await rejects('AbortError', () => aborted);
});
for (const [name, mode, offset, size] of [['another mode', GPUMapMode.WRITE, 0, 16], ['no mode', 0, 0, 16], ['both modes', 3, 0, 16], ['unknown bits', 16, 0, 16], ['an offset of 4', 1, 4, 8], ['a size of 3', 1, 0, 3], ['beyond the end', 1, 8, 16]]) {
  test(`GPUBuffer.mapAsync: ${name}`, async (device) => {
    const buffer = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
    await validates(device, false, () => rejects('OperationError', () => buffer.mapAsync(mode, offset, size)));
    equal(buffer.mapState, 'unmapped');
  });
}
test('GPUBuffer.mapAsync: a part', async (device) => {
  const buffer = device.createBuffer({ size: 32, usage: MAP_WRITE | COPY_SRC });
  await buffer.mapAsync(GPUMapMode.WRITE, 8, 8);
  throws('OperationError', () => buffer.getMappedRange(0, 8));
  new Uint32Array(buffer.getMappedRange(8, 8)).set([1, 2]);
  buffer.unmap();
  equal(new Uint32Array(await contents(device, buffer)), [0, 0, 1, 2, 0, 0, 0, 0]);
});
test('GPUBuffer.destroy: unmaps, and cannot be used', async (device) => {
  const buffer = device.createBuffer({ size: 16, usage: MAP_WRITE | COPY_SRC, mappedAtCreation: true });
  const range = buffer.getMappedRange();
  buffer.destroy();
  equal(range.byteLength, 0);
  buffer.destroy();
  await validates(device, false, () => rejects('OperationError', () => buffer.mapAsync(GPUMapMode.WRITE)));
});
test('GPUQueue.writeBuffer: elements and bytes', async (device) => {
  const buffer = device.createBuffer({ size: 16, usage: COPY_DST | COPY_SRC });
  device.queue.writeBuffer(buffer, 0, new Uint16Array([1, 2, 3, 4, 5, 6]), 2, 4);
  device.queue.writeBuffer(buffer, 8, new Uint8Array([9, 0, 0, 0, 7, 0, 0, 0]).buffer, 4);
  device.queue.writeBuffer(buffer, 12, new DataView(new Uint32Array([1, 8]).buffer), 4, 4);
  equal(new Uint16Array(await contents(device, buffer)), [3, 4, 5, 6, 7, 0, 8, 0]);
});
test('GPUQueue.writeBuffer: errors', async (device) => {
  const buffer = device.createBuffer({ size: 16, usage: COPY_DST });
  const { queue } = device;
  throws('OperationError', () => queue.writeBuffer(buffer, 0, new Uint8Array(3)), 'three bytes');
  throws('OperationError', () => queue.writeBuffer(buffer, 0, new Uint32Array(2), 3), 'an offset behind the end');
  throws('OperationError', () => queue.writeBuffer(buffer, 0, new Uint32Array(2), 1, 2), 'a size behind the end');
  throws('TypeError', () => queue.writeBuffer(buffer, 0, [1, 2, 3, 4]));
  throws('TypeError', () => queue.writeBuffer(buffer, 0));
  await validates(device, false, () => queue.writeBuffer(buffer, 2, new Uint8Array(4)), 'an offset of 2');
  await validates(device, false, () => queue.writeBuffer(buffer, 16, new Uint8Array(4)), 'behind the end');
  await validates(device, true, () => queue.writeBuffer(buffer, 16, new Uint8Array(0)), 'nothing at the end');
  const other = device.createBuffer({ size: 16, usage: COPY_SRC });
  await validates(device, false, () => queue.writeBuffer(other, 0, new Uint8Array(4)), 'without COPY_DST');
});
test('GPUQueue.onSubmittedWorkDone: resolves', async (device) => {
  equal(await device.queue.onSubmittedWorkDone(), undefined);
});
test('GPUQueue.submit: command buffers are used up', async (device) => {
  const commands = device.createCommandEncoder().finish();
  await validates(device, true, () => device.queue.submit([commands]));
  await validates(device, false, () => device.queue.submit([commands]));
  await validates(device, true, () => device.queue.submit(new Set()));
  throws('TypeError', () => device.queue.submit([{}]));
  throws('TypeError', () => device.queue.submit(5));
  check(true);
});

// GPU, GPUAdapter, GPUDevice: features, limits, errors, loss.

import { check, equal, rejects, test, throws, validates } from './harness.js';

test('GPU.requestAdapter: options', async () => {
  check((await navigator.gpu.requestAdapter()) instanceof GPUAdapter, 'no adapter');
  await rejects('TypeError', () => navigator.gpu.requestAdapter({ powerPreference: 'none' }));
  equal(await navigator.gpu.requestAdapter({ featureLevel: 'no-such-level' }), null);
}, { device: null });
test('GPU.getPreferredCanvasFormat: one of two', () => {
  check(['rgba8unorm', 'bgra8unorm'].includes(navigator.gpu.getPreferredCanvasFormat()), 'another format');
}, { device: null });
test('GPU.wgslLanguageFeatures: setlike', () => {
  const features = navigator.gpu.wgslLanguageFeatures;
  check(features instanceof WGSLLanguageFeatures, 'another class');
  equal([...features].length, features.size);
  for (const feature of features) check(features.has(feature), feature);
}, { device: null });
test('GPUSupportedFeatures: setlike', (device) => {
  equal([...device.features.keys()].join(), [...device.features].join());
  let count = 0;
  device.features.forEach((value, key, set) => { equal(value, key); check(set === device.features, 'another set'); count += 1; });
  equal(count, device.features.size);
  check(!device.features.has('no-such-feature'), 'it has everything');
});
test('GPUSupportedLimits: defaults of a device', (device) => {
  const defaults = { maxTextureDimension2D: 8192, maxBindGroups: 4, maxBufferSize: 268435456, maxVertexBuffers: 8, minUniformBufferOffsetAlignment: 256, maxComputeWorkgroupSizeX: 256, maxColorAttachments: 8 };
  for (const [limit, value] of Object.entries(defaults)) equal(device.limits[limit], value, limit);
});
test('GPUAdapter.requestDevice: limits at and beyond the adapter', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const { maxBindGroups } = adapter.limits;
  equal((await adapter.requestDevice({ requiredLimits: { maxBindGroups } })).limits.maxBindGroups, maxBindGroups);
  const other = await navigator.gpu.requestAdapter();
  await rejects('OperationError', () => other.requestDevice({ requiredLimits: { maxBindGroups: maxBindGroups + 1 } }));
}, { device: null });
test('GPUDevice: attributes are the same objects', (device) => {
  for (const name of ['queue', 'features', 'limits', 'adapterInfo', 'lost']) check(device[name] === device[name], name);
  check(device instanceof EventTarget, 'no EventTarget');
});
test('GPUDevice.popErrorScope: scopes are a stack', async (device) => {
  await rejects('OperationError', () => device.popErrorScope());
  throws('TypeError', () => device.pushErrorScope('no-such-filter'));
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  device.createBuffer({ size: 4, usage: 0 });
  equal(await device.popErrorScope(), null);
  const error = await device.popErrorScope();
  check(error instanceof GPUValidationError && error instanceof GPUError, 'another class');
  check(typeof error.message === 'string', 'no message');
});
test('GPUDevice.onuncapturederror: errors without a scope', async (device) => {
  const event = await new Promise((resolve) => {
    device.onuncapturederror = resolve;
    device.createBuffer({ size: 4, usage: 0 });
    // Some hosts hold calls back until the next submit.
    device.queue.submit([]);
  });
  check(event instanceof GPUUncapturedErrorEvent, 'another event');
  equal(event.type, 'uncapturederror');
  check(event.error instanceof GPUValidationError && event.target === device, 'another error or target');
  event.preventDefault();
});
test('GPUDevice.destroy: the device is lost', async (device) => {
  const buffer = device.createBuffer({ size: 8, usage: GPUBufferUsage.COPY_DST, mappedAtCreation: true });
  const range = buffer.getMappedRange();
  device.destroy();
  const info = await device.lost;
  check(info instanceof GPUDeviceLostInfo, 'another class');
  equal(info.reason, 'destroyed');
  equal(range.byteLength, 0, 'the size of a mapped range');
  equal(await device.popErrorScope().catch(() => null), null);
});
test('GPUDevice.createQuerySet: counts and types', async (device) => {
  const set = device.createQuerySet({ type: 'occlusion', count: 4 });
  equal(set.count, 4);
  equal(set.type, 'occlusion');
  throws('TypeError', () => device.createQuerySet({ type: 'timestamp', count: 1 }));
  await validates(device, false, () => device.createQuerySet({ type: 'occlusion', count: 4097 }));
  set.destroy();
});
test('GPUDevice.createSampler: clamps and comparisons', async (device) => {
  await validates(device, true, () => device.createSampler());
  await validates(device, true, () => device.createSampler({ maxAnisotropy: 1e9, magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear' }));
  await validates(device, false, () => device.createSampler({ maxAnisotropy: 0 }));
  await validates(device, false, () => device.createSampler({ maxAnisotropy: 2 }), 'anisotropy without linear filters');
  await validates(device, false, () => device.createSampler({ lodMinClamp: 2, lodMaxClamp: 1 }));
  throws('TypeError', () => device.createSampler({ lodMinClamp: NaN }));
});
test('GPUError: constructors', () => {
  equal(new GPUValidationError('text').message, 'text');
  throws('TypeError', () => new GPUError('text'));
  throws('TypeError', () => new GPUPipelineError('text'));
  const error = new GPUPipelineError('text', { reason: 'internal' });
  equal(error.reason, 'internal');
  equal(error.name, 'GPUPipelineError');
  check(error instanceof DOMException, 'no DOMException');
}, { device: null });

// WebIDL's finer rules: properties of prototypes, receivers, overloads, the order in which members are read.

import { check, equal, rejects, test, throws } from './harness.js';

/** The members that a dictionary's conversion reads, in order. `Symbol.iterator` and members that only some hosts know are left out. */
function recorded(values) {
  const read = [];
  const proxy = new Proxy(values, { get(target, key) { if (typeof key === 'string') read.push(key); return target[key]; } });
  return { proxy, read };
}
function reads(expected, values, use) {
  const { proxy, read } = recorded(values);
  use(proxy);
  equal(read.filter((key) => expected.includes(key)), expected, 'the order');
}

test('dictionaries: members are read once, inherited ones first, then by name', async (device) => {
  reads(['label', 'mappedAtCreation', 'size', 'usage'], { size: 4, usage: 8 }, (it) => device.createBuffer(it));
  reads(['label', 'dimension', 'format', 'mipLevelCount', 'sampleCount', 'size', 'usage', 'viewFormats'], { size: [1], usage: 4, format: 'r8unorm' }, (it) => device.createTexture(it));
  reads(['depthOrArrayLayers', 'height', 'width'], { width: 1 }, (it) => device.createTexture({ size: it, usage: 4, format: 'r8unorm' }));
  reads(['binding', 'buffer', 'sampler', 'storageTexture', 'texture', 'visibility'], { binding: 0, visibility: 1, buffer: {} }, (it) => device.createBindGroupLayout({ entries: [it] }));
  const module = device.createShaderModule({ code: '@vertex fn v() -> @builtin(position) vec4f { return vec4f(); }' });
  const depthStencil = { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'always' };
  reads(['label', 'layout', 'depthStencil', 'fragment', 'multisample', 'primitive', 'vertex'], { layout: 'auto', vertex: { module }, depthStencil }, (it) => device.createRenderPipeline(it));
  reads(['constants', 'entryPoint', 'module', 'buffers'], { module }, (it) => device.createRenderPipeline({ layout: 'auto', vertex: it, depthStencil }));
  const adapter = await navigator.gpu.requestAdapter();
  reads(['label', 'defaultQueue', 'requiredFeatures', 'requiredLimits'], {}, (it) => adapter.requestDevice(it));
  reads(['alphaMode', 'colorSpace', 'device', 'format', 'toneMapping', 'usage', 'viewFormats'], { device, format: 'rgba8unorm' }, (it) => new OffscreenCanvas(1, 1).getContext('webgpu').configure(it));
});
test('setBindGroup: overloads', (device) => {
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { hasDynamicOffset: true } }] });
  const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.UNIFORM });
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, size: 16 } }] });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const offsets of [[256], new Set([256]), new Uint32Array(1), new Float32Array(1)]) pass.setBindGroup(0, group, offsets);
  pass.setBindGroup(0, group, new Uint32Array(3), 1, 1);
  const one = new Uint32Array(1);
  for (const rest of [[null], [5], [{}], [[-1]], [one, 0], [[0], undefined], [[0], 0, 1], [new Int32Array(1), 0, 1], [one, undefined, undefined], [one, -1, 1]]) {
    throws('TypeError', () => pass.setBindGroup(0, group, ...rest), `the arguments ${rest.map(String)}`);
  }
  for (const rest of [[1, 1], [2, 0], [0, 2]]) throws('RangeError', () => pass.setBindGroup(0, group, one, ...rest), `the part ${rest}`);
  pass.end();
});
test('GPUBuffer.getMappedRange: only unmap detaches', (device) => {
  const buffer = device.createBuffer({ size: 16, usage: 8, mappedAtCreation: true });
  const range = buffer.getMappedRange();
  throws('TypeError', () => structuredClone(range, { transfer: [range] }));
  throws('TypeError', () => range.transfer());
  equal(range.byteLength, 16);
  buffer.unmap();
  equal([range.byteLength, range.detached], [0, true]);
});
test('GPUComputePipeline: constants need values', async (device) => {
  const module = device.createShaderModule({ code: 'override x: f32 = 1; @compute @workgroup_size(1) fn f() { _ = x; }' });
  const make = (constants) => () => device.createComputePipeline({ layout: 'auto', compute: { module, constants } });
  for (const value of [undefined, NaN, Infinity, 'x']) throws('TypeError', make({ x: value }), `a constant ${value}`);
  equal(make({ x: '2' })() instanceof GPUComputePipeline, true);
  const adapter = await navigator.gpu.requestAdapter();
  equal(await adapter.requestDevice({ requiredLimits: { maxBindGroups: undefined, none: undefined } }) instanceof GPUDevice, true, 'a limit that is undefined');
});
test('formats: a TypeError without the feature', (device) => {
  const entries = function* () { yield { binding: 0, visibility: 4, storageTexture: { format: 'bc1-rgba-unorm' } }; };
  check(!device.features.has('texture-compression-bc'), 'the feature was not requested');
  throws('TypeError', () => device.createTexture({ size: [4, 4], usage: 4, format: 'bc1-rgba-unorm' }));
  throws('TypeError', () => device.createTexture({ size: [4, 4], usage: 4, format: 'rgba8unorm', viewFormats: new Set(['etc2-rgb8unorm']) }));
  throws('TypeError', () => device.createBindGroupLayout({ entries: entries() }));
  throws('TypeError', () => device.createRenderBundleEncoder({ colorFormats: ['astc-4x4-unorm'] }));
});
test('GPUDevice.createRenderPipelineAsync: a format without its feature rejects', async (device) => {
  const module = device.createShaderModule({ code: '@vertex fn v() -> @builtin(position) vec4f { return vec4f(); }' });
  await rejects('TypeError', () => device.createRenderPipelineAsync({ layout: 'auto', vertex: { module }, depthStencil: { format: 'depth32float-stencil8', depthWriteEnabled: true, depthCompare: 'always' } }));
});
test('GPUError: its message is a string, never a symbol', () => {
  for (const constructor of [GPUValidationError, GPUOutOfMemoryError, GPUInternalError]) {
    throws('TypeError', () => new constructor(Symbol('x')));
    throws('TypeError', () => new constructor());
    equal(new constructor(undefined).message, 'undefined');
  }
}, { device: null });
test('attributes and methods: names, lengths and receivers', () => {
  const lengths = [[GPUComputePassEncoder, 'setImmediates', 2], [GPUBuffer, 'mapAsync', 1], [GPUBuffer, 'getMappedRange', 0], [GPUQueue, 'writeBuffer', 3], [GPUQueue, 'copyExternalImageToTexture', 3], [GPUSupportedFeatures, 'forEach', 1], [EventTarget, 'addEventListener', 2], [GPUCanvasContext, 'configure', 1]];
  for (const [constructor, name, length] of lengths) {
    const { value, ...attributes } = Object.getOwnPropertyDescriptor(constructor.prototype, name);
    equal([value.name, value.length, attributes.writable, attributes.enumerable, attributes.configurable], [name, length, true, true, true], name);
  }
  const handler = Object.getOwnPropertyDescriptor(GPUDevice.prototype, 'onuncapturederror');
  equal([handler.get.name, handler.set.name], ['get onuncapturederror', 'set onuncapturederror']);
  throws('TypeError', () => handler.get.call({}));
  throws('TypeError', () => GPUDevice.prototype.onuncapturederror);
  equal([GPUError.length, GPUPipelineError.length, GPUUncapturedErrorEvent.length, GPUCanvasContext.length, GPUExternalTexture.length], [0, 1, 2, 0, 0], 'lengths of constructors');
}, { device: null });
test('GPUDevice.importExternalTexture: another object is a TypeError', (device) => {
  throws('TypeError', () => device.importExternalTexture({ source: {} }));
  throws('TypeError', () => device.importExternalTexture());
});
test('GPUDevice.uncapturederror: an event of the browser, once for each listener', async (device) => {
  const seen = [];
  const listener = { handleEvent(event) { seen.push(this === listener, event.isTrusted, event.cancelable, event.target === device); event.preventDefault(); } };
  device.addEventListener('uncapturederror', listener, { once: true });
  device.addEventListener('uncapturederror', listener, { once: true });
  const done = new Promise((resolve) => { device.onuncapturederror = (event) => { seen.push(event.defaultPrevented); resolve(); }; });
  device.createBuffer({ size: 4, usage: 0 });
  // The result of a scope comes after the event; asking for it sends what a host has gathered.
  device.pushErrorScope('validation');
  await device.popErrorScope();
  await done;
  equal(seen, [true, true, true, true, true]);
});

// WebIDL's rules for every interface: constructors, names, conversions of arguments.

import { check, equal, rejects, test, throws } from './harness.js';

const INTERFACES = [
  'GPU', 'GPUAdapter', 'GPUAdapterInfo', 'GPUBindGroup', 'GPUBindGroupLayout', 'GPUBuffer', 'GPUCanvasContext', 'GPUCommandBuffer',
  'GPUCommandEncoder', 'GPUCompilationInfo', 'GPUCompilationMessage', 'GPUComputePassEncoder', 'GPUComputePipeline', 'GPUDevice',
  'GPUDeviceLostInfo', 'GPUError', 'GPUPipelineLayout', 'GPUQuerySet', 'GPUQueue', 'GPURenderBundle', 'GPURenderBundleEncoder',
  'GPURenderPassEncoder', 'GPURenderPipeline', 'GPUSampler', 'GPUShaderModule', 'GPUSupportedFeatures', 'GPUSupportedLimits',
  'GPUTexture', 'GPUTextureView', 'WGSLLanguageFeatures',
];
for (const name of INTERFACES) {
  test(`${name}: an interface without a constructor`, () => {
    const constructor = globalThis[name];
    equal(typeof constructor, 'function');
    equal(constructor.name, name);
    equal(constructor.prototype[Symbol.toStringTag], name);
    check(!Object.getOwnPropertyDescriptor(globalThis, name).enumerable, 'the global is enumerable');
    throws('TypeError', () => new constructor());
  }, { device: null });
}

const FLAGS = {
  GPUBufferUsage: { MAP_READ: 1, MAP_WRITE: 2, COPY_SRC: 4, COPY_DST: 8, INDEX: 16, VERTEX: 32, UNIFORM: 64, STORAGE: 128, INDIRECT: 256, QUERY_RESOLVE: 512 },
  GPUTextureUsage: { COPY_SRC: 1, COPY_DST: 2, TEXTURE_BINDING: 4, STORAGE_BINDING: 8, RENDER_ATTACHMENT: 16 },
  GPUMapMode: { READ: 1, WRITE: 2 },
  GPUShaderStage: { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 },
  GPUColorWrite: { RED: 1, GREEN: 2, BLUE: 4, ALPHA: 8, ALL: 15 },
};
for (const [name, values] of Object.entries(FLAGS)) {
  test(`${name}: the values of its flags`, () => {
    for (const [flag, value] of Object.entries(values)) equal(globalThis[name][flag], value, flag);
  }, { device: null });
}

test('GPUDevice.createBuffer: conversions of numbers', (device) => {
  const usage = GPUBufferUsage.COPY_DST;
  for (const size of [-1, NaN, Infinity, 2 ** 53, 4n, Symbol(), {}, 'x']) throws('TypeError', () => device.createBuffer({ size, usage }), String(size));
  equal(device.createBuffer({ size: '8', usage }).size, 8);
  equal(device.createBuffer({ size: 4.9, usage }).size, 4);
  equal(device.createBuffer({ size: { valueOf: () => 12 }, usage }).size, 12);
});
test('GPUDevice.createBuffer: required members and dictionaries', (device) => {
  throws('TypeError', () => device.createBuffer());
  throws('TypeError', () => device.createBuffer(undefined));
  throws('TypeError', () => device.createBuffer(5));
  throws('TypeError', () => device.createBuffer({ size: 4 }));
  throws('TypeError', () => device.createBuffer({ usage: 8 }));
  const getters = { get size() { throw new RangeError('mine'); }, usage: 8 };
  throws('RangeError', () => device.createBuffer(getters));
});
test('GPUDevice.createTexture: enumerations and sequences', (device) => {
  const texture = { size: [1], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST };
  for (const change of [{ format: 'rgba8' }, { format: undefined }, { dimension: '4d' }, { size: [] }, { size: [1, 1, 1, 1] }, { size: {} }, { size: 5 }, { viewFormats: 5 }]) {
    throws('TypeError', () => device.createTexture({ ...texture, ...change }), JSON.stringify(change));
  }
  equal(device.createTexture({ ...texture, size: new Set([2, 3]) }).height, 3);
  equal(device.createTexture({ ...texture, size: { width: 2 } }).height, 1);
  equal(device.createTexture({ ...texture, size: new Uint32Array([2, 4, 1]) }).height, 4);
});
test('methods: called on another object', (device) => {
  throws('TypeError', () => GPUDevice.prototype.createBuffer.call({}, { size: 4, usage: 8 }));
  throws('TypeError', () => GPUQueue.prototype.submit.call(device, []));
  throws('TypeError', () => Object.getOwnPropertyDescriptor(GPUBuffer.prototype, 'size').get.call(device));
});
test('GPUAdapter.requestDevice: TypeErrors reject the promise', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  await rejects('TypeError', () => adapter.requestDevice({ requiredFeatures: ['no-such-feature'] }));
  await rejects('TypeError', () => adapter.requestDevice({ requiredFeatures: 5 }));
  await rejects('OperationError', () => adapter.requestDevice({ requiredLimits: { noSuchLimit: 1 } }));
}, { device: null });
test('labels: strings, with lone surrogates replaced', (device) => {
  const buffer = device.createBuffer({ size: 4, usage: 8, label: 'a\ud800b' });
  equal(buffer.label, 'a\ufffdb');
  buffer.label = 5;
  equal(buffer.label, '5');
  equal(device.createBuffer({ size: 4, usage: 8 }).label, '');
});

// Attributes: the values of an object's descriptor, and a receiver of another class.

import { check, equal, fn, none, wrongReceiver } from './support.js';
import { throws } from '../harness.js';

/** Tests of an attribute: values that it has when the object is made with them, the last ones at a bound. */
function attribute(wit, constructor, name, make, values, bounds) {
  const shows = (list) => (device) => { for (const value of list) equal(make(device, value)[name], value, name); };
  fn(wit, { valid: shows(values), invalid: wrongReceiver(constructor, name), boundary: Array.isArray(bounds) ? shows(bounds) : bounds });
}

const buffer = (change) => (device, value) => device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST, [change]: value });
attribute('gpu-buffer.size', 'GPUBuffer', 'size', buffer('size'), [4, 100], [0, 1, 2 ** 20 + 3]);
attribute('gpu-buffer.usage', 'GPUBuffer', 'usage', buffer('usage'), [GPUBufferUsage.VERTEX, 8 | 32], [1 | 8, 2 | 4, 0x3fc]);
fn('gpu-buffer.map-state', {
  valid: async (device) => {
    const made = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    equal(made.mapState, 'unmapped');
    const promise = made.mapAsync(GPUMapMode.READ);
    equal(made.mapState, 'pending');
    await promise;
    equal(made.mapState, 'mapped');
    made.unmap();
    equal(made.mapState, 'unmapped');
  },
  invalid: wrongReceiver('GPUBuffer', 'mapState'),
  boundary: (device) => {
    const made = device.createBuffer({ size: 0, usage: GPUBufferUsage.COPY_DST, mappedAtCreation: true });
    equal(made.mapState, 'mapped', 'an empty buffer');
    made.destroy();
    equal(made.mapState, 'unmapped', 'a destroyed buffer');
  },
});

const texture = (change) => (device, value) => device.createTexture({ size: [8, 8], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST, ...change(value) });
const limit = (make, name, of) => (device) => equal(make(device, device.limits[of])[name], device.limits[of], name);
const width = texture((value) => ({ size: { width: value } }));
attribute('gpu-texture.width', 'GPUTexture', 'width', width, [1, 7], limit(width, 'width', 'maxTextureDimension2D'));
const height = texture((value) => ({ size: [1, value] }));
attribute('gpu-texture.height', 'GPUTexture', 'height', height, [1, 7], limit(height, 'height', 'maxTextureDimension2D'));
const layers = texture((value) => ({ size: [1, 1, value] }));
attribute('gpu-texture.depth-or-array-layers', 'GPUTexture', 'depthOrArrayLayers', layers, [1, 6], limit(layers, 'depthOrArrayLayers', 'maxTextureArrayLayers'));
attribute('gpu-texture.mip-level-count', 'GPUTexture', 'mipLevelCount', texture((mipLevelCount) => ({ mipLevelCount })), [1, 3], [4]);
attribute('gpu-texture.sample-count', 'GPUTexture', 'sampleCount', texture((sampleCount) => ({ sampleCount, usage: GPUTextureUsage.RENDER_ATTACHMENT })), [1], [4]);
attribute('gpu-texture.dimension', 'GPUTexture', 'dimension', texture((dimension) => ({ dimension, size: dimension === '1d' ? [8] : [8, 8] })), ['2d', '3d'], ['1d']);
attribute('gpu-texture.format', 'GPUTexture', 'format', texture((format) => ({ format })), ['rgba8unorm', 'r32uint', 'bgra8unorm-srgb'], ['stencil8', 'rgba32float', 'rgb9e5ufloat']);
attribute('gpu-texture.usage', 'GPUTexture', 'usage', texture((usage) => ({ usage })), [1, 4], [1 | 2 | 4 | 8 | 16]);
fn('gpu-texture.texture-binding-view-dimension', {
  valid: (device) => equal(texture(() => ({}))(device).textureBindingViewDimension, undefined, 'that of a core device'),
  invalid: wrongReceiver('GPUTexture', 'textureBindingViewDimension'),
  boundary: (device) => equal(texture((textureBindingViewDimension) => ({ textureBindingViewDimension }))(device, '2d').textureBindingViewDimension, undefined, 'one that was asked for'),
});

const queries = (change) => (device, value) => device.createQuerySet({ type: 'occlusion', count: 1, [change]: value });
attribute('gpu-query-set.count', 'GPUQuerySet', 'count', queries('count'), [1, 7], [0, 4096]);
fn('gpu-query-set.type', {
  valid: (device) => equal(queries('type')(device, 'occlusion').type, 'occlusion'),
  invalid: wrongReceiver('GPUQuerySet', 'type'),
  boundary: async () => {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter.features.has('timestamp-query')) return;
    equal(queries('type')(await adapter.requestDevice({ requiredFeatures: ['timestamp-query'] }), 'timestamp').type, 'timestamp');
  },
});

/** An attribute that is one object: the same with each reading, of a class of its own. */
function part(wit, constructor, name, type, of) {
  fn(wit, {
    valid: async (device) => {
      const object = await of(device);
      check(object[name] instanceof globalThis[type], `no ${type}`);
      check(object[name] === object[name], 'another object with each reading');
    },
    invalid: wrongReceiver(constructor, name),
    boundary: async (device) => throws('TypeError', () => { 'use strict'; return Object.getOwnPropertyDescriptor(globalThis[constructor].prototype, name).set.call(device, 1); }, 'a setter that is not there'),
  });
}
const adapter = () => navigator.gpu.requestAdapter();
part('gpu-adapter.features', 'GPUAdapter', 'features', 'GPUSupportedFeatures', adapter);
part('gpu-adapter.limits', 'GPUAdapter', 'limits', 'GPUSupportedLimits', adapter);
part('gpu-adapter.info', 'GPUAdapter', 'info', 'GPUAdapterInfo', adapter);
part('gpu-device.features', 'GPUDevice', 'features', 'GPUSupportedFeatures', (device) => device);
part('gpu-device.limits', 'GPUDevice', 'limits', 'GPUSupportedLimits', (device) => device);
part('gpu-device.adapter-info', 'GPUDevice', 'adapterInfo', 'GPUAdapterInfo', (device) => device);
part('gpu-device.queue', 'GPUDevice', 'queue', 'GPUQueue', (device) => device);

for (const [wit, name, type] of [['vendor', 'vendor', 'string'], ['architecture', 'architecture', 'string'], ['device', 'device', 'string'], ['description', 'description', 'string'], ['subgroup-min-size', 'subgroupMinSize', 'number'], ['subgroup-max-size', 'subgroupMaxSize', 'number'], ['is-fallback-adapter', 'isFallbackAdapter', 'boolean']]) {
  fn(`gpu-adapter-info.${wit}`, {
    valid: async (device) => {
      equal(typeof (await adapter()).info[name], type);
      equal(device.adapterInfo[name], (await adapter()).info[name], "the device's");
    },
    invalid: wrongReceiver('GPUAdapterInfo', name),
    boundary: async () => {
      const { info } = await adapter();
      if (type === 'string') check(/^([a-z0-9]+(-[a-z0-9]+)*)?$/.test(info[name]) || name === 'description', `${info[name]} is no normalized identifier`);
      else if (type === 'number') {
        check(info.subgroupMinSize >= 4 && info.subgroupMaxSize <= 128, 'sizes outside of 4 to 128');
        check(info.subgroupMinSize <= info.subgroupMaxSize, 'the smallest is above the largest');
        check(Number.isInteger(Math.log2(info[name])), `${info[name]} is no power of two`);
      } else check([true, false].includes(info[name]), 'neither true nor false');
    },
  }, {});
}

fn('gpu-supported-features.has', {
  valid: async (device) => {
    const adapterFeatures = (await adapter()).features;
    for (const feature of device.features) check(device.features.has(feature) && adapterFeatures.has(feature), feature);
    check(device.features.has('core-features-and-limits'), 'no core-features-and-limits');
  },
  invalid: (device) => {
    throws('TypeError', () => device.features.has());
    throws('TypeError', () => GPUSupportedFeatures.prototype.has.call(new Set(), 'depth-clip-control'));
  },
  boundary: (device) => { for (const name of ['', 'Depth-Clip-Control', 'depth-clip-control ', 5, null]) equal(device.features.has(name), false, String(name)); },
});
fn('wgsl-language-features.has', {
  valid: () => { for (const feature of navigator.gpu.wgslLanguageFeatures) check(navigator.gpu.wgslLanguageFeatures.has(feature), feature); },
  invalid: () => {
    throws('TypeError', () => navigator.gpu.wgslLanguageFeatures.has());
    throws('TypeError', () => WGSLLanguageFeatures.prototype.has.call(new Set(), 'f16'));
  },
  boundary: () => { for (const name of ['', 'f16', 'READONLY_AND_READWRITE_STORAGE_TEXTURES']) equal(navigator.gpu.wgslLanguageFeatures.has(name), false, name); },
}, { device: null });
fn('get-gpu', {
  valid: () => check(navigator.gpu instanceof GPU && navigator.gpu === navigator.gpu, 'another object'),
  invalid: none('it takes no argument, and belongs to no object of WebGPU'),
  boundary: none('it takes no argument'),
}, { device: null });
fn('gpu.get-preferred-canvas-format', {
  valid: () => check(['rgba8unorm', 'bgra8unorm'].includes(navigator.gpu.getPreferredCanvasFormat()), 'another format'),
  invalid: () => throws('TypeError', () => GPU.prototype.getPreferredCanvasFormat.call({})),
  boundary: none('it takes no argument'),
}, { device: null });
fn('gpu.wgsl-language-features', {
  valid: () => check(navigator.gpu.wgslLanguageFeatures instanceof WGSLLanguageFeatures && navigator.gpu.wgslLanguageFeatures === navigator.gpu.wgslLanguageFeatures, 'another object'),
  invalid: wrongReceiver('GPU', 'wgslLanguageFeatures'),
  boundary: none('it takes no argument'),
}, { device: null });

// The functions of a device that create objects, except pipelines and encoders.

import { all, check, equal, fn, shader, target } from './support.js';
import { throws } from '../harness.js';

const { COMPUTE, FRAGMENT, VERTEX } = GPUShaderStage;
const { COPY_DST, MAP_READ, MAP_WRITE, COPY_SRC, STORAGE, UNIFORM } = GPUBufferUsage;

fn('gpu-device.create-buffer', {
  valid: (device) => all(device, true, {
    plain: () => device.createBuffer({ size: 4, usage: COPY_DST }),
    mapped: () => device.createBuffer({ size: 8, usage: MAP_WRITE | COPY_SRC, mappedAtCreation: true }).unmap(),
  }),
  invalid: async (device) => {
    throws('TypeError', () => device.createBuffer());
    throws('TypeError', () => device.createBuffer({ size: -1, usage: COPY_DST }));
    await all(device, false, {
      'no usage': () => device.createBuffer({ size: 4, usage: 0 }),
      'mapping for reading with storage': () => device.createBuffer({ size: 4, usage: MAP_READ | STORAGE }),
      'mapping both ways': () => device.createBuffer({ size: 4, usage: MAP_READ | MAP_WRITE }),
    });
  },
  boundary: async (device) => {
    const { maxBufferSize } = device.limits;
    await all(device, true, { empty: () => device.createBuffer({ size: 0, usage: UNIFORM }), 'of the greatest size': () => device.createBuffer({ size: maxBufferSize, usage: COPY_DST }).destroy() });
    await all(device, false, { 'one byte more': () => device.createBuffer({ size: maxBufferSize + 1, usage: COPY_DST }), 'of 2^53 - 1 bytes': () => device.createBuffer({ size: 2 ** 53 - 1, usage: COPY_DST }) });
    throws('RangeError', () => device.createBuffer({ size: 6, usage: COPY_DST, mappedAtCreation: true }), 'a mapped size of 6');
  },
});
fn('gpu-device.create-texture', {
  valid: (device) => all(device, true, Object.fromEntries([
    ['1d', { size: [8], dimension: '1d' }], ['2d', { size: [8, 4] }], ['an array', { size: [8, 4, 6] }], ['3d', { size: [4, 4, 4], dimension: '3d' }],
    ['with levels', { size: [8, 8], mipLevelCount: 4 }], ['with samples', { size: [8, 8], sampleCount: 4, usage: 16 }], ['depth', { size: [8, 8], format: 'depth24plus', usage: 16 }],
    ['with another view', { size: [8, 8], viewFormats: ['rgba8unorm-srgb'] }],
  ].map(([name, change]) => [name, () => device.createTexture({ format: 'rgba8unorm', usage: 2, ...change })]))),
  invalid: async (device) => {
    throws('TypeError', () => device.createTexture({ size: [1], format: 'rgba9unorm', usage: 2 }));
    throws('TypeError', () => device.createTexture({ size: [], format: 'rgba8unorm', usage: 2 }));
    await all(device, false, Object.fromEntries([
      ['no usage', { usage: 0 }], ['1d with two rows', { size: [4, 2], dimension: '1d' }], ['1d depth', { size: [4], dimension: '1d', format: 'depth16unorm', usage: 16 }], ['two samples', { sampleCount: 2, usage: 16 }],
      ['samples and levels', { sampleCount: 4, mipLevelCount: 2, usage: 16 }], ['samples without rendering', { sampleCount: 4 }], ['an integer view of a float', { viewFormats: ['rgba8uint'] }],
      ['storage of srgb', { format: 'rgba8unorm-srgb', usage: 8 }], ['rendering to shared exponents', { format: 'rgb9e5ufloat', usage: 16 }],
    ].map(([name, change]) => [name, () => device.createTexture({ size: [8, 8], format: 'rgba8unorm', usage: 2, ...change })])));
  },
  boundary: async (device) => {
    const { maxTextureDimension1D, maxTextureDimension2D, maxTextureDimension3D, maxTextureArrayLayers } = device.limits;
    const make = (size, dimension = '2d', change = {}) => () => device.createTexture({ size, dimension, format: 'r8unorm', usage: 2, ...change }).destroy();
    await all(device, true, { 'the longest line': make([maxTextureDimension1D], '1d'), 'the widest': make([maxTextureDimension2D, 1]), 'the highest': make([1, maxTextureDimension2D]), 'the deepest': make([1, 1, maxTextureDimension3D], '3d'), 'most layers': make([1, 1, maxTextureArrayLayers]), 'all levels': make([5, 17], '2d', { mipLevelCount: 5 }) });
    await all(device, false, { 'a longer line': make([maxTextureDimension1D + 1], '1d'), wider: make([maxTextureDimension2D + 1, 1]), higher: make([1, maxTextureDimension2D + 1]), deeper: make([1, 1, maxTextureDimension3D + 1], '3d'), 'more layers': make([1, 1, maxTextureArrayLayers + 1]), 'one level more': make([5, 17], '2d', { mipLevelCount: 6 }), 'no width': make([0, 1]), 'no layers': make([1, 1, 0]) });
  },
});
fn('gpu-device.create-sampler', {
  valid: (device) => all(device, true, {
    'without a descriptor': () => device.createSampler(),
    comparing: () => device.createSampler({ compare: 'less-equal' }),
    everything: () => device.createSampler({ addressModeU: 'repeat', addressModeV: 'mirror-repeat', addressModeW: 'clamp-to-edge', magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear', lodMinClamp: 1, lodMaxClamp: 2, maxAnisotropy: 16 }),
  }),
  invalid: async (device) => {
    throws('TypeError', () => device.createSampler({ magFilter: 'cubic' }));
    throws('TypeError', () => device.createSampler({ lodMaxClamp: Infinity }));
    await all(device, false, {
      'a negative level': () => device.createSampler({ lodMinClamp: -1 }),
      'anisotropy of nearest texels': () => device.createSampler({ maxAnisotropy: 2, magFilter: 'linear', minFilter: 'linear' }),
    });
  },
  boundary: async (device) => {
    await all(device, true, { 'equal clamps': () => device.createSampler({ lodMinClamp: 3, lodMaxClamp: 3 }), 'anisotropy of 1': () => device.createSampler({ maxAnisotropy: 1 }), 'of 65535': () => device.createSampler({ maxAnisotropy: 65535, magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear' }), 'of more, clamped': () => device.createSampler({ maxAnisotropy: 1e6, magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear' }) });
    await all(device, false, { 'anisotropy of 0': () => device.createSampler({ maxAnisotropy: 0 }), 'clamps in the wrong order': () => device.createSampler({ lodMinClamp: 3, lodMaxClamp: 2.5 }) });
  },
});
fn('gpu-device.create-bind-group-layout', {
  valid: (device) => all(device, true, Object.fromEntries([{ buffer: {} }, { buffer: { type: 'storage', hasDynamicOffset: true, minBindingSize: 16 } }, { buffer: { type: 'read-only-storage' } }, { sampler: { type: 'comparison' } }, { texture: { sampleType: 'depth', viewDimension: 'cube' } }, { texture: { multisampled: true, sampleType: 'unfilterable-float' } }, { storageTexture: { format: 'r32float', access: 'read-write' } }]
    .map((entry) => [JSON.stringify(entry), () => device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, ...entry }] })]))),
  invalid: async (device) => {
    throws('TypeError', () => device.createBindGroupLayout({ entries: [{ visibility: 4, buffer: {} }] }));
    throws('TypeError', () => device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { type: 'constant' } }] }));
    await all(device, false, Object.fromEntries([{}, { buffer: {}, texture: {} }, { visibility: VERTEX, buffer: { type: 'storage' } }, { visibility: VERTEX, storageTexture: { format: 'rgba8unorm' } }, { texture: { multisampled: true } }, { texture: { multisampled: true, sampleType: 'depth', viewDimension: '2d-array' } }, { storageTexture: { format: 'rgba8unorm', viewDimension: 'cube' } }, { storageTexture: { format: 'rgba8unorm', access: 'read-write' } }, { storageTexture: { format: 'rgba8unorm-srgb' } }]
      .map((entry) => [JSON.stringify(entry), () => device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, ...entry }] })])));
  },
  boundary: async (device) => {
    const { maxBindingsPerBindGroup, maxUniformBuffersPerShaderStage: uniforms, maxSamplersPerShaderStage: samplers, maxDynamicUniformBuffersPerPipelineLayout: dynamic } = device.limits;
    const many = (count, entry, visibility = FRAGMENT) => () => device.createBindGroupLayout({ entries: Array.from({ length: count }, (_, binding) => ({ binding, visibility, ...entry })) });
    const at = (binding) => () => device.createBindGroupLayout({ entries: [{ binding, visibility: COMPUTE, buffer: {} }] });
    await all(device, true, { empty: many(0), 'the highest number': at(maxBindingsPerBindGroup - 1), 'all uniform buffers': many(uniforms, { buffer: {} }), 'all samplers': many(samplers, { sampler: {} }), 'seen by no stage': many(uniforms + 1, { buffer: {} }, 0), 'all dynamic buffers': many(dynamic, { buffer: { hasDynamicOffset: true } }) });
    await all(device, false, { 'a number beyond': at(maxBindingsPerBindGroup), 'a uniform buffer more': many(uniforms + 1, { buffer: {} }), 'a sampler more': many(samplers + 1, { sampler: {} }), 'a dynamic buffer more': many(dynamic + 1, { buffer: { hasDynamicOffset: true } }), 'a number twice': () => device.createBindGroupLayout({ entries: [1, 1].map((binding) => ({ binding, visibility: COMPUTE, buffer: {} })) }) });
  },
});
fn('gpu-device.create-pipeline-layout', {
  valid: (device) => {
    const group = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, buffer: {} }] });
    return all(device, true, { 'two groups': () => device.createPipelineLayout({ bindGroupLayouts: [group, group] }), 'a hole': () => device.createPipelineLayout({ bindGroupLayouts: [null, group] }) });
  },
  invalid: async (device) => {
    throws('TypeError', () => device.createPipelineLayout({}));
    throws('TypeError', () => device.createPipelineLayout({ bindGroupLayouts: [{}] }));
    const other = await (await navigator.gpu.requestAdapter()).requestDevice();
    await all(device, false, { 'a layout of another device': () => device.createPipelineLayout({ bindGroupLayouts: [other.createBindGroupLayout({ entries: [] })] }) });
  },
  boundary: async (device) => {
    const { maxBindGroups, maxUniformBuffersPerShaderStage: uniforms } = device.limits;
    const of = (count) => device.createBindGroupLayout({ entries: Array.from({ length: count }, (_, binding) => ({ binding, visibility: COMPUTE, buffer: {} })) });
    const layout = (...groups) => () => device.createPipelineLayout({ bindGroupLayouts: groups });
    await all(device, true, { none: layout(), 'all groups': layout(...Array.from({ length: maxBindGroups }, () => of(1))), 'all uniform buffers': layout(of(uniforms - 1), of(1)) });
    await all(device, false, { 'a group more': layout(...Array.from({ length: maxBindGroups + 1 }, () => of(0))), 'a uniform buffer more': layout(of(uniforms), of(1)) });
  },
});
fn('gpu-device.create-bind-group', {
  valid: (device) => {
    const entries = [{ binding: 2, visibility: COMPUTE, buffer: {} }, { binding: 5, visibility: COMPUTE, sampler: {} }, { binding: 1, visibility: COMPUTE, texture: {} }];
    const layout = device.createBindGroupLayout({ entries });
    const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING });
    const group = (view) => () => device.createBindGroup({ layout, entries: [{ binding: 1, resource: view }, { binding: 5, resource: device.createSampler() }, { binding: 2, resource: { buffer: device.createBuffer({ size: 16, usage: UNIFORM }) } }] });
    return all(device, true, { 'a view': group(texture.createView()), 'a texture itself': group(texture) });
  },
  invalid: async (device) => {
    const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, buffer: { minBindingSize: 32 } }] });
    const buffer = device.createBuffer({ size: 512, usage: UNIFORM });
    const group = (...entries) => () => device.createBindGroup({ layout, entries });
    throws('TypeError', group({ binding: 0, resource: 5 }));
    throws('TypeError', group({ binding: 0 }));
    await all(device, false, {
      'no entry': group(), 'two entries for one': group({ binding: 0, resource: { buffer } }, { binding: 0, resource: { buffer } }), 'another number': group({ binding: 1, resource: { buffer } }),
      'a sampler': group({ binding: 0, resource: device.createSampler() }), 'another usage': group({ binding: 0, resource: { buffer: device.createBuffer({ size: 512, usage: STORAGE }) } }),
      'an offset that is not aligned': group({ binding: 0, resource: { buffer, offset: 128 } }),
    });
  },
  boundary: async (device) => {
    const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, buffer: { minBindingSize: 32 } }] });
    const big = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, buffer: {} }] });
    const buffer = device.createBuffer({ size: 512, usage: UNIFORM });
    const most = device.limits.maxUniformBufferBindingSize;
    const large = device.createBuffer({ size: most + 256, usage: UNIFORM });
    const group = (resource, of = layout) => () => device.createBindGroup({ layout: of, entries: [{ binding: 0, resource }] });
    await all(device, true, { 'the least size': group({ buffer, size: 32 }), 'to the end': group({ buffer, offset: 256, size: 256 }), 'the greatest size': group({ buffer: large, size: most }, big) });
    await all(device, false, { 'one byte less': group({ buffer, size: 31 }), 'beyond the end': group({ buffer, offset: 256, size: 257 }), 'nothing': group({ buffer, size: 0 }), 'from the end': group({ buffer, offset: 512 }), 'more than the greatest size': group({ buffer: large }, big) });
  },
});
fn('gpu-device.create-shader-module', {
  valid: (device) => all(device, true, { functions: () => shader(device, 'fn f() -> u32 { return 1u; }'), 'with hints': () => device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}', compilationHints: [{ entryPoint: 'main', layout: 'auto' }] }) }),
  invalid: async (device) => {
    throws('TypeError', () => device.createShaderModule({}));
    throws('TypeError', () => device.createShaderModule());
    await all(device, false, Object.fromEntries(['fn f() { let x = ; }', 'fn f() { return 1u; }', 'enable no_such_extension;', 'fn f() { f(); }', '@fragment fn f() -> f32 { return 1.0; }', 'var<private> x: u33;'].map((code) => [code, () => shader(device, code)])));
  },
  boundary: async (device) => {
    await all(device, true, { 'no code': () => shader(device, ''), 'a comment': () => shader(device, '// \u{1f680}'), 'names beyond ASCII': () => shader(device, 'const \u0394 = 1;'), 'a long text': () => shader(device, `/*${' '.repeat(100000)}*/`) });
    await all(device, false, { 'a NUL': () => shader(device, 'fn f() {}\u0000'), 'a comment without an end': () => shader(device, '/* /* */') });
  },
});
fn('gpu-device.create-query-set', {
  valid: async (device) => {
    await all(device, true, { occlusion: () => device.createQuerySet({ type: 'occlusion', count: 2 }) });
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter.features.has('timestamp-query')) return;
    const other = await adapter.requestDevice({ requiredFeatures: ['timestamp-query'] });
    await all(other, true, { timestamps: () => other.createQuerySet({ type: 'timestamp', count: 2 }) });
  },
  invalid: (device) => {
    throws('TypeError', () => device.createQuerySet({ type: 'timestamp', count: 1 }), 'timestamps without the feature');
    throws('TypeError', () => device.createQuerySet({ type: 'statistics', count: 1 }));
    throws('TypeError', () => device.createQuerySet({ type: 'occlusion' }));
  },
  boundary: async (device) => {
    await all(device, true, { none: () => device.createQuerySet({ type: 'occlusion', count: 0 }), most: () => device.createQuerySet({ type: 'occlusion', count: 4096 }) });
    await all(device, false, { 'one more': () => device.createQuerySet({ type: 'occlusion', count: 4097 }) });
    throws('TypeError', () => device.createQuerySet({ type: 'occlusion', count: 2 ** 32 }));
  },
});
fn('gpu-query-set.destroy', {
  valid: (device) => equal(device.createQuerySet({ type: 'occlusion', count: 1 }).destroy(), undefined),
  invalid: async (device) => {
    throws('TypeError', () => GPUQuerySet.prototype.destroy.call({}));
    const set = device.createQuerySet({ type: 'occlusion', count: 1 });
    const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.QUERY_RESOLVE });
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(set, 0, 1, buffer, 0);
    const commands = encoder.finish();
    set.destroy();
    await all(device, false, { 'a destroyed set in a submit': () => device.queue.submit([commands]) });
  },
  boundary: async (device) => {
    const set = device.createQuerySet({ type: 'occlusion', count: 3 });
    await all(device, true, { 'twice': () => { set.destroy(); set.destroy(); } });
    equal([set.count, set.type], [3, 'occlusion'], 'what it says when it is destroyed');
  },
});
fn('gpu-texture.create-view', {
  valid: (device) => {
    const texture = device.createTexture({ size: [8, 8, 6], mipLevelCount: 4, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING, viewFormats: ['rgba8unorm-srgb'] });
    return all(device, true, Object.fromEntries([undefined, {}, { dimension: '2d' , arrayLayerCount: 1 }, { dimension: 'cube' }, { dimension: 'cube-array' }, { format: 'rgba8unorm-srgb' }, { baseMipLevel: 2, baseArrayLayer: 3, arrayLayerCount: 2 }, { usage: GPUTextureUsage.TEXTURE_BINDING }].map((view) => [JSON.stringify(view) ?? 'none', () => texture.createView(view)])));
  },
  invalid: async (device) => {
    const texture = target(device);
    throws('TypeError', () => texture.createView({ dimension: '4d' }));
    throws('TypeError', () => texture.createView({ aspect: 'color' }));
    await all(device, false, Object.fromEntries([{ format: 'r8unorm' }, { format: 'rgba8unorm-srgb' }, { dimension: 'cube' }, { dimension: '3d' }, { aspect: 'stencil-only' }, { usage: GPUTextureUsage.STORAGE_BINDING }].map((view) => [JSON.stringify(view), () => texture.createView(view)])));
  },
  boundary: async (device) => {
    const texture = device.createTexture({ size: [8, 8, 6], mipLevelCount: 4, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING });
    const calls = (list) => Object.fromEntries(list.map((view) => [JSON.stringify(view), () => texture.createView(view)]));
    await all(device, true, calls([{ baseMipLevel: 3 }, { baseMipLevel: 0, mipLevelCount: 4 }, { baseArrayLayer: 5 }, { baseArrayLayer: 0, arrayLayerCount: 6 }]));
    await all(device, false, calls([{ baseMipLevel: 4 }, { baseMipLevel: 1, mipLevelCount: 4 }, { mipLevelCount: 0 }, { baseArrayLayer: 6 }, { baseArrayLayer: 1, arrayLayerCount: 6 }, { arrayLayerCount: 0 }, { baseMipLevel: 2 ** 32 - 1, mipLevelCount: 2 }, { baseArrayLayer: 1, arrayLayerCount: 2 ** 32 - 1 }]));
  },
});
fn('gpu-texture.destroy', {
  valid: (device) => equal(target(device).destroy(), undefined),
  invalid: async (device) => {
    throws('TypeError', () => GPUTexture.prototype.destroy.call({}));
    const texture = target(device);
    texture.destroy();
    await all(device, false, { 'a write to a destroyed texture': () => device.queue.writeTexture({ texture }, new Uint8Array(4), {}, [1]) });
  },
  boundary: async (device) => {
    const texture = target(device);
    await all(device, true, { twice: () => { texture.destroy(); texture.destroy(); } });
    equal([texture.width, texture.height, texture.format], [4, 4, 'rgba8unorm'], 'what it says when it is destroyed');
    check(texture.usage > 0, 'its usage');
  },
});

// Rules that are easily missed: bits of masks, constants, interfaces between stages, code that is not evaluated.

import { check, contents, equal, test, validates } from './harness.js';

const POINT = '@vertex fn v() -> @builtin(position) vec4f { return vec4f(); }';
const WHITE = '@fragment fn f() -> @location(0) vec4f { return vec4f(1); }';
const each = async (device, valid, cases) => { for (const [name, run] of Object.entries(cases)) await validates(device, valid, run, name); };
const render = (device, code, target = {}, more = {}) => {
  const module = device.createShaderModule({ code });
  return device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format: 'rgba8unorm', ...target }] }, ...more });
};

test('GPUDevice: unknown bits of masks', async (device) => {
  const texture = device.createTexture({ size: [1], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING });
  const layout = (visibility) => device.createBindGroupLayout({ entries: [{ binding: 0, visibility, buffer: {} }] });
  await each(device, true, {
    'all stages': () => layout(7),
    'all colors': () => render(device, POINT + WHITE, { writeMask: 15 }),
    'no color': () => render(device, POINT + WHITE, { writeMask: 0 }),
  });
  for (const bit of [20, 31]) {
    const mask = 2 ** bit;
    await each(device, false, {
      [`usage ${mask} of a buffer`]: () => device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST + mask }),
      [`usage ${mask} of a texture`]: () => device.createTexture({ size: [1], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST + mask }),
      [`usage ${mask} of a view`]: () => texture.createView({ usage: GPUTextureUsage.TEXTURE_BINDING + mask }),
      [`stage ${mask}`]: () => layout(GPUShaderStage.COMPUTE + mask),
      [`color ${mask}`]: () => render(device, POINT + WHITE, { writeMask: GPUColorWrite.ALL + mask }),
    });
  }
});
test('GPUDevice.destroy: the loss arrives without another call', async (device) => {
  let reason;
  device.lost.then((info) => { reason = info.reason; });
  device.destroy();
  for (let n = 0; n < 600 && !reason; n++) await new Promise((done) => setTimeout(done, 50));
  equal(reason, 'destroyed');
});
test('GPUDevice.createComputePipeline: keys and ranges of constants', async (device) => {
  const code = '@id(7) override a: i32 = 1; override b: u32 = 1u; override c: f32 = 1.0; @compute @workgroup_size(1) fn main() { _ = a; }';
  const make = (constants) => () => device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }), constants } });
  await each(device, true, { 7: make({ 7: 5 }), 'the largest': make({ 7: 2147483647, b: 4294967295 }) });
  await each(device, false, { '07': make({ '07': 5 }), 'a name with a number': make({ a: 5 }), 'an unused one beyond its range': make({ b: 4294967296 }), 'an unused negative one': make({ b: -1 }), 'an unused float beyond its range': make({ c: 1e39 }) });
});
test('GPUDevice.createComputePipeline: workgroups at and over the limits', async (device) => {
  const { maxComputeWorkgroupStorageSize: bytes, maxComputeWorkgroupSizeX: x } = device.limits;
  const make = (code, constants) => () => device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }), constants } });
  const storage = (size) => make(`var<workgroup> w: array<u32, ${size / 4}>; @compute @workgroup_size(1) fn main() { w[0] = 1u; }`);
  const sized = (size) => make('override x = 1u; @compute @workgroup_size(x) fn main() {}', { x: size });
  await each(device, true, { 'the most memory': storage(bytes), 'the largest': sized(x) });
  await each(device, false, { 'more memory': storage(bytes + 4), larger: sized(x + 1), empty: sized(0) });
});
test('GPUDevice.createRenderPipeline: outputs and their targets', async (device) => {
  const output = (type, at = 0) => `${POINT} @fragment fn f() -> @location(${at}) ${type} { return ${type}(); }`;
  const alpha = { color: { srcFactor: 'src-alpha', dstFactor: 'zero' }, alpha: {} };
  await each(device, true, {
    'an alpha that is there': () => render(device, output('vec4f'), { blend: alpha }),
    'no output for an unwritten target': () => render(device, output('vec4f', 1), { writeMask: 0 }),
    'alpha to coverage': () => render(device, POINT + WHITE, {}, { multisample: { count: 4, alphaToCoverageEnabled: true } }),
  });
  await each(device, false, {
    'no output for a written target': () => render(device, output('vec4f', 1)),
    'too few components': () => render(device, output('vec2f')),
    'a missing alpha': () => render(device, output('vec2f'), { format: 'rg8unorm', blend: alpha }),
    'alpha to coverage with one sample': () => render(device, POINT + WHITE, {}, { multisample: { count: 1, alphaToCoverageEnabled: true } }),
    'alpha to coverage without an alpha': () => render(device, POINT + WHITE, { format: 'r8unorm' }, { multisample: { count: 4, alphaToCoverageEnabled: true } }),
  });
});
test('GPUDevice.createRenderPipeline: between the stages', async (device) => {
  const between = (out, into) => () => {
    const type = (text) => text.split(' ').at(-1);
    const attributes = (text) => text.split(' ').slice(0, -1).join(' ');
    return render(device, `struct Out { @builtin(position) at: vec4f, @location(0) ${attributes(out)} v: ${type(out)} } @vertex fn v() -> Out { return Out(vec4f(), ${type(out)}()); } @fragment fn f(@location(0) ${attributes(into)} v: ${type(into)}) -> @location(0) vec4f { return vec4f(); }`);
  };
  await each(device, true, { 'flat and first': between('@interpolate(flat) u32', '@interpolate(flat, first) u32'), 'the default': between('f32', '@interpolate(perspective, center) f32') });
  await each(device, false, { 'fewer components': between('vec2f', 'f32'), 'another sampling': between('@interpolate(flat, first) u32', '@interpolate(flat, either) u32'), 'another interpolation': between('f32', '@interpolate(linear) f32') });
});
test('GPUDevice.createShaderModule: constants', async (device) => {
  const module = (code) => () => device.createShaderModule({ code });
  await each(device, true, {
    'typed integers wrap': module('const_assert 2147483647i + 1i == i32(-2147483648); const_assert 4294967295u + 1u == 0u;'),
    'what is not evaluated': module('const a = false && 1 / 0 == 0; const b = true || 1 % 0 == 0;'),
    'an index by way of let': module('fn f() -> i32 { var a = array(1, 2); let i = 2; return a[i]; }'),
  });
  await each(device, false, {
    'abstract integers do not wrap': module('const a = 9223372036854775807 + 1;'),
    'a division by zero': module('const a = 1i / 0i;'),
    'a shift that loses bits': module('const a = 1073741824i << 1u;'),
    'an index that is constant': module('fn f() -> i32 { var a = array(1, 2); return a[2]; }'),
    'a loop without an end': module('fn f() { loop {} }'),
  });
});
test('GPUComputePassEncoder.dispatchWorkgroups: uses of one buffer', async (device) => {
  const buffer = device.createBuffer({ size: 768, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE });
  const use = (...uses) => () => {
    const layout = device.createBindGroupLayout({ entries: uses.map(([type], binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })) });
    const group = device.createBindGroup({ layout, entries: uses.map(([, offset, size], binding) => ({ binding, resource: { buffer, offset, size } })) });
    const module = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module } }));
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    check(encoder.finish() instanceof GPUCommandBuffer, 'another class');
  };
  await each(device, true, {
    'two reads': use(['uniform'], ['read-only-storage']),
    'writes of two ranges': use(['storage', 0, 256], ['storage', 256, 256], ['storage', 512, 256]),
  });
  await each(device, false, {
    'a read and a write': use(['read-only-storage', 0, 256], ['storage', 256, 256]),
    'a constant and a write': use(['uniform'], ['storage']),
    'two writes': use(['storage'], ['storage']),
    'writes of ranges that meet': use(['storage', 512, 256], ['storage', 0, 260], ['storage', 256, 256]),
  });
});

const WHOLE = '@vertex fn v(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f { return vec4f(array(vec2f(-1, -1), vec2f(3, -1), vec2f(-1, 3))[n], 0.5, 1); }';
const pixel = async (device, texture) => {
  const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 256 }, [1, 1]);
  device.queue.submit([encoder.finish()]);
  return new Uint8Array(await contents(device, buffer, 4));
};
test('GPURenderPassEncoder.draw: read-only depth is sampled while it is tested', async (device) => {
  const depth = device.createTexture({ size: [1, 1], format: 'depth32float', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING });
  const color = device.createTexture({ size: [1, 1], format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const module = device.createShaderModule({ code: `${WHOLE} @group(0) @binding(0) var t: texture_depth_2d; @fragment fn f() -> @location(0) vec4f { return vec4f(textureLoad(t, vec2u(), 0), 0, 0, 1); }` });
  for (const [depthCompare, expected] of [['less', [0, 0, 0, 0]], ['greater', [51, 0, 0, 255]]]) {
    const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format: 'rgba8unorm' }] }, depthStencil: { format: 'depth32float', depthWriteEnabled: false, depthCompare } });
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: depth.createView() }] });
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass({ colorAttachments: [], depthStencilAttachment: { view: depth.createView(), depthClearValue: 0.2, depthLoadOp: 'clear', depthStoreOp: 'store' } }).end();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: color.createView(), loadOp: 'clear', storeOp: 'store' }], depthStencilAttachment: { view: depth.createView(), depthReadOnly: true } });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.draw(3);
    pass.end();
    device.queue.submit([encoder.finish()]);
    equal(await pixel(device, color), expected, depthCompare);
  }
});
test('GPURenderPassEncoder.draw: a sample mask that the fragment shader returns', async (device) => {
  const color = device.createTexture({ size: [1, 1], format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const samples = device.createTexture({ size: [1, 1], format: 'rgba8unorm', sampleCount: 4, usage: GPUTextureUsage.RENDER_ATTACHMENT });
  for (const [mask, shaders, expected] of [[15, 15, 255], [15, 0, 0], [3, 12, 0], [0, 15, 0]]) {
    const pipeline = render(device, `${WHOLE} struct Out { @location(0) color: vec4f, @builtin(sample_mask) mask: u32 } @fragment fn f() -> Out { return Out(vec4f(1), ${shaders}u); }`, {}, { multisample: { count: 4, mask } });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: samples.createView(), resolveTarget: color.createView(), loadOp: 'clear', storeOp: 'discard' }] });
    pass.setPipeline(pipeline);
    pass.draw(3);
    pass.end();
    device.queue.submit([encoder.finish()]);
    equal((await pixel(device, color))[0], expected, `mask ${mask}, the shader's ${shaders}`);
  }
});
test('textureLoad of read-only storage textures', async (device) => {
  for (const [dimension, type, place] of [['1d', '1d', 'n % 4u'], ['2d', '2d', 'vec2u(n % 2u, n / 2u)'], ['2d', '2d_array', 'vec2u(n % 2u, n / 2u % 2u), n / 4u'], ['3d', '3d', 'vec3u(n % 2u, n / 2u % 2u, n / 4u)']]) {
    const size = dimension === '1d' ? [4] : type === '2d' ? [2, 2] : [2, 2, 2];
    const values = Uint32Array.from({ length: size.reduce((a, b) => a * b, 1) }, (_, n) => n * 1000003 + 7);
    const texture = device.createTexture({ size, dimension, format: 'r32uint', usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST });
    device.queue.writeTexture({ texture }, values, { bytesPerRow: size[0] * 4, rowsPerImage: size[1] }, size);
    const module = device.createShaderModule({ code: `@group(0) @binding(0) var t: texture_storage_${type}<r32uint, read>; @group(0) @binding(1) var<storage, read_write> o: array<u32>; @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { let n = id.x; o[n] = textureLoad(t, ${place}).x; }` });
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    const buffer = device.createBuffer({ size: values.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: texture.createView({ dimension: type.replace('_', '-') }) }, { binding: 1, resource: { buffer } }] });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(values.length);
    pass.end();
    device.queue.submit([encoder.finish()]);
    equal(new Uint32Array(await contents(device, buffer)), values, type);
  }
});

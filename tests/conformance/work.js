// Textures, shaders, pipelines, bindings, passes: their validation, and the results of work.

import { check, contents, equal, rejects, test, throws, validates } from './harness.js';

const shader = (device, code) => device.createShaderModule({ code });
const DOUBLE = '@group(0) @binding(0) var<storage, read_write> v: array<u32>; @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { v[id.x] = v[id.x] * 2u; }';
const DRAW = '@vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0, 0.5, 1.0); } @fragment fn f() -> @location(0) vec4f { return vec4f(1.0, 0.5, 0.25, 1.0); }';

test('GPUDevice.createTexture: attributes', (device) => {
  const texture = device.createTexture({ size: [8, 4, 2], mipLevelCount: 3, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING, label: 'mine' });
  for (const [name, value] of Object.entries({ width: 8, height: 4, depthOrArrayLayers: 2, mipLevelCount: 3, sampleCount: 1, dimension: '2d', format: 'rgba8unorm', usage: 4, label: 'mine' })) equal(texture[name], value, name);
  texture.destroy();
  texture.destroy();
});
test('GPUDevice.createTexture: sizes, levels, samples', async (device) => {
  const usage = GPUTextureUsage.COPY_DST;
  const max = device.limits.maxTextureDimension2D;
  for (const [change, valid] of [[{ size: [0] }, false], [{ size: [max, 1] }, true], [{ size: [max + 1, 1] }, false], [{ size: [8, 8], mipLevelCount: 4 }, true], [{ size: [8, 8], mipLevelCount: 5 }, false], [{ size: [8], mipLevelCount: 0 }, false], [{ size: [8, 8], sampleCount: 3 }, false], [{ size: [8, 2], dimension: '1d' }, false], [{ size: [1], usage: 0 }, false], [{ size: [1], usage: 4096 }, false], [{ size: [4, 4], viewFormats: ['rgba8unorm-srgb'] }, true], [{ size: [4, 4], viewFormats: ['r32float'] }, false]]) {
    await validates(device, valid, () => device.createTexture({ format: 'rgba8unorm', usage, ...change }), JSON.stringify(change));
  }
});
test('GPUTexture.createView: ranges and dimensions', async (device) => {
  const texture = device.createTexture({ size: [8, 8, 6], mipLevelCount: 4, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING });
  for (const [view, valid] of [[undefined, true], [{ dimension: '2d', arrayLayerCount: 1 }, true], [{ dimension: '2d', arrayLayerCount: 2 }, false], [{ dimension: 'cube' }, true], [{ dimension: '3d' }, false], [{ baseMipLevel: 4 }, false], [{ baseMipLevel: 1, mipLevelCount: 3 }, true], [{ baseMipLevel: 1, mipLevelCount: 4 }, false], [{ aspect: 'depth-only' }, false], [{ format: 'rgba8uint' }, false]]) {
    await validates(device, valid, () => texture.createView(view), JSON.stringify(view));
  }
});
test('GPUShaderModule.getCompilationInfo: messages with places', async (device) => {
  const good = await shader(device, DOUBLE).getCompilationInfo();
  equal(good.messages.filter((message) => message.type === 'error').length, 0);
  device.pushErrorScope('validation');
  const module = shader(device, 'fn f() {\n  let x = ;\n}');
  check((await device.popErrorScope()) instanceof GPUValidationError, 'no error');
  const { messages } = await module.getCompilationInfo();
  check(Object.isFrozen(messages), 'the array is not frozen');
  const message = messages.find(({ type }) => type === 'error');
  check(message instanceof GPUCompilationMessage, 'no message');
  equal(message.lineNum, 2);
});
test('GPUDevice.createComputePipelineAsync: errors reject', async (device) => {
  const module = shader(device, DOUBLE);
  check((await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })) instanceof GPUComputePipeline, 'another class');
  await rejects('GPUPipelineError', () => device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'none' } }));
  await rejects('TypeError', () => device.createComputePipelineAsync({ layout: 'none', compute: { module } }));
  await rejects('TypeError', () => device.createComputePipelineAsync({ layout: 'auto' }));
});
test('GPUDevice.createComputePipeline: constants', async (device) => {
  const module = shader(device, 'override n: u32; @group(0) @binding(0) var<storage, read_write> v: array<u32>; @compute @workgroup_size(1) fn main() { v[0] = n; }');
  const make = (constants) => device.createComputePipeline({ layout: 'auto', compute: { module, constants } });
  await validates(device, false, () => make(undefined), 'a missing constant');
  await validates(device, false, () => make({ n: 1, none: 2 }), 'an unknown constant');
  throws('TypeError', () => make({ n: NaN }));
  const pipeline = await validates(device, true, () => make({ n: 7 }));
  equal((await dispatch(device, pipeline, [0]))[0], 7);
});

async function dispatch(device, pipeline, values, bind = (pass, group) => pass.setBindGroup(0, group)) {
  const buffer = device.createBuffer({ size: values.length * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, new Uint32Array(values));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  bind(pass, group);
  pass.dispatchWorkgroups(values.length);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return new Uint32Array(await contents(device, buffer));
}

test('GPUComputePassEncoder.dispatchWorkgroups: results', async (device) => {
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module: shader(device, DOUBLE) } });
  equal(await dispatch(device, pipeline, [1, 2, 3]), [2, 4, 6]);
});
test('GPUComputePassEncoder.setBindGroup: dynamic offsets in two forms', async (device) => {
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage', hasDynamicOffset: true } }] });
  const pipeline = device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module: shader(device, DOUBLE) } });
  equal(await dispatch(device, pipeline, [5], (pass, group) => pass.setBindGroup(0, group, [0])), [10]);
  equal(await dispatch(device, pipeline, [5], (pass, group) => pass.setBindGroup(0, group, new Uint32Array([9, 0]), 1, 1)), [10]);
  const pass = device.createCommandEncoder().beginComputePass();
  throws('RangeError', () => pass.setBindGroup(0, null, new Uint32Array(1), 1, 1));
});
test('GPUDevice.createBindGroupLayout: entries', async (device) => {
  const { COMPUTE, VERTEX } = GPUShaderStage;
  for (const [entry, valid] of [[{ buffer: {} }, true], [{}, false], [{ buffer: {}, sampler: {} }, false], [{ buffer: {}, visibility: 0 }, true], [{ buffer: {}, visibility: 64 }, false], [{ buffer: { type: 'storage' }, visibility: VERTEX }, false], [{ storageTexture: { format: 'rgba8unorm' } }, true], [{ texture: { sampleType: 'float', multisampled: true } }, false]]) {
    await validates(device, valid, () => device.createBindGroupLayout({ entries: [{ binding: 0, visibility: COMPUTE, ...entry }] }), JSON.stringify(entry));
  }
  await validates(device, false, () => device.createBindGroupLayout({ entries: [0, 0].map((binding) => ({ binding, visibility: COMPUTE, buffer: {} })) }), 'a binding twice');
});
test('GPUDevice.createBindGroup: resources', async (device) => {
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: {} }] });
  const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM });
  for (const [resource, valid] of [[{ buffer }, true], [{ buffer, size: 16 }, true], [{ buffer, offset: 4 }, false], [{ buffer, size: 512 }, false], [device.createSampler(), false]]) {
    await validates(device, valid, () => device.createBindGroup({ layout, entries: [{ binding: 0, resource }] }));
  }
  await validates(device, true, () => device.createBindGroup({ layout, entries: [{ binding: 0, resource: buffer }] }), 'a buffer itself');
  throws('TypeError', () => device.createBindGroup({ layout, entries: [{ binding: 0, resource: {} }] }));
  throws('TypeError', () => device.createBindGroup({ layout: {}, entries: [] }));
});
test('GPUCommandEncoder: states', async (device) => {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  await validates(device, false, () => encoder.finish(), 'finish with an open pass');
  const other = device.createCommandEncoder();
  const second = other.beginComputePass();
  second.end();
  await validates(device, false, () => { second.end(); other.finish(); }, 'a second end');
  check(pass instanceof GPUComputePassEncoder, 'another class');
  const groups = device.createCommandEncoder();
  groups.pushDebugGroup('one');
  await validates(device, false, () => groups.finish(), 'an open debug group');
});
test('GPUCommandEncoder.copyBufferToBuffer: two forms, and bounds', async (device) => {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const source = device.createBuffer({ size: 16, usage, mappedAtCreation: true });
  new Uint32Array(source.getMappedRange()).set([1, 2, 3, 4]);
  source.unmap();
  const copy = async (...rest) => {
    const destination = device.createBuffer({ size: 16, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(...rest.map((item) => (item === 'to' ? destination : item)));
    device.queue.submit([encoder.finish()]);
    return new Uint32Array(await contents(device, destination));
  };
  equal(await copy(source, 'to'), [1, 2, 3, 4]);
  equal(await copy(source, 'to', 8), [1, 2, 0, 0]);
  equal(await copy(source, 4, 'to', 8, 8), [0, 0, 2, 3]);
  await validates(device, false, () => copy(source, 2, 'to', 0, 4), 'an offset of 2');
  await validates(device, false, () => copy(source, 0, 'to', 8, 12), 'beyond the end');
});
test('GPURenderPassEncoder.draw: the colour of every pixel', async (device) => {
  const module = shader(device, DRAW);
  const format = 'rgba8unorm';
  const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format }] } });
  const texture = device.createTexture({ size: [64, 2], format, usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({ colorAttachments: [null, { view: texture.createView(), loadOp: 'clear', storeOp: 'store', clearValue: { r: 0, g: 0, b: 0, a: 1 } }].slice(1) });
  pass.setPipeline(pipeline);
  pass.setScissorRect(0, 0, 64, 1);
  pass.draw(3);
  pass.end();
  const buffer = device.createBuffer({ size: 512, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 256 }, [64, 2]);
  device.queue.submit([encoder.finish()]);
  const bytes = new Uint8Array(await contents(device, buffer));
  equal(bytes.slice(0, 4), [255, 128, 64, 255], 'a pixel inside');
  equal(bytes.slice(256, 260), [0, 0, 0, 255], 'a pixel outside of the scissor rectangle');
});
test('GPURenderPassEncoder: arguments at their bounds', async (device) => {
  const texture = device.createTexture({ size: [8, 8], format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT });
  const record = (use) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }] });
    use(pass);
    pass.end();
    encoder.finish();
  };
  for (const [name, use, valid] of [
    ['a scissor rectangle of the whole', (pass) => pass.setScissorRect(0, 0, 8, 8), true],
    ['a scissor rectangle beyond', (pass) => pass.setScissorRect(1, 0, 8, 8), false],
    ['a viewport of the whole', (pass) => pass.setViewport(0, 0, 8, 8, 0, 1), true],
    ['depths in the wrong order', (pass) => pass.setViewport(0, 0, 8, 8, 1, 0), false],
    ['draw without a pipeline', (pass) => pass.draw(3), false],
    ['a vertex buffer slot beyond', (pass) => pass.setVertexBuffer(device.limits.maxVertexBuffers, null), false],
    ['blend constants', (pass) => pass.setBlendConstant([0, 0, 0, 0]), true],
  ]) await validates(device, valid, () => record(use), name);
  record((pass) => {
    throws('TypeError', () => pass.setBlendConstant([0, 0, 0]));
    throws('TypeError', () => pass.setViewport(NaN, 0, 8, 8, 0, 1));
    throws('TypeError', () => pass.setIndexBuffer({}, 'uint16'));
    throws('TypeError', () => pass.draw());
  });
});
test('GPURenderBundleEncoder: recorded once, drawn in a pass', async (device) => {
  const module = shader(device, DRAW);
  const format = 'rgba8unorm';
  const pipeline = device.createRenderPipeline({ layout: 'auto', vertex: { module }, fragment: { module, targets: [{ format }] } });
  const bundles = device.createRenderBundleEncoder({ colorFormats: [format] });
  bundles.setPipeline(pipeline);
  bundles.draw(3);
  const bundle = bundles.finish();
  const texture = device.createTexture({ size: [64, 1], format, usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginRenderPass({ colorAttachments: [{ view: texture.createView(), loadOp: 'clear', storeOp: 'store' }] });
  pass.executeBundles([bundle]);
  pass.end();
  const buffer = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 256 }, [64, 1]);
  device.queue.submit([encoder.finish()]);
  equal(new Uint8Array(await contents(device, buffer)).slice(0, 4), [255, 128, 64, 255]);
  await validates(device, false, () => device.createRenderBundleEncoder({ colorFormats: [] }), 'without attachments');
});
test('GPUQueue.writeTexture: layouts', async (device) => {
  const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC });
  const data = Uint8Array.from({ length: 64 }, (_, index) => index);
  await validates(device, true, () => device.queue.writeTexture({ texture }, data, { bytesPerRow: 16 }, [4, 4]));
  await validates(device, false, () => device.queue.writeTexture({ texture }, data, { bytesPerRow: 12 }, [4, 4]), 'short rows');
  await validates(device, false, () => device.queue.writeTexture({ texture }, data, { bytesPerRow: 16 }, [4, 5]), 'beyond the texture');
  await validates(device, false, () => device.queue.writeTexture({ texture }, data.subarray(1), { bytesPerRow: 16 }, [4, 4]), 'too few bytes');
  const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 256 }, [4, 4]);
  device.queue.submit([encoder.finish()]);
  equal(new Uint8Array(await contents(device, buffer)).slice(256, 272), data.slice(16, 32));
});

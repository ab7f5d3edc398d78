// Pipelines, created synchronously and asynchronously, with constants and layouts.

import { all, check, DOUBLE, DRAW, equal, fn, FORMAT, renderPipeline, shader, wordsOf } from './support.js';
import { rejects, throws } from '../harness.js';

const compute = (device, code = DOUBLE, change = {}) => ({ layout: 'auto', compute: { module: shader(device, code), ...change } });
const render = (device, change = {}, { vertex = {}, fragment = {} } = {}) => {
  const module = shader(device, DRAW);
  return { layout: 'auto', vertex: { module, entryPoint: 'all', ...vertex }, fragment: { module, entryPoint: 'white', targets: [{ format: FORMAT }], ...fragment }, ...change };
};
const size = (x, y, z) => `@compute @workgroup_size(${x}, ${y}, ${z}) fn main() {}`;

const WRONG_COMPUTE = {
  'no such entry point': (device) => compute(device, DOUBLE, { entryPoint: 'other' }),
  'an entry point of another stage': (device) => compute(device, DRAW, { entryPoint: 'white' }),
  'a choice of two entry points': (device) => compute(device, '@compute @workgroup_size(1) fn a() {} @compute @workgroup_size(1) fn b() {}'),
  'an invalid module': (device) => compute(device, 'fn f( {}'),
  'a layout without the binding': (device) => ({ ...compute(device), layout: device.createPipelineLayout({ bindGroupLayouts: [] }) }),
};
const computeBounds = (device) => {
  const { maxComputeWorkgroupSizeX: x, maxComputeWorkgroupSizeZ: z, maxComputeInvocationsPerWorkgroup: all, maxComputeWorkgroupStorageSize: storage } = device.limits;
  const memory = (bytes) => `var<workgroup> a: array<u32, ${bytes / 4}>; @compute @workgroup_size(1) fn main() { a[0] = 1u; }`;
  return {
    valid: { 'the widest group': size(x, 1, 1), 'the deepest group': size(1, 1, z), 'most invocations': size(16, all / 16, 1), 'all memory of a group': memory(storage) },
    invalid: { 'a wider group': size(x + 1, 1, 1), 'a deeper group': size(1, 1, z + 1), 'more invocations': size(16, all / 16, 2), 'more memory': memory(storage + 4) },
  };
};
const WRONG_RENDER = {
  'no such entry point': (device) => render(device, {}, { vertex: { entryPoint: 'other' } }),
  'a fragment function as vertex function': (device) => render(device, {}, { vertex: { entryPoint: 'white' } }),
  'an attribute without a buffer': (device) => render(device, {}, { vertex: { entryPoint: 'placed' } }),
  'a target of another kind': (device) => render(device, {}, { fragment: { targets: [{ format: 'rgba8uint' }] } }),
  'a target that cannot be rendered to': (device) => render(device, {}, { fragment: { targets: [{ format: 'rgb9e5ufloat' }] } }),
  'blending that cannot be': (device) => render(device, {}, { fragment: { targets: [{ format: 'r32float', blend: { color: {}, alpha: {} } }] } }),
  'two samples': (device) => render(device, { multisample: { count: 2 } }),
  'a strip format without a strip': (device) => render(device, { primitive: { topology: 'triangle-list', stripIndexFormat: 'uint16' } }),
  'depth in a colour format': (device) => render(device, { depthStencil: { format: 'rgba8unorm', depthWriteEnabled: true, depthCompare: 'less' } }),
  'depth without a comparison': (device) => render(device, { depthStencil: { format: 'depth24plus', depthWriteEnabled: true } }),
  'a depth bias of lines': (device) => render(device, { primitive: { topology: 'line-list' }, depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less', depthBias: 1 } }),
};
const renderBounds = (device) => {
  const { maxVertexBuffers, maxVertexBufferArrayStride: stride, maxColorAttachments } = device.limits;
  const buffers = (list) => ({ vertex: { buffers: list } });
  const format = (count) => ({ fragment: { targets: [{ format: FORMAT }, ...Array.from({ length: count - 1 }, () => ({ format: 'r8unorm', writeMask: 0 }))] } });
  return {
    valid: { 'the greatest stride': [{}, buffers([{ arrayStride: stride, attributes: [] }])], 'all vertex buffers': [{}, buffers(Array.from({ length: maxVertexBuffers }, () => ({ arrayStride: 4, attributes: [] })))], 'all targets': [{}, format(maxColorAttachments)], 'an attribute at the end of its stride': [{}, buffers([{ arrayStride: 12, attributes: [{ shaderLocation: 3, offset: 8, format: 'uint32' }] }])] },
    invalid: { 'a greater stride': [{}, buffers([{ arrayStride: stride + 4, attributes: [] }])], 'a stride of 2': [{}, buffers([{ arrayStride: 2, attributes: [] }])], 'a vertex buffer more': [{}, buffers(Array.from({ length: maxVertexBuffers + 1 }, () => ({ arrayStride: 4, attributes: [] })))], 'a target more': [{}, format(maxColorAttachments + 1)], 'an attribute behind its stride': [{}, buffers([{ arrayStride: 8, attributes: [{ shaderLocation: 3, offset: 8, format: 'uint32' }] }])], 'an attribute at an odd place': [{}, buffers([{ arrayStride: 12, attributes: [{ shaderLocation: 3, offset: 2, format: 'uint32' }] }])] },
  };
};
const VALID_RENDER = {
  plain: (device) => render(device),
  blending: (device) => render(device, {}, { fragment: { targets: [{ format: FORMAT, blend: { color: { srcFactor: 'src-alpha', dstFactor: 'one-minus-src-alpha' }, alpha: {} }, writeMask: GPUColorWrite.RED }] } }),
  'depth and stencil': (device) => render(device, { depthStencil: { format: 'depth24plus-stencil8', depthWriteEnabled: true, depthCompare: 'greater', stencilFront: { compare: 'equal', passOp: 'increment-clamp' }, stencilReadMask: 15, stencilWriteMask: 240, depthBias: 2, depthBiasSlopeScale: 0.5 } }),
  samples: (device) => render(device, { multisample: { count: 4, mask: 5, alphaToCoverageEnabled: true } }),
  strips: (device) => render(device, { primitive: { topology: 'triangle-strip', stripIndexFormat: 'uint32', frontFace: 'cw', cullMode: 'front' } }),
  'no fragment stage': (device) => ({ ...render(device), fragment: undefined, depthStencil: { format: 'depth16unorm', depthWriteEnabled: true, depthCompare: 'less' } }),
};

const each = (device, cases, make) => Object.fromEntries(Object.entries(cases).map(([name, value]) => [name, () => make(value)]));

fn('gpu-device.create-compute-pipeline', {
  valid: (device) => all(device, true, {
    plain: () => device.createComputePipeline(compute(device)),
    'with an entry point': () => device.createComputePipeline(compute(device, DOUBLE, { entryPoint: 'main' })),
    'with a layout': () => device.createComputePipeline({ ...compute(device), layout: device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { type: 'storage' } }] })] }) }),
  }),
  invalid: async (device) => {
    throws('TypeError', () => device.createComputePipeline({ compute: {} }));
    throws('TypeError', () => device.createComputePipeline({ layout: 'auto' }));
    throws('TypeError', () => device.createComputePipeline({ ...compute(device), layout: 'manual' }));
    await all(device, false, each(device, WRONG_COMPUTE, (make) => device.createComputePipeline(make(device))));
  },
  boundary: async (device) => {
    const { valid, invalid } = computeBounds(device);
    await all(device, true, each(device, valid, (code) => device.createComputePipeline(compute(device, code))));
    await all(device, false, each(device, invalid, (code) => device.createComputePipeline(compute(device, code))));
  },
});
fn('gpu-device.create-compute-pipeline-async', {
  valid: async (device) => check((await device.createComputePipelineAsync(compute(device))) instanceof GPUComputePipeline, 'another class'),
  invalid: async (device) => {
    for (const [name, make] of Object.entries(WRONG_COMPUTE)) {
      if (name === 'an invalid module') device.pushErrorScope('validation');
      await rejects('GPUPipelineError', () => device.createComputePipelineAsync(make(device)), name);
      if (name === 'an invalid module') await device.popErrorScope();
    }
    const error = await device.createComputePipelineAsync(compute(device, DOUBLE, { entryPoint: 'other' })).catch((thrown) => thrown);
    equal([error.reason, error instanceof DOMException], ['validation', true]);
    await rejects('TypeError', () => device.createComputePipelineAsync({ layout: 'auto' }));
  },
  boundary: async (device) => {
    const { valid, invalid } = computeBounds(device);
    for (const code of Object.values(valid)) await device.createComputePipelineAsync(compute(device, code));
    for (const [name, code] of Object.entries(invalid)) await rejects('GPUPipelineError', () => device.createComputePipelineAsync(compute(device, code)), name);
  },
});
fn('gpu-device.create-render-pipeline', {
  valid: (device) => all(device, true, each(device, VALID_RENDER, (make) => device.createRenderPipeline(make(device)))),
  invalid: async (device) => {
    throws('TypeError', () => device.createRenderPipeline({ layout: 'auto' }));
    throws('TypeError', () => device.createRenderPipeline(render(device, { primitive: { topology: 'fan' } })));
    await all(device, false, each(device, WRONG_RENDER, (make) => device.createRenderPipeline(make(device))));
  },
  boundary: async (device) => {
    const { valid, invalid } = renderBounds(device);
    await all(device, true, each(device, valid, (args) => device.createRenderPipeline(render(device, ...args))));
    await all(device, false, each(device, invalid, (args) => device.createRenderPipeline(render(device, ...args))));
  },
});
fn('gpu-device.create-render-pipeline-async', {
  valid: async (device) => { for (const make of Object.values(VALID_RENDER)) check((await device.createRenderPipelineAsync(make(device))) instanceof GPURenderPipeline, 'another class'); },
  invalid: async (device) => {
    for (const [name, make] of Object.entries(WRONG_RENDER)) await rejects('GPUPipelineError', () => device.createRenderPipelineAsync(make(device)), name);
    await rejects('TypeError', () => device.createRenderPipelineAsync({ layout: 'auto' }));
  },
  boundary: async (device) => {
    const { valid, invalid } = renderBounds(device);
    for (const args of Object.values(valid)) await device.createRenderPipelineAsync(render(device, ...args));
    for (const [name, args] of Object.entries(invalid)) await rejects('GPUPipelineError', () => device.createRenderPipelineAsync(render(device, ...args)), name);
  },
});

for (const [wit, make] of [['gpu-compute-pipeline', (device) => device.createComputePipeline(compute(device))], ['gpu-render-pipeline', (device) => renderPipeline(device)]]) {
  fn(`${wit}.get-bind-group-layout`, {
    valid: (device) => all(device, true, { 'the first': () => check(make(device).getBindGroupLayout(0) instanceof GPUBindGroupLayout, 'another class') }),
    invalid: async (device) => {
      throws('TypeError', () => make(device).getBindGroupLayout());
      throws('TypeError', () => make(device).getBindGroupLayout(-1));
      const layout = make(device).getBindGroupLayout(0);
      await all(device, false, { 'in a layout of a script\'s own': () => device.createPipelineLayout({ bindGroupLayouts: [layout] }) });
    },
    boundary: async (device) => {
      const { maxBindGroups } = device.limits;
      await all(device, true, { 'the last': () => make(device).getBindGroupLayout(maxBindGroups - 1) });
      await all(device, false, { 'one more': () => make(device).getBindGroupLayout(maxBindGroups), 'of 2^32 - 1': () => make(device).getBindGroupLayout(2 ** 32 - 1) });
    },
  });
}

// The dictionary of a pipeline's constants, a resource of the interface.
const OVERRIDE = '@id(7) override a: u32 = 1u; override b: f32 = 2.0; @group(0) @binding(0) var<storage, read_write> v: array<u32>; @compute @workgroup_size(1) fn main() { v[0] = a + u32(b); }';
const constants = (device, values) => device.createComputePipeline(compute(device, OVERRIDE, { constants: values }));
async function result(device, values) {
  const pipeline = constants(device, values);
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return (await wordsOf(device, buffer))[0];
}
fn('record-gpu-pipeline-constant-value.constructor', {
  valid: async (device) => equal([await result(device, undefined), await result(device, {})], [3, 3]),
  invalid: (device) => throws('TypeError', () => constants(device, 5), 'a number'),
  boundary: async (device) => equal(await result(device, Object.create({ 7: 9 })), 3, 'inherited members'),
});
fn('record-gpu-pipeline-constant-value.add', {
  valid: async (device) => equal([await result(device, { 7: 5 }), await result(device, { 7: 5, b: 10 }), await result(device, { b: 0.5 })], [7, 15, 1]),
  invalid: async (device) => {
    throws('TypeError', () => constants(device, { b: NaN }));
    throws('TypeError', () => constants(device, { b: Infinity }));
    await all(device, false, { 'an unknown name': () => constants(device, { c: 1 }), 'a name of a constant with a number': () => constants(device, { a: 1 }) });
  },
  boundary: async (device) => {
    equal(await result(device, { 7: 2 ** 32 - 1, b: 0 }), 2 ** 32 - 1, 'the greatest u32');
    await all(device, false, { 'a greater number': () => constants(device, { 7: 2 ** 32 }), 'a negative one': () => constants(device, { 7: -1 }), 'beyond f32': () => constants(device, { b: 1e39 }), 'an empty name': () => constants(device, { '': 1 }), 'a name with a space': () => constants(device, { ' b': 1 }) });
  },
});
const limits = async (requiredLimits) => (await navigator.gpu.requestAdapter()).requestDevice({ requiredLimits });
fn('record-option-gpu-size64.constructor', {
  valid: async () => check((await limits({})) instanceof GPUDevice, 'no device'),
  invalid: () => rejects('TypeError', () => limits(5), 'a number'),
  boundary: async () => check((await limits(Object.create({ maxNothing: 1 }))) instanceof GPUDevice, 'inherited members'),
}, { device: null });
fn('record-option-gpu-size64.add', {
  valid: async () => equal((await limits({ maxBindGroups: 4, maxBufferSize: 1024 })).limits.maxBindGroups, 4),
  invalid: async () => {
    await rejects('OperationError', () => limits({ maxNothing: 1 }), 'an unknown limit');
    await rejects('TypeError', () => limits({ maxBindGroups: NaN }));
    await rejects('TypeError', () => limits({ maxBindGroups: -1 }));
  },
  boundary: async () => {
    check((await limits({ maxNothing: undefined, maxBindGroups: 0 })) instanceof GPUDevice, 'an unknown limit without a value');
    await rejects('OperationError', () => limits({ maxBindGroups: 2 ** 53 - 1 }), 'the greatest number');
    await rejects('TypeError', () => limits({ maxBindGroups: 2 ** 53 }), 'a greater one');
  },
}, { device: null });

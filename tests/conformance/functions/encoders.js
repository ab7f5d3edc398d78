// Commands that all encoders share: debug groups and markers, bind groups, immediate data, and the begin and end of passes.

import { all, attachment, bufferOf, bundleEncoder, check, DOUBLE, encoders, equal, fn, record, renderPipeline, shader, target, wordsOf } from './support.js';
import { throws } from '../harness.js';

const recorders = { 'gpu-command-encoder': record, ...encoders };
const calls = (device, recorder, cases) => Object.fromEntries(Object.entries(cases).map(([name, use]) => [name, () => recorder(device, use)]));

for (const [wit, recorder] of Object.entries(recorders)) {
  fn(`${wit}.push-debug-group`, {
    valid: (device) => all(device, true, calls(device, recorder, { nested: (encoder) => { encoder.pushDebugGroup('a'); encoder.pushDebugGroup('b'); encoder.popDebugGroup(); encoder.popDebugGroup(); } })),
    invalid: async (device) => {
      recorder(device, (encoder) => throws('TypeError', () => encoder.pushDebugGroup()));
      await all(device, false, calls(device, recorder, { 'a group that stays open': (encoder) => encoder.pushDebugGroup('a') }));
    },
    boundary: (device) => all(device, true, calls(device, recorder, {
      'names': (encoder) => { for (const name of ['', 'a\u0000b', '\ud800', '\u{1f680}', 'x'.repeat(1000)]) { encoder.pushDebugGroup(name); encoder.popDebugGroup(); } },
      'a hundred deep': (encoder) => { for (let depth = 0; depth < 100; depth += 1) encoder.pushDebugGroup('a'); for (let depth = 0; depth < 100; depth += 1) encoder.popDebugGroup(); },
    })),
  });
  fn(`${wit}.pop-debug-group`, {
    valid: (device) => all(device, true, calls(device, recorder, { 'one of one': (encoder) => { encoder.pushDebugGroup('a'); equal(encoder.popDebugGroup(), undefined); } })),
    invalid: (device) => all(device, false, calls(device, recorder, { 'one of none': (encoder) => encoder.popDebugGroup() })),
    boundary: (device) => all(device, false, calls(device, recorder, { 'two of one': (encoder) => { encoder.pushDebugGroup('a'); encoder.popDebugGroup(); encoder.popDebugGroup(); } })),
  });
  fn(`${wit}.insert-debug-marker`, {
    valid: (device) => all(device, true, calls(device, recorder, { one: (encoder) => equal(encoder.insertDebugMarker('a'), undefined) })),
    invalid: (device) => recorder(device, (encoder) => {
      throws('TypeError', () => encoder.insertDebugMarker());
      throws('TypeError', () => encoder.insertDebugMarker(Symbol('name')));
    }),
    boundary: (device) => all(device, true, calls(device, recorder, { names: (encoder) => { for (const name of ['', 'a\u0000b', '\ud800', '\u{1f680}', 'x'.repeat(1000)]) encoder.insertDebugMarker(name); } })),
  });
}

/** Draws or dispatches once, with a bind group of one dynamic buffer. */
function bound(device, wit) {
  const compute = wit === 'gpu-compute-pass-encoder';
  const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: compute ? GPUShaderStage.COMPUTE : GPUShaderStage.FRAGMENT, buffer: { type: 'storage', hasDynamicOffset: true } }] });
  const module = shader(device, `${DOUBLE} @vertex fn all(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0, 0.5, 1.0); } @fragment fn count() -> @location(0) vec4f { v[0] = 9u; return vec4f(1.0); }`);
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const pipeline = compute
    ? device.createComputePipeline({ layout: pipelineLayout, compute: { module } })
    : device.createRenderPipeline({ layout: pipelineLayout, vertex: { module, entryPoint: 'all' }, fragment: { module, entryPoint: 'count', targets: [{ format: 'rgba8unorm' }] } });
  const buffer = bufferOf(device, new Uint32Array(128), GPUBufferUsage.STORAGE);
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer, size: 4 } }] });
  const run = (encoder) => (compute ? encoder.dispatchWorkgroups(1) : encoder.draw(3));
  return { buffer, group, pipeline, run };
}
for (const [wit, recorder] of Object.entries(encoders)) {
  const compute = wit === 'gpu-compute-pass-encoder';
  fn(`${wit}.set-bind-group`, {
    valid: async (device) => {
      const { buffer, group, pipeline, run } = bound(device, wit);
      const use = (...args) => device.queue.submit([recorder(device, (encoder) => { encoder.setPipeline(pipeline); encoder.setBindGroup(0, group, ...args); run(encoder); })]);
      use([0]);
      use(new Uint32Array([5, 256]), 1, 1);
      const words = await wordsOf(device, buffer);
      check(words[0] > 0 && words[64] > 0 && words[1] === 0, `the words are ${words[0]}, ${words[1]}, ${words[64]}`);
    },
    invalid: async (device) => {
      const { group, pipeline, run } = bound(device, wit);
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.setBindGroup(0));
        throws('TypeError', () => encoder.setBindGroup(0, {}));
        throws('RangeError', () => encoder.setBindGroup(0, group, new Uint32Array(2), 1, 2));
      });
      await all(device, false, calls(device, recorder, {
        'no offset': (encoder) => encoder.setBindGroup(0, group),
        'two offsets': (encoder) => encoder.setBindGroup(0, group, [0, 0]),
        'an offset that is not aligned': (encoder) => encoder.setBindGroup(0, group, [4]),
        'no group for a draw or dispatch': (encoder) => { encoder.setPipeline(pipeline); run(encoder); },
        'a group that was taken away': (encoder) => { encoder.setPipeline(pipeline); encoder.setBindGroup(0, group, [0]); encoder.setBindGroup(0, null); run(encoder); },
      }));
    },
    boundary: async (device) => {
      const { group } = bound(device, wit);
      const { maxBindGroups } = device.limits;
      await all(device, true, calls(device, recorder, { 'the last group': (encoder) => encoder.setBindGroup(maxBindGroups - 1, group, [0]), 'none for it': (encoder) => encoder.setBindGroup(maxBindGroups - 1, null), 'the last offset': (encoder) => encoder.setBindGroup(0, group, [256]) }));
      await all(device, false, calls(device, recorder, { 'a group more': (encoder) => encoder.setBindGroup(maxBindGroups, group, [0]), 'none for that': (encoder) => encoder.setBindGroup(maxBindGroups, null), 'an offset behind the end': (encoder) => encoder.setBindGroup(0, group, [512]), 'the greatest offset': (encoder) => encoder.setBindGroup(0, group, [2 ** 32 - 256]) }));
    },
  });
  const immediates = (device) => {
    const code = `var<immediate> n: vec2u; @group(0) @binding(0) var<storage, read_write> v: array<u32>;
      @compute @workgroup_size(1) fn main() { v[0] = n.x; v[1] = n.y; }
      @vertex fn all(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0, 0.5, 1.0); }
      @fragment fn fill() -> @location(0) vec4f { v[0] = n.x; v[1] = n.y; return vec4f(1.0); }`;
    const module = shader(device, code);
    const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: compute ? 4 : 2, buffer: { type: 'storage' } }] });
    const of = device.createPipelineLayout({ bindGroupLayouts: [layout], immediateSize: 8 });
    const pipeline = compute ? device.createComputePipeline({ layout: of, compute: { module } }) : device.createRenderPipeline({ layout: of, vertex: { module, entryPoint: 'all' }, fragment: { module, entryPoint: 'fill', targets: [{ format: 'rgba8unorm' }] } });
    const buffer = bufferOf(device, new Uint32Array(2), GPUBufferUsage.STORAGE);
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
    return { pipeline, buffer, group };
  };
  fn(`${wit}.set-immediates`, {
    valid: async (device) => {
      const { pipeline, buffer, group } = immediates(device);
      device.queue.submit([recorder(device, (encoder) => {
        encoder.setPipeline(pipeline);
        encoder.setBindGroup(0, group);
        encoder.setImmediates(0, new Uint32Array([1, 2]));
        encoder.setImmediates(4, new Uint32Array([5, 6, 7]), 1, 1);
        if (compute) encoder.dispatchWorkgroups(1);
        else encoder.draw(3);
      })]);
      equal(await wordsOf(device, buffer), [1, 6]);
    },
    invalid: async (device) => {
      recorder(device, (encoder) => {
        throws('TypeError', () => encoder.setImmediates(0));
        throws('TypeError', () => encoder.setImmediates(0, [1, 2, 3, 4]));
        throws('RangeError', () => encoder.setImmediates(0, new Uint32Array(1), 1, 1));
        throws('RangeError', () => encoder.setImmediates(0, new Uint8Array(3)));
      });
      await all(device, false, calls(device, recorder, { 'an odd place': (encoder) => encoder.setImmediates(2, new Uint32Array(1)) }));
    },
    boundary: async (device) => {
      const { maxImmediateSize } = device.limits;
      await all(device, true, calls(device, recorder, { 'all of it': (encoder) => encoder.setImmediates(0, new Uint8Array(maxImmediateSize)), 'nothing at the end': (encoder) => encoder.setImmediates(maxImmediateSize, new Uint8Array(0)) }));
      await all(device, false, calls(device, recorder, { 'a word more': (encoder) => encoder.setImmediates(0, new Uint8Array(maxImmediateSize + 4)), 'a word behind': (encoder) => encoder.setImmediates(maxImmediateSize, new Uint32Array(1)), 'the greatest place': (encoder) => encoder.setImmediates(2 ** 32 - 4, new Uint32Array(1)) }));
    },
  });
}

fn('gpu-command-encoder.begin-compute-pass', {
  valid: (device) => all(device, true, calls(device, record, { 'without a descriptor': (encoder) => encoder.beginComputePass().end(), 'two, one after the other': (encoder) => { encoder.beginComputePass({ label: 'a' }).end(); encoder.beginComputePass().end(); } })),
  invalid: async (device) => {
    throws('TypeError', () => device.createCommandEncoder().beginComputePass(5));
    throws('TypeError', () => device.createCommandEncoder().beginComputePass({ timestampWrites: {} }));
    await all(device, false, calls(device, record, {
      'a pass in a pass': (encoder) => { encoder.beginComputePass(); encoder.beginComputePass().end(); },
      'timestamps in a set for occlusion': (encoder) => encoder.beginComputePass({ timestampWrites: { querySet: device.createQuerySet({ type: 'occlusion', count: 2 }), beginningOfPassWriteIndex: 0 } }).end(),
    }));
  },
  boundary: async () => {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter.features.has('timestamp-query')) return;
    const device = await adapter.requestDevice({ requiredFeatures: ['timestamp-query'] });
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
    const pass = (beginningOfPassWriteIndex, endOfPassWriteIndex) => (encoder) => encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex } }).end();
    await all(device, true, calls(device, record, { 'both queries': pass(0, 1), 'only the last': pass(undefined, 1) }));
    await all(device, false, calls(device, record, { 'a query more': pass(0, 2), 'one for both': pass(1, 1), none: pass(undefined, undefined) }));
  },
});
fn('gpu-compute-pass-encoder.end', {
  valid: (device) => all(device, true, calls(device, record, { 'an empty pass': (encoder) => equal(encoder.beginComputePass().end(), undefined) })),
  invalid: (device) => all(device, false, calls(device, record, { 'an open group': (encoder) => { const pass = encoder.beginComputePass(); pass.pushDebugGroup('a'); pass.end(); } })),
  boundary: (device) => all(device, false, calls(device, record, { twice: (encoder) => { const pass = encoder.beginComputePass(); pass.end(); pass.end(); }, 'a call after it': (encoder) => { const pass = encoder.beginComputePass(); pass.end(); pass.dispatchWorkgroups(1); } })),
});

const passes = (device, cases) => calls(device, record, Object.fromEntries(Object.entries(cases).map(([name, descriptor]) => [name, (encoder) => encoder.beginRenderPass(descriptor()).end()])));
const depth = (device, change = {}) => device.createTexture({ size: [4, 4], format: 'depth24plus-stencil8', usage: 16, ...change }).createView();
fn('gpu-command-encoder.begin-render-pass', {
  valid: (device) => all(device, true, passes(device, {
    'one colour': () => ({ colorAttachments: [attachment(target(device))] }),
    'a texture itself': () => ({ colorAttachments: [{ view: target(device), loadOp: 'load', storeOp: 'discard' }] }),
    'a hole': () => ({ colorAttachments: [null, attachment(target(device))] }),
    'depth only': () => ({ colorAttachments: [], depthStencilAttachment: { view: depth(device), depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'store', stencilLoadOp: 'clear', stencilStoreOp: 'discard' } }),
    'read-only depth': () => ({ colorAttachments: [], depthStencilAttachment: { view: depth(device), depthReadOnly: true, stencilReadOnly: true } }),
    'samples, resolved': () => ({ colorAttachments: [{ ...attachment(target(device, { sampleCount: 4, usage: 16 })), resolveTarget: target(device).createView() }] }),
  })),
  invalid: async (device) => {
    const encoder = device.createCommandEncoder();
    throws('TypeError', () => encoder.beginRenderPass({}));
    throws('TypeError', () => encoder.beginRenderPass({ colorAttachments: [{ view: target(device).createView(), storeOp: 'store' }] }));
    const view = target(device).createView();
    await all(device, false, passes(device, {
      'no attachment': () => ({ colorAttachments: [] }),
      'sizes that differ': () => ({ colorAttachments: [attachment(target(device)), attachment(target(device, { size: [2, 2] }))] }),
      'samples that differ': () => ({ colorAttachments: [attachment(target(device)), attachment(target(device, { sampleCount: 4, usage: 16 }))] }),
      'another usage': () => ({ colorAttachments: [attachment(device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: 4 }))] }),
      'one texture twice': () => ({ colorAttachments: [{ view, loadOp: 'load', storeOp: 'store' }, { view, loadOp: 'load', storeOp: 'store' }] }),
      'depth as colour': () => ({ colorAttachments: [{ view: depth(device), loadOp: 'load', storeOp: 'store' }] }),
      'depth without operations': () => ({ colorAttachments: [], depthStencilAttachment: { view: depth(device), stencilReadOnly: true } }),
      'resolving one sample': () => ({ colorAttachments: [{ ...attachment(target(device)), resolveTarget: target(device).createView() }] }),
      'two levels': () => ({ colorAttachments: [attachment(target(device, { mipLevelCount: 2 }))] }),
      'queries of time': () => ({ colorAttachments: [attachment(target(device))], occlusionQuerySet: undefined, timestampWrites: { querySet: device.createQuerySet({ type: 'occlusion', count: 1 }), beginningOfPassWriteIndex: 0 } }),
    }));
  },
  boundary: async (device) => {
    const { maxColorAttachments } = device.limits;
    const many = (count, format = 'r8unorm') => () => ({ colorAttachments: Array.from({ length: count }, () => attachment(target(device, { format, usage: 16 }))) });
    const clear = (depthClearValue) => () => ({ colorAttachments: [], depthStencilAttachment: { view: depth(device), depthClearValue, depthLoadOp: 'clear', depthStoreOp: 'store', stencilReadOnly: true } });
    await all(device, true, passes(device, { 'all attachments': many(maxColorAttachments), 'all bytes of a sample': many(2, 'rgba32float'), 'a depth of 0': clear(0), 'of 1': clear(1) }));
    await all(device, false, passes(device, { 'an attachment more': many(maxColorAttachments + 1), 'more bytes': many(3, 'rgba32float'), 'a depth above 1': clear(1.001), 'below 0': clear(-0.001) }));
  },
});
fn('gpu-render-pass-encoder.end', {
  valid: (device) => all(device, true, { 'an empty pass': () => encoders['gpu-render-pass-encoder'](device, () => {}) }),
  invalid: (device) => all(device, false, { 'an open group': () => encoders['gpu-render-pass-encoder'](device, (pass) => pass.pushDebugGroup('a')) }),
  boundary: (device) => all(device, false, { twice: () => encoders['gpu-render-pass-encoder'](device, (pass) => pass.end()) }),
});

fn('gpu-device.create-render-bundle-encoder', {
  valid: (device) => all(device, true, Object.fromEntries([{ colorFormats: ['rgba8unorm'] }, { colorFormats: [null, 'r8unorm'] }, { colorFormats: [], depthStencilFormat: 'depth24plus' }, { colorFormats: ['bgra8unorm'], depthStencilFormat: 'depth24plus-stencil8', sampleCount: 4, depthReadOnly: true, stencilReadOnly: true }].map((descriptor) => [JSON.stringify(descriptor), () => device.createRenderBundleEncoder(descriptor)]))),
  invalid: async (device) => {
    throws('TypeError', () => device.createRenderBundleEncoder({}));
    throws('TypeError', () => device.createRenderBundleEncoder({ colorFormats: ['rgb8'] }));
    await all(device, false, Object.fromEntries([{ colorFormats: [] }, { colorFormats: [null] }, { colorFormats: ['depth24plus'] }, { colorFormats: [], depthStencilFormat: 'rgba8unorm' }].map((descriptor) => [JSON.stringify(descriptor), () => device.createRenderBundleEncoder(descriptor)])));
  },
  boundary: async (device) => {
    const { maxColorAttachments } = device.limits;
    const make = (count, format) => () => device.createRenderBundleEncoder({ colorFormats: Array.from({ length: count }, () => format) });
    await all(device, true, { 'all attachments': make(maxColorAttachments, 'r8unorm'), 'all bytes of a sample': make(2, 'rgba32float') });
    await all(device, false, { 'an attachment more': make(maxColorAttachments + 1, 'r8unorm'), 'more bytes': make(3, 'rgba32float') });
  },
});
fn('gpu-render-bundle-encoder.finish', {
  valid: (device) => all(device, true, { empty: () => check(bundleEncoder(device).finish() instanceof GPURenderBundle, 'another class'), 'with a label': () => bundleEncoder(device).finish({ label: 'mine' }) }),
  invalid: async (device) => {
    const encoder = bundleEncoder(device);
    encoder.draw(3);
    const open = bundleEncoder(device);
    open.pushDebugGroup('a');
    await all(device, false, { 'a draw without a pipeline': () => encoder.finish(), 'an open group': () => open.finish() });
  },
  boundary: async (device) => {
    const encoder = bundleEncoder(device);
    encoder.finish();
    await all(device, false, { 'a second time': () => encoder.finish(), 'a call after it': () => encoder.setPipeline(renderPipeline(device)) });
  },
});

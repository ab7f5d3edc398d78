// Commands of render passes only, and of compute passes only.

import { all, bufferOf, bundleEncoder, bytesOf, DOUBLE, DRAW, encoders, equal, fn, FORMAT, record, redsOf, renderPipeline, shader, target, wordsOf } from './support.js';
import { throws } from '../harness.js';

const render = encoders['gpu-render-pass-encoder'];
const calls = (device, cases, change) => Object.fromEntries(Object.entries(cases).map(([name, use]) => [name, () => render(device, use, target(device), change)]));
async function drawn(device, use, change, pipeline = renderPipeline(device)) {
  const texture = target(device);
  device.queue.submit([render(device, (pass) => { pass.setPipeline(pipeline); use(pass); pass.draw(3); }, texture, change)]);
  return redsOf(device, texture);
}
const WHITE = 255;
const inside = (test) => Array.from({ length: 16 }, (_, at) => (test(at % 4, Math.floor(at / 4)) ? WHITE : 0));

fn('gpu-render-pass-encoder.set-viewport', {
  valid: async (device) => equal(await drawn(device, (pass) => pass.setViewport(1, 2, 2, 1, 0, 1)), inside((x, y) => (x === 1 || x === 2) && y === 2)),
  invalid: async (device) => {
    render(device, (pass) => {
      throws('TypeError', () => pass.setViewport(0, 0, 1, 1, 0));
      throws('TypeError', () => pass.setViewport(0, 0, 1, 1, 0, Infinity));
      throws('TypeError', () => pass.setViewport(0, 0, NaN, 1, 0, 1));
    });
    await all(device, false, calls(device, { 'a negative width': (pass) => pass.setViewport(0, 0, -1, 1, 0, 1), 'depths in the wrong order': (pass) => pass.setViewport(0, 0, 1, 1, 0.6, 0.5) }));
  },
  boundary: async (device) => {
    const most = device.limits.maxTextureDimension2D;
    const set = (...args) => (pass) => pass.setViewport(...args);
    await all(device, true, calls(device, { 'nothing': set(0, 0, 0, 0, 0, 1), 'one depth': set(0, 0, 1, 1, 0.5, 0.5), 'beyond the attachment': set(-4, -4, 12, 12, 0, 1), 'the widest': set(0, 0, most, most, 0, 1), 'the farthest to the left': set(-2 * most, 0, 1, 1, 0, 1), 'the farthest to the right': set(2 * most - 2, 0, 1, 1, 0, 1) }));
    await all(device, false, calls(device, { 'wider': set(0, 0, most + 1, 1, 0, 1), 'farther to the left': set(-2 * most - 1, 0, 1, 1, 0, 1), 'farther to the right': set(2 * most - 1, 0, 1, 1, 0, 1), 'a depth above 1': set(0, 0, 1, 1, 0, 1.001), 'below 0': set(0, 0, 1, 1, -0.001, 1) }));
  },
});
fn('gpu-render-pass-encoder.set-scissor-rect', {
  valid: async (device) => equal(await drawn(device, (pass) => pass.setScissorRect(1, 2, 3, 2)), inside((x, y) => x >= 1 && y >= 2)),
  invalid: async (device) => {
    render(device, (pass) => {
      throws('TypeError', () => pass.setScissorRect(0, 0, 1));
      throws('TypeError', () => pass.setScissorRect(-1, 0, 1, 1));
      throws('TypeError', () => pass.setScissorRect(0, 0, 2 ** 32, 1));
    });
    await all(device, false, calls(device, { 'beyond the right': (pass) => pass.setScissorRect(2, 0, 3, 1) }));
  },
  boundary: async (device) => {
    equal(await drawn(device, (pass) => pass.setScissorRect(4, 4, 0, 0)), inside(() => false), 'nothing at the end');
    equal(await drawn(device, (pass) => pass.setScissorRect(3, 3, 1, 1)), inside((x, y) => x === 3 && y === 3), 'the last texel');
    const set = (...args) => (pass) => pass.setScissorRect(...args);
    await all(device, true, calls(device, { 'all of it': set(0, 0, 4, 4) }));
    await all(device, false, calls(device, { 'a row more': set(0, 0, 4, 5), 'behind the end': set(5, 0, 0, 0), 'a sum beyond 2^32': set(2 ** 32 - 1, 0, 2, 1) }));
  },
});
const blending = (device) => {
  const module = shader(device, DRAW);
  const blend = { color: { srcFactor: 'constant', dstFactor: 'zero' }, alpha: {} };
  return device.createRenderPipeline({ layout: 'auto', vertex: { module, entryPoint: 'all' }, fragment: { module, entryPoint: 'white', targets: [{ format: FORMAT, blend }] } });
};
fn('gpu-render-pass-encoder.set-blend-constant', {
  valid: async (device) => {
    equal(await drawn(device, (pass) => pass.setBlendConstant([0.2, 1, 1, 1]), {}, blending(device)), inside(() => true).map(() => 51));
    equal(await drawn(device, (pass) => pass.setBlendConstant({ r: 0.4, g: 0, b: 0, a: 0 }), {}, blending(device)), inside(() => true).map(() => 102));
    equal(await drawn(device, () => {}, {}, blending(device)), inside(() => false), 'the constant that a pass begins with');
  },
  invalid: (device) => render(device, (pass) => {
    for (const color of [[1, 1, 1], [1, 1, 1, 1, 1], { r: 1, g: 1, b: 1 }, 5, [NaN, 0, 0, 0], [Infinity, 0, 0, 0]]) throws('TypeError', () => pass.setBlendConstant(color), JSON.stringify(color));
  }),
  boundary: async (device) => {
    equal(await drawn(device, (pass) => pass.setBlendConstant([0, 0, 0, 0]), {}, blending(device)), inside(() => false));
    equal(await drawn(device, (pass) => pass.setBlendConstant([1, 1, 1, 1]), {}, blending(device)), inside(() => true));
    await all(device, true, calls(device, { 'beyond 1': (pass) => pass.setBlendConstant([2, -1, 1e30, 0]) }));
  },
});
const stencil = (device) => {
  const depthStencil = { format: 'stencil8', stencilFront: { compare: 'equal' }, stencilBack: { compare: 'equal' } };
  const view = device.createTexture({ size: [4, 4], format: 'stencil8', usage: GPUTextureUsage.RENDER_ATTACHMENT }).createView();
  const change = (stencilClearValue) => ({ depthStencilAttachment: { view, stencilClearValue, stencilLoadOp: 'clear', stencilStoreOp: 'store' } });
  return [renderPipeline(device, { depthStencil }), change];
};
fn('gpu-render-pass-encoder.set-stencil-reference', {
  valid: async (device) => {
    const [pipeline, change] = stencil(device);
    equal(await drawn(device, (pass) => pass.setStencilReference(7), change(7), pipeline), inside(() => true));
    equal(await drawn(device, (pass) => pass.setStencilReference(8), change(7), pipeline), inside(() => false));
    equal(await drawn(device, () => {}, change(0), pipeline), inside(() => true), 'the reference that a pass begins with');
  },
  invalid: (device) => render(device, (pass) => {
    throws('TypeError', () => pass.setStencilReference());
    throws('TypeError', () => pass.setStencilReference(-1));
    throws('TypeError', () => pass.setStencilReference(2 ** 32));
  }),
  boundary: async (device) => {
    const [pipeline, change] = stencil(device);
    equal(await drawn(device, (pass) => pass.setStencilReference(255), change(255), pipeline), inside(() => true));
    equal(await drawn(device, (pass) => pass.setStencilReference(0x107), change(7), pipeline), inside(() => true), 'bits that the format has not');
    await all(device, true, calls(device, { 'the greatest number': (pass) => pass.setStencilReference(2 ** 32 - 1) }));
  },
});
const occlusion = (device, count = 3) => ({ occlusionQuerySet: device.createQuerySet({ type: 'occlusion', count }) });
fn('gpu-render-pass-encoder.begin-occlusion-query', {
  valid: async (device) => {
    const change = occlusion(device);
    const pipeline = renderPipeline(device);
    const commands = render(device, (pass) => {
      pass.setPipeline(pipeline);
      pass.beginOcclusionQuery(1);
      pass.draw(3);
      pass.endOcclusionQuery();
      pass.beginOcclusionQuery(2);
      pass.endOcclusionQuery();
    }, target(device), change);
    const buffer = device.createBuffer({ size: 24, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    device.queue.submit([commands, record(device, (encoder) => encoder.resolveQuerySet(change.occlusionQuerySet, 0, 3, buffer, 0))]);
    const found = [...new BigUint64Array((await bytesOf(device, buffer)).buffer)].map((samples) => samples > 0n);
    equal(found, [false, true, false], 'whether samples passed');
  },
  invalid: async (device) => {
    render(device, (pass) => throws('TypeError', () => pass.beginOcclusionQuery()));
    await all(device, false, calls(device, { 'without a set': (pass) => { pass.beginOcclusionQuery(0); pass.endOcclusionQuery(); } }));
    await all(device, false, calls(device, { 'one in another': (pass) => { pass.beginOcclusionQuery(0); pass.beginOcclusionQuery(1); pass.endOcclusionQuery(); }, 'one twice': (pass) => { for (let count = 0; count < 2; count += 1) { pass.beginOcclusionQuery(0); pass.endOcclusionQuery(); } } }, occlusion(device)));
  },
  boundary: async (device) => {
    const query = (index) => (pass) => { pass.beginOcclusionQuery(index); pass.endOcclusionQuery(); };
    await all(device, true, calls(device, { 'the last': query(2) }, occlusion(device)));
    await all(device, false, calls(device, { 'one more': query(3), 'the greatest number': query(2 ** 32 - 1) }, occlusion(device)));
  },
});
fn('gpu-render-pass-encoder.end-occlusion-query', {
  valid: (device) => all(device, true, calls(device, { 'one that began': (pass) => { pass.beginOcclusionQuery(0); equal(pass.endOcclusionQuery(), undefined); } }, occlusion(device))),
  invalid: (device) => all(device, false, calls(device, { 'none that began': (pass) => pass.endOcclusionQuery() }, occlusion(device))),
  boundary: (device) => all(device, false, calls(device, { 'one twice': (pass) => { pass.beginOcclusionQuery(0); pass.endOcclusionQuery(); pass.endOcclusionQuery(); }, 'one that stays open': (pass) => pass.beginOcclusionQuery(0) }, occlusion(device))),
});
const bundle = (device, change) => {
  const encoder = bundleEncoder(device, change);
  encoder.setPipeline(renderPipeline(device, change?.sampleCount ? { multisample: { count: change.sampleCount } } : {}));
  encoder.draw(3);
  return encoder.finish();
};
fn('gpu-render-pass-encoder.execute-bundles', {
  valid: async (device) => {
    const texture = target(device);
    device.queue.submit([render(device, (pass) => equal(pass.executeBundles([bundle(device), bundle(device)]), undefined), texture)]);
    equal(await redsOf(device, texture), inside(() => true));
  },
  invalid: async (device) => {
    render(device, (pass) => {
      throws('TypeError', () => pass.executeBundles());
      throws('TypeError', () => pass.executeBundles([null]));
    });
    await all(device, false, calls(device, { 'another number of samples': (pass) => pass.executeBundles([bundle(device, { sampleCount: 4 })]), 'depth that the pass has not': (pass) => pass.executeBundles([bundleEncoder(device, { depthStencilFormat: 'depth24plus' }).finish()]) }));
  },
  boundary: async (device) => {
    const one = bundle(device);
    await all(device, true, calls(device, { 'one again and again': (pass) => pass.executeBundles(new Array(100).fill(one)), none: (pass) => pass.executeBundles([]) }));
    await all(device, false, calls(device, { 'a draw after none': (pass) => { pass.setPipeline(renderPipeline(device)); pass.executeBundles([]); pass.draw(3); } }));
  },
});

const compute = encoders['gpu-compute-pass-encoder'];
const computeCalls = (device, cases) => Object.fromEntries(Object.entries(cases).map(([name, use]) => [name, () => compute(device, use)]));
const pipelineOf = (device) => device.createComputePipeline({ layout: 'auto', compute: { module: shader(device, DOUBLE) } });
function readied(device, use) {
  const pipeline = pipelineOf(device);
  const buffer = bufferOf(device, new Uint32Array(128), GPUBufferUsage.STORAGE);
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] });
  return [buffer, (pass) => { pass.setPipeline(pipeline); pass.setBindGroup(0, group); use(pass); }];
}
async function counted(device, use) {
  const [buffer, run] = readied(device, use);
  device.queue.submit([compute(device, run)]);
  return (await wordsOf(device, buffer)).reduce((sum, word) => sum + word, 0);
}
fn('gpu-compute-pass-encoder.set-pipeline', {
  valid: async (device) => equal(await counted(device, (pass) => { equal(pass.setPipeline(pipelineOf(device)), undefined); }), 0),
  invalid: async (device) => {
    compute(device, (pass) => {
      throws('TypeError', () => pass.setPipeline());
      throws('TypeError', () => pass.setPipeline(renderPipeline(device)));
    });
    device.pushErrorScope('validation');
    const broken = device.createComputePipeline({ layout: 'auto', compute: { module: shader(device, DOUBLE), entryPoint: 'none' } });
    await device.popErrorScope();
    await all(device, false, computeCalls(device, { 'an invalid pipeline': (pass) => pass.setPipeline(broken) }));
  },
  boundary: async (device) => {
    const other = await (await navigator.gpu.requestAdapter()).requestDevice();
    await all(device, false, computeCalls(device, { 'of another device': (pass) => pass.setPipeline(pipelineOf(other)) }));
  },
});
fn('gpu-compute-pass-encoder.dispatch-workgroups', {
  valid: async (device) => {
    equal(await counted(device, (pass) => pass.dispatchWorkgroups(3)), 3);
    equal(await counted(device, (pass) => pass.dispatchWorkgroups(2, 3, 2)), 12);
  },
  invalid: async (device) => {
    compute(device, (pass) => {
      throws('TypeError', () => pass.dispatchWorkgroups());
      throws('TypeError', () => pass.dispatchWorkgroups(-1));
      throws('TypeError', () => pass.dispatchWorkgroups(2 ** 32));
    });
    await all(device, false, computeCalls(device, { 'without a pipeline': (pass) => pass.dispatchWorkgroups(1), 'without a group': (pass) => { pass.setPipeline(pipelineOf(device)); pass.dispatchWorkgroups(1); } }));
  },
  boundary: async (device) => {
    equal(await counted(device, (pass) => { pass.dispatchWorkgroups(0); pass.dispatchWorkgroups(1, 0); pass.dispatchWorkgroups(1, 1, 0); }), 0, 'dispatches of nothing');
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    const run = (...args) => readied(device, (pass) => pass.dispatchWorkgroups(...args))[1];
    await all(device, true, computeCalls(device, { most: run(most, 0, 0) }));
    await all(device, false, computeCalls(device, { 'one more': run(most + 1), 'one more by y': run(1, most + 1), 'one more by z': run(1, 1, most + 1), 'the greatest number': run(2 ** 32 - 1) }));
  },
});
fn('gpu-compute-pass-encoder.dispatch-workgroups-indirect', {
  valid: async (device) => equal(await counted(device, (pass) => pass.dispatchWorkgroupsIndirect(bufferOf(device, new Uint32Array([9, 2, 2, 1]), GPUBufferUsage.INDIRECT), 4)), 4),
  invalid: async (device) => {
    compute(device, (pass) => throws('TypeError', () => pass.dispatchWorkgroupsIndirect({}, 0)));
    const from = (usage, offset) => readied(device, (pass) => pass.dispatchWorkgroupsIndirect(bufferOf(device, new Uint32Array(4), usage), offset))[1];
    await all(device, false, computeCalls(device, { 'another usage': from(GPUBufferUsage.STORAGE, 0), 'an odd place': from(GPUBufferUsage.INDIRECT, 2) }));
  },
  boundary: async (device) => {
    const from = (numbers, offset) => readied(device, (pass) => pass.dispatchWorkgroupsIndirect(bufferOf(device, new Uint32Array(numbers), GPUBufferUsage.INDIRECT), offset))[1];
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    equal(await counted(device, (pass) => pass.dispatchWorkgroupsIndirect(bufferOf(device, new Uint32Array([most + 1, 1, 1]), GPUBufferUsage.INDIRECT), 0)), 0, 'more groups than there may be');
    await all(device, true, computeCalls(device, { 'the last place': from([0, 0, 0, 1, 1, 1], 12) }));
    await all(device, false, computeCalls(device, { 'a word behind': from([0, 0, 0, 1, 1, 1], 16), 'the greatest place': from([1, 1, 1], 2 ** 53 - 4) }));
  },
});

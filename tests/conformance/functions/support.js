// Helpers of the tests of single functions.

import { check, equal, test, throws, validates } from '../harness.js';

/** A kind of test that a function cannot have, with the reason. */
export const none = (reason) => ({ reason });

/**
 * The tests of a function of `wasi:webgpu`, by its name there: what is valid, what is not, and what lies at a bound. Each is a
 * function that gets a device (unless `options.device` is null), or `none(reason)`.
 */
export function fn(name, { valid, invalid, boundary }, options = {}) {
  for (const [kind, run] of Object.entries({ valid, invalid, boundary })) {
    if (run === undefined) throw new Error(`${name} has no test ${kind}`);
    test(`${name}: ${kind}`, run, { ...options, of: name, kind });
  }
}

/** An attribute cannot be read from an object of another class. */
export const wrongReceiver = (constructor, attribute) => () => {
  const { get } = Object.getOwnPropertyDescriptor(globalThis[constructor].prototype, attribute) ?? {};
  check(get, `${constructor}.prototype has no attribute ${attribute}`);
  for (const receiver of [{}, navigator.gpu, undefined]) {
    if (constructor !== 'GPU' || receiver !== navigator.gpu) throws('TypeError', () => get.call(receiver), `${attribute} of another object`);
  }
};

/** Awaits validation errors or none of several calls: pairs of a name and a call. */
export async function all(device, valid, calls) {
  for (const [what, call] of Object.entries(calls)) await validates(device, valid, call, what);
}

export const shader = (device, code) => device.createShaderModule({ code });

export const DOUBLE = '@group(0) @binding(0) var<storage, read_write> v: array<u32>; @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { v[id.x + 8u * id.y + 64u * id.z] += 1u; }';
/** A triangle over everything, in the colour of an optional vertex attribute. */
export const DRAW = `
  @vertex fn all(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(vec2f(f32(i & 1u), f32((i >> 1u) & 1u)) * 4.0 - 1.0, 0.5, 1.0); }
  @vertex fn placed(@location(0) at: vec2f) -> @builtin(position) vec4f { return vec4f(at, 0.5, 1.0); }
  @vertex fn column(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> @builtin(position) vec4f {
    let x = f32(n) * 0.5 - 1.0 + 0.5 * f32(i & 1u);
    return vec4f(x, f32((i >> 1u) & 1u) * 2.0 - 1.0, 0.5, 1.0);
  }
  @fragment fn white() -> @location(0) vec4f { return vec4f(1.0); }
  @fragment fn green() -> @location(0) vec4f { return vec4f(0.0, 1.0, 0.0, 1.0); }`;

/** A device object of each kind that has a label, by its class in WIT. */
export const makers = {
  'gpu-bind-group': (device, label) => device.createBindGroup({ label, layout: device.createBindGroupLayout({ entries: [] }), entries: [] }),
  'gpu-bind-group-layout': (device, label) => device.createBindGroupLayout({ label, entries: [] }),
  'gpu-buffer': (device, label) => device.createBuffer({ label, size: 4, usage: GPUBufferUsage.COPY_DST }),
  'gpu-command-buffer': (device, label) => device.createCommandEncoder().finish({ label }),
  'gpu-command-encoder': (device, label) => device.createCommandEncoder({ label }),
  'gpu-compute-pass-encoder': (device, label) => device.createCommandEncoder().beginComputePass({ label }),
  'gpu-compute-pipeline': (device, label) => device.createComputePipeline({ label, layout: 'auto', compute: { module: shader(device, DOUBLE) } }),
  'gpu-pipeline-layout': (device, label) => device.createPipelineLayout({ label, bindGroupLayouts: [] }),
  'gpu-query-set': (device, label) => device.createQuerySet({ label, type: 'occlusion', count: 1 }),
  'gpu-render-bundle': (device, label) => bundleEncoder(device).finish({ label }),
  'gpu-render-bundle-encoder': (device, label) => bundleEncoder(device, { label }),
  'gpu-render-pass-encoder': (device, label) => device.createCommandEncoder().beginRenderPass({ label, colorAttachments: [attachment(target(device))] }),
  'gpu-render-pipeline': (device, label) => renderPipeline(device, { label }),
  'gpu-sampler': (device, label) => device.createSampler({ label }),
  'gpu-shader-module': (device, label) => device.createShaderModule({ label, code: DOUBLE }),
  'gpu-texture': (device, label) => device.createTexture({ label, size: [1], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST }),
  'gpu-texture-view': (device, label) => target(device).createView({ label }),
};

/** `gpu-buffer` is GPUBuffer. */
export const className = (wit) => wit.split('-').map((word, at) => (at ? word[0].toUpperCase() + word.slice(1) : 'GPU')).join('');

export const FORMAT = 'rgba8unorm';
export const target = (device, change = {}) => device.createTexture({ size: [4, 4], format: FORMAT, usage: GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST, ...change });
export const attachment = (texture, change = {}) => ({ view: texture.createView(), loadOp: 'clear', storeOp: 'store', clearValue: [0, 0, 0, 1], ...change });
export const bundleEncoder = (device, change = {}) => device.createRenderBundleEncoder({ colorFormats: [FORMAT], ...change });

export function renderPipeline(device, { entry = 'all', fragment = 'white', ...change } = {}) {
  const module = shader(device, DRAW);
  const buffers = entry === 'placed' ? [{ arrayStride: 8, attributes: [{ shaderLocation: 0, offset: 0, format: 'float32x2' }] }] : [];
  return device.createRenderPipeline({ layout: 'auto', vertex: { module, entryPoint: entry, buffers }, fragment: { module, entryPoint: fragment, targets: [{ format: FORMAT }] }, ...change });
}

export function bufferOf(device, data, usage) {
  const buffer = device.createBuffer({ size: Math.max(4, data.byteLength), usage: usage | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** The bytes of a buffer with COPY_SRC. */
export async function bytesOf(device, buffer, size = buffer.size) {
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return bytes;
}
export const wordsOf = async (device, buffer, size) => [...new Uint32Array((await bytesOf(device, buffer, size)).buffer)];

/** The red channel of each texel of a small rgba8unorm texture, row by row. */
export async function redsOf(device, texture) {
  const { width, height } = texture;
  const buffer = device.createBuffer({ size: 256 * height, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow: 256 }, [width, height]);
  device.queue.submit([encoder.finish()]);
  const bytes = await bytesOf(device, buffer);
  return Array.from({ length: width * height }, (_, at) => bytes[Math.floor(at / width) * 256 + (at % width) * 4]);
}

/** Records with an encoder and finishes it. */
export function record(device, use) {
  const encoder = device.createCommandEncoder();
  use(encoder);
  return encoder.finish();
}
export const submit = (device, use) => device.queue.submit([record(device, use)]);

/** The three encoders that draw or dispatch: how to record with one, and what it needs. */
export const encoders = {
  'gpu-compute-pass-encoder': (device, use) => record(device, (encoder) => { const pass = encoder.beginComputePass(); use(pass); pass.end(); }),
  'gpu-render-pass-encoder': (device, use, texture = target(device), change = {}) => record(device, (encoder) => {
    const pass = encoder.beginRenderPass({ colorAttachments: [attachment(texture)], ...change });
    use(pass);
    pass.end();
  }),
  'gpu-render-bundle-encoder': (device, use, texture = target(device)) => {
    const bundles = bundleEncoder(device);
    use(bundles);
    const bundle = bundles.finish();
    return record(device, (encoder) => {
      const pass = encoder.beginRenderPass({ colorAttachments: [attachment(texture)] });
      pass.executeBundles([bundle]);
      pass.end();
    });
  },
};
export { check, equal };

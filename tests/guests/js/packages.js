// A textured, lit scene with depth: cubes over a plain, written as packages.png to the folder that the script is given. The
// matrices and the shapes come from published packages, which npm.sh puts into node_modules.
//
//   guest-shim/js/npm.sh tests/guests/js
//   airlock run --dir tests/guests/js::/out tests/guests/js/packages.js

import { mat4, vec3 } from 'wgpu-matrix';
import { createTextureFromSource, makeShaderDataDefinitions, makeStructuredView, primitives } from 'webgpu-utils';

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();
const [width, height] = [480, 320];
const canvas = new OffscreenCanvas(width, height);
const context = canvas.getContext('webgpu');
const format = 'rgba8unorm';
context.configure({ device, format });

const code = `
  struct Uniforms {
    viewProjection: mat4x4f,
    model: mat4x4f,
    tint: vec4f,
    light: vec3f,
  }
  @group(0) @binding(0) var<uniform> uniforms: Uniforms;
  @group(0) @binding(1) var checker: texture_2d<f32>;
  @group(0) @binding(2) var linear: sampler;

  struct Corner {
    @builtin(position) position: vec4f,
    @location(0) normal: vec3f,
    @location(1) uv: vec2f,
  }
  @vertex
  fn vertex(@location(0) position: vec3f, @location(1) normal: vec3f, @location(2) uv: vec2f) -> Corner {
    let world = uniforms.model * vec4f(position, 1.0);
    return Corner(uniforms.viewProjection * world, (uniforms.model * vec4f(normal, 0.0)).xyz, uv);
  }
  @fragment
  fn fragment(corner: Corner) -> @location(0) vec4f {
    let diffuse = max(dot(normalize(corner.normal), uniforms.light), 0.0);
    let color = textureSample(checker, linear, corner.uv) * uniforms.tint;
    return vec4f(color.rgb * (0.2 + 0.8 * diffuse), 1.0);
  }`;
const module = device.createShaderModule({ code });
const definitions = makeShaderDataDefinitions(code);
const attribute = (shaderLocation, arrayStride, format) => ({ arrayStride, attributes: [{ shaderLocation, offset: 0, format }] });
const pipeline = device.createRenderPipeline({
  layout: 'auto',
  vertex: { module, buffers: [attribute(0, 12, 'float32x3'), attribute(1, 12, 'float32x3'), attribute(2, 8, 'float32x2')] },
  fragment: { module, targets: [{ format }] },
  primitive: { cullMode: 'back' },
  depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
});

const squares = new ImageData(16, 16);
for (let at = 0; at < 256; at += 1) {
  const light = ((at >> 2) + (at >> 6)) % 2 ? 255 : 130;
  squares.data.set([light, light, light, 255], at * 4);
}
const checker = createTextureFromSource(device, await createImageBitmap(squares), { mips: true });
const linear = device.createSampler({ magFilter: 'nearest', minFilter: 'linear', mipmapFilter: 'linear' });

function buffer(data, usage) {
  const made = device.createBuffer({ size: Math.ceil(data.byteLength / 4) * 4, usage, mappedAtCreation: true });
  new data.constructor(made.getMappedRange(), 0, data.length).set(data);
  made.unmap();
  return made;
}
function shape(vertices) {
  const { position, normal, texcoord, indices } = vertices;
  return {
    vertices: [position, normal, texcoord].map((data) => buffer(data, GPUBufferUsage.VERTEX)),
    indices: buffer(indices, GPUBufferUsage.INDEX),
    format: indices instanceof Uint32Array ? 'uint32' : 'uint16',
    count: indices.length,
  };
}
const cube = shape(primitives.createCubeVertices({ size: 1 }));
const plain = shape(primitives.createPlaneVertices({ width: 14, depth: 14 }));

const projection = mat4.perspective(Math.PI / 4, width / height, 0.1, 50);
const view = mat4.lookAt([5, 4, 7], [0, 0, 0], [0, 1, 0]);
const viewProjection = mat4.multiply(projection, view);
const light = vec3.normalize([3, 5, 2]);

const encoder = device.createCommandEncoder();
const depth = device.createTexture({ size: [width, height], format: 'depth24plus', usage: GPUTextureUsage.RENDER_ATTACHMENT });
const pass = encoder.beginRenderPass({
  colorAttachments: [{ view: context.getCurrentTexture().createView(), clearValue: [0.4, 0.6, 0.9, 1], loadOp: 'clear', storeOp: 'store' }],
  depthStencilAttachment: { view: depth.createView(), depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'discard' },
});
pass.setPipeline(pipeline);
function draw(what, model, tint) {
  const uniforms = makeStructuredView(definitions.uniforms.uniforms);
  uniforms.set({ viewProjection, model, tint, light });
  const values = device.createBuffer({ size: uniforms.arrayBuffer.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(values, 0, uniforms.arrayBuffer);
  pass.setBindGroup(0, device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: values } }, { binding: 1, resource: checker.createView() }, { binding: 2, resource: linear }],
  }));
  what.vertices.forEach((data, slot) => pass.setVertexBuffer(slot, data));
  pass.setIndexBuffer(what.indices, what.format);
  pass.drawIndexed(what.count);
}
draw(plain, mat4.translation([0, -0.5, 0]), [0.5, 0.7, 0.5, 1]);
for (let index = 0; index < 9; index += 1) {
  const angle = (index / 9) * Math.PI * 2;
  const model = mat4.translation([Math.cos(angle) * 2.2, 0.2 + 0.15 * index, Math.sin(angle) * 2.2]);
  mat4.rotateY(model, angle * 2, model);
  draw(cube, model, [0.5 + 0.5 * Math.cos(angle), 0.6, 0.5 + 0.5 * Math.sin(angle), 1]);
}
pass.end();
device.queue.submit([encoder.finish()]);

const folder = await navigator.storage.getDirectory();
const file = await (await folder.getFileHandle('packages.png', { create: true })).createWritable();
await file.write(await canvas.convertToBlob());
await file.close();
console.log(`packages.png: ${width} x ${height}`);

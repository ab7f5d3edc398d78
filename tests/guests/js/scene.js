// A textured, lit scene with depth, drawn four times a pixel: a ring of cubes over a plain, written as scene.png to the folder
// that the script is given. Needs no package.
//
//   airlock run --dir .::/out tests/guests/js/scene.js

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();
const [width, height] = [480, 320];
const canvas = new OffscreenCanvas(width, height);
const context = canvas.getContext('webgpu');
const format = navigator.gpu.getPreferredCanvasFormat();
context.configure({ device, format });

const module = device.createShaderModule({
  code: `
    struct Object { transform: mat4x4f, model: mat4x4f, tint: vec4f }
    @group(0) @binding(0) var<uniform> object: Object;
    @group(0) @binding(1) var squares: texture_2d<f32>;
    @group(0) @binding(2) var smooth_sampler: sampler;

    struct Corner {
      @builtin(position) position: vec4f,
      @location(0) normal: vec3f,
      @location(1) uv: vec2f,
    }
    @vertex
    fn vertex(@location(0) position: vec3f, @location(1) normal: vec3f, @location(2) uv: vec2f) -> Corner {
      return Corner(object.transform * vec4f(position, 1.0), (object.model * vec4f(normal, 0.0)).xyz, uv);
    }
    @fragment
    fn fragment(corner: Corner) -> @location(0) vec4f {
      let light = max(dot(normalize(corner.normal), normalize(vec3f(3.0, 5.0, 2.0))), 0.0);
      let color = textureSample(squares, smooth_sampler, corner.uv) * object.tint;
      return vec4f(color.rgb * (0.2 + 0.8 * light), 1.0);
    }`,
});
const pipeline = device.createRenderPipeline({
  layout: 'auto',
  vertex: {
    module,
    buffers: [{
      arrayStride: 32,
      attributes: [
        { shaderLocation: 0, offset: 0, format: 'float32x3' },
        { shaderLocation: 1, offset: 12, format: 'float32x3' },
        { shaderLocation: 2, offset: 24, format: 'float32x2' },
      ],
    }],
  },
  fragment: { module, targets: [{ format }] },
  primitive: { cullMode: 'back' },
  depthStencil: { format: 'depth24plus', depthWriteEnabled: true, depthCompare: 'less' },
  multisample: { count: 4 },
});

// The texture: a picture of 16 x 16, and each level half of the one before.
const sides = [16, 8, 4, 2, 1];
const texture = device.createTexture({ size: [16, 16], mipLevelCount: sides.length, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST });
for (const [mipLevel, side] of sides.entries()) {
  const data = new Uint8Array(side * side * 4);
  for (let at = 0; at < side * side; at += 1) {
    const [x, y] = [at % side, Math.floor(at / side)].map((place) => Math.floor((place * 4) / side));
    const light = side < 4 ? 192 : (x + y) % 2 ? 255 : 130;
    data.set([light, light, light, 255], at * 4);
  }
  device.queue.writeTexture({ texture, mipLevel }, data, { bytesPerRow: side * 4 }, [side, side]);
}
const sampler = device.createSampler({ magFilter: 'linear', minFilter: 'linear', mipmapFilter: 'linear', addressModeU: 'repeat', addressModeV: 'repeat' });

// Matrices by columns, as WGSL has them.
const multiply = (a, b) => Array.from({ length: 16 }, (_, at) => [0, 1, 2, 3].reduce((sum, k) => sum + a[k * 4 + (at % 4)] * b[(at >> 2) * 4 + k], 0));
const translation = (x, y, z) => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1];
const turnY = (angle) => { const [c, s] = [Math.cos(angle), Math.sin(angle)]; return [c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1]; };
const turnX = (angle) => { const [c, s] = [Math.cos(angle), Math.sin(angle)]; return [1, 0, 0, 0, 0, c, s, 0, 0, -s, c, 0, 0, 0, 0, 1]; };
function perspective(view, aspect, near, far) {
  const f = 1 / Math.tan(view / 2);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, far / (near - far), -1, 0, 0, (near * far) / (near - far), 0];
}
const view = [perspective(Math.PI / 4, width / height, 0.1, 50), translation(0, -0.3, -9.5), turnX(0.45), turnY(-0.6)].reduce(multiply);

/** A rectangle: its middle, two half edges, the normal (their cross product), and how often the texture repeats. */
function rectangle(middle, u, v, repeat) {
  const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const length = Math.hypot(...normal);
  const corner = (a, b) => [...middle.map((at, i) => at + a * u[i] + b * v[i]), ...normal.map((at) => at / length), ((a + 1) / 2) * repeat, ((1 - b) / 2) * repeat];
  return [[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]].flatMap(([a, b]) => corner(a, b));
}
const h = 0.5;
const cube = [
  rectangle([0, 0, h], [h, 0, 0], [0, h, 0], 1), rectangle([0, 0, -h], [-h, 0, 0], [0, h, 0], 1),
  rectangle([h, 0, 0], [0, 0, -h], [0, h, 0], 1), rectangle([-h, 0, 0], [0, 0, h], [0, h, 0], 1),
  rectangle([0, h, 0], [h, 0, 0], [0, 0, -h], 1), rectangle([0, -h, 0], [h, 0, 0], [0, 0, h], 1),
].flat();
const plain = rectangle([0, -0.5, 0], [7, 0, 0], [0, 0, -7], 7);
const vertices = device.createBuffer({ size: (cube.length + plain.length) * 4, usage: GPUBufferUsage.VERTEX, mappedAtCreation: true });
new Float32Array(vertices.getMappedRange()).set([...cube, ...plain]);
vertices.unmap();

const target = (format) => device.createTexture({ size: [width, height], format, sampleCount: 4, usage: GPUTextureUsage.RENDER_ATTACHMENT }).createView();
const encoder = device.createCommandEncoder();
const pass = encoder.beginRenderPass({
  colorAttachments: [{ view: target(format), resolveTarget: context.getCurrentTexture().createView(), clearValue: [0.4, 0.6, 0.9, 1], loadOp: 'clear', storeOp: 'discard' }],
  depthStencilAttachment: { view: target('depth24plus'), depthClearValue: 1, depthLoadOp: 'clear', depthStoreOp: 'discard' },
});
pass.setPipeline(pipeline);
pass.setVertexBuffer(0, vertices);
function draw(count, first, model, tint) {
  const uniforms = device.createBuffer({ size: 144, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(uniforms, 0, new Float32Array([...multiply(view, model), ...model, ...tint]));
  pass.setBindGroup(0, device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: uniforms } }, { binding: 1, resource: texture.createView() }, { binding: 2, resource: sampler }],
  }));
  pass.draw(count, 1, first);
}
draw(6, 36, translation(0, 0, 0), [0.5, 0.7, 0.5, 1]);
for (let index = 0; index < 9; index += 1) {
  const angle = (index / 9) * Math.PI * 2;
  const model = multiply(translation(Math.cos(angle) * 2.2, 0.1 + 0.15 * index, Math.sin(angle) * 2.2), turnY(angle * 2));
  draw(36, 0, model, [0.5 + 0.5 * Math.cos(angle), 0.6, 0.5 + 0.5 * Math.sin(angle), 1]);
}
pass.end();
device.queue.submit([encoder.finish()]);

const folder = await navigator.storage.getDirectory();
const file = await (await folder.getFileHandle('scene.png', { create: true })).createWritable();
await file.write(await canvas.convertToBlob());
await file.close();
console.log(`scene.png: ${width} x ${height}`);

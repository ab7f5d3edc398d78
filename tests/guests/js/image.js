// Image processing: blurs a picture with a compute shader, and compares it with the same on the CPU. Without an argument the
// script makes the picture; the result is filtered.png in the folder that the script is given.
//
//   airlock run --dir .::/out tests/guests/js/image.js [PICTURE.PNG]

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();

/** A test picture with odd sides: gradients and a disc. */
function pattern(width, height) {
  const image = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2;
      image.data.set([(x * 255) / width, inside ? 220 : 40, (y * 255) / height, 255], (y * width + x) * 4);
    }
  }
  return image;
}

const name = globalThis.process?.argv[2];
const picture = await createImageBitmap(name ? await (await fetch(name)).blob() : pattern(131, 97));
const { width, height } = picture;
const size = [width, height];
const source = device.createTexture({ size, format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC | GPUTextureUsage.RENDER_ATTACHMENT });
device.queue.copyExternalImageToTexture({ source: picture }, { texture: source }, size);
const target = device.createTexture({ size, format: 'rgba8unorm', usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_SRC });

const module = device.createShaderModule({
  code: `
    @group(0) @binding(0) var source: texture_2d<f32>;
    @group(0) @binding(1) var result: texture_storage_2d<rgba8unorm, write>;

    @compute @workgroup_size(8, 8)
    fn blur(@builtin(global_invocation_id) id: vec3u) {
      let last = vec2i(textureDimensions(source)) - 1;
      let at = vec2i(id.xy);
      if (any(at > last)) { return; }
      var sum = vec4f(0.0);
      for (var y = -2; y <= 2; y++) {
        for (var x = -2; x <= 2; x++) {
          sum += textureLoad(source, clamp(at + vec2i(x, y), vec2i(0), last), 0);
        }
      }
      textureStore(result, at, sum / 25.0);
    }`,
});
const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
const group = device.createBindGroup({
  layout: pipeline.getBindGroupLayout(0),
  entries: [{ binding: 0, resource: source.createView() }, { binding: 1, resource: target.createView() }],
});
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, group);
pass.dispatchWorkgroups(Math.ceil(width / 8), Math.ceil(height / 8));
pass.end();

const bytesPerRow = Math.ceil((width * 4) / 256) * 256;
const readback = (texture) => {
  const buffer = device.createBuffer({ size: bytesPerRow * height, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, size);
  return buffer;
};
const buffers = [readback(source), readback(target)];
device.queue.submit([encoder.finish()]);
const [before, after] = await Promise.all(buffers.map(async (buffer) => {
  await buffer.mapAsync(GPUMapMode.READ);
  return new Uint8Array(buffer.getMappedRange());
}));

// The same on the CPU, for some hundred pixels.
let worst = 0;
const clamp = (value, last) => Math.min(Math.max(value, 0), last);
for (let index = 0; index < width * height; index += 23) {
  const [x, y] = [index % width, Math.floor(index / width)];
  for (let channel = 0; channel < 4; channel += 1) {
    let sum = 0;
    for (let dy = -2; dy <= 2; dy += 1) {
      for (let dx = -2; dx <= 2; dx += 1) sum += before[clamp(y + dy, height - 1) * bytesPerRow + clamp(x + dx, width - 1) * 4 + channel];
    }
    worst = Math.max(worst, Math.abs(sum / 25 - after[y * bytesPerRow + x * 4 + channel]));
  }
}
if (worst > 1.01) throw new Error(`a pixel differs by ${worst}`);

// The result goes to a canvas, and from there to a file.
const canvas = new OffscreenCanvas(width, height);
const context = canvas.getContext('webgpu');
context.configure({ device, format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT });
const last = device.createCommandEncoder();
last.copyTextureToTexture({ texture: target }, { texture: context.getCurrentTexture() }, size);
device.queue.submit([last.finish()]);
const folder = await navigator.storage.getDirectory();
const file = await (await folder.getFileHandle('filtered.png', { create: true })).createWritable();
await file.write(await canvas.convertToBlob());
await file.close();
console.log(`filtered.png: ${width} x ${height}, at most ${worst.toFixed(2)} from the CPU's result`);

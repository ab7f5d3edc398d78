// Objects created and forgotten: 100 000 buffers with bind groups and views, and 100 000 buffers in cycles. A guest's
// maximum number of handles is lower, so that unreachable objects must be dropped.
//
//   airlock run --adapter noop tests/guests/js/churn.js

const COUNT = 100000;
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } }] });
const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT });

for (let index = 0; index < COUNT; index += 1) {
  const buffer = device.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE });
  device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  texture.createView();
}
console.log(`${COUNT} buffers, bind groups and views`);

for (let index = 0; index < COUNT; index += 1) {
  const holder = { buffer: device.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE }) };
  holder.self = holder;
}
console.log(`${COUNT} buffers in cycles`);

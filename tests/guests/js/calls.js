// The cost of calls from JavaScript: each of several functions, called many times, in microseconds. `draws` of the guest
// `bench` measures the same from Rust.
//
//   airlock run --adapter noop tests/guests/js/calls.js

const COUNT = 100000;
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const layout = device.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'storage' } }] });
const buffer = device.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
const texture = device.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: GPUTextureUsage.RENDER_ATTACHMENT });
const data = new Uint8Array(64);

function measure(name, call) {
  let best = Infinity;
  for (let round = 0; round < 3; round += 1) {
    const start = performance.now();
    for (let index = 0; index < COUNT; index += 1) call();
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${name.padEnd(28)} ${((best * 1000) / COUNT).toFixed(3)} us`);
}

const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
measure('an empty function', () => {});
measure('texture.width', () => texture.width);
measure('pass.setBindGroup', () => pass.setBindGroup(0, group));
measure('pass.dispatchWorkgroups', () => pass.dispatchWorkgroups(1));
pass.end();
measure('texture.createView', () => texture.createView());
measure('device.createBuffer', () => device.createBuffer({ size: 64, usage: GPUBufferUsage.STORAGE }));
measure('device.createBindGroup', () => device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
measure('queue.writeBuffer of 64 B', () => device.queue.writeBuffer(buffer, 0, data));

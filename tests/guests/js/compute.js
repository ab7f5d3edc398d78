// The smallest compute program: the number of steps of each number's Collatz sequence.
//
//   airlock run tests/guests/js/compute.js [NUMBER...]

const numbers = Uint32Array.from(globalThis.process?.argv.slice(2) ?? [], Number);
const input = numbers.length ? numbers : new Uint32Array([1, 2, 7, 27, 97, 871]);

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice({ label: 'compute' });

const module = device.createShaderModule({
  label: 'collatz',
  code: `
    @group(0) @binding(0) var<storage, read_write> data: array<u32>;

    fn steps(first: u32) -> u32 {
      var n = first;
      var count = 0u;
      while (n > 1u) {
        n = select(n / 2u, 3u * n + 1u, n % 2u == 1u);
        count++;
      }
      return count;
    }

    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < arrayLength(&data)) { data[id.x] = steps(data[id.x]); }
    }`,
});
const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });

const storage = device.createBuffer({
  label: 'numbers', size: input.byteLength, mappedAtCreation: true,
  usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
});
new Uint32Array(storage.getMappedRange()).set(input);
storage.unmap();
const readback = device.createBuffer({ label: 'readback', size: input.byteLength, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });

const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: storage } }] });
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(0, group);
pass.dispatchWorkgroups(Math.ceil(input.length / 64));
pass.end();
encoder.copyBufferToBuffer(storage, readback);
device.queue.submit([encoder.finish()]);

await readback.mapAsync(GPUMapMode.READ);
const steps = [...new Uint32Array(readback.getMappedRange())];
readback.unmap();

// The same on the CPU.
function expected(n) {
  let count = 0;
  for (; n > 1; count += 1) n = n % 2 ? 3 * n + 1 : n / 2;
  return count;
}
for (const [index, number] of input.entries()) {
  if (steps[index] !== expected(number)) throw new Error(`${number} takes ${expected(number)} steps, not ${steps[index]}`);
}
console.log(`${[...input].join(' ')} -> ${steps.join(' ')}`);

// TypeScript: heat that spreads over a plate for some hundred steps, on the GPU and on the CPU. Its types are for the editor
// (tsconfig.json beside it); when it runs, they are left out.
//
//   airlock run --dir tests/guests/js::/guest tests/guests/js/heat.ts [STEPS]

import { Field, fill, type Extent, type Start } from './lib/field.ts';

declare const process: { readonly argv: readonly string[] } | undefined;

const extent = { width: 48, height: 31 } as const satisfies Extent;
const steps: number = Number(process?.argv[2] ?? 100);
const start: Start = (x, y, { width, height }) => ((x - width / 3) ** 2 + (y - height / 2) ** 2 < 40 ? 100 : 0);

const adapter: GPUAdapter | null = await navigator.gpu.requestAdapter();
if (adapter === null) throw new Error('there is no GPU adapter');
const device = await adapter.requestDevice();
const fields: [Field, Field] = [new Field(device, extent, start), new Field(device, extent, start)];

const pipeline = device.createComputePipeline({
  layout: 'auto',
  compute: {
    module: device.createShaderModule({
      code: `
        override width: u32;
        override height: u32;
        @group(0) @binding(0) var<storage, read> before: array<f32>;
        @group(0) @binding(1) var<storage, read_write> after: array<f32>;
        @compute @workgroup_size(8, 8)
        fn spread(@builtin(global_invocation_id) id: vec3u) {
          if (id.x >= width || id.y >= height) { return; }
          let x = vec3u(max(id.x, 1u) - 1u, id.x, min(id.x + 1u, width - 1u));
          let y = vec3u(max(id.y, 1u) - 1u, id.y, min(id.y + 1u, height - 1u));
          let at = id.y * width + id.x;
          let around = before[id.y * width + x.x] + before[id.y * width + x.z] + before[y.x * width + id.x] + before[y.z * width + id.x];
          after[at] = before[at] + 0.2 * (around - 4.0 * before[at]);
        }`,
    }),
    constants: { ...extent },
  },
});
const groups = [fields, [...fields].reverse()].map((pair) => device.createBindGroup({
  layout: pipeline.getBindGroupLayout(0),
  entries: pair.map(({ buffer }, binding): GPUBindGroupEntry => ({ binding, resource: { buffer } })),
}));
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
for (let step = 0; step < steps; step += 1) {
  pass.setBindGroup(0, groups[step % 2]!);
  pass.dispatchWorkgroups(Math.ceil(extent.width / 8), Math.ceil(extent.height / 8));
}
pass.end();
device.queue.submit([encoder.finish()]);
const found = await fields[(steps % 2) as 0 | 1].read();

// The same on the CPU.
let plate = fill(extent, start);
for (let step = 0; step < steps; step += 1) {
  plate = fill(extent, (x, y, { width, height }): number => {
    const at = (column: number, row: number): number => plate[Math.min(Math.max(row, 0), height - 1) * width + Math.min(Math.max(column, 0), width - 1)]!;
    return at(x, y) + 0.2 * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4 * at(x, y));
  });
}
const worst: number = plate.reduce((most, value, at) => Math.max(most, Math.abs(value - found[at]!)), 0);
if (worst > 1e-3) throw new Error(`a place differs by ${worst}`);
const warmest = <T extends ArrayLike<number>>(values: T): number => Math.max(...Array.from(values));
console.log(`${steps} steps: the warmest place has ${warmest(found).toFixed(3)}`);

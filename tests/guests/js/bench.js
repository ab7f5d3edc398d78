// The cost of calls and objects from JavaScript: cases of the guest `bench` (tests/guests/bench), with its numbers, its
// repetitions and its lines of JSON. `cargo bench --bench peer -- js` runs both by turns.
//
//   airlock run tests/guests/js/bench.js CASE [COUNT]

const PASSES = 4;
const DISPATCHES = 2000;
const GROUPS = 4;
const OBJECTS = 20000;
const WRITES = 5000;
/** Milliseconds of a case's repetitions, without a count. */
const LONG_ENOUGH = 600;
const FEWEST = 5;
const MOST = 1000;

const begun = performance.now();
const [name, given] = process.argv.slice(2);
const count = Number(given ?? 0);
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
const { queue } = device;

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[sorted.length >> 1] + sorted[(sorted.length - 1) >> 1]) / 2;
};
let checked = false;
const report = (figure, milliseconds) => console.log(JSON.stringify({ case: name, figure, unit: 'ns', value: milliseconds * 1e6, checked, adapter: adapter.info.description || adapter.info.device }));

const map = (buffer) => buffer.mapAsync(GPUMapMode.READ);
const source = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_SRC });
const target = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
/** Waits for the device, as the other guest does. */
async function wait() {
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, target);
  queue.submit([encoder.finish()]);
  await map(target);
  target.unmap();
}

/** A pipeline whose dispatches count into the buffer of the current bind group. */
function counter(groups) {
  const module = device.createShaderModule({ code: '@group(0) @binding(0) var<storage, read_write> count: u32; @compute @workgroup_size(1) fn main() { count += 1u; }' });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const layout = pipeline.getBindGroupLayout(0);
  const buffers = Array.from({ length: groups }, () => device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC }));
  const binds = buffers.map((buffer) => device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  return {
    to(dispatches) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      for (let at = 0; at < dispatches; at += 1) {
        pass.setBindGroup(0, binds[at % groups]);
        pass.dispatchWorkgroups(1);
      }
      pass.end();
      queue.submit([encoder.finish()]);
    },
    read: async () => Promise.all(buffers.map(async (buffer) => new Uint32Array(await download(buffer, 4))[0])),
  };
}

async function download(buffer, size) {
  const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, copy);
  queue.submit([encoder.finish()]);
  await map(copy);
  return copy.getMappedRange();
}

/** The medians of a work's times, after a warm-up that does not count. Two lines mark the repetitions, for the processor time. */
async function repeat(work) {
  await work();
  console.log(JSON.stringify({ case: name, repetitions: 'begin' }));
  const start = performance.now();
  const all = [];
  do all.push(await work());
  while (count ? all.length < count : all.length < MOST && (all.length < FEWEST || performance.now() - start < LONG_ENOUGH));
  console.log(JSON.stringify({ case: name, repetitions: 'end', ns: (performance.now() - start) * 1e6 }));
  // One that does not count, so that all processes are still there when the line is read.
  await work();
  return all[0].map((_, at) => median(all.map((times) => times[at])));
}

/** Milliseconds of `calls` until they are issued and until they are done, for each of `per`. */
async function timed(calls, per) {
  const start = performance.now();
  calls();
  const held = performance.now() - start;
  await wait();
  return [performance.now() - start, held].map((milliseconds) => milliseconds / per);
}

function fails(problem) {
  console.error(`bench.js: ${problem}`);
  process.exit(1);
}

const one = counter(1);
one.to(1);
const [first] = await one.read();
checked = first === 1;
if (name === 'first-result') {
  report('in-guest', performance.now() - begun);
  process.exit(0);
}

const cases = {
  async dispatches() {
    const counts = counter(GROUPS);
    let repetitions = 0;
    const times = await repeat(() => {
      repetitions += 1;
      return timed(() => { for (let pass = 0; pass < PASSES; pass += 1) counts.to(DISPATCHES); }, PASSES * DISPATCHES * 2);
    });
    const expected = (repetitions * PASSES * DISPATCHES) / GROUPS;
    const found = await counts.read();
    if (checked && found.some((value) => value !== expected)) fails(`the dispatches count to ${found}, expected ${expected} each`);
    return times;
  },
  async 'create-drop'() {
    const texture = device.createTexture({ size: [16, 16], format: 'rgba8unorm', usage: GPUTextureUsage.TEXTURE_BINDING });
    return (await repeat(() => timed(() => { for (let at = 0; at < OBJECTS; at += 1) texture.createView(); }, OBJECTS))).slice(0, 1);
  },
  async 'create-drop-buffer'() {
    return (await repeat(() => timed(() => { for (let at = 0; at < OBJECTS; at += 1) device.createBuffer({ size: 256, usage: GPUBufferUsage.UNIFORM }); }, OBJECTS))).slice(0, 1);
  },
  async 'write-buffer-64b'() {
    const data = Uint32Array.from({ length: 16 }, (_, at) => Math.imul(at, 0x9e3779b1));
    const buffer = device.createBuffer({ size: 64, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
    const times = await repeat(() => timed(() => { for (let at = 0; at < WRITES; at += 1) queue.writeBuffer(buffer, 0, data); }, WRITES));
    const found = new Uint32Array(await download(buffer, 64));
    if (checked && found.some((value, at) => value !== data[at])) fails('the buffer holds other bytes than were written');
    return times;
  },
};
if (!Object.hasOwn(cases, name)) fails(`the cases are first-result, ${Object.keys(cases).join(', ')}`);
device.pushErrorScope('validation');
const times = await cases[name]();
const error = await device.popErrorScope();
if (error) fails(error.message);
['whole', 'held'].forEach((figure, at) => { if (times[at] !== undefined) report(figure, times[at]); });

// The harness. A test is a name, `object.function: what`, and a function that gets a new device, and throws when the
// implementation differs from the specification.

export const tests = [];

/**
 * Adds a test. `options.device` is a device's descriptor, or null for a test that needs no device; `options.of` and `kind` say
 * which function of the interface it is for, and whether of what is valid, invalid, or at a bound.
 */
export function test(name, run, options = {}) {
  tests.push({ name, run, options });
}

export class Failure extends Error {
  constructor(message) { super(message); this.name = 'Failure'; }
}

export function check(condition, message) {
  if (!condition) throw new Failure(message);
}

export function equal(found, expected, what = 'value') {
  const text = (value) => (typeof value === 'string' ? JSON.stringify(value) : ArrayBuffer.isView(value) || Array.isArray(value) ? `[${[...value].join(', ')}]` : String(value));
  check(Object.is(found, expected) || text(found) === text(expected), `${what} is ${text(found)}, expected ${text(expected)}`);
}

/** Calls a function that must throw an exception of this name (`TypeError`, `OperationError`, ...). */
export function throws(name, run, what = 'the call') {
  let error;
  try { run(); } catch (thrown) { error = thrown; }
  check(error, `${what} throws nothing, expected ${name}`);
  equal(error.name, name, `the exception of ${what} (${error.message})`);
}

/** Awaits a promise that must reject with an exception of this name; the call itself must not throw. */
export async function rejects(name, run, what = 'the promise') {
  let promise;
  try { promise = run(); } catch (error) { throw new Failure(`${what} is thrown at once, not rejected: ${error}`); }
  let error;
  try { await promise; } catch (thrown) { error = thrown; }
  check(error, `${what} is not rejected, expected ${name}`);
  equal(error.name, name, `the rejection of ${what} (${error.message})`);
}

/** Runs something that must raise a validation error on the device, or none. */
export async function validates(device, valid, run, what = 'the call') {
  device.pushErrorScope('validation');
  let result;
  try {
    result = await run();
  } finally {
    const error = await device.popErrorScope();
    if (valid) check(!error, `${what} is a validation error: ${error?.message}`);
    else check(error instanceof GPUValidationError, `${what} is no validation error`);
  }
  return result;
}

/** The contents of a buffer with COPY_SRC. */
export async function contents(device, buffer, size = buffer.size) {
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging.getMappedRange().slice(0);
  staging.destroy();
  return bytes;
}

/** Milliseconds after which a test that still waits has failed. */
const LIMIT = 60000;

function limited(promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Failure(`it still waits after ${LIMIT / 1000} s`)), LIMIT); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The name under which this host stands in expected.json. */
export function host() {
  return navigator.userAgent === 'Airlock' ? 'airlock' : /Chrom/.test(navigator.userAgent) ? 'chromium' : '';
}

/**
 * Runs all tests whose names contain the query; gives one record for each. A test of `expected`, which has reasons by names,
 * fails as it should (`known`), or is a failure itself when it passes.
 */
export async function runAll(query = '', expected = {}) {
  const results = [];
  for (const { name, run, options } of tests.filter((known) => known.name.includes(query))) {
    const result = { name, outcome: 'pass', message: '' };
    if (options.of) Object.assign(result, { of: options.of, kind: options.kind });
    if (typeof run !== 'function') {
      results.push({ ...result, outcome: 'none', message: run.reason });
      continue;
    }
    try {
      let device;
      if (options.device !== null) {
        const adapter = await navigator.gpu.requestAdapter();
        if (!adapter) throw new Error('there is no adapter');
        const missing = (options.device?.requiredFeatures ?? []).filter((feature) => !adapter.features.has(feature));
        if (missing.length) {
          results.push({ ...result, outcome: 'skip', message: `the adapter has no ${missing.join(', ')}` });
          continue;
        }
        device = await adapter.requestDevice(options.device);
      }
      await limited(run(device));
      device?.destroy();
    } catch (error) {
      result.outcome = 'fail';
      result.message = error instanceof Failure ? error.message : `${error?.name}: ${error?.message}`;
    }
    if (name in expected) {
      if (result.outcome === 'fail') Object.assign(result, { outcome: 'known', message: `${expected[name]} (${result.message})` });
      else Object.assign(result, { outcome: 'fail', message: `it passes, but expected.json has: ${expected[name]}` });
    }
    results.push(result);
  }
  const names = new Set(tests.map(({ name }) => name));
  for (const name of Object.keys(expected)) {
    if (!names.has(name)) results.push({ name, outcome: 'fail', message: 'expected.json has it, and there is no such test' });
  }
  return results;
}

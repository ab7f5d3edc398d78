// Adapters and devices: requests, loss, and the queue's promise.

import { all, check, equal, fn, none, wrongReceiver } from './support.js';
import { rejects, throws } from '../harness.js';

const adapter = (options) => navigator.gpu.requestAdapter(options);

fn('gpu.request-adapter', {
  valid: async () => {
    check((await adapter()) instanceof GPUAdapter, 'no adapter');
    for (const options of [undefined, null, {}, { powerPreference: 'low-power' }, { powerPreference: 'high-performance' }, { featureLevel: 'core' }, { forceFallbackAdapter: false }]) {
      check(['GPUAdapter', undefined].includes((await adapter(options))?.constructor.name), JSON.stringify(options));
    }
  },
  invalid: async () => {
    await rejects('TypeError', () => adapter({ powerPreference: 'most' }));
    await rejects('TypeError', () => adapter(5));
    await rejects('TypeError', () => GPU.prototype.requestAdapter.call({}));
  },
  boundary: async () => {
    equal(await adapter({ featureLevel: 'beyond' }), null, 'a level that does not exist');
    check((await adapter()) !== (await adapter()), 'the same adapter twice');
  },
}, { device: null });

fn('gpu-adapter.request-device', {
  valid: async () => {
    const found = await adapter();
    const device = await found.requestDevice({ requiredFeatures: [...found.features].slice(0, 3), requiredLimits: {}, label: 'mine', defaultQueue: { label: 'its queue' } });
    check(device instanceof GPUDevice, 'another class');
    equal([device.label, device.queue.label], ['mine', 'its queue']);
    for (const feature of [...found.features].slice(0, 3)) check(device.features.has(feature), feature);
  },
  invalid: async () => {
    const missing = ['texture-compression-bc', 'texture-compression-astc', 'texture-compression-etc2', 'shader-f16', 'timestamp-query'];
    const found = await adapter();
    const absent = missing.find((feature) => !found.features.has(feature));
    if (absent) await rejects('TypeError', () => found.requestDevice({ requiredFeatures: [absent] }), 'a feature that the adapter has not');
    await rejects('TypeError', () => found.requestDevice({ requiredFeatures: ['no-such-feature'] }));
    await rejects('OperationError', () => found.requestDevice({ requiredLimits: { maxNothing: 1 } }));
    check((await found.requestDevice()) instanceof GPUDevice, 'a refused request uses up the adapter');
  },
  boundary: async () => {
    const found = await adapter();
    await found.requestDevice();
    const second = await found.requestDevice().catch((error) => error);
    if (second instanceof GPUDevice) equal((await second.lost).reason, 'unknown', 'the loss of a second device of one adapter');
    else equal(second.name, 'OperationError', 'a second request');
    const limits = Object.fromEntries(['maxBindGroups', 'maxBufferSize'].map((name) => [name, undefined]));
    check((await (await adapter()).requestDevice({ requiredLimits: limits, requiredFeatures: new Set() })) instanceof GPUDevice, 'limits without values');
  },
}, { device: null });

fn('gpu-device.destroy', {
  valid: async (device) => {
    equal(device.destroy(), undefined);
    equal((await device.lost).reason, 'destroyed');
  },
  invalid: () => throws('TypeError', () => GPUDevice.prototype.destroy.call({})),
  boundary: async (device) => {
    const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const mapping = buffer.mapAsync(GPUMapMode.READ).then(() => 'mapped', (error) => error.name);
    device.destroy();
    device.destroy();
    check(['AbortError', 'OperationError', 'mapped'].includes(await mapping), 'a map that waits');
    check(device.createBuffer({ size: 4, usage: 1 << 20 }) instanceof GPUBuffer, 'a call on a lost device fails');
  },
});
fn('gpu-device.lost', {
  valid: async (device) => {
    check(device.lost instanceof Promise && device.lost === device.lost, 'another promise');
    const first = await Promise.race([device.lost, Promise.resolve('pending')]);
    equal(first, 'pending');
    device.destroy();
    check((await device.lost) instanceof GPUDeviceLostInfo, 'another class');
  },
  invalid: async () => {
    const { get } = Object.getOwnPropertyDescriptor(GPUDevice.prototype, 'lost');
    await rejects('TypeError', () => get.call({}), 'that of another object');
  },
  boundary: async (device) => {
    device.destroy();
    check((await device.lost) === (await device.lost), 'two objects for one loss');
  },
});
const lostInfo = async (device) => { device.destroy(); return device.lost; };
fn('gpu-device-lost-info.reason', {
  valid: async (device) => equal((await lostInfo(device)).reason, 'destroyed'),
  invalid: wrongReceiver('GPUDeviceLostInfo', 'reason'),
  boundary: none('no script can lose a device for another reason at will'),
});
fn('gpu-device-lost-info.message', {
  valid: async (device) => equal(typeof (await lostInfo(device)).message, 'string'),
  invalid: wrongReceiver('GPUDeviceLostInfo', 'message'),
  boundary: none('the text is the implementation\'s'),
});

fn('gpu-queue.on-submitted-work-done', {
  valid: async (device) => equal(await device.queue.onSubmittedWorkDone(), undefined),
  invalid: () => rejects('TypeError', () => GPUQueue.prototype.onSubmittedWorkDone.call({})),
  boundary: async (device) => {
    for (let round = 0; round < 20; round += 1) {
      const order = [];
      const told = (name, promise) => promise.then(() => order.push(name));
      const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ });
      const map = told('map', buffer.mapAsync(GPUMapMode.READ));
      const first = told('first', device.queue.onSubmittedWorkDone());
      device.queue.submit([device.createCommandEncoder().finish()]);
      const second = told('second', device.queue.onSubmittedWorkDone());
      await Promise.all([map, first, second]);
      equal(order, ['map', 'first', 'second'], 'the order');
    }
    device.destroy();
    equal(await device.queue.onSubmittedWorkDone(), undefined, 'that of a lost device');
  },
});
fn('gpu-queue.submit', {
  valid: async (device) => {
    await all(device, true, {
      nothing: () => device.queue.submit([]),
      'two in an iterable': () => device.queue.submit(new Set([device.createCommandEncoder().finish(), device.createCommandEncoder().finish()])),
    });
    equal(device.queue.submit([]), undefined);
  },
  invalid: async (device) => {
    throws('TypeError', () => device.queue.submit());
    throws('TypeError', () => device.queue.submit([null]));
    throws('TypeError', () => device.queue.submit({}));
    const destroyed = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(destroyed);
    const commands = encoder.finish();
    destroyed.destroy();
    await all(device, false, { 'a destroyed buffer': () => device.queue.submit([commands]) });
  },
  boundary: async (device) => {
    const commands = device.createCommandEncoder().finish();
    await all(device, false, {
      'the same twice in one list': () => device.queue.submit([commands, commands]),
    });
    const used = device.createCommandEncoder().finish();
    device.queue.submit([used]);
    await all(device, false, { 'the same again': () => device.queue.submit([used]) });
    const mapped = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST, mappedAtCreation: true });
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(mapped);
    const waiting = encoder.finish();
    await all(device, false, { 'a mapped buffer': () => device.queue.submit([waiting]) });
  },
});

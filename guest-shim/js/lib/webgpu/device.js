// GPUDevice: an event target, and the device's loss.

import native from 'airlock:native';
import { attributes, calls, classes, methods } from './interfaces.js';
import { dictionary, global, required, size64, webInterface } from '../define.js';
import { gpuError } from './errors.js';
import { handler, trust } from '../web/event.js';
import { unmapAll, watch } from './buffer.js';
import { join, own } from './order.js';

const device = classes['gpu-device'];
Object.setPrototypeOf(device, EventTarget);
Object.setPrototypeOf(device.prototype, EventTarget.prototype);
handler(device.prototype, 'uncapturederror');

const lost = new WeakMap();
/** Devices that may still have errors to tell when the script ends. */
const alive = new Set();

/** Begins to listen to a new device. Nothing that waits for the host holds the device itself. */
export function setUp(object) {
  const weak = new WeakRef(object);
  alive.add(weak);
  own(join(object.queue, object), object);
  lost.set(object, new Promise((resolve) => {
    native.onLost(object, (info) => {
      alive.delete(weak);
      resolve(info);
    });
  }));
  native.onUncaptured(object, (error) => tell(weak.deref(), gpuError(error)));
  return object;
}

function tell(object, error) {
  const event = trust(new GPUUncapturedErrorEvent('uncapturederror', { error, cancelable: true }));
  // The host has logged the error already.
  object?.dispatchEvent(event);
}

/** Asks each device for what it has not told yet: runs when the script waits for nothing else. */
native.whenIdle(() => {
  for (const weak of alive) {
    const object = weak.deref();
    if (!object) alive.delete(weak);
    else {
      calls['gpu-device'].pushErrorScope.call(object, 'validation');
      calls['gpu-device'].popErrorScope.call(object).catch(() => {});
    }
  }
});

class GPUExternalTexture {
  constructor() { throw new TypeError('Illegal constructor'); }
  get label() { throw new TypeError('GPUExternalTexture.label: called on another object'); }
  set label(value) { throw new TypeError('GPUExternalTexture.label: called on another object'); }
}
global({ GPUExternalTexture: webInterface(GPUExternalTexture) });

attributes('gpu-device', { lost() { return lost.get(this) ?? Promise.reject(new TypeError('GPUDevice.lost: called on another object')); } });

const { createBuffer, destroy, popErrorScope } = calls['gpu-device'];

methods('gpu-device', {
  createBuffer(descriptor) {
    const { label, mappedAtCreation, size, usage } = dictionary(descriptor, 'GPUDevice.createBuffer: descriptor');
    const read = { label, mappedAtCreation, size, usage };
    if (!mappedAtCreation) return join(createBuffer.call(this, read), this);
    read.size = size64(size, 'GPUDevice.createBuffer: descriptor.size');
    if (read.size % 4) throw new RangeError(`GPUDevice.createBuffer: a mapped buffer's size of ${read.size} is not a multiple of 4`);
    const buffer = join(createBuffer.call(this, read), this);
    watch(this, buffer, GPUMapMode.WRITE);
    return buffer;
  },
  importExternalTexture(descriptor) {
    required(arguments.length, 1, 'GPUDevice.importExternalTexture');
    // No script has an object of the classes that the web imports.
    throw new TypeError('GPUDevice.importExternalTexture: descriptor.source is not an HTMLVideoElement or a VideoFrame');
  },
  async popErrorScope() {
    const error = await popErrorScope.call(this);
    return error === null ? null : gpuError(error);
  },
  destroy() {
    unmapAll(this);
    destroy.call(this);
  },
});

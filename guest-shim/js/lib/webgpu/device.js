// GPUDevice: an event target, and the device's loss.

import native from 'airlock:native';
import { attributes, calls, classes, methods } from './interfaces.js';
import { required } from '../define.js';
import { gpuError } from './errors.js';
import { handler } from '../web/event.js';
import { formats } from './texture.js';
import { unmapAll, watch } from './buffer.js';
import { join } from './order.js';

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
  join(object.queue, object);
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
  const event = new GPUUncapturedErrorEvent('uncapturederror', { error, cancelable: true });
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

attributes('gpu-device', { lost() { return lost.get(this) ?? Promise.reject(new TypeError('GPUDevice.lost: called on another object')); } });

const { createBuffer, createTexture, createBindGroupLayout, createRenderPipeline, createRenderPipelineAsync, createRenderBundleEncoder, destroy, popErrorScope } = calls['gpu-device'];

/** Formats of a render pipeline's descriptor. */
function* pipelineFormats(descriptor) {
  for (const target of descriptor?.fragment?.targets ?? []) if (target) yield target.format;
  if (descriptor?.depthStencil) yield descriptor.depthStencil.format;
}

methods('gpu-device', {
  createBuffer(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createBuffer');
    if (descriptor?.mappedAtCreation && Number(descriptor.size) % 4) throw new RangeError(`GPUDevice.createBuffer: a mapped buffer's size of ${descriptor.size} is not a multiple of 4`);
    const buffer = join(createBuffer.call(this, descriptor), this);
    if (descriptor?.mappedAtCreation) watch(this, buffer, GPUMapMode.WRITE);
    return buffer;
  },
  createTexture(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createTexture');
    formats(this, [descriptor?.format, ...(descriptor?.viewFormats ?? [])]);
    return createTexture.call(this, descriptor);
  },
  createBindGroupLayout(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createBindGroupLayout');
    const entries = descriptor?.entries;
    if (Array.isArray(entries)) for (const entry of entries) if (entry?.storageTexture) formats(this, [entry.storageTexture.format]);
    return createBindGroupLayout.call(this, descriptor);
  },
  createRenderPipeline(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createRenderPipeline');
    formats(this, pipelineFormats(descriptor));
    return createRenderPipeline.call(this, descriptor);
  },
  async createRenderPipelineAsync(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createRenderPipelineAsync');
    formats(this, pipelineFormats(descriptor));
    return createRenderPipelineAsync.call(this, descriptor);
  },
  createRenderBundleEncoder(descriptor) {
    required(arguments.length, 1, 'GPUDevice.createRenderBundleEncoder');
    formats(this, [...(descriptor?.colorFormats ?? []), descriptor?.depthStencilFormat]);
    return createRenderBundleEncoder.call(this, descriptor);
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

// GPU and GPUAdapter.

import { calls, methods, without } from './interfaces.js';
import { setUp } from './device.js';

let object;
/** navigator.gpu: one object. */
export function gpu() {
  object ??= calls[''].getGpu();
  return object;
}

const { requestDevice } = calls['gpu-adapter'];
methods('gpu-adapter', {
  async requestDevice(descriptor) {
    return setUp(await requestDevice.call(this, descriptor));
  },
});
Object.defineProperty(GPUAdapter.prototype.requestDevice, 'length', { value: 0 });

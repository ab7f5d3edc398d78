// Encoders: functions with two overloads on the web and one signature in WIT.

import native from 'airlock:native';
import { calls, classes, methods } from './interfaces.js';
import { required } from '../define.js';
import { part } from './queue.js';

const { copyBufferToBuffer } = calls['gpu-command-encoder'];
methods('gpu-command-encoder', {
  copyBufferToBuffer(source, ...rest) {
    // (source, destination, size?) or (source, sourceOffset, destination, destinationOffset, size?)
    if (native.kind(rest[0]) === 'gpu-buffer') return copyBufferToBuffer.call(this, source, undefined, rest[0], undefined, rest[1]);
    required(rest.length + 1, 4, 'GPUCommandEncoder.copyBufferToBuffer');
    return copyBufferToBuffer.call(this, source, ...rest);
  },
});
Object.defineProperty(GPUCommandEncoder.prototype.copyBufferToBuffer, 'length', { value: 2 });

const rangeError = (message) => new RangeError(message);

for (const wit of ['gpu-compute-pass-encoder', 'gpu-render-pass-encoder', 'gpu-render-bundle-encoder']) {
  // setBindGroup is not overridden: its parameters serve both overloads, and a frame has thousands of calls of it.
  const { setImmediates } = calls[wit];
  methods(wit, {
    setImmediates(rangeOffset, data, dataOffset, dataSize) {
      required(arguments.length, 2, `${this.constructor.name}.setImmediates`);
      setImmediates.call(this, rangeOffset, part(data, dataOffset, dataSize, 'setImmediates', rangeError));
    },
  });
  Object.defineProperty(classes[wit].prototype.setImmediates, 'length', { value: 2, configurable: true });
}

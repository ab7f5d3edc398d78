// WebGPU's errors: those that calls throw, and those that devices report.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';
import { calls, getters } from './interfaces.js';
import { inspect } from '../web/inspect.js';

class GPUError {
  #message;
  constructor(message) {
    if (new.target === GPUError) throw new TypeError('Illegal constructor');
    if (message === undefined && arguments.length < 1) throw new TypeError(`${new.target.name}: 1 argument required, 0 given`);
    this.#message = `${message}`;
  }
  get message() { return this.#message; }
}
class GPUValidationError extends GPUError { constructor(message) { super(...arguments); } }
class GPUOutOfMemoryError extends GPUError { constructor(message) { super(...arguments); } }
class GPUInternalError extends GPUError { constructor(message) { super(...arguments); } }

class GPUPipelineError extends DOMException {
  #reason;
  constructor(message = '', options) {
    if (typeof options !== 'object' || options === null) throw new TypeError('GPUPipelineError: options are required');
    const reason = `${options.reason}`;
    if (reason !== 'validation' && reason !== 'internal') throw new TypeError(`GPUPipelineError: ${JSON.stringify(reason)} is not a GPUPipelineErrorReason`);
    super(message, 'GPUPipelineError');
    this.#reason = reason;
  }
  get reason() { return this.#reason; }
}

class GPUUncapturedErrorEvent extends Event {
  #error;
  constructor(type, init) {
    if (arguments.length < 2) throw new TypeError(`GPUUncapturedErrorEvent: 2 arguments required, ${arguments.length} given`);
    super(type, init);
    if (!(init?.error instanceof GPUError)) throw new TypeError('GPUUncapturedErrorEvent: init.error is not a GPUError');
    this.#error = init.error;
  }
  get error() { return this.#error; }
}

const KINDS = { 'validation-error': GPUValidationError, 'out-of-memory-error': GPUOutOfMemoryError, 'internal-error': GPUInternalError };
const DOM_EXCEPTIONS = { 'operation-error': 'OperationError', 'abort-error': 'AbortError' };

/** The web's object for an error of the host. */
export function gpuError(error) {
  const { kind, message } = getters['gpu-error'];
  return new (KINDS[kind.call(error)] ?? GPUInternalError)(message.call(error));
}

/** The exception for a result's error. */
export function makeError(kind, message, reason) {
  switch (kind) {
    case 'type-error': return new TypeError(message);
    case 'range-error': return new RangeError(message);
    case 'gpu-pipeline-error': return new GPUPipelineError(message, { reason });
    default: return new DOMException(message, DOM_EXCEPTIONS[kind] ?? 'OperationError');
  }
}

/** What the runtime's conversions need: the elements of an iterable, the entries of an object. */
function toArray(value) {
  const iterator = value[Symbol.iterator];
  if (iterator === undefined || iterator === null) return undefined;
  return Array.from({ [Symbol.iterator]: () => iterator.call(value) });
}
function needFeature(device, feature, format) {
  const features = getters['gpu-device'].features.call(device);
  if (!calls['gpu-supported-features'].has.call(features, feature)) throw new TypeError(`the format ${format} needs the feature ${feature}`);
}
native.setHelpers([toArray, Object.entries, makeError, needFeature, (value) => (typeof value === 'string' ? value : inspect(value))]);

for (const constructor of [GPUError, GPUValidationError, GPUOutOfMemoryError, GPUInternalError, GPUPipelineError, GPUUncapturedErrorEvent]) {
  webInterface(constructor, { constructor: { GPUError: 0, GPUPipelineError: 1, GPUUncapturedErrorEvent: 2 }[constructor.name] ?? 1 });
  global({ [constructor.name]: constructor });
}

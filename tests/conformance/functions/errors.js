// Error scopes, the errors in them, and those that no scope catches.

import { check, equal, fn, none, shader, wrongReceiver } from './support.js';
import { rejects, throws } from '../harness.js';

const mistake = (device) => device.createBuffer({ size: 4, usage: 0 });
async function caught(device, filter = 'validation') {
  device.pushErrorScope(filter);
  mistake(device);
  return device.popErrorScope();
}

fn('gpu-device.push-error-scope', {
  valid: async (device) => {
    for (const filter of ['validation', 'out-of-memory', 'internal']) {
      equal(device.pushErrorScope(filter), undefined);
      equal(await device.popErrorScope(), null, filter);
    }
  },
  invalid: (device) => {
    throws('TypeError', () => device.pushErrorScope());
    throws('TypeError', () => device.pushErrorScope('Validation'));
    throws('TypeError', () => device.pushErrorScope(''));
  },
  boundary: async (device) => {
    for (let depth = 0; depth < 1000; depth += 1) device.pushErrorScope('validation');
    mistake(device);
    const errors = await Promise.all(Array.from({ length: 1000 }, () => device.popErrorScope()));
    check(errors[0] instanceof GPUValidationError, 'the innermost of 1000 scopes has no error');
    equal(errors.slice(1).filter(Boolean).length, 0, 'the errors of the others');
  },
});
fn('gpu-device.pop-error-scope', {
  valid: async (device) => {
    check((await caught(device)) instanceof GPUValidationError, 'no error');
    device.pushErrorScope('validation');
    mistake(device);
    mistake(device);
    check((await device.popErrorScope()) instanceof GPUValidationError, 'the first of two errors');
  },
  invalid: async (device) => {
    await rejects('OperationError', () => device.popErrorScope(), 'no scope');
    await rejects('TypeError', () => GPUDevice.prototype.popErrorScope.call({}));
  },
  boundary: async (device) => {
    device.pushErrorScope('validation');
    device.pushErrorScope('internal');
    mistake(device);
    equal(await device.popErrorScope(), null, 'a scope of another filter');
    check((await device.popErrorScope()) instanceof GPUValidationError, 'the scope around it');
    await rejects('OperationError', () => device.popErrorScope(), 'one pop too many');
  },
});
const uncaptured = (device, cause) => new Promise((resolve) => {
  device.addEventListener('uncapturederror', (event) => { event.preventDefault(); resolve(event); }, { once: true });
  cause();
  // Some hosts hold calls back until the next submit.
  device.queue.submit([]);
});
fn('gpu-device.on-uncaptured-error', {
  valid: async (device) => {
    const event = await uncaptured(device, () => mistake(device));
    check(event instanceof GPUUncapturedErrorEvent && event.error instanceof GPUValidationError, 'another event or error');
    check(event.cancelable && event.target === device, 'not to be cancelled, or of another target');
  },
  invalid: (device) => {
    device.onuncapturederror = 5;
    equal(device.onuncapturederror, null, 'a handler that is no function');
    throws('TypeError', () => new GPUUncapturedErrorEvent('uncapturederror', {}));
  },
  boundary: async (device) => {
    const seen = [];
    device.onuncapturederror = (event) => { event.preventDefault(); seen.push(event.error.constructor.name); };
    await caught(device);
    device.pushErrorScope('out-of-memory');
    const event = uncaptured(device, () => mistake(device));
    equal(await device.popErrorScope(), null, 'a scope of another filter');
    await event;
    equal(seen, ['GPUValidationError'], 'what the handler saw');
  },
});
fn('gpu-error.message', {
  valid: async (device) => check((await caught(device)).message.length > 0, 'an empty message'),
  invalid: wrongReceiver('GPUError', 'message'),
  boundary: () => equal(new GPUOutOfMemoryError('').message, '', 'an empty text of a script'),
});
fn('gpu-error.kind', {
  valid: async (device) => check((await caught(device)) instanceof GPUValidationError, 'no validation error'),
  invalid: () => throws('TypeError', () => new GPUError('text')),
  boundary: async (device) => {
    device.pushErrorScope('out-of-memory');
    const size = device.limits.maxBufferSize;
    const buffers = Array.from({ length: 4 }, () => device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST }));
    const error = await device.popErrorScope();
    check(error === null || error instanceof GPUOutOfMemoryError, 'a scope of memory has another error');
    for (const buffer of buffers) buffer.destroy();
  },
});

const WRONG = 'fn f() {\n  // \u00e4 \u{1f680}\n  let \u00e4 = ;\n}';
async function messages(device, code = WRONG) {
  device.pushErrorScope('validation');
  const info = await shader(device, code).getCompilationInfo();
  await device.popErrorScope();
  return info.messages;
}
const error = async (device) => (await messages(device)).find(({ type }) => type === 'error');
fn('gpu-shader-module.get-compilation-info', {
  valid: async (device) => {
    const info = await shader(device, 'fn f() {}').getCompilationInfo();
    check(info instanceof GPUCompilationInfo, 'another class');
    equal(info.messages.filter(({ type }) => type === 'error').length, 0);
  },
  invalid: async (device) => {
    check(await error(device), 'no message for code with a mistake');
    await rejects('TypeError', () => GPUShaderModule.prototype.getCompilationInfo.call({}));
  },
  boundary: async (device) => {
    equal((await messages(device, '')).filter(({ type }) => type === 'error').length, 0, 'empty code');
    const module = shader(device, 'fn f() {}');
    const [one, two] = await Promise.all([module.getCompilationInfo(), module.getCompilationInfo()]);
    equal(one.messages.length, two.messages.length, 'two requests');
  },
});
fn('gpu-compilation-info.messages', {
  valid: async (device) => {
    const info = await shader(device, 'fn f() {}').getCompilationInfo();
    check(Array.isArray(info.messages) && Object.isFrozen(info.messages) && info.messages === info.messages, 'no frozen array');
  },
  invalid: wrongReceiver('GPUCompilationInfo', 'messages'),
  boundary: none('the number of messages is the implementation\'s'),
});
for (const [wit, name, check1] of [
  ['message', 'message', (value) => check(value.length > 0, 'an empty message')],
  ['type', 'type', (value) => equal(value, 'error')],
  ['line-num', 'lineNum', (value) => equal(value, 3)],
  ['line-pos', 'linePos', (value) => check(value >= 1 && value <= 11, `position ${value} of a line of 10`)],
  ['offset', 'offset', (value) => check(value >= 20 && value <= WRONG.length, `offset ${value}`)],
  ['length', 'length', (value) => check(value >= 0 && value <= 10, `length ${value}`)],
]) {
  fn(`gpu-compilation-message.${wit}`, {
    valid: async (device) => check1((await error(device))[name]),
    invalid: wrongReceiver('GPUCompilationMessage', name),
    boundary: async (device) => {
      // Positions count UTF-16 code units, and are 0 for a message about the whole code.
      const { lineNum, linePos, offset, length } = await error(device);
      const start = WRONG.split('\n').slice(0, lineNum - 1).join('\n').length + 1;
      equal(offset, start + linePos - 1, `the offset of ${lineNum}:${linePos}`);
      check(offset + length <= WRONG.length, 'the end lies behind the code');
    },
  });
}

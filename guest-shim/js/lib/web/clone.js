// structuredClone.

import native from 'airlock:native';
import { global } from '../define.js';
import { mayDetach } from '../webgpu/buffer.js';

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/** Classes of this library that can be cloned, with how: the array is filled by the modules that define them. */
export const cloneable = [];
/** Those of them that can be transferred, with what takes their contents from the original. */
export const transferable = [];

function refuse(value) {
  const what = typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
  throw new DOMException(`a value of the type ${what} cannot be cloned`, 'DataCloneError');
}

function copy(value, seen, moved) {
  if (typeof value === 'symbol' || typeof value === 'function') refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (clone) => { seen.set(value, clone); return clone; };
  if (value instanceof ArrayBuffer) return keep(moved.has(value) ? moved.get(value) : value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const buffer = copy(value.buffer, seen, moved);
    const length = value instanceof DataView ? value.byteLength : value.length;
    return keep(new value.constructor(buffer, value.byteOffset, length));
  }
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
  if (value instanceof Map) {
    const clone = keep(new Map());
    for (const [key, item] of [...value]) clone.set(copy(key, seen, moved), copy(item, seen, moved));
    return clone;
  }
  if (value instanceof Set) {
    const clone = keep(new Set());
    for (const item of [...value]) clone.add(copy(item, seen, moved));
    return clone;
  }
  if (value instanceof Error) {
    const clone = keep(Object.create((ERRORS[value.name] ?? Error).prototype));
    for (const key of ['message', 'stack', 'cause']) {
      if (Object.hasOwn(value, key)) Object.defineProperty(clone, key, { value: copy(value[key], seen, moved), writable: true, configurable: true });
    }
    return clone;
  }
  for (const [constructor, how] of cloneable) if (value instanceof constructor) return keep(how(value));
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || native.kind(value)) refuse(value);
  const clone = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) clone[key] = copy(value[key], seen, moved);
  return clone;
}

export function structuredClone(value, options = {}) {
  const moved = new Map();
  const ports = new Set();
  const given = [];
  for (const item of options?.transfer ?? []) {
    if (item instanceof ArrayBuffer) {
      if (item.detached || moved.has(item)) throw new DOMException('a buffer is detached, or listed twice', 'DataCloneError');
      moved.set(item, null);
      mayDetach(item);
    } else if (item instanceof globalThis.MessagePort) ports.add(item);
    else if (transferable.some(([constructor]) => item instanceof constructor)) given.push(item);
    else refuse(item);
  }
  const seen = new Map([...ports].map((port) => [port, port]));
  for (const buffer of moved.keys()) moved.set(buffer, buffer.slice(0));
  const clone = copy(value, seen, moved);
  for (const buffer of moved.keys()) native.detach(buffer);
  for (const item of given) transferable.find(([constructor]) => item instanceof constructor)[1](item);
  return clone;
}

global({ structuredClone });

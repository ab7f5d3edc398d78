// WebGPU's interfaces, made from the runtime's description of wasi:webgpu: each resource is a class, each getter (a function
// without parameters) an attribute, each other function a method. The functions are the runtime's, and convert their
// arguments as WebIDL prescribes. The files beside this one hold the differences between the web and WIT.

import native from 'airlock:native';
import { global } from '../define.js';

/** By WIT name: the class. */
export const classes = {};
/** By WIT name: the runtime's functions by their names on the web, as they are without the rules of the other files. */
export const calls = {};
/** By WIT name: the attributes' getters. */
export const getters = {};

/** Made by wit/webgpu.wit, but not what the web has under these names. */
const REPLACED = new Set(['gpu-error', 'gpu-uncaptured-error-event', 'gpu-canvas-context']);

for (const { wit, web, methods } of native.interface) {
  calls[wit] = {};
  getters[wit] = {};
  for (const { name, call, attribute } of methods) (attribute ? getters : calls)[wit][name] = call;
  if (!web || REPLACED.has(wit)) continue;
  const constructor = { [web]: class { constructor() { throw new TypeError('Illegal constructor'); } } }[web];
  classes[wit] = constructor;
  for (const [name, get] of Object.entries(getters[wit])) {
    const setLabel = name === 'label' ? calls[wit].setLabel : undefined;
    const set = setLabel && function (value) { setLabel.call(this, value); };
    if (set) Object.defineProperty(set, 'name', { value: `set ${name}` });
    Object.defineProperty(get, 'name', { value: `get ${name}`, configurable: true });
    Object.defineProperty(constructor.prototype, name, { get, set, enumerable: true, configurable: true });
  }
  for (const [name, value] of Object.entries(calls[wit])) {
    if (name === 'setLabel') continue;
    Object.defineProperty(constructor.prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: web, configurable: true });
  native.setPrototype(wit, constructor.prototype);
  global({ [web]: constructor });
}

/** Puts methods in place of the runtime's, with the number of arguments that they require. */
export function methods(wit, replacements) {
  for (const [name, value] of Object.entries(replacements)) {
    Object.defineProperty(classes[wit].prototype, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** Puts getters in place of the runtime's. */
export function attributes(wit, replacements) {
  for (const [name, get] of Object.entries(replacements)) {
    const property = Object.getOwnPropertyDescriptor(classes[wit].prototype, name);
    Object.defineProperty(get, 'name', { value: `get ${name}` });
    Object.defineProperty(classes[wit].prototype, name, { get, set: property?.set, enumerable: true, configurable: true });
  }
}

/** [SameObject]: an attribute that is read from the host once. */
export function sameObject(wit, ...names) {
  for (const name of names) {
    const read = getters[wit][name];
    const known = new WeakMap();
    attributes(wit, {
      [name]() {
        let value = known.get(this);
        if (value === undefined) known.set(this, value = read.call(this));
        return value;
      },
    });
  }
}

/** Takes methods of WIT away that the web does not have. */
export function without(wit, ...names) {
  for (const name of names) delete classes[wit].prototype[name];
}

/** Throws a TypeError for an object of another class. */
export function brand(object, wit, what) {
  if (native.kind(object) !== wit) throw new TypeError(`${what} is not a ${classes[wit].name}`);
  return object;
}

sameObject('gpu-adapter', 'features', 'limits', 'info');
sameObject('gpu-device', 'features', 'limits', 'adapterInfo', 'queue');
sameObject('gpu', 'wgslLanguageFeatures');

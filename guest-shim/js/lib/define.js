// WebIDL's property attributes for globals and interfaces.

/** A global that is not enumerable, like every interface of the web. */
export function global(values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

/** Makes a class's own methods and attributes enumerable, and names it in toString. */
export function webInterface(constructor, name = constructor.name) {
  for (const object of [constructor.prototype, constructor]) {
    for (const key of Object.getOwnPropertyNames(object)) {
      const property = Object.getOwnPropertyDescriptor(object, key);
      if (key === 'constructor' || !property.configurable || (object === constructor && typeof property.value !== 'function') || key === 'prototype') continue;
      Object.defineProperty(object, key, { ...property, enumerable: true });
    }
  }
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: name, configurable: true });
  return constructor;
}

/** Constants on an interface and its prototype. */
export function constants(target, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(target, name, { value, enumerable: true });
  }
}

/** WebIDL's [EnforceRange] for an unsigned integer. */
export function enforceRange(value, max, what) {
  if (typeof value === 'bigint') throw new TypeError(`${what} is a BigInt, not a number`);
  const number = Number(value);
  if (!Number.isFinite(number)) throw new TypeError(`${what} is not a finite number`);
  const integer = Math.trunc(number) + 0;
  if (integer < 0 || integer > max) throw new TypeError(`${what} is ${number}, outside of 0 to ${max}`);
  return integer;
}

export const size64 = (value, what) => enforceRange(value, Number.MAX_SAFE_INTEGER, what);
export const size32 = (value, what) => enforceRange(value, 0xffffffff, what);

export function required(given, count, what) {
  if (given < count) throw new TypeError(`${what}: ${count} arguments required, ${given} given`);
}

// WebIDL's property attributes for globals and interfaces.

/** Globals. A function of the web is enumerable, an interface is not. */
export function global(values) {
  for (const [name, value] of Object.entries(values)) {
    const enumerable = typeof value === 'function' && !/^[A-Z]/.test(name);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
  }
}

/**
 * Makes a class's own methods and attributes enumerable, and names it in toString. `lengths` has the numbers of required
 * arguments where JavaScript counts others: optional ones without a default value, and the keys of constructors.
 */
export function webInterface(constructor, lengths = {}) {
  const { name } = constructor;
  for (const object of [constructor.prototype, constructor]) {
    for (const key of Object.getOwnPropertyNames(object)) {
      const property = Object.getOwnPropertyDescriptor(object, key);
      if (key === 'constructor' || !property.configurable || (object === constructor && typeof property.value !== 'function') || key === 'prototype') continue;
      Object.defineProperty(object, key, { ...property, enumerable: true });
    }
  }
  for (const [method, value] of Object.entries(lengths)) {
    const target = method === 'constructor' ? constructor : constructor.prototype[method] ?? constructor[method];
    Object.defineProperty(target, 'length', { value, configurable: true });
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

/** A value of an enumeration, or the default. */
export function oneOf(value, values, what, otherwise) {
  if (value === undefined) return otherwise;
  const text = `${value}`;
  if (!values.includes(text)) throw new TypeError(`${what}: ${JSON.stringify(text)} is none of ${values.join(', ')}`);
  return text;
}

/** The most bytes of one call of the host, which ends a guest that passes more than 128 MiB. */
export const PIECE = 64 << 20;

/** Bytes in parts that a call can pass, each with its start. */
export function* pieces(bytes) {
  for (let start = 0; start < bytes.length; start += PIECE) yield [start, bytes.subarray(start, start + PIECE)];
}

/** The members of a dictionary, of which an absent one is undefined. */
export function dictionary(value, what) {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError(`${what} is not a dictionary`);
  return value;
}

/** A dictionary of integers that may be a sequence: `members` are `[name, default]`, without a default where one is required. */
export function integers(value, members, what) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function' && value !== undefined)) throw new TypeError(`${what} is neither a sequence nor a dictionary`);
  const iterator = value?.[Symbol.iterator];
  let values = members.map(([name]) => value?.[name]);
  if (iterator !== undefined && iterator !== null) {
    values = Array.from({ [Symbol.iterator]: () => iterator.call(value) });
    if (values.length > members.length || (members[0][1] === undefined && !values.length)) throw new TypeError(`${what} has ${values.length} elements`);
  }
  return members.map(([name, otherwise], at) => (values[at] === undefined && otherwise !== undefined ? otherwise : size32(values[at], `${what}.${name}`)));
}

export function required(given, count, what) {
  if (given < count) throw new TypeError(`${what}: ${count} arguments required, ${given} given`);
}

// Values as text, for the console.

/** How deep objects are shown inside each other. */
const DEPTH = 3;
/** How many elements or properties of one object are shown. */
const BREADTH = 100;
/** The longest line that holds an object's members. */
const WIDTH = 76;

const identifier = /^[A-Za-z_$][\w$]*$/;

function primitive(value) {
  if (typeof value === 'string') return JSON.stringify(value).replace(/^"|"$/g, "'").replace(/\\"/g, '"');
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return String(value);
}

function named(object) {
  for (let at = object; at; at = Object.getPrototypeOf(at)) {
    const constructor = Object.getOwnPropertyDescriptor(at, 'constructor')?.value;
    if (typeof constructor === 'function' && constructor.name) return constructor.name;
  }
  return '';
}

/** An error's name, message, and the frames of the script. */
export function errorText(error) {
  const head = String(error);
  const frames = String(error.stack ?? '').split('\n').filter((line) => line.trim() && !line.includes('airlock:') && !line.includes('(native)'));
  return frames.length ? `${head}\n${frames.join('\n')}` : head;
}

function members(object, depth, seen) {
  const parts = [];
  const keys = Reflect.ownKeys(object).filter((key) => Object.getOwnPropertyDescriptor(object, key)?.enumerable);
  for (const key of keys.slice(0, BREADTH)) {
    if (Array.isArray(object) && typeof key === 'string' && /^\d+$/.test(key)) continue;
    const property = Object.getOwnPropertyDescriptor(object, key);
    const label = typeof key === 'symbol' ? `[${String(key)}]` : identifier.test(key) ? key : primitive(key);
    parts.push(`${label}: ${property.get ? '[Getter]' : inspect(property.value, depth + 1, seen)}`);
  }
  if (keys.length > BREADTH) parts.push(`... ${keys.length - BREADTH} more`);
  return parts;
}

function list(values, length, depth, seen) {
  const parts = [];
  for (const value of values) {
    if (parts.length === BREADTH) { parts.push(`... ${length - BREADTH} more`); break; }
    parts.push(inspect(value, depth + 1, seen));
  }
  return parts;
}

function wrap(open, parts, close, depth) {
  if (!parts.length) return `${open.trimEnd()}${close.trim() === close ? close : close.trim()}`;
  const line = parts.join(', ');
  if (line.length + open.length <= WIDTH && !line.includes('\n')) return `${open}${line}${close}`;
  const indent = '  '.repeat(depth + 1);
  // Numbers share lines; every other value has its own.
  const rows = [];
  const numeric = parts.every((part) => /^-?[\d.]+(e[+-]?\d+)?n?$/.test(part));
  for (const part of parts) {
    if (numeric && rows.length && rows.at(-1).length + part.length < WIDTH) rows[rows.length - 1] += `, ${part}`;
    else rows.push(part);
  }
  return `${open.trimEnd()}\n${rows.map((row) => indent + row).join(',\n')}\n${'  '.repeat(depth)}${close.trim()}`;
}

/** A value as a person reads it. */
export function inspect(value, depth = 0, seen = new Set()) {
  if (typeof value === 'function') return `[${/^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'Function'}${value.name ? `: ${value.name}` : ' (anonymous)'}]`;
  if (typeof value !== 'object' || value === null) return primitive(value);
  if (seen.has(value)) return '[Circular]';
  if (value instanceof Error || value instanceof DOMException) return errorText(value);
  const name = named(value);
  if (depth > DEPTH) return `[${name || 'Object'}]`;
  seen.add(value);
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Promise) return 'Promise {}';
    const prefix = name && name !== 'Object' && name !== 'Array' ? name : '';
    if (Array.isArray(value)) return wrap('[', [...list(value, value.length, depth, seen), ...members(value, depth, seen)], ']', depth);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return wrap(`${prefix}(${value.length}) [ `, list(value, value.length, depth, seen), ' ]', depth);
    if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
    if (value instanceof Map) {
      const entries = list([...value].map(([key, item]) => ({ key, item })), value.size, depth, new Set()).length;
      const parts = [...value].slice(0, entries).map(([key, item]) => `${inspect(key, depth + 1, seen)} => ${inspect(item, depth + 1, seen)}`);
      return wrap(`Map(${value.size}) { `, parts, ' }', depth);
    }
    if (value instanceof Set) return wrap(`Set(${value.size}) { `, list(value, value.size, depth, seen), ' }', depth);
    const parts = members(value, depth, seen);
    // WebGPU's objects have their attributes on their prototypes.
    if (!parts.length && /^(GPU|WGSL)/.test(name)) parts.push(...attributes(value, depth, seen));
    return wrap(prefix ? `${prefix} { ` : '{ ', parts, ' }', depth);
  } finally {
    seen.delete(value);
  }
}

function attributes(object, depth, seen) {
  if (typeof object[Symbol.iterator] === 'function') return list(object, object.size, depth, seen);
  const parts = [];
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)))) {
    if (property.get && !key.startsWith('on') && key !== 'lost') parts.push(`${key}: ${inspect(object[key], depth + 2, seen)}`);
  }
  return parts;
}

/** The console's arguments as one line: a format string first, then the values. */
export function format(values) {
  let rest = values;
  let text = '';
  if (typeof values[0] === 'string' && values.length > 1) {
    let used = 1;
    text = values[0].replace(/%([sdifoOc%])/g, (all, kind) => {
      if (kind === '%') return '%';
      if (used >= values.length) return all;
      const value = values[used++];
      switch (kind) {
        case 's': return typeof value === 'object' && value !== null ? inspect(value) : String(value);
        case 'd': return typeof value === 'object' ? 'NaN' : String(Number(value));
        case 'i': return String(parseInt(value, 10));
        case 'f': return String(parseFloat(value));
        case 'c': return '';
        default: return inspect(value);
      }
    });
    rest = values.slice(used);
    if (!rest.length) return text;
    text += ' ';
  }
  return text + rest.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
}

// URL and URLSearchParams. The runtime parses; the classes follow the URL Standard.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

// Methods private to this file.
const change = Symbol('change');
const read = Symbol('read');
const refresh = Symbol('refresh');

const READ_ONLY = ['origin'];
const PARTS = ['protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'hash'];

const parseUrl = (url, base) => (base === undefined ? native.parseUrl(String(url)) : native.parseUrl(String(url), String(base)));

class URL {
  #parts; #query;
  constructor(url, base) {
    this.#parts = parseUrl(url, base);
    if (!this.#parts) throw new TypeError(`${JSON.stringify(String(url))} is not a valid URL`);
  }
  static canParse(url, base) { return !!parseUrl(url, base); }
  static parse(url, base) { return URL.canParse(url, base) ? new URL(url, base) : null; }
  static createObjectURL() { throw new DOMException('there are no object URLs here', 'NotSupportedError'); }
  static revokeObjectURL() {}
  get href() { return this.#parts.href; }
  set href(value) {
    const parts = parseUrl(value);
    if (!parts) throw new TypeError(`${JSON.stringify(String(value))} is not a valid URL`);
    this.#parts = parts;
    this.#query?.[refresh](parts.search);
  }
  get search() { return this.#parts.search; }
  set search(value) { this[change]('search', value); this.#query?.[refresh](this.#parts.search); }
  get searchParams() { return this.#query ??= new URLSearchParams(this.search, (text) => this[change]('search', text)); }
  toString() { return this.href; }
  toJSON() { return this.href; }
  [change](part, value) { this.#parts = native.changeUrl(this.#parts.href, part, String(value)) ?? this.#parts; }
  [read](part) { return this.#parts[part]; }
}
for (const part of [...READ_ONLY, ...PARTS]) {
  Object.defineProperty(URL.prototype, part, {
    get: Object.defineProperty(function () { return this[read](part); }, 'name', { value: `get ${part}` }),
    set: READ_ONLY.includes(part) ? undefined : Object.defineProperty(function (value) { this[change](part, value); }, 'name', { value: `set ${part}` }),
    enumerable: true, configurable: true,
  });
}

/** application/x-www-form-urlencoded, one way and the other. */
function parse(text) {
  return text.split('&').filter((pair) => pair).map((pair) => {
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    return [decode(name), decode(value)];
  });
}
function decode(text) {
  const bytes = [];
  const encoded = new Uint8Array(native.encode(text.replaceAll('+', ' ')));
  for (let at = 0; at < encoded.length; at += 1) {
    const code = encoded[at] === 0x25 ? String.fromCharCode(encoded[at + 1], encoded[at + 2]) : '';
    if (/^[0-9a-fA-F]{2}$/.test(code)) { bytes.push(parseInt(code, 16)); at += 2; } else bytes.push(encoded[at]);
  }
  return native.decode(new Uint8Array(bytes), false);
}
function encode(text) {
  let out = '';
  for (const byte of new Uint8Array(native.encode(text))) {
    const character = String.fromCharCode(byte);
    out += byte === 0x20 ? '+' : /[A-Za-z0-9*\-._]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

class URLSearchParams {
  #pairs = []; #tell;
  constructor(init = '', tell = undefined) {
    this.#tell = tell;
    if (typeof init === 'object' && init !== null) {
      if (typeof init[Symbol.iterator] === 'function') {
        for (const pair of init) {
          const [name, value, ...more] = pair;
          if (value === undefined || more.length) throw new TypeError('URLSearchParams: an element is not a pair');
          this.#pairs.push([String(name), String(value)]);
        }
      } else {
        for (const [name, value] of Object.entries(init)) this.#pairs.push([name, String(value)]);
      }
    } else {
      this[refresh](String(init));
    }
  }
  [refresh](text) { this.#pairs = parse(text.startsWith('?') ? text.slice(1) : text); }
  #changed() { this.#tell?.(this.toString()); }
  get size() { return this.#pairs.length; }
  append(name, value) { this.#pairs.push([String(name), String(value)]); this.#changed(); }
  delete(name, value) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)));
    this.#changed();
  }
  get(name) { return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]); }
  has(name, value) { return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value))); }
  set(name, value) {
    const first = this.#pairs.findIndex((pair) => pair[0] === String(name));
    if (first < 0) { this.append(name, value); return; }
    this.#pairs = this.#pairs.filter((pair, index) => index <= first || pair[0] !== String(name));
    this.#pairs[first][1] = String(value);
    this.#changed();
  }
  sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#changed(); }
  toString() { return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&'); }
  forEach(callback, thisArgument) { for (const [name, value] of this) callback.call(thisArgument, value, name, this); }
  * keys() { for (const [name] of this) yield name; }
  * values() { for (const [, value] of this) yield value; }
  * entries() { for (const [name, value] of this.#pairs) yield [name, value]; }
}
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, { value: URLSearchParams.prototype.entries, writable: true, configurable: true });

global({ URL: webInterface(URL, { constructor: 1, canParse: 1, parse: 1, createObjectURL: 1, revokeObjectURL: 1 }), URLSearchParams: webInterface(URLSearchParams, { delete: 1, has: 1, forEach: 1 }) });

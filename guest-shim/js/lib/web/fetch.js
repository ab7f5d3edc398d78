// fetch, of `file:` and `data:` URLs only: a script has no network.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

const TYPES = { json: 'application/json', js: 'text/javascript', mjs: 'text/javascript', wgsl: 'text/wgsl', txt: 'text/plain', html: 'text/html', png: 'image/png', jpg: 'image/jpeg', csv: 'text/csv', wasm: 'application/wasm' };

class Headers {
  #map = new Map();
  constructor(init = {}) {
    const pairs = init instanceof Headers ? [...init] : typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) { const key = String(name).toLowerCase(); this.#map.set(key, this.#map.has(key) ? `${this.#map.get(key)}, ${value}` : String(value)); }
  delete(name) { this.#map.delete(String(name).toLowerCase()); }
  get(name) { return this.#map.get(String(name).toLowerCase()) ?? null; }
  has(name) { return this.#map.has(String(name).toLowerCase()); }
  set(name, value) { this.#map.set(String(name).toLowerCase(), String(value)); }
  forEach(callback, thisArgument) { for (const [name, value] of this) callback.call(thisArgument, value, name, this); }
  entries() { return [...this.#map].sort()[Symbol.iterator](); }
  keys() { return [...this.#map.keys()].sort()[Symbol.iterator](); }
  values() { return [...this.#map].sort().map(([, value]) => value)[Symbol.iterator](); }
  [Symbol.iterator]() { return this.entries(); }
}

class Response {
  #blob; #status; #statusText; #headers; #url; #used = false;
  constructor(body = null, options = {}, url = '') {
    this.#status = options?.status ?? 200;
    this.#statusText = options?.statusText ?? '';
    this.#headers = new Headers(options?.headers);
    this.#blob = body instanceof Blob ? body : new Blob(body === null ? [] : [body], { type: this.#headers.get('content-type') ?? '' });
    this.#url = url;
  }
  get ok() { return this.#status >= 200 && this.#status < 300; }
  get status() { return this.#status; }
  get statusText() { return this.#statusText; }
  get headers() { return this.#headers; }
  get url() { return this.#url; }
  get type() { return 'default'; }
  get redirected() { return false; }
  get bodyUsed() { return this.#used; }
  #take() {
    if (this.#used) throw new TypeError('the body was used already');
    this.#used = true;
    return this.#blob;
  }
  clone() {
    if (this.#used) throw new TypeError('the body was used already');
    return new Response(this.#blob, { status: this.#status, statusText: this.#statusText, headers: this.#headers }, this.#url);
  }
  async arrayBuffer() { return this.#take().arrayBuffer(); }
  async bytes() { return this.#take().bytes(); }
  async blob() { return this.#take(); }
  async text() { return this.#take().text(); }
  async json() { return JSON.parse(await this.#take().text()); }
}

/** The path of a `file:` URL, as the runtime knows it. */
export function pathOf(url) {
  return decodeURIComponent(url.pathname);
}

async function fetch(input) {
  const url = new URL(typeof input === 'object' && input !== null && 'url' in input ? input.url : String(input), native.location);
  if (url.protocol === 'data:') {
    const match = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url.href);
    if (!match) throw new TypeError('fetch: the data: URL has no comma');
    const text = decodeURIComponent(match[3]);
    const body = match[2] ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : text;
    return new Response(body, { headers: { 'content-type': match[1] || 'text/plain' } }, url.href);
  }
  if (url.protocol !== 'file:') throw new TypeError(`fetch: ${url.href} is not a file: URL, and a script has no network`);
  let bytes;
  try {
    bytes = native.readFile(pathOf(url));
  } catch (error) {
    throw new TypeError(`fetch: ${error.message}`);
  }
  const type = TYPES[/\.(\w+)$/.exec(url.pathname)?.[1].toLowerCase()] ?? '';
  return new Response(bytes, { headers: type ? { 'content-type': type } : {} }, url.href);
}

global({ Headers: webInterface(Headers), Response: webInterface(Response), fetch });

// Blob and File: immutable bytes with a type.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

const bytesOf = Symbol('bytes');

function piece(part) {
  if (part instanceof Blob) return part[bytesOf]();
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  return new Uint8Array(native.encode(String(part)));
}

class Blob {
  #bytes; #type;
  constructor(parts = [], options = {}) {
    if (typeof parts !== 'object' || parts === null || !(Symbol.iterator in parts)) throw new TypeError('Blob: the parts are not iterable');
    const pieces = Array.from(parts, piece);
    this.#bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of pieces) { this.#bytes.set(bytes, at); at += bytes.length; }
    const type = String(options?.type ?? '');
    this.#type = /^[ -~]*$/.test(type) ? type.toLowerCase() : '';
  }
  get size() { return this.#bytes.length; }
  get type() { return this.#type; }
  [bytesOf]() { return this.#bytes; }
  slice(start = 0, end = this.size, type = '') { return new Blob([this.#bytes.slice(start, end)], { type }); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async bytes() { return this.#bytes.slice(); }
  async text() { return native.decode(this.#bytes, false); }
}
class File extends Blob {
  #name; #lastModified;
  constructor(parts, name, options = {}) {
    super(parts, options);
    this.#name = String(name);
    this.#lastModified = Number(options?.lastModified ?? Date.now());
  }
  get name() { return this.#name; }
  get lastModified() { return this.#lastModified; }
  get webkitRelativePath() { return ''; }
}

/** The bytes of a blob, without a copy: for this library, which does not change them. */
export const blobBytes = (blob) => blob[bytesOf]();

global({ Blob: webInterface(Blob), File: webInterface(File) });

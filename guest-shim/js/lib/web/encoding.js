// TextEncoder and TextDecoder, for UTF-8, UTF-16 and the one-byte encoding that the web calls latin1.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

const LABELS = {
  'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8',
  'utf-16le': 'utf-16le', 'utf-16': 'utf-16le', 'ucs-2': 'utf-16le', 'utf-16be': 'utf-16be',
  latin1: 'windows-1252', ascii: 'windows-1252', 'us-ascii': 'windows-1252', 'iso-8859-1': 'windows-1252', 'windows-1252': 'windows-1252',
};
/** What windows-1252 has in place of the control characters from 0x80 to 0x9f. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function view(input) {
  if (input === undefined) return new Uint8Array();
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer) return new Uint8Array(input);
  throw new TypeError('the input is not an ArrayBuffer or a view of one');
}

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return new Uint8Array(native.encode(String(text))); }
  encodeInto(text, target) {
    const bytes = this.encode(text);
    let written = Math.min(bytes.length, target.length);
    // Only whole characters are written.
    while (written < bytes.length && written > 0 && (bytes[written] & 0xc0) === 0x80) written -= 1;
    target.set(bytes.subarray(0, written));
    return { read: native.decode(bytes.subarray(0, written), false).length, written };
  }
}

/** The length of the part of UTF-8 that ends with a whole character. */
function whole(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

class TextDecoder {
  #encoding; #fatal; #ignoreBOM; #left = new Uint8Array(); #started = false;
  constructor(label = 'utf-8', options = {}) {
    this.#encoding = LABELS[String(label).trim().toLowerCase()];
    if (!this.#encoding) throw new RangeError(`the encoding ${JSON.stringify(String(label))} is not known`);
    this.#fatal = !!options?.fatal;
    this.#ignoreBOM = !!options?.ignoreBOM;
  }
  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }
  decode(input, options = {}) {
    const given = view(input);
    let bytes = given;
    if (this.#left.length) {
      bytes = new Uint8Array(this.#left.length + given.length);
      bytes.set(this.#left);
      bytes.set(given, this.#left.length);
    }
    let end = bytes.length;
    if (options?.stream) end = this.#encoding === 'utf-8' ? whole(bytes) : this.#encoding.startsWith('utf-16') ? end & ~1 : end;
    this.#left = bytes.slice(end);
    let text = this.#text(bytes.subarray(0, end));
    if (!this.#started && !this.#ignoreBOM && text.startsWith('\ufeff')) text = text.slice(1);
    this.#started = !!options?.stream && (this.#started || text.length > 0);
    return text;
  }
  #text(bytes) {
    if (this.#encoding === 'utf-8') {
      const text = native.decode(bytes, this.#fatal);
      if (text === undefined || text === null) throw new TypeError('the bytes are not UTF-8');
      return text;
    }
    const units = [];
    if (this.#encoding === 'windows-1252') {
      for (const byte of bytes) units.push(byte >= 0x80 && byte < 0xa0 ? WINDOWS_1252.charCodeAt(byte - 0x80) : byte);
    } else {
      const big = this.#encoding === 'utf-16be';
      for (let at = 0; at + 1 < bytes.length; at += 2) units.push(big ? (bytes[at] << 8) | bytes[at + 1] : bytes[at] | (bytes[at + 1] << 8));
      if (bytes.length % 2) units.push(0xfffd);
    }
    let text = '';
    for (let at = 0; at < units.length; at += 4096) text += String.fromCharCode(...units.slice(at, at + 4096));
    if (this.#fatal && (text.includes('\ufffd') || !text.isWellFormed())) throw new TypeError(`the bytes are not ${this.#encoding}`);
    return text.toWellFormed();
  }
}

global({ TextEncoder: webInterface(TextEncoder), TextDecoder: webInterface(TextDecoder, { decode: 0 }) });

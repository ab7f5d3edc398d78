// Random values from the host.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

/** The web's limit for one call. */
const QUOTA = 65536;

class Crypto {
  getRandomValues(array) {
    const integer = ArrayBuffer.isView(array) && /^(Big)?(Int|Uint)\d+(Clamped)?Array$/.test(array[Symbol.toStringTag]);
    if (!integer) throw new DOMException('getRandomValues: the argument is not an array of integers', 'TypeMismatchError');
    if (array.byteLength > QUOTA) throw new DOMException(`getRandomValues: ${array.byteLength} bytes, more than ${QUOTA}`, 'QuotaExceededError');
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(native.random(array.byteLength)));
    return array;
  }
  randomUUID() {
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
}
webInterface(Crypto);
global({ Crypto, crypto: new Crypto() });

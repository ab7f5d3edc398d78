// navigator: the GPU, and the opened folders as the web's file system.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';
import { gpu } from '../webgpu/adapter.js';
import { blobBytes } from './blob.js';

const secret = Symbol('FileSystemHandle');

function check(name) {
  name = String(name);
  if (!name || name === '.' || name === '..' || /[/\\]/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a file`);
  return name;
}

class FileSystemHandle {
  #name; #path; #kind;
  constructor(key, kind, name, path) {
    if (key !== secret) throw new TypeError('Illegal constructor');
    this.#kind = kind;
    this.#name = name;
    this.#path = path;
  }
  get kind() { return this.#kind; }
  get name() { return this.#name; }
  async isSameEntry(other) { return other.#path === this.#path; }
  static path(handle) { return handle.#path; }
}
const pathOf = FileSystemHandle.path;
delete FileSystemHandle.path;

class FileSystemFileHandle extends FileSystemHandle {
  async getFile() {
    try {
      return new File([native.readFile(pathOf(this))], this.name);
    } catch (error) {
      throw new DOMException(error.message, 'NotFoundError');
    }
  }
  async createWritable(options = {}) {
    const keep = options?.keepExistingData && native.fileExists(pathOf(this));
    return new FileSystemWritableFileStream(secret, pathOf(this), keep ? new Uint8Array(native.readFile(pathOf(this))) : new Uint8Array());
  }
}

class FileSystemDirectoryHandle extends FileSystemHandle {
  async getFileHandle(name, options = {}) {
    const path = `${pathOf(this)}/${check(name)}`;
    if (!native.fileExists(path)) {
      if (!options?.create) throw new DOMException(`there is no file ${path}`, 'NotFoundError');
      try {
        native.writeFile(path, new Uint8Array());
      } catch (error) {
        throw new DOMException(error.message, 'NoModificationAllowedError');
      }
    }
    return new FileSystemFileHandle(secret, 'file', name, path);
  }
  async getDirectoryHandle(name) {
    return new FileSystemDirectoryHandle(secret, 'directory', name, `${pathOf(this)}/${check(name)}`);
  }
  async removeEntry(name) {
    const path = `${pathOf(this)}/${check(name)}`;
    if (!native.fileExists(path)) throw new DOMException(`there is no file ${path}`, 'NotFoundError');
    native.removeFile(path);
  }
}

/** What is written lies in memory until the stream is closed, as the specification has it. */
class FileSystemWritableFileStream {
  #path; #bytes; #at = 0; #closed = false;
  constructor(key, path, bytes) {
    if (key !== secret) throw new TypeError('Illegal constructor');
    this.#path = path;
    this.#bytes = bytes;
  }
  async write(data) {
    if (this.#closed) throw new TypeError('the stream is closed');
    if (typeof data === 'object' && data !== null && 'type' in data && !(data instanceof Blob)) {
      if (data.type === 'seek') return this.seek(data.position);
      if (data.type === 'truncate') return this.truncate(data.size);
      if (data.position !== undefined) this.#at = data.position;
      data = data.data;
    }
    const bytes = blobBytes(data instanceof Blob ? data : new Blob([data]));
    if (this.#at + bytes.length > this.#bytes.length) await this.truncate(this.#at + bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
  async seek(position) { this.#at = Number(position); }
  async truncate(size) {
    const bytes = new Uint8Array(Number(size));
    bytes.set(this.#bytes.subarray(0, bytes.length));
    this.#bytes = bytes;
    this.#at = Math.min(this.#at, bytes.length);
  }
  async close() {
    if (this.#closed) throw new TypeError('the stream is closed');
    this.#closed = true;
    try {
      native.writeFile(this.#path, this.#bytes);
    } catch (error) {
      throw new DOMException(error.message, 'NoModificationAllowedError');
    }
  }
  async abort() { this.#closed = true; }
}

class StorageManager {
  /** The first folder that the script was given; the web has a private one here. */
  async getDirectory() {
    if (!native.folders.length) throw new DOMException('no folder is open to this script (airlock run --dir HOST::GUEST)', 'SecurityError');
    return new FileSystemDirectoryHandle(secret, 'directory', '', native.folders[0] === '/' ? '' : native.folders[0]);
  }
}

class Navigator {
  get gpu() { return gpu(); }
  get storage() { return storage; }
  get userAgent() { return 'Airlock'; }
  get platform() { return 'wasi'; }
  get language() { return 'en-US'; }
  get languages() { return ['en-US']; }
  get hardwareConcurrency() { return 1; }
  get onLine() { return false; }
}
const storage = new StorageManager();
for (const constructor of [FileSystemHandle, FileSystemFileHandle, FileSystemDirectoryHandle, FileSystemWritableFileStream, StorageManager, Navigator]) {
  webInterface(constructor);
  global({ [constructor.name]: constructor });
}
const navigator = new Navigator();
Object.defineProperty(globalThis, 'navigator', { get: () => navigator, configurable: true, enumerable: true });
Object.defineProperty(globalThis, 'location', { value: Object.freeze({ href: native.location, protocol: 'file:', origin: 'null', search: '', hash: '', pathname: new URL(native.location).pathname, toString() { return native.location; } }), configurable: true, enumerable: true });

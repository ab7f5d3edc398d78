// MessageChannel within one script. Each message is delivered in a task of its own.

import { global, webInterface } from '../define.js';
import { handler } from './event.js';
import { structuredClone } from './clone.js';

const secret = Symbol('MessagePort');

class MessagePort extends EventTarget {
  #other = null; #queue = []; #started = false; #closed = false;
  constructor(key) { if (key !== secret) throw new TypeError('Illegal constructor'); super(); }
  static join(a, b) { a.#other = b; b.#other = a; }
  postMessage(message, options) {
    const transfer = Array.isArray(options) ? options : options?.transfer;
    const data = structuredClone(message, { transfer });
    const other = this.#other;
    if (!other || this.#closed || other.#closed) return;
    other.#queue.push(data);
    if (other.#started) other.#deliver();
  }
  #deliver() {
    setTimeout(() => {
      if (!this.#closed && this.#queue.length) this.dispatchEvent(new MessageEvent('message', { data: this.#queue.shift() }));
    });
  }
  start() {
    if (this.#started) return;
    this.#started = true;
    for (const _ of this.#queue) this.#deliver();
  }
  close() { this.#closed = true; }
}
const join = MessagePort.join;
delete MessagePort.join;
handler(MessagePort.prototype, 'message', function () { this.start(); });
handler(MessagePort.prototype, 'messageerror');
webInterface(MessagePort, { constructor: 0, postMessage: 1 });

class MessageChannel {
  #ports = [new MessagePort(secret), new MessagePort(secret)];
  constructor() { join(...this.#ports); }
  get port1() { return this.#ports[0]; }
  get port2() { return this.#ports[1]; }
}

global({ MessagePort, MessageChannel: webInterface(MessageChannel) });

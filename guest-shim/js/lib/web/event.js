// Events without a tree of nodes: one target, no capturing, no bubbling.

import { global, required, webInterface } from '../define.js';
import native from 'airlock:native';

const init = (value) => (value === undefined || value === null ? {} : Object(value));

class Event {
  #type; #bubbles; #cancelable; #composed; #canceled = false; #stopped = false; #time = native.now();
  #target = null; #current = null; #dispatching = false; #passive = false; #trusted = false; #bubble = true;
  constructor(type, options) {
    if (arguments.length < 1) throw new TypeError('Event: 1 argument required, 0 given');
    this.#type = `${type}`;
    const { bubbles, cancelable, composed } = init(options);
    this.#bubbles = !!bubbles;
    this.#cancelable = !!cancelable;
    this.#composed = !!composed;
  }
  get type() { return this.#type; }
  get bubbles() { return this.#bubbles; }
  get cancelable() { return this.#cancelable; }
  get composed() { return this.#composed; }
  get defaultPrevented() { return this.#canceled; }
  get returnValue() { return !this.#canceled; }
  set returnValue(value) { if (!value) this.preventDefault(); }
  get cancelBubble() { return !this.#bubble; }
  set cancelBubble(value) { if (value) this.#bubble = false; }
  get target() { return this.#target; }
  get srcElement() { return this.#target; }
  get currentTarget() { return this.#current; }
  get eventPhase() { return this.#dispatching ? 2 : 0; }
  get timeStamp() { return this.#time; }
  get isTrusted() { return this.#trusted; }
  composedPath() { return this.#current ? [this.#current] : []; }
  preventDefault() { if (this.#cancelable && !this.#passive) this.#canceled = true; }
  stopPropagation() { this.#bubble = false; }
  stopImmediatePropagation() { this.#stopped = true; this.#bubble = false; }

  /** Marks an event as the runtime's own. */
  static trust(event) { event.#trusted = true; return event; }

  /** Delivers the event to one target; false when it was canceled. */
  static deliver(event, target, listeners, report) {
    if (event.#dispatching) throw new DOMException('the event is being dispatched', 'InvalidStateError');
    event.#dispatching = true;
    event.#target = event.#current = target;
    event.#stopped = false;
    for (const listener of listeners) {
      if (event.#stopped) break;
      if (listener.removed) continue;
      if (listener.once) listener.remove();
      event.#passive = listener.passive;
      try {
        if (typeof listener.callback === 'function') listener.callback.call(target, event);
        else listener.callback.handleEvent(event);
      } catch (error) {
        report(error);
      }
      event.#passive = false;
    }
    event.#dispatching = false;
    event.#bubble = true;
    event.#current = null;
    return !event.#canceled;
  }
}
const { deliver, trust } = Event;
for (const name of ['deliver', 'trust']) delete Event[name];
export { trust };
for (const [name, value] of [['NONE', 0], ['CAPTURING_PHASE', 1], ['AT_TARGET', 2], ['BUBBLING_PHASE', 3]]) {
  Object.defineProperty(Event, name, { value, enumerable: true });
  Object.defineProperty(Event.prototype, name, { value, enumerable: true });
}
webInterface(Event, { constructor: 1 });

class CustomEvent extends Event {
  #detail;
  constructor(type, options) { super(...arguments); this.#detail = init(options).detail ?? null; }
  get detail() { return this.#detail; }
}
class MessageEvent extends Event {
  #data; #ports;
  constructor(type, options) { super(...arguments); this.#data = init(options).data ?? null; this.#ports = init(options).ports ?? []; }
  get data() { return this.#data; }
  get ports() { return this.#ports; }
  get origin() { return ''; }
  get lastEventId() { return ''; }
  get source() { return null; }
}
class ErrorEvent extends Event {
  #error; #message;
  constructor(type, options) { super(...arguments); this.#error = init(options).error; this.#message = String(init(options).message ?? ''); }
  get error() { return this.#error; }
  get message() { return this.#message; }
}
class PromiseRejectionEvent extends Event {
  #promise; #reason;
  constructor(type, options) { super(...arguments); this.#promise = init(options).promise; this.#reason = init(options).reason; }
  get promise() { return this.#promise; }
  get reason() { return this.#reason; }
}

// Listeners are kept beside their targets: WebGPU's devices are event targets that no constructor of this file made.
const registry = new WeakMap();
const listenersOf = (target) => {
  let listeners = registry.get(target);
  if (!listeners) registry.set(target, listeners = []);
  return listeners;
};

class EventTarget {
  addEventListener(type, callback, options) {
    required(arguments.length, 2, 'EventTarget.addEventListener');
    if (callback === null || callback === undefined) return;
    if (typeof callback !== 'function' && typeof callback !== 'object') throw new TypeError('addEventListener: the listener is not an object');
    const flags = typeof options === 'object' && options !== null ? options : { capture: options };
    const target = this ?? globalThis;
    const listeners = listenersOf(target);
    type = `${type}`;
    const capture = !!flags.capture;
    if (flags.signal !== undefined && !(flags.signal instanceof AbortSignal)) throw new TypeError('addEventListener: the signal is not an AbortSignal');
    if (flags.signal?.aborted) return;
    if (listeners.some((known) => known.type === type && known.callback === callback && known.capture === capture)) return;
    const listener = {
      type, callback, capture, once: !!flags.once, passive: !!flags.passive, removed: false,
      remove() { this.removed = true; const at = listeners.indexOf(this); if (at >= 0) listeners.splice(at, 1); },
    };
    listeners.push(listener);
    flags.signal?.addEventListener('abort', () => listener.remove(), { once: true });
  }
  removeEventListener(type, callback, options) {
    required(arguments.length, 2, 'EventTarget.removeEventListener');
    const capture = typeof options === 'object' && options !== null ? !!options.capture : !!options;
    const listeners = registry.get(this ?? globalThis) ?? [];
    listeners.find((known) => known.type === String(type) && known.callback === callback && known.capture === capture)?.remove();
  }
  dispatchEvent(event) {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent: the argument is not an Event');
    const target = this ?? globalThis;
    return deliver(event, target, listenersOf(target).filter((listener) => listener.type === event.type), reportError);
  }
}
webInterface(EventTarget, { addEventListener: 2, removeEventListener: 2 });
for (const constructor of [CustomEvent, MessageEvent, ErrorEvent]) webInterface(constructor, { constructor: 1 });
webInterface(PromiseRejectionEvent, { constructor: 2 });

/** An event handler attribute (`onmessage`): a listener whose place is kept when its function changes. */
export function handler(prototype, type, changed = () => {}) {
  const handlers = new WeakMap();
  const name = `on${type}`;
  const brand = (object) => {
    if (object === prototype || !(object instanceof prototype.constructor)) throw new TypeError(`${name}: called on another object`);
    return object;
  };
  Object.defineProperty(prototype, name, {
    get: Object.defineProperty(function () { return handlers.get(brand(this))?.value ?? null; }, 'name', { value: `get ${name}` }),
    set: Object.defineProperty(function (value) {
      const target = brand(this);
      let entry = handlers.get(target);
      value = typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null;
      if (!entry) {
        if (!value) return;
        entry = { value: null };
        handlers.set(target, entry);
        target.addEventListener(type, (event) => { if (typeof entry.value === 'function' && entry.value.call(target, event) === false) event.preventDefault(); });
      }
      entry.value = value;
      changed.call(target, value);
    }, 'name', { value: `set ${name}` }),
    enumerable: true, configurable: true,
  });
}

class AbortSignal extends EventTarget {
  #aborted = false; #reason = undefined;
  constructor(key) { if (key !== secret) throw new TypeError('Illegal constructor'); super(); }
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }
  static abort(reason) { const signal = new AbortSignal(secret); abort(signal, reason); return signal; }
  static any(signals) {
    const signal = new AbortSignal(secret);
    for (const other of [...signals]) {
      if (!(other instanceof AbortSignal)) throw new TypeError('AbortSignal.any: an element is not an AbortSignal');
      if (other.aborted && !signal.aborted) abort(signal, other.reason);
      other.addEventListener('abort', () => abort(signal, other.reason), { once: true });
    }
    return signal;
  }
  static timeout(milliseconds) {
    const signal = new AbortSignal(secret);
    setTimeout(() => abort(signal, new DOMException('the time is over', 'TimeoutError')), milliseconds);
    return signal;
  }
  static set(signal, reason) {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason === undefined ? new DOMException('the operation was aborted', 'AbortError') : reason;
    signal.dispatchEvent(new Event('abort'));
  }
}
const secret = Symbol('AbortSignal');
const abort = AbortSignal.set;
delete AbortSignal.set;
handler(AbortSignal.prototype, 'abort');
webInterface(AbortSignal, { constructor: 0, abort: 0 });

class AbortController {
  #signal = new AbortSignal(secret);
  get signal() { return this.#signal; }
  abort(reason) { abort(this.#signal, reason); }
}
webInterface(AbortController, { abort: 0 });

/** Tells of an error as of one that nothing caught: first the script's own listener, then the end of the script. */
function reportError(error) {
  const event = new ErrorEvent('error', { error, message: error?.message ?? String(error), cancelable: true });
  if (registry.get(globalThis)?.some((listener) => listener.type === 'error') && !globalThis.dispatchEvent(event)) return;
  native.report(error);
}

global({ Event, CustomEvent, MessageEvent, ErrorEvent, PromiseRejectionEvent, EventTarget, AbortSignal, AbortController, reportError, self: globalThis });
for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent']) {
  global({ [name]: EventTarget.prototype[name] });
}

// The script's clock, which starts with the script.

import native from 'airlock:native';
import { global, webInterface } from '../define.js';

const secret = Symbol('Performance');

class Performance extends EventTarget {
  #marks = [];
  constructor(key) { if (key !== secret) throw new TypeError('Illegal constructor'); super(); }
  get timeOrigin() { return native.timeOrigin; }
  now() { return native.now(); }
  mark(name, options = {}) {
    const mark = { name: String(name), entryType: 'mark', startTime: options?.startTime ?? native.now(), duration: 0, detail: options?.detail ?? null };
    this.#marks.push(mark);
    return mark;
  }
  measure(name, start, end) {
    const at = (mark, otherwise) => (mark === undefined ? otherwise : this.#marks.findLast((known) => known.name === String(mark))?.startTime ?? otherwise);
    const from = at(start, 0);
    const measure = { name: String(name), entryType: 'measure', startTime: from, duration: at(end, native.now()) - from, detail: null };
    this.#marks.push(measure);
    return measure;
  }
  clearMarks() { this.#marks = this.#marks.filter((entry) => entry.entryType !== 'mark'); }
  clearMeasures() { this.#marks = this.#marks.filter((entry) => entry.entryType !== 'measure'); }
  getEntries() { return [...this.#marks]; }
  getEntriesByName(name) { return this.#marks.filter((entry) => entry.name === name); }
  getEntriesByType(type) { return this.#marks.filter((entry) => entry.entryType === type); }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}
webInterface(Performance, { constructor: 0, measure: 1 });
global({ Performance, performance: new Performance(secret) });

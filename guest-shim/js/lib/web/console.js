// The console: warnings, errors, traces and failed assertions go to standard error, the rest to standard output.

import native from 'airlock:native';
import { global } from '../define.js';
import { format, inspect } from './inspect.js';

let indent = '';
const counts = new Map();
const starts = new Map();

function print(error, values) {
  const text = format(values);
  native.print(error, `${indent}${indent ? text.replaceAll('\n', `\n${indent}`) : text}\n`);
}

const console = {
  log(...values) { print(false, values); },
  info(...values) { print(false, values); },
  debug(...values) { print(false, values); },
  warn(...values) { print(true, values); },
  error(...values) { print(true, values); },
  trace(...values) { print(true, [values.length ? `Trace: ${format(values)}` : 'Trace', '\n' + new Error().stack.split('\n').filter((line) => line && !line.includes('airlock:')).join('\n')]); },
  assert(condition, ...values) { if (!condition) print(true, values.length ? ['Assertion failed:', ...values] : ['Assertion failed']); },
  dir(value) { print(false, [inspect(value)]); },
  dirxml(...values) { print(false, values); },
  table(value) { print(false, [inspect(value)]); },
  group(...values) { if (values.length) print(false, values); indent += '  '; },
  groupCollapsed(...values) { console.group(...values); },
  groupEnd() { indent = indent.slice(2); },
  count(label = 'default') { counts.set(label, (counts.get(label) ?? 0) + 1); print(false, [`${label}: ${counts.get(label)}`]); },
  countReset(label = 'default') { counts.delete(label); },
  time(label = 'default') { starts.set(label, native.now()); },
  timeLog(label = 'default', ...values) { if (starts.has(label)) print(false, [`${label}: ${(native.now() - starts.get(label)).toFixed(3)} ms`, ...values]); },
  timeEnd(label = 'default') { console.timeLog(label); starts.delete(label); },
  clear() {},
};
Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
global({ console });

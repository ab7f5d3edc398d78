// Timers and animation frames.

import native from 'airlock:native';
import { global } from '../define.js';

/** The shortest interval of a repeated timer, so that one of 0 ms lets others run. */
const MIN_INTERVAL = 1;
/** The longest delay: the web's delays are signed integers of 32 bits. */
const MAX_DELAY = 2 ** 31 - 1;
/** Animation frames come as from a display of 60 Hz. */
const FRAME = 1000 / 60;

const timers = new Map();
let last = 0;
let nesting = 0;

function start(callback, delay, values, repeat) {
  if (typeof callback !== 'function') throw new TypeError('a timer needs a function');
  let milliseconds = Number(delay);
  milliseconds = milliseconds > 0 ? milliseconds : 0;
  // A delay beyond the range counts as 0, as the web prescribes.
  if (milliseconds > MAX_DELAY) milliseconds = 0;
  if (repeat) milliseconds = Math.max(milliseconds, MIN_INTERVAL);
  last += 1;
  timers.set(last, { callback, values, milliseconds, repeat, nesting: nesting + 1 });
  native.startTimer(last, milliseconds);
  return last;
}

function stop(id) {
  id = Number(id);
  if (timers.delete(id)) native.stopTimer(id);
}

native.onTimer((id) => {
  const timer = timers.get(id);
  if (!timer) return;
  if (timer.repeat) native.startTimer(id, timer.milliseconds);
  else timers.delete(id);
  nesting = timer.nesting;
  try {
    timer.callback.apply(globalThis, timer.values);
  } catch (error) {
    reportError(error);
  } finally {
    nesting = 0;
  }
});

let frames = null;
function frame() {
  const now = native.now();
  const due = frames;
  frames = null;
  number += 1;
  for (const callback of due.values()) {
    try { callback(now); } catch (error) { reportError(error); }
  }
}
let number = 0;

/** The number of animation frames so far. */
export const frameNumber = () => number;

// The engine's own functions, with the web's attributes.
for (const name of ['queueMicrotask', 'atob', 'btoa']) if (globalThis[name]) global({ [name]: globalThis[name] });
global({
  setTimeout(callback, delay = 0, ...values) { return start(callback, delay, values, false); },
  setInterval(callback, delay = 0, ...values) { return start(callback, delay, values, true); },
  clearTimeout(id = undefined) { stop(id); },
  clearInterval(id = undefined) { stop(id); },
  requestAnimationFrame(callback) {
    if (typeof callback !== 'function') throw new TypeError('requestAnimationFrame needs a function');
    if (!frames) {
      frames = new Map();
      start(frame, FRAME - (native.now() % FRAME), [], false);
    }
    last += 1;
    frames.set(last, callback);
    return last;
  },
  cancelAnimationFrame(id) { frames?.delete(id); },
});

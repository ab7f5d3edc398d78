// "Promise Ordering" of the WebGPU specification: a promise of onSubmittedWorkDone settles after earlier ones of its queue,
// and of mapAsync of its device's buffers. The host may report completions in another order.

/**
 * By device, buffer and queue: the promises of the device that later ones settle after. `maps` are those of mapAsync since the
 * last one of onSubmittedWorkDone, which is `tail` and settles after all before it.
 */
const pending = new WeakMap();

/** By queue: its device, which it does not keep. */
const devices = new WeakMap();

/** A device's queue is known with it from now on. */
export function own(queue, device) {
  devices.set(queue, new WeakRef(device));
}

/** The device of a queue, if a script still has it. */
export function deviceOf(queue) {
  return devices.get(queue)?.deref();
}

/** A buffer or queue is of this device from now on. */
export function join(object, device) {
  if (!pending.has(device)) pending.set(device, { maps: new Set(), tail: undefined });
  pending.set(object, pending.get(device));
  return object;
}

/** Promises of onSubmittedWorkDone of this object's device will settle after this one. */
export function first(object, promise) {
  const maps = pending.get(object)?.maps;
  if (!maps) return promise;
  maps.add(promise);
  const settled = () => maps.delete(promise);
  promise.then(settled, settled);
  return promise;
}

/** A promise that becomes what this one does, after those before it. */
export function last(object, promise) {
  const known = pending.get(object);
  if (!known) return promise;
  const earlier = [...known.maps, known.tail];
  known.maps.clear();
  known.tail = Promise.allSettled([...earlier, promise]).then(() => promise);
  return known.tail;
}

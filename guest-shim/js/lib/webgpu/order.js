// "Promise Ordering" of the WebGPU specification: a promise of onSubmittedWorkDone settles after earlier ones of its queue,
// and of mapAsync of its device's buffers. The host may report completions in another order.

/** By device, buffer and queue: the promises of the device that later ones settle after. */
const pending = new WeakMap();

/** A buffer or queue is of this device from now on. */
export function join(object, device) {
  if (!pending.has(device)) pending.set(device, new Set());
  pending.set(object, pending.get(device));
  return object;
}

/** Promises of onSubmittedWorkDone of this object's device will settle after this one. */
export function first(object, promise) {
  const promises = pending.get(object);
  if (!promises) return promise;
  promises.add(promise);
  const settled = () => promises.delete(promise);
  promise.then(settled, settled);
  return promise;
}

/** A promise that becomes what this one does, after those before it. */
export function last(object, promise) {
  const earlier = [...pending.get(object) ?? []];
  return first(object, Promise.allSettled([...earlier, promise]).then(() => promise));
}

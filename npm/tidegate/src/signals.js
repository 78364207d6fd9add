"use strict";

/**
 * What is to happen when a signal aborts. One listener for each signal, however many calls share
 * it: Node warns about more than ten, and a signal for a whole server is shared by all its calls.
 * @type {WeakMap<AbortSignal, Set<() => void>>}
 */
const watched = new WeakMap();

/**
 * Calls `act` once when `signal` aborts.
 * @param {AbortSignal} signal
 * @param {() => void} act
 */
function watch(signal, act) {
  let acts = watched.get(signal);
  if (!acts) {
    watched.set(signal, (acts = new Set()));
    signal.addEventListener("abort", onAbort, { once: true });
  }
  acts.add(act);
}

/**
 * Takes that back.
 * @param {AbortSignal} signal
 * @param {() => void} act
 */
function unwatch(signal, act) {
  const acts = watched.get(signal);
  if (!acts?.delete(act) || acts.size > 0) return;
  watched.delete(signal);
  signal.removeEventListener("abort", onAbort);
}

/**
 * @this {AbortSignal}
 */
function onAbort() {
  const acts = watched.get(this);
  watched.delete(this);
  for (const act of acts ?? []) act();
}

module.exports = { watch, unwatch };

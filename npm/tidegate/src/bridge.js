"use strict";

// One bridge per environment (the main thread and every worker has its own): calls go into the
// addon with a ticket, and one wake of this thread takes out everything that has finished.

const { load } = require("./native.js");
const { watch, unwatch } = require("./signals.js");

/** @import { Bridge, Engine, Waiter } from "../types/native.js" */

/** Kinds of entries in what `Bridge.drain` returns; bindings-node/src/bridge.rs has the same. */
const REPLY = 0;
const STREAM = 1;
const ERROR = 2;
const READABLE = 3;

/** @type {Bridge | undefined} */
let bridge;
/** @type {Map<number, Waiter>} */
const waiting = new Map();
/** Things other than calls that keep the process alive: servers. */
let guests = 0;
let held = false;

/** The process lives exactly as long as somebody waits for something. */
function hold() {
  const on = waiting.size > 0 || guests > 0;
  if (on === held) return;
  held = on;
  bridge ??= new (load().Bridge)(drain);
  bridge.hold(on);
}

function drain() {
  const events = /** @type {any[]} */ (/** @type {Bridge} */ (bridge).drain());
  for (let at = 0; at < events.length; ) {
    const ticket = events[at++];
    const kind = events[at++];
    const waiter = waiting.get(ticket);
    if (waiter !== undefined) waiting.delete(ticket);
    if (kind === READABLE) {
      waiter?.(kind, 0, "", null);
    } else if (kind === ERROR) {
      waiter?.(kind, 0, events[at++], null);
      if (waiter === undefined) at++;
    } else {
      if (waiter !== undefined) waiter(kind, events[at], events[at + 1], events[at + 2]);
      else if (kind === STREAM) events[at + 2].cancel(); // aborted while its answer was on the way
      at += 3;
    }
  }
  hold();
}

/**
 * Starts a call. `make` builds its outcome when the answer is here; it runs on the drain's stack,
 * so that nothing can come between the answer and the outcome's own listeners.
 * @template T
 * @param {Engine} engine
 * @param {boolean} native
 * @param {string} line
 * @param {string | undefined} headers
 * @param {string | Uint8Array | undefined} body
 * @param {string | undefined} key
 * @param {AbortSignal | null | undefined} signal
 * @param {(kind: number, status: number, text: string, body: any, ticket: number) => T} make
 * @returns {Promise<T>}
 */
function call(engine, native, line, headers, body, key, signal, make) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    bridge ??= new (load().Bridge)(drain);
    const ticket = bridge.submit(engine, native, line, headers, body, key);
    /** @type {(() => void) | undefined} */
    let abort;
    if (signal) {
      abort = () => {
        waiting.delete(ticket);
        /** @type {Bridge} */ (bridge).cancel(ticket);
        hold();
        reject(signal.reason);
      };
      watch(signal, abort);
    }
    waiting.set(ticket, (kind, status, text, value) => {
      if (signal && abort) unwatch(signal, abort);
      try {
        resolve(make(kind, status, text, value, ticket));
      } catch (error) {
        reject(error);
      }
    });
    hold();
  });
}

/**
 * Calls `waiter` once when the stream of `ticket` can be read again.
 * @param {number} ticket
 * @param {Waiter} waiter
 */
function wait(ticket, waiter) {
  waiting.set(ticket, waiter);
  hold();
}

/**
 * Stops waiting for the stream of `ticket`.
 * @param {number} ticket
 */
function leave(ticket) {
  if (waiting.delete(ticket)) hold();
}

/**
 * Keeps the process alive for something that is not a call, or stops doing so.
 * @param {1 | -1} count
 */
function guest(count) {
  guests += count;
  hold();
}

module.exports = { REPLY, STREAM, ERROR, call, wait, leave, guest };

"use strict";

// One bridge per environment (the main thread and every worker has its own): calls go into the
// addon with a ticket, and one wake of this thread takes out everything that has finished.

const functions = require("./functions.js");
const { load } = require("./native.js");
const { watch, unwatch } = require("./signals.js");

/** @import { Bridge, Engine, Waiter } from "../types/native.js" */
/** @import { ProviderFunction } from "../types/functions.js" */

/** Kinds of entries in what `Bridge.drain` returns; bindings-node/src/bridge.rs has the same. */
const REPLY = 0;
const STREAM = 1;
const ERROR = 2;
const READABLE = 3;
const HOST_CALL = 4;
const HOST_GONE = 5;

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
    if (kind >= HOST_CALL) {
      if (kind === HOST_CALL) functions.ask(ticket, events[at++], events[at++]);
      else functions.tell(ticket, kind === HOST_GONE);
      continue;
    }
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
  return start(engine, (bridge) => bridge.submit(engine, native, line, headers, body, key), signal, make);
}

/**
 * Opens a session; `make` as for `call`.
 * @template T
 * @param {Engine} engine
 * @param {string} target
 * @param {string | undefined} headers
 * @param {string | undefined} key
 * @param {AbortSignal | null | undefined} signal
 * @param {(kind: number, status: number, text: string, body: any, ticket: number) => T} make
 * @returns {Promise<T>}
 */
function session(engine, target, headers, key, signal, make) {
  return start(engine, (bridge) => bridge.session(engine, target, headers, key), signal, make);
}

/**
 * @template T
 * @param {Engine} engine
 * @param {(bridge: Bridge) => number} begin gives the ticket
 * @param {AbortSignal | null | undefined} signal
 * @param {(kind: number, status: number, text: string, body: any, ticket: number) => T} make
 * @returns {Promise<T>}
 */
function start(engine, begin, signal, make) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    bridge ??= new (load().Bridge)(drain);
    const ticket = begin(bridge);
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
      void engine; // holds its functions for as long as the call may need them
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

/**
 * Has a function of this environment asked in the place of a vendor.
 * @param {Engine} engine
 * @param {string} name
 * @param {ProviderFunction} run
 */
function provide(engine, name, run) {
  bridge ??= new (load().Bridge)(drain);
  functions.provide(bridge, engine, name, run);
}

module.exports = { REPLY, STREAM, ERROR, call, session, wait, leave, guest, provide };

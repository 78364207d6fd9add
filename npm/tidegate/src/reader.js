"use strict";

const { wait, leave } = require("./bridge.js");
const { toError } = require("./errors.js");
const { watch, unwatch } = require("./signals.js");

/** @import { NativeStream } from "../types/native.js" */
/** @typedef {{ resolve: (end: undefined) => void, reject: (reason: unknown) => void }} Waiting */

/** Frames taken at a time: enough to make the crossing cheap, few enough to start at once. */
const BATCH = 256;

/** Reads in a row that found something, after which timers and sockets get their turn. */
const TURNS = 64;

/**
 * Reads a live reply in batches and knows when it is over. Nothing here is referred to from
 * outside while nobody reads, so that a stream its user has dropped is collected, and its
 * upstream closed.
 * @template {string | Uint8Array} Batch
 */
class Reader {
  /**
   * @param {NativeStream<Batch>} native
   * @param {number} ticket
   * @param {AbortSignal | null | undefined} signal
   */
  constructor(native, ticket, signal) {
    this.native = native;
    this.ticket = ticket;
    this.over = false;
    this.turns = 0;
    /** What the final headers said, once the stream is complete. */
    this.facts = "";
    /** @type {{ reason: unknown } | undefined} */
    this.failure = undefined;
    /** Whoever waits for the next batch. @type {Waiting | undefined} */
    this.waiting = undefined;
    this.forget = signal ? listen(signal, this) : undefined;
  }

  /**
   * The next batch, or `undefined` at the end; a promise only when it has to be waited for.
   * @returns {Batch | undefined | Promise<Batch | undefined>}
   */
  read() {
    if (this.over) return this.finish();
    if (++this.turns > TURNS) {
      this.turns = 0;
      return new Promise((resolve) => setImmediate(resolve)).then(() => this.read());
    }
    const batch = this.native.read(BATCH);
    if (batch === null) return this.#wait();
    if (batch !== false) return batch;
    const { facts, error } = this.native.end();
    this.close();
    this.facts = facts ?? "";
    if (error) this.failure = { reason: toError(error) };
    return this.finish();
  }

  #wait() {
    this.turns = 0;
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      wait(this.ticket, () => {
        this.waiting = undefined;
        try {
          resolve(this.read());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** @returns {undefined} */
  finish() {
    const failure = this.failure;
    this.failure = undefined; // said once; after it the stream is simply over
    if (failure) throw failure.reason;
    return undefined;
  }

  /**
   * Ends the stream for its reader with `reason` and closes the upstream.
   * @param {unknown} reason
   */
  abort(reason) {
    if (this.over) return;
    const waiting = this.waiting;
    this.waiting = undefined;
    this.cancel();
    if (waiting) waiting.reject(reason);
    else this.failure = { reason };
  }

  /** Closes the upstream; whoever waits is told that the stream is over. */
  cancel() {
    if (this.over) return;
    this.close();
    this.native.cancel();
  }

  close() {
    this.over = true;
    this.waiting?.resolve(undefined);
    this.waiting = undefined;
    this.forget?.();
    this.forget = undefined;
    leave(this.ticket);
  }
}

/**
 * Aborts the reader with the signal, without keeping the reader alive: signals often live as long
 * as the process.
 * @param {AbortSignal} signal
 * @param {Reader<any>} reader
 * @returns {() => void}
 */
function listen(signal, reader) {
  const abort = aborter(signal, new WeakRef(reader));
  const token = {};
  watch(signal, abort);
  registry.register(reader, { signal, abort }, token);
  return () => {
    registry.unregister(token);
    unwatch(signal, abort);
  };
}

/**
 * A function of its own, because closures of one scope share all that any of them uses.
 * @param {AbortSignal} signal
 * @param {WeakRef<Reader<any>>} weak
 */
function aborter(signal, weak) {
  return () => weak.deref()?.abort(signal.reason);
}

/** @type {FinalizationRegistry<{ signal: AbortSignal, abort: () => void }>} */
const registry = new FinalizationRegistry(({ signal, abort }) => unwatch(signal, abort));

module.exports = { Reader };

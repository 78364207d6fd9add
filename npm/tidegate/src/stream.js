"use strict";

const facts = require("./facts.js");
const { UpstreamInvalid } = require("./errors.gen.js");

/** @import { Reader } from "./reader.js" */
/** @import { GatewayFacts } from "../types/gateway.js" */

/**
 * A streamed reply: an async iterator of its chunks. Leaving a `for await` loop closes the
 * upstream.
 * @template T
 * @implements {AsyncIterableIterator<T>}
 */
class Stream {
  /** @type {Reader<string>} */ #reader;
  /** @type {string} */ #head;
  /** @type {T[]} */ #batch = [];
  #at = 0;
  #busy = false;
  /** @type {(() => void)[]} */ #queue = [];
  /** @type {AbortController | undefined} */ #controller;

  /**
   * @param {Reader<string>} reader
   * @param {string} head the answer's header lines
   */
  constructor(reader, head) {
    this.#reader = reader;
    this.#head = head;
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  next() {
    if (this.#busy) {
      // Callers that do not await each other's `next()` get their chunks in the order they asked.
      return new Promise((resolve) => this.#queue.push(() => resolve(this.#take())));
    }
    if (this.#at < this.#batch.length) {
      return Promise.resolve({ value: this.#batch[this.#at++], done: false });
    }
    this.#busy = true;
    return this.#take();
  }

  /** @returns {Promise<IteratorResult<T, undefined>>} */
  async #take() {
    try {
      while (this.#at >= this.#batch.length) {
        const got = this.#reader.read();
        const text = got instanceof Promise ? await got : got;
        if (text === undefined) return { value: undefined, done: true };
        this.#batch = this.#parse(text);
        this.#at = 0;
      }
      return { value: this.#batch[this.#at++], done: false };
    } finally {
      const waiting = this.#queue.shift();
      if (waiting) waiting();
      else this.#busy = false;
    }
  }

  /**
   * The chunks of one batch, a JSON array.
   * @param {string} text
   * @returns {T[]}
   */
  #parse(text) {
    try {
      return JSON.parse(text);
    } catch {
      return this.#salvage(text);
    }
  }

  /**
   * The chunks before the one that is no JSON; the stream fails after them. The addon puts a
   * carriage return, which no event contains, behind each comma between two events.
   * @param {string} text
   */
  #salvage(text) {
    const chunks = [];
    for (const event of text.slice(1, -1).split(",\r")) {
      try {
        chunks.push(JSON.parse(event));
      } catch {
        this.#reader.abort(
          new UpstreamInvalid({
            code: UpstreamInvalid.code,
            slug: UpstreamInvalid.slug,
            message: "an event of the stream is not JSON",
            origin: "upstream",
            status: 502,
          }),
        );
        break;
      }
    }
    return chunks;
  }

  /**
   * @param {any} [value]
   * @returns {Promise<IteratorResult<T, undefined>>}
   */
  async return(value) {
    this.cancel();
    return { value, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** Closes the upstream at once. What has not been read is dropped. */
  cancel() {
    this.#batch = [];
    this.#at = 0;
    this.#reader.cancel();
  }

  /**
   * What the gateway knows about the call. The cost is final once the stream has ended.
   * @returns {GatewayFacts}
   */
  get gateway() {
    return facts.parse(`${this.#head}\n${this.#reader.facts}`);
  }

  /** An `AbortController` whose `abort()` closes the upstream, as on the vendors' streams. */
  get controller() {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#controller.signal.addEventListener("abort", () => this.cancel(), { once: true });
    }
    return this.#controller;
  }

  /**
   * The chunks as lines of JSON in UTF-8, as the vendors' SDKs write and read them.
   * @returns {ReadableStream<Uint8Array>}
   */
  toReadableStream() {
    return lines(this, () => this.cancel());
  }

  async [Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]() {
    this.cancel();
  }
}

/**
 * A promise of a stream that can also be iterated at once, without `await`.
 * @template T
 * @extends {Promise<Stream<T>>}
 */
class StreamPromise extends Promise {
  static get [Symbol.species]() {
    return Promise;
  }

  /** @returns {AsyncIterableIterator<T>} */
  [Symbol.asyncIterator]() {
    /** @type {Stream<T> | undefined} */
    let stream;
    return {
      next: () =>
        stream
          ? stream.next()
          : this.then((opened) => {
              stream = opened;
              return stream.next();
            }),
      return: (value) => this.then((opened) => opened.return(value)),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** @returns {ReadableStream<Uint8Array>} */
  toReadableStream() {
    const iterator = this[Symbol.asyncIterator]();
    return lines(iterator, () => this.then((stream) => stream.cancel()));
  }
}

/**
 * @param {AsyncIterator<unknown>} chunks
 * @param {() => unknown} cancel
 * @returns {ReadableStream<Uint8Array>}
 */
function lines(chunks, cancel) {
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        const { value, done } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      },
      async cancel() {
        await cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

module.exports = { Stream, StreamPromise };

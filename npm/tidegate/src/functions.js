"use strict";

// Runs functions of the program for the engine. Questions come out of the bridge's queue on the
// environment's own thread; answers go back through the question itself.

/** @import { Bridge, Engine, HostCall } from "../types/native.js" */
/** @import { ProviderFunction } from "../types/functions.js" */

/** How a stream goes on; bindings-node/src/host.rs has the same numbers. */
const FULL = 1;
const GONE = 2;

/**
 * The functions of each engine, held by it alone: both go together.
 * @type {WeakMap<Engine, Map<string, ProviderFunction>>}
 */
const functions = new WeakMap();
/** @type {Map<number, WeakRef<Engine>>} */
const engines = new Map();
/** @type {WeakMap<Engine, number>} */
const tags = new WeakMap();
const forget = new FinalizationRegistry((/** @type {number} */ tag) => engines.delete(tag));
/** What is being answered, by ticket. @type {Map<number, Answer>} */
const asked = new Map();
let lastTag = 0;

/**
 * Thrown by a function that is a provider: the call fails as if a vendor had refused it. Retries,
 * fallbacks and cooldowns follow from the status. The message is for the caller to read; those of
 * other errors are not passed on.
 */
class ProviderError extends Error {
  /**
   * @param {string} [message]
   * @param {{ status?: number, retryAfter?: number }} [options] `status` from 400 to 599 (500),
   *   `retryAfter` in seconds
   */
  constructor(message, { status = 500, retryAfter } = {}) {
    super(message);
    this.name = "ProviderError";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** What a function is asked. */
class ProviderRequest {
  #call;
  #answer;
  /** @type {any} */ #json;

  /**
   * @param {HostCall} call
   * @param {Answer} answer
   */
  constructor(call, answer) {
    this.#call = call;
    this.#answer = answer;
  }

  get name() {
    return this.#call.name();
  }
  get model() {
    return this.#call.model();
  }
  get stream() {
    return this.#call.stream();
  }
  get dialect() {
    return this.#call.dialect();
  }
  get path() {
    return this.#call.path();
  }
  get timeout() {
    return this.#call.timeout();
  }
  get headers() {
    const lines = this.#call.headers().split("\n").slice(0, -1);
    return new Headers(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return /** @type {[string, string]} */ ([line.slice(0, colon), line.slice(colon + 2)]);
      }),
    );
  }
  get bytes() {
    return this.#call.bytes();
  }
  get body() {
    return (this.#json ??= JSON.parse(this.#call.text()));
  }
  get signal() {
    return this.#answer.signal();
  }
}

/** An answer under way. */
class Answer {
  /** @type {AbortController | undefined} */ #controller;
  /** @type {(() => void) | undefined} */ #wake;

  /**
   * @param {HostCall} call
   * @param {number} ticket
   */
  constructor(call, ticket) {
    this.call = call;
    this.ticket = ticket;
  }

  signal() {
    this.#controller ??= new AbortController();
    if (this.call.gone()) this.#abort();
    return this.#controller.signal;
  }

  #abort() {
    const text = "the caller has gone or the time is up";
    this.#controller?.abort(new DOMException(text, "AbortError"));
  }

  /** @param {boolean} gone */
  tell(gone) {
    if (gone) this.#abort();
    this.#wake?.();
  }

  /** @param {ProviderFunction} run */
  async run(run) {
    const { call } = this;
    try {
      const answer = await run(new ProviderRequest(call, this));
      if (isPieces(answer)) {
        await this.#stream(/** @type {AsyncIterable<unknown>} */ (answer));
      } else if (typeof answer === "string") {
        call.reply(false, answer);
      } else {
        call.reply(true, json(answer));
      }
    } catch (error) {
      fail(call, error);
    } finally {
      asked.delete(this.ticket);
    }
  }

  /** @param {AsyncIterable<unknown>} pieces */
  async #stream(pieces) {
    const { call } = this;
    for await (const piece of pieces) {
      let flow = typeof piece === "string" ? call.push(false, piece) : call.push(true, json(piece));
      while (flow === FULL) {
        /** @type {Promise<void>} */
        const room = new Promise((resolve) => (this.#wake = resolve));
        flow = call.arm();
        if (flow === FULL) await room;
      }
      if (flow === GONE) return;
    }
    call.end();
  }
}

/** @param {unknown} answer */
function isPieces(answer) {
  if (typeof answer !== "object" || answer === null) return false;
  if (Array.isArray(answer) || answer instanceof Uint8Array) return false;
  return Symbol.asyncIterator in answer || Symbol.iterator in answer;
}

/**
 * @param {unknown} value
 * @returns {string | Uint8Array}
 */
function json(value) {
  if (value instanceof Uint8Array) return value;
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`the function gave ${typeof value}`);
  return text;
}

/**
 * Fails a call as the error says.
 * @param {HostCall} call
 * @param {any} error
 */
function fail(call, error) {
  const { TidegateError } = require("./error.js");
  if (error instanceof ProviderError || error instanceof TidegateError) {
    const { status, message, retryAfter } = /** @type {ProviderError} */ (error);
    call.fail(status, message, retryAfter);
    return;
  }
  // Vendors' packages have the status there. Their words are not for every caller to read.
  const status = Number.isInteger(error?.status) ? error.status : 500;
  const kind = error instanceof Error ? (error.constructor?.name ?? error.name) : typeof error;
  if (!call.gone()) {
    process.emitWarning(`the function ${JSON.stringify(call.name())} failed`, {
      type: "TidegateWarning",
      detail: String(error?.stack ?? error),
    });
  }
  call.fail(status, `the function threw ${kind}`);
}

/**
 * Has a function asked in the place of a vendor.
 * @param {Bridge} bridge
 * @param {Engine} engine
 * @param {string} name
 * @param {ProviderFunction} run
 */
function provide(bridge, engine, name, run) {
  check(name, run);
  let tag = tags.get(engine);
  if (tag === undefined) {
    tag = ++lastTag;
    tags.set(engine, tag);
    engines.set(tag, new WeakRef(engine));
    functions.set(engine, new Map());
    forget.register(engine, tag);
  }
  bridge.provide(engine, name, tag);
  functions.get(engine)?.set(name, run);
}

/**
 * @param {string} name
 * @param {unknown} run
 */
function check(name, run) {
  if (typeof run !== "function") {
    throw new TypeError(`providers.${name} is not a function`);
  }
}

/**
 * A question. Without a function for it, letting go of it fails it.
 * @param {number} ticket
 * @param {number} tag
 * @param {HostCall} call
 */
function ask(ticket, tag, call) {
  const engine = engines.get(tag)?.deref();
  const run = engine && functions.get(engine)?.get(call.name());
  if (run === undefined) {
    call.fail(500, "the function is no longer there");
    return;
  }
  const answer = new Answer(call, ticket);
  asked.set(ticket, answer);
  void answer.run(run);
}

/**
 * News about a question: nobody waits for it any more, or its stream has room again.
 * @param {number} ticket
 * @param {boolean} gone
 */
function tell(ticket, gone) {
  asked.get(ticket)?.tell(gone);
}

module.exports = { ProviderError, ProviderRequest, ask, check, provide, tell };

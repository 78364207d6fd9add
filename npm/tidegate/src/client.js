"use strict";

const { REPLY, ERROR, call } = require("./bridge.js");
const { toError } = require("./errors.js");
const { UpstreamInvalid } = require("./errors.gen.js");
const facts = require("./facts.js");
const headers = require("./headers.js");
const { Reader } = require("./reader.js");
const { Stream, StreamPromise } = require("./stream.js");

/** @import { Engine } from "../types/native.js" */
/** @import { RequestOptions } from "../types/gateway.js" */

/** One caller's way in: an engine, and the key that is used on it. */
class Door {
  /**
   * @param {Engine} engine
   * @param {string | undefined} key
   */
  constructor(engine, key) {
    this.engine = engine;
    this.key = key;
  }

  /**
   * A call with parsed JSON as its outcome, or a `Stream` of it.
   * @param {string} line `METHOD target`
   * @param {unknown} body
   * @param {RequestOptions | undefined} options
   * @returns {Promise<any>}
   */
  async ask(line, body, options) {
    const signal = options?.signal;
    const outcome = await call(
      this.engine,
      true,
      line,
      options && extraHeaders(options),
      encode(body),
      this.key,
      signal,
      (kind, _status, text, value, ticket) => {
        if (kind === REPLY) return parse(value, text);
        if (kind === ERROR) return new Failure(text);
        return new Stream(new Reader(value, ticket, signal), text);
      },
    );
    // Thrown here and not on the drain's stack, so that the error's stack leads to the caller.
    if (outcome instanceof Failure) throw toError(outcome.text);
    return outcome;
  }

  /**
   * The same for a body that may ask for a stream: then the promise can be iterated at once.
   * @param {string} line
   * @param {any} body
   * @param {RequestOptions | undefined} options
   * @returns {Promise<any>}
   */
  create(line, body, options) {
    const outcome = this.ask(line, body, options);
    return body?.stream === true ? new StreamPromise((resolve) => resolve(outcome)) : outcome;
  }
}

/** The engine's error, on its way to the caller's stack. */
class Failure {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/**
 * @param {unknown} body
 * @returns {string | Uint8Array | undefined}
 */
function encode(body) {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) return body;
  return JSON.stringify(body);
}

/**
 * @param {string} text
 * @param {string} lines
 */
function parse(text, lines) {
  let reply;
  try {
    reply = text === "" ? {} : JSON.parse(text);
  } catch (cause) {
    const error = new UpstreamInvalid({
      code: UpstreamInvalid.code,
      slug: UpstreamInvalid.slug,
      message: "the answer is not JSON",
      origin: "upstream",
      status: 502,
    });
    error.cause = cause;
    throw error;
  }
  return facts.attach(reply, lines);
}

/**
 * @param {RequestOptions} options
 * @returns {string | undefined}
 */
function extraHeaders(options) {
  let lines = options.headers ? headers.toLines(new Headers(options.headers)) : "";
  if (options.timeout !== undefined) {
    if (!(options.timeout > 0)) throw new RangeError("timeout is a positive number of milliseconds");
    lines += `x-tidegate-timeout: ${Math.ceil(options.timeout)}ms\n`;
  }
  return lines === "" ? undefined : lines;
}

class Completions {
  #door;
  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }
  /**
   * @param {any} body
   * @param {RequestOptions} [options]
   */
  create(body, options) {
    return this.#door.create("POST /v1/chat/completions", body, options);
  }
}

class Chat {
  /** @param {Door} door */
  constructor(door) {
    this.completions = new Completions(door);
  }
}

class Messages {
  #door;
  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }
  /**
   * @param {any} body
   * @param {RequestOptions} [options]
   */
  create(body, options) {
    return this.#door.create("POST /v1/messages", body, options);
  }
}

class Responses {
  #door;
  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }
  /**
   * @param {any} body
   * @param {RequestOptions} [options]
   */
  create(body, options) {
    const outcome = this.#door.create("POST /v1/responses", body, options);
    return body?.stream === true ? outcome : outcome.then(withText);
  }
}

/**
 * The words of a response, without reasoning and calls, as on OpenAI's own SDK.
 * @param {any} reply
 */
function withText(reply) {
  return Object.defineProperty(reply, "output_text", {
    get() {
      const contents = this.output.filter((/** @type {any} */ item) => item.type === "message");
      return contents
        .flatMap((/** @type {any} */ item) => item.content)
        .filter((/** @type {any} */ part) => part.type === "output_text")
        .map((/** @type {any} */ part) => part.text)
        .join("");
    },
  });
}

class Embeddings {
  #door;
  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }
  /**
   * @param {any} body
   * @param {RequestOptions} [options]
   */
  create(body, options) {
    return this.#door.ask("POST /v1/embeddings", body, options);
  }
}

class Models {
  #door;
  /** @param {Door} door */
  constructor(door) {
    this.#door = door;
  }
  /** @param {RequestOptions} [options] */
  async list(options) {
    const page = await this.#door.ask("GET /v1/models", undefined, options);
    return Object.defineProperty(page, Symbol.asyncIterator, {
      value: async function* () {
        yield* page.data;
      },
    });
  }
}

module.exports = { Door, Chat, Messages, Responses, Embeddings, Models, extraHeaders, encode };

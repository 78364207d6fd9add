"use strict";

const { REPLY, ERROR, call } = require("./bridge.js");
const { encode, extraHeaders } = require("./client.js");
const { toError } = require("./errors.js");
const facts = require("./facts.js");
const headers = require("./headers.js");
const { Reader } = require("./reader.js");

/** @import { Door } from "./client.js" */
/** @import { RawRequest } from "../types/gateway.js" */

/** An HTTP answer in bytes: iterate it for its pieces as they come, or take it whole. */
class RawReply {
  #body;
  #lines;
  /**
   * @param {number} status
   * @param {string} lines
   * @param {Uint8Array | Reader<Uint8Array<ArrayBuffer>>} body
   */
  constructor(status, lines, body) {
    this.status = status;
    this.headers = new Headers(headers.fromLines(lines));
    this.#lines = lines;
    this.#body = body;
  }

  /** What the gateway did with the call; what a stream cost is known at its end. */
  get gateway() {
    return facts.parse(this.#ended === undefined ? this.#lines : `${this.#lines}\n${this.#ended}`);
  }

  /** What the final headers said. @type {string | undefined} */
  #ended;

  /** @returns {AsyncGenerator<Uint8Array, void, undefined>} */
  async *[Symbol.asyncIterator]() {
    const body = this.#body;
    if (body instanceof Uint8Array) {
      yield body;
      return;
    }
    try {
      for (;;) {
        const chunk = await body.read();
        if (chunk === undefined) {
          this.#ended = body.facts;
          return;
        }
        yield chunk;
      }
    } finally {
      body.cancel();
    }
  }

  /** @returns {Promise<Uint8Array>} */
  async bytes() {
    if (this.#body instanceof Uint8Array) return this.#body;
    const chunks = [];
    for await (const chunk of this) chunks.push(chunk);
    return (this.#body = Buffer.concat(chunks));
  }

  /** @returns {Promise<string>} */
  async text() {
    return new TextDecoder().decode(await this.bytes());
  }

  /** @returns {Promise<any>} */
  async json() {
    return JSON.parse(await this.text());
  }

  /** Closes the upstream of an answer that is not read to its end. */
  cancel() {
    if (!(this.#body instanceof Uint8Array)) this.#body.cancel();
  }
}

/**
 * @param {Door} door
 * @param {RawRequest} request
 * @returns {Promise<RawReply>}
 */
async function send(door, request) {
  const { method = "POST", path, body, signal } = request;
  return call(
    door.engine,
    false,
    `${method} ${path}`,
    extraHeaders(request),
    encode(body),
    door.key,
    signal,
    (kind, status, text, value, ticket) => {
      if (kind === ERROR) throw toError(text);
      return new RawReply(
        status,
        text,
        kind === REPLY ? value : new Reader(value, ticket, signal),
      );
    },
  );
}

module.exports = { RawReply, send };

"use strict";

const { REPLY, ERROR, call } = require("./bridge.js");
const { toError } = require("./errors.js");
const headers = require("./headers.js");
const { Reader } = require("./reader.js");

/** @import { Door } from "./client.js" */

/** Statuses whose answers have no body; `Response` insists on it. */
const BODILESS = new Set([101, 204, 205, 304]);

/**
 * A `fetch` whose network is the engine. Refusals are HTTP answers in the caller's dialect, as a
 * vendor would give them; it rejects as `fetch` does, with the signal's reason or a `TypeError`.
 * @param {Door} door
 * @returns {typeof globalThis.fetch}
 */
function makeFetch(door) {
  return async function fetch(input, init) {
    const request = await read(input, init);
    return call(
      door.engine,
      false,
      `${request.method} ${request.url}`,
      request.headers,
      request.body,
      door.key,
      request.signal,
      (kind, status, text, value, ticket) => {
        if (kind === ERROR) throw new TypeError("fetch failed", { cause: toError(text) });
        /** @type {any} */
        let body = null;
        if (kind === REPLY) {
          if (!BODILESS.has(status)) body = value;
        } else if (BODILESS.has(status)) {
          value.cancel();
        } else {
          body = readable(new Reader(value, ticket, request.signal));
        }
        const response = new Response(body, { status, headers: headers.fromLines(text) });
        return Object.defineProperty(response, "url", { value: request.url });
      },
    );
  };
}

/**
 * What the engine needs of the two forms in which `fetch` takes a request.
 * @param {string | URL | Request} input
 * @param {RequestInit | undefined} init
 */
async function read(input, init) {
  const request = input instanceof Request ? input : undefined;
  const url = request ? request.url : String(input);
  const signal = init?.signal ?? request?.signal;
  if (signal?.aborted) throw signal.reason;
  const own = init?.headers ?? request?.headers;
  let lines = own ? headers.toLines(own instanceof Headers ? own : new Headers(own)) : "";
  /** @type {any} */
  let body = init?.body ?? null;
  if (body !== null && typeof body !== "string" && !(body instanceof Uint8Array)) {
    // FormData, Blob, URLSearchParams, streams: Response knows how each becomes bytes, and which
    // content type it brings along.
    const packed = new Response(
      typeof body === "object" && Symbol.asyncIterator in body && !(body instanceof ReadableStream)
        ? fromIterable(body)
        : body,
    );
    const type = packed.headers.get("content-type");
    if (type && !/^content-type:/m.test(lines)) lines += `content-type: ${type}\n`;
    body = new Uint8Array(await packed.arrayBuffer());
  } else if (typeof body === "string" && !/^content-type:/m.test(lines)) {
    lines += "content-type: text/plain;charset=UTF-8\n";
  } else if (body === null && request?.body && init?.body === undefined) {
    body = new Uint8Array(await request.arrayBuffer());
  }
  const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
  if (body !== null && (method === "GET" || method === "HEAD")) {
    throw new TypeError("Request with GET/HEAD method cannot have body.");
  }
  return { url, method, headers: lines, body: body ?? undefined, signal };
}

/**
 * @param {AsyncIterable<string | Uint8Array>} source
 * @returns {ReadableStream<Uint8Array>}
 */
function fromIterable(source) {
  const iterator = source[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
  });
}

/**
 * The body of a streamed answer. It reads only when it is read from.
 * @param {Reader<Uint8Array<ArrayBuffer>>} reader
 * @returns {ReadableStream<Uint8Array>}
 */
function readable(reader) {
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        let chunk;
        try {
          const got = reader.read();
          chunk = got instanceof Promise ? await got : got;
        } catch (error) {
          throw broken(error);
        }
        if (chunk === undefined) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          controller.enqueue(chunk);
        }
      },
      cancel() {
        reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * An engine's error in the form that `fetch` gives a connection lost in the middle of a body.
 * @param {unknown} error
 */
function broken(error) {
  return error instanceof Error && "slug" in error
    ? new TypeError("terminated", { cause: error })
    : error;
}

module.exports = { makeFetch };

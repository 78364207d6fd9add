"use strict";

const { ERROR, session, wait } = require("./bridge.js");
const { extraHeaders } = require("./client.js");
const { toError } = require("./errors.js");
const { ConnectionLost } = require("./errors.gen.js");
const facts = require("./facts.js");
const { Reader } = require("./reader.js");

/** @import { Door } from "./client.js" */
/** @import { NativeSession } from "../types/native.js" */
/** @import { ConnectOptions } from "../types/session.js" */

const TAKEN = 0;
const FULL = 1;

/** Codes of a session that ended as it should (RFC 6455, section 7.4.1). */
const ENDED_WELL = [1000, 1001, 1005];

/** The last fact that holds the error with which the gateway ended a session. */
const REFUSAL = "x-tidegate-session-error";

const LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

const asyncDispose = /** @type {typeof Symbol.asyncDispose} */ (
  Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")
);

/** An open session: iterate it for what the vendor says, or listen to it. */
class Session {
  #native;
  /** @type {Reader<any>} */
  #reader;
  #lines;
  #json;
  /** @type {(string | Uint8Array)[]} */
  #batch = [];
  #at = 0;
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();
  #listening = false;
  /** The last of the messages that wait for room. @type {Promise<void> | undefined} */
  #tail;
  /** Why it ended badly. @type {unknown} */
  #failure;

  /**
   * @param {NativeSession} native
   * @param {number} ticket
   * @param {AbortSignal | null | undefined} signal
   * @param {string} lines
   * @param {boolean} json binary messages are JSON too, as Gemini's are
   */
  constructor(native, ticket, signal, lines, json) {
    this.#native = native;
    this.#reader = new Reader(/** @type {any} */ (native), ticket, signal);
    this.#lines = lines;
    this.#json = json;
  }

  /** What the gateway did; the cost is known once the session is over. */
  get gateway() {
    return facts.parse(`${this.#lines}\n${this.#reader.facts}`);
  }

  /** What the session was closed with; `undefined` while it runs, and when it was cancelled. */
  get closeCode() {
    const code = said(this.#reader.facts, "x-tidegate-close-code");
    return code === undefined ? undefined : Number(code);
  }

  /** The words that came with the code. */
  get closeReason() {
    return said(this.#reader.facts, "x-tidegate-close-reason") ?? "";
  }

  /**
   * Sends a message: an object as JSON, a text as it is, bytes as a binary message. The promise
   * resolves once it is on its way, which takes as long as the upstream takes no more.
   * @param {object | string | Uint8Array} message
   * @returns {Promise<void>}
   */
  async send(message) {
    const value = typeof message === "string" || message instanceof Uint8Array ? message : JSON.stringify(message);
    if (this.#tail === undefined) {
      const sent = this.#native.send(value);
      if (sent === TAKEN) return;
      if (sent !== FULL) throw this.#over();
    }
    const mine = (this.#tail ?? Promise.resolve()).then(() => this.#push(value));
    const quiet = mine.catch(() => {});
    this.#tail = quiet;
    try {
      await mine;
    } finally {
      if (this.#tail === quiet) this.#tail = undefined;
    }
  }

  /** @param {string | Uint8Array} value */
  async #push(value) {
    for (;;) {
      const sent = this.#native.send(value);
      if (sent === TAKEN) return;
      if (sent !== FULL) throw this.#over();
      if (!this.#native.armSend()) {
        await new Promise((resolve) => wait(this.#native.sendTicket(), () => resolve(undefined)));
      }
    }
  }

  /**
   * The next message: an object for JSON, bytes for binary messages that are none; `undefined` once
   * the session has ended as it should.
   * @returns {Promise<any>}
   */
  async receive() {
    while (this.#at >= this.#batch.length) {
      if (this.#failure !== undefined) throw this.#failure;
      let batch;
      try {
        batch = await this.#reader.read();
      } catch (error) {
        this.#failure = error;
        throw error;
      }
      if (batch === undefined) {
        const refused = said(this.#reader.facts, REFUSAL) !== undefined;
        const code = this.closeCode;
        if (!refused && (code === undefined || ENDED_WELL.includes(code))) return undefined;
        this.#failure = this.#over();
        throw this.#failure;
      }
      this.#batch = batch;
      this.#at = 0;
    }
    const message = this.#batch[this.#at++];
    if (typeof message === "string") return JSON.parse(message);
    return this.#json ? JSON.parse(new TextDecoder().decode(message)) : message;
  }

  /** Leaving the loop leaves the session open: `close` it. */
  [Symbol.asyncIterator]() {
    return {
      next: async () => {
        const value = await this.receive();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
    };
  }

  /**
   * Calls `listener` for every event of a type, for `"event"` with every one, for `"error"` when the
   * session ends badly, for `"close"` when it is over.
   * @param {string} type
   * @param {(event: any) => void} listener
   */
  on(type, listener) {
    let those = this.#listeners.get(type);
    if (those === undefined) this.#listeners.set(type, (those = new Set()));
    those.add(listener);
    if (!this.#listening) {
      this.#listening = true;
      setImmediate(() => this.#listen());
    }
    return this;
  }

  /**
   * @param {string} type
   * @param {(event: any) => void} listener
   */
  off(type, listener) {
    this.#listeners.get(type)?.delete(listener);
    return this;
  }

  async #listen() {
    try {
      for await (const event of this) {
        this.#emit("event", event);
        if (typeof event?.type === "string") this.#emit(event.type, event);
      }
    } catch (error) {
      this.#emit("error", error);
    }
    this.#emit("close", { code: this.closeCode, reason: this.closeReason });
  }

  /**
   * @param {string} type
   * @param {unknown} event
   */
  #emit(type, event) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event);
  }

  /**
   * Ends the session in its protocol's own way; resolves when the other side has answered.
   * @param {{ code?: number, reason?: string }} [options]
   */
  async close({ code = 1000, reason = "" } = {}) {
    if (this.#reader.over) return;
    this.#native.close(code, reason);
    if (this.#listening) return;
    try {
      while ((await this.#reader.read()) !== undefined);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Closes the upstream at once, without a word. */
  cancel() {
    this.#reader.cancel();
  }

  [asyncDispose]() {
    return this.close();
  }

  /** What is thrown once the session is over. */
  #over() {
    if (this.#failure !== undefined) return this.#failure;
    const refusal = said(this.#reader.facts, REFUSAL);
    if (refusal !== undefined) return toError(refusal);
    const reason = this.closeReason ? `: ${this.closeReason}` : "";
    const text = this.closeCode === undefined ? "the session is over" : `the session was closed with ${this.closeCode}${reason}`;
    const { code, slug } = ConnectionLost;
    return new ConnectionLost({ code, slug, message: text, origin: "upstream", status: 502 });
  }
}

/**
 * The value of a line.
 * @param {string} lines
 * @param {string} name
 */
function said(lines, name) {
  const line = lines.split("\n").find((line) => line.startsWith(`${name}: `));
  // Bytes outside ASCII come as Latin-1, as everywhere in headers.
  return line && Buffer.from(line.slice(name.length + 2), "latin1").toString();
}

/**
 * @param {Door} door
 * @param {string} target
 * @param {ConnectOptions | undefined} options
 * @param {boolean} json
 * @returns {Promise<Session>}
 */
function open(door, target, options, json) {
  const prefix = options?.provider === undefined ? "" : `/${options.provider}`;
  return session(
    door.engine,
    prefix + target,
    options && extraHeaders(options),
    door.key,
    options?.signal,
    (kind, _status, text, value, ticket) => {
      if (kind === ERROR) throw toError(text);
      return new Session(value, ticket, options?.signal, text, json);
    },
  );
}

/**
 * Adds the places where sessions are opened to a gateway.
 * @param {any} gateway
 * @param {Door} door
 */
function addSessions(gateway, door) {
  gateway.realtime = {
    /** @param {{ model?: string, callId?: string, query?: Record<string, string> } & ConnectOptions} wanted */
    connect: ({ model, callId, query, ...options }) => {
      const given = { model, call_id: callId, ...query };
      const pairs = Object.entries(given).filter(([, value]) => value !== undefined);
      const search = new URLSearchParams(/** @type {[string, string][]} */ (pairs));
      return open(door, `/v1/realtime?${search}`, options, false);
    },
  };
  gateway.live = {
    /** @param {{ model: string, setup?: object } & ConnectOptions} wanted */
    connect: async ({ model, setup, ...options }) => {
      const opened = await open(door, LIVE, options, true);
      await opened.send({ setup: { model, ...setup } });
      return opened;
    },
  };
  /** @param {ConnectOptions} [options] */
  gateway.responses.connect = (options) => open(door, "/v1/responses", options, false);
}

module.exports = { Session, addSessions };

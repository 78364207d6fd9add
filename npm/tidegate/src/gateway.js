"use strict";

const { fileURLToPath } = require("node:url");

const { guest, provide } = require("./bridge.js");
const { Door, Chat, Messages, Responses, Embeddings, Models } = require("./client.js");
const { check } = require("./functions.js");
const { guarded, toError } = require("./errors.js");
const { makeFetch } = require("./fetch.js");
const { addMethods } = require("./methods.js");
const { load } = require("./native.js");
const raw = require("./raw.js");
const { addSessions } = require("./session.js");

/** @import { Engine, JobResult, NativeServer } from "../types/native.js" */
/** @import { Config } from "../types/config.js" */
/** @import { OpenOptions, ProviderFunction } from "../types/functions.js" */
/** @import { ExplainOptions } from "../types/explain.js" */
/** @import { CloseOptions, RawRequest, Scope, ServeOptions } from "../types/gateway.js" */

const asyncDispose = /** @type {typeof Symbol.asyncDispose} */ (
  Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")
);

const advance = Symbol.for("tidegate.testing.advance");

/** A gateway inside this process. */
class Gateway {
  #engine;
  #key;
  /** The engine that this one's is a view of, which has the functions. */
  #home;
  /** @type {typeof globalThis.fetch | undefined} */
  #fetch;

  /**
   * @param {Engine} engine
   * @param {string | undefined} key
   * @param {Engine} [home]
   */
  constructor(engine, key, home = engine) {
    if (!(engine instanceof load().NativeEngine)) {
      throw new TypeError("use `await Gateway.open(...)` or `Gateway.connect(url)`");
    }
    const door = new Door(engine, key);
    this.#engine = engine;
    this.#key = key;
    this.#home = home;
    this.chat = new Chat(door);
    this.messages = new Messages(door);
    this.responses = new Responses(door);
    this.embeddings = new Embeddings(door);
    this.models = new Models(door);
    addMethods(this, door);
    addSessions(this, door);
  }

  /**
   * Opens a gateway. Nothing starts before the first call.
   * @param {string | URL | Config} [config] a file (YAML, TOML or JSON), an object of the same
   *   shape, or nothing: then the vendors' usual environment variables decide
   * @param {OpenOptions} [options]
   * @returns {Promise<Gateway>}
   */
  static async open(config, options) {
    const [kind, text] = source(config);
    return opened(kind, text, options);
  }

  /**
   * Opens a gateway from the text of a configuration.
   * @param {string} text
   * @param {"yaml" | "toml" | "json"} [format]
   * @param {OpenOptions} [options]
   * @returns {Promise<Gateway>}
   */
  static async parse(text, format = "yaml", options) {
    return opened(format, text, options);
  }

  /**
   * The same client over HTTP, for an engine that runs elsewhere (`tidegate serve`).
   * @param {string | URL} url
   * @param {{ key?: string }} [options]
   */
  static connect(url, options) {
    const engine = guarded(() => load().NativeEngine.connect(String(url), options?.key));
    return new Gateway(engine, undefined);
  }

  /**
   * A view of this gateway whose calls are made with `key`: same engine, its budgets and rights.
   * @param {string} key
   */
  withKey(key) {
    return new Gateway(this.#engine, key, this.#home);
  }

  /**
   * A view of this gateway whose calls are made for a customer, a team or a user, and carry tags.
   * @param {Scope} scope
   */
  scoped({ customer, team, user, tags = [] }) {
    const engine = guarded(() => this.#engine.scoped(customer, team, user, [...tags]));
    return new Gateway(engine, this.#key, this.#home);
  }

  /**
   * Puts a function in the place of a vendor, whether or not the configuration mentions it.
   * @param {string} name
   * @param {ProviderFunction} run
   */
  provider(name, run) {
    guarded(() => provide(this.#home, name, run));
    return this;
  }

  /** A `fetch` for the vendors' SDKs: `new OpenAI({ fetch: gw.fetch })`. */
  get fetch() {
    return (this.#fetch ??= makeFetch(new Door(this.#engine, this.#key)));
  }

  /**
   * Sends bytes and gets bytes, on any path the server has. Refusals are answers, not exceptions.
   * @param {RawRequest} request
   */
  request(request) {
    return raw.send(new Door(this.#engine, this.#key), request);
  }

  /**
   * What would become of a request that came now, and why. Nothing is called.
   * @param {object | string} [request]
   * @param {ExplainOptions} [options]
   * @returns {Promise<any>}
   */
  explain(request, { path, method, headers, signal } = {}) {
    const told = { method, path, headers: headers && Object.fromEntries(new Headers(headers)), body: request };
    return new Door(this.#engine, this.#key).ask("POST /api/explain", told, { signal });
  }

  /**
   * Serves this gateway over HTTP. It listens when the promise resolves.
   * @param {ServeOptions} [options]
   */
  async serve(options = {}) {
    const { port, host, threads } = options;
    const listen =
      options.listen ??
      (port === undefined && host === undefined
        ? undefined
        : `${host?.includes(":") ? `[${host}]` : (host ?? "127.0.0.1")}:${port ?? 8787}`);
    return new Server(guarded(() => this.#home.serve(listen, threads)), this.#home);
  }

  /**
   * Puts another configuration in place, or reads the same file again. Calls that run keep the
   * old one; when the new one has mistakes, everybody does.
   * @param {string | URL | Config} [config]
   */
  async reload(config) {
    const [kind, text] = config === undefined ? [] : source(config);
    await done(this.#engine.reload(kind, text));
  }

  /** The engine's state: providers, targets in cooldown, calls in flight. */
  async health() {
    return JSON.parse((await done(this.#engine.health())) ?? "{}");
  }

  /** What was counted of calls, as text in Prometheus' format 0.0.4. */
  metrics() {
    return this.#engine.metrics();
  }

  /** The configuration in force, with secrets as `***`. */
  config() {
    return JSON.parse(this.#engine.config());
  }

  /**
   * Takes no more calls, lets running ones finish for `timeout` milliseconds (default 30,000) and
   * cancels the rest. All views of the engine are closed.
   * @param {CloseOptions} [options]
   */
  async close(options) {
    await done(this.#engine.close(options?.timeout ?? 30_000));
  }

  async [asyncDispose]() {
    await this.close();
  }

  /**
   * Moves the engine's clock. Only in builds for the behaviour suite.
   * @param {number} ms
   */
  [advance](ms) {
    if (!this.#engine.advance) throw new TypeError("this build keeps real time");
    this.#engine.advance(ms);
  }
}

/**
 * What each running server serves. An engine that nobody else holds stays for it, with its functions.
 * @type {Map<NativeServer, Engine>}
 */
const serving = new Map();

/** A running HTTP server. It keeps the process alive until it is closed. */
class Server {
  #native;
  #held = true;
  /** @type {Promise<void> | undefined} */
  #closing;

  /**
   * @param {NativeServer} native
   * @param {Engine} engine
   */
  constructor(native, engine) {
    this.#native = native;
    serving.set(native, engine);
    /** Where it listens. */
    this.url = native.url();
    guest(1);
  }

  /**
   * Stops listening, lets running answers finish for `timeout` milliseconds (default: the
   * configured `server.drain`) and cuts off the rest.
   * @param {CloseOptions} [options]
   * @returns {Promise<void>}
   */
  close(options) {
    this.#closing ??= done(this.#native.shutdown(options?.timeout)).then(() => {
      serving.delete(this.#native);
      this.unref();
    });
    return this.#closing;
  }

  /** Lets the process end although the server runs. */
  unref() {
    if (this.#held) guest(-1);
    this.#held = false;
  }

  async [asyncDispose]() {
    await this.close();
  }
}

/**
 * @param {string} kind
 * @param {string} text
 * @param {OpenOptions | undefined} options
 */
function opened(kind, text, options) {
  const providers = Object.entries(options?.providers ?? {});
  for (const [name, run] of providers) check(name, run);
  const names = providers.map(([name]) => name);
  const engine = guarded(() => load().NativeEngine.open(kind, text, names));
  for (const [name, run] of providers) guarded(() => provide(engine, name, run));
  return new Gateway(engine, undefined);
}

/**
 * @param {string | URL | Config | undefined} config
 * @returns {[kind: string, text: string]}
 */
function source(config) {
  if (config === undefined) return ["env", ""];
  if (config instanceof URL) return ["path", fileURLToPath(config)];
  if (typeof config === "string") return ["path", config];
  return ["object", JSON.stringify(config)];
}

/**
 * @param {Promise<JobResult>} job
 * @returns {Promise<string | null | undefined>}
 */
async function done(job) {
  const { value, error } = await job;
  if (error) throw toError(error);
  return value;
}

module.exports = { Gateway, Server };

"use strict";

const { ERROR, REPLY, call } = require("./bridge.js");
const { Reader } = require("./reader.js");
const { toError } = require("./errors.js");

/** @import { Door } from "./client.js" */
/** @import { MethodOptions } from "../types/gateway.js" */

/**
 * The vendors' words beyond conversations: one line a method. `form` sends a form; `bytes` gives an
 * answer of bytes; `list` makes the page iterable. Ids of the path come first, parameters next.
 * @type {Record<string, Record<string, string>>}
 */
const METHODS = {
  completions: { create: "POST /v1/completions" },
  images: {
    generate: "POST /v1/images/generations",
    edit: "POST /v1/images/edits form",
    createVariation: "POST /v1/images/variations form",
  },
  "audio.speech": { create: "POST /v1/audio/speech bytes" },
  "audio.transcriptions": { create: "POST /v1/audio/transcriptions form" },
  "audio.translations": { create: "POST /v1/audio/translations form" },
  moderations: { create: "POST /v1/moderations" },
  files: {
    create: "POST /v1/files form",
    list: "GET /v1/files list",
    retrieve: "GET /v1/files/{} json",
    delete: "DELETE /v1/files/{} json",
    content: "GET /v1/files/{}/content bytes",
  },
  batches: {
    create: "POST /v1/batches",
    list: "GET /v1/batches list",
    retrieve: "GET /v1/batches/{} json",
    cancel: "POST /v1/batches/{}/cancel",
  },
  "messages.batches": {
    create: "POST /v1/messages/batches",
    list: "GET /v1/messages/batches list",
    retrieve: "GET /v1/messages/batches/{} json",
    cancel: "POST /v1/messages/batches/{}/cancel",
    delete: "DELETE /v1/messages/batches/{} json",
    results: "GET /v1/messages/batches/{}/results bytes",
  },
  messages: { countTokens: "POST /v1/messages/count_tokens" },
  responses: {
    retrieve: "GET /v1/responses/{} json",
    delete: "DELETE /v1/responses/{} json",
    cancel: "POST /v1/responses/{}/cancel",
  },
  models: { retrieve: "GET /v1/models/{} json" },
  videos: {
    create: "POST /v1/videos form",
    list: "GET /v1/videos list",
    retrieve: "GET /v1/videos/{} json",
    delete: "DELETE /v1/videos/{} json",
    downloadContent: "GET /v1/videos/{}/content bytes",
  },
  ocr: { process: "POST /v1/ocr" },
  "": { rerank: "POST /v1/rerank" },
};

/**
 * Adds the methods to a gateway, at the places their names say.
 * @param {any} gateway
 * @param {Door} door
 */
function addMethods(gateway, door) {
  for (const [place, methods] of Object.entries(METHODS)) {
    const home = place.split(".").reduce((home, name) => (name ? (home[name] ??= {}) : home), gateway);
    for (const [name, line] of Object.entries(methods)) home[name] = method(door, name, line);
  }
}

/**
 * @param {Door} door
 * @param {string} name
 * @param {string} line
 */
function method(door, name, line) {
  const [verb, template, kind] = line.split(" ");
  const ids = template.split("{}").length - 1;
  // Those without parameters take their options in that place.
  const bare = kind === "json" || (kind === "bytes" && verb === "GET");
  return (/** @type {any[]} */ ...given) => {
    const path = given.slice(0, ids).reduce((path, id) => path.replace("{}", part(name, id)), template);
    if (path.includes("{}")) throw new TypeError(`${name} needs the id of what it is about`);
    const rest = given.slice(ids);
    const params = bare ? undefined : rest.shift();
    /** @type {MethodOptions | undefined} */
    const options = rest[0];
    const target = `${options?.provider === undefined ? "" : `/${options.provider}`}${path}`;
    if (verb !== "POST") {
      const ask = `${verb} ${target}${query(params)}`;
      if (kind === "bytes") return bytes(door, ask, undefined, options);
      const reply = door.ask(ask, undefined, options);
      return kind === "list" ? reply.then(iterable) : reply;
    }
    const ask = `${verb} ${target}`;
    if (kind === "bytes") return bytes(door, ask, params, options);
    if (kind === "form") return form(door, ask, params, options);
    return door.create(ask, params, options);
  };
}

/**
 * An id as part of a path.
 * @param {string} name
 * @param {unknown} id
 */
function part(name, id) {
  if (typeof id !== "string" || id === "" || id === "." || id === "..") {
    throw new TypeError(`${name} needs the id of what it is about, not ${String(id)}`);
  }
  return encodeURIComponent(id).replaceAll("$", "$$$$");
}

/** @param {any} page */
function iterable(page) {
  return Object.defineProperty(page, Symbol.asyncIterator, {
    value: async function* () {
      yield* page.data;
    },
  });
}

/**
 * Lists as `name[]`, objects as `name[member]`, as the vendors' SDKs write them.
 * @param {any} value
 * @param {string} [name]
 * @returns {Generator<[string, string | Blob]>}
 */
function* flat(value, name) {
  if (value === undefined || value === null) return;
  if (value instanceof Blob) yield [String(name), value];
  else if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    yield [String(name), new File([/** @type {any} */ (value)], "upload")];
  } else if (Array.isArray(value)) for (const one of value) yield* flat(one, `${name}[]`);
  else if (typeof value === "object") {
    for (const [key, member] of Object.entries(value)) {
      yield* flat(member, name === undefined ? key : `${name}[${key}]`);
    }
  } else yield [String(name), String(value)];
}

/** @param {any} params */
function query(params) {
  const pairs = new URLSearchParams();
  for (const [name, value] of flat(params)) pairs.append(name, /** @type {string} */ (value));
  return pairs.size ? `?${pairs}` : "";
}

/**
 * A form. Files are a `File`, a `Blob` (`fs.openAsBlob(path)` gives one), bytes, or an answer of
 * `fetch`.
 * @param {Door} door
 * @param {string} line
 * @param {any} params
 * @param {MethodOptions | undefined} options
 */
async function form(door, line, params, options) {
  const data = new FormData();
  for (const [name, value] of Object.entries(params ?? {})) {
    const given = value instanceof Response ? await value.blob() : value;
    for (const [flatName, one] of flat(given, name)) data.append(flatName, one);
  }
  const packed = new Response(data);
  const own = new Headers(options?.headers);
  own.set("content-type", packed.headers.get("content-type") ?? "");
  const body = new Uint8Array(await packed.arrayBuffer());
  const wanted = { ...options, headers: own };
  // Subtitles and plain text are no JSON.
  if (["text", "srt", "vtt"].includes(params?.response_format)) {
    return (await bytes(door, line, body, wanted)).text();
  }
  return door.ask(line, body, wanted);
}

/**
 * An answer of bytes, which is read whole or piece by piece as it comes.
 * @param {Door} door
 * @param {string} line
 * @param {unknown} params
 * @param {MethodOptions | undefined} options
 */
async function bytes(door, line, params, options) {
  const { encode, extraHeaders } = require("./client.js");
  const { RawReply } = require("./raw.js");
  const reply = await call(
    door.engine,
    false,
    line,
    options && extraHeaders(options),
    encode(params),
    door.key,
    options?.signal,
    (kind, status, text, value, ticket) => {
      if (kind === ERROR) throw toError(text);
      const body = kind === REPLY ? value : new Reader(value, ticket, options?.signal);
      return new RawReply(status, text, body);
    },
  );
  if (reply.status < 400) return reply;
  throw refusal(reply, await reply.text());
}

/**
 * The error that an HTTP answer stands for.
 * @param {any} reply
 * @param {string} text
 */
function refusal(reply, text) {
  let message = text.slice(0, 500);
  try {
    const said = JSON.parse(text);
    message = said.error?.message ?? said.message ?? message;
  } catch {
    // Not JSON: then its text is the message.
  }
  const [code, slug] = reply.headers.get("x-tidegate-error")?.split(" ") ?? vendors(reply.status);
  const retry_after = Number(reply.headers.get("retry-after")) || undefined;
  const facts = { code: Number(code), slug, message, status: reply.status, retry_after };
  return toError(JSON.stringify({ ...facts, origin: "upstream", request_id: reply.gateway.requestId }));
}

/**
 * What a vendor means by its status.
 * @param {number} status
 */
function vendors(status) {
  const classes = require("./errors.gen.js");
  const known = {
    401: classes.UpstreamAuth,
    403: classes.UpstreamAuth,
    404: classes.UpstreamNotFound,
    429: classes.UpstreamRateLimited,
  };
  const other = status < 500 ? classes.UpstreamRejected : classes.UpstreamFailed;
  const { code, slug } = /** @type {Record<number, { code: number, slug: string }>} */ (known)[status] ?? other;
  return [code, slug];
}

module.exports = { addMethods };

// Driver of the suite: the Node face. Protocol: tests/README.md.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { functionsOf } from "./functions.mjs";
import { answerOf } from "./raw.mjs";
import { bodyOf, callMethod } from "./methods.mjs";
import { talkOf } from "./sessions.mjs";
import { Gateway, TidegateError } from "../../../npm/tidegate/index.mjs";

const { version } = createRequire(import.meta.url)("../../../npm/tidegate/package.json");
const advance = Symbol.for("tidegate.testing.advance");
const capabilities = (
  "call stream hold cancel cancel_call headers http reload connect health explain close text path env root tried " +
  "final_facts functions method session session_cost scope"
).split(" ");

let gateway;
let held;

const facts = ({ gateway: facts }) =>
  Object.fromEntries(
    ["request_id", "target", "key", "attempts", "cost", "estimated", "cache", "rule", "dropped"].map((name) => [name, facts[name]]),
  );

const failure = (error) => ({
  code: error.code,
  slug: error.slug,
  status: error.status,
  message: error.message,
  retry_after: error.retryAfter,
  attempts: error.attempts,
  param: error.param,
});

const source = ({ path, config }) => path ?? config;

/** Reads at most `most` chunks, without leaving the stream. */
async function take(stream, most) {
  const chunks = [];
  while (chunks.length < most) {
    const { value, done } = await stream.next();
    if (done) break;
    chunks.push(value);
  }
  return chunks;
}

async function read(stream) {
  const chunks = [];
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    return { chunks, error: failure(error) };
  }
  return { ok: { chunks, gateway: facts(stream) } };
}

const operations = {
  async hello() {
    const probe = await Gateway.open({});
    const clock = await Promise.resolve(0).then((ms) => probe[advance](ms)).then(() => ["advance"], () => []);
    return { surface: "node", version, capabilities: [...capabilities, ...clock] };
  },

  async open(request) {
    await gateway?.close({ timeout: 0 });
    gateway = undefined;
    gateway =
      request.text === undefined
        ? await Gateway.open(source(request), { providers: functionsOf(request) })
        : await Gateway.parse(request.text, request.format);
  },

  connect: ({ url, key }) => void (gateway = Gateway.connect(url, { key })),
  scope: ({ scope }) => void (gateway = gateway.scoped(scope)),

  async call({ api = "chat.completions", request, key, headers, cancel_after_ms, cancel_after_chunks, hold }) {
    const view = key === undefined ? gateway : gateway.withKey(key);
    const options = { headers };
    if (cancel_after_ms !== undefined) options.signal = AbortSignal.timeout(cancel_after_ms);
    let reply;
    try {
      const home = api.split(".").reduce((object, name) => object[name], view);
      reply = api === "models" ? await home.list(options) : await home.create(request, options);
    } catch (error) {
      // The language's own way to end a call: it rejects with the signal's reason.
      if (error !== options.signal?.reason) throw error;
      return { error: { slug: "cancelled", message: String(error) } };
    }
    if (!request?.stream) return { body: reply, gateway: facts(reply) };
    const most = cancel_after_chunks ?? hold;
    if (most === undefined) return read(reply);
    const chunks = await take(reply, most);
    if (hold !== undefined) {
      held = reply;
      return { chunks, held: true };
    }
    await reply.return();
    return { chunks, cancelled: true };
  },

  async method(request) {
    const reply = await callMethod(request.key === undefined ? gateway : gateway.withKey(request.key), request);
    if (request.request?.stream) return read(reply);
    return { body: await bodyOf(reply), gateway: reply.gateway && facts(reply) };
  },

  async session(request) {
    const [done, session] = await talkOf(request.key === undefined ? gateway : gateway.withKey(request.key), request);
    return { ...done, gateway: session && facts(session) };
  },

  rest() {
    const stream = held;
    held = undefined;
    return read(stream);
  },

  drop() {
    held?.cancel();
    held = undefined;
  },

  http: (request) => answerOf(gateway, request),
  reload: (request) => gateway.reload(source(request)),
  advance: ({ ms }) => gateway[advance](ms),
  health: () => gateway.health(),
  explain: ({ request, target: path, method, headers, key }) =>
    (key === undefined ? gateway : gateway.withKey(key)).explain(request, { path, method, headers }),
  close: ({ deadline_ms: timeout = 1000 }) => gateway?.close({ timeout }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    const reply = (await operations[request.op](request)) ?? {};
    answer = reply.ok || reply.error ? reply : { ok: reply };
  } catch (error) {
    answer = {
      error:
        error instanceof TidegateError ? failure(error) : { slug: "driver_failed", message: String(error?.stack) },
    };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

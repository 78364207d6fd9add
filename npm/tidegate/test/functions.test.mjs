// Functions of the program in the place of vendors.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { Gateway, InvalidRequest, ProviderError, TidegateError, UpstreamFailed } from "tidegate";

import { pause, run, until } from "./support/index.mjs";

const messages = [{ role: "user", content: "hi" }];
const ask = async (gw, model, options) => {
  const reply = await gw.chat.completions.create({ model, messages }, options);
  return reply.choices[0].message.content;
};
const words = async (stream) => {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
};
const streamed = (gw, model) => words(gw.chat.completions.create({ model, messages, stream: true }));

test("every_kind_of_answer_is_understood", async () => {
  let asked;
  const answers = {
    text: (request) => ((asked = request), "abc"),
    promise: async () => "abc",
    object: () => ({ text: "abc", usage: { input: 1, output: 2 } }),
    bytes: () => new TextEncoder().encode('{"text":"abc"}'),
    *generator() {
      yield "a";
      yield { text: "bc" };
    },
    async *agenerator() {
      yield "a";
      await pause(1);
      yield "bc";
    },
    readable: () => ReadableStream.from(["a", "bc"]),
  };
  const gw = await Gateway.open(undefined, { providers: answers });
  for (const name of Object.keys(answers)) {
    assert.equal(await ask(gw, `${name}/m`), "abc", name);
    assert.equal(await streamed(gw, `${name}/m`), "abc", name);
  }
  assert.deepEqual(asked.body.messages, messages);
  assert.deepEqual([asked.name, asked.model, asked.dialect, asked.path], ["text", "m", "openai", "/chat/completions"]);
  assert.equal(asked.headers.get("content-type"), "application/json");
  assert.equal(JSON.parse(new TextDecoder().decode(asked.bytes)).model, "m");
  await gw.close();
});

test("failures_are_told_and_unexpected_ones_stay_here", async () => {
  const warned = [];
  const note = (warning) => warned.push(warning.detail);
  process.on("warning", note);
  const gw = await Gateway.open(undefined, {
    providers: {
      refuses: () => Promise.reject(new ProviderError("slow down", { status: 429, retryAfter: 60 })),
      throws: () => { throw new RangeError("sk-secret"); },
      odd: () => Promise.reject("sk-secret"),
      nothing: () => undefined,
      late: async function* () { yield "a"; throw new Error("sk-secret"); },
    },
  });
  await assert.rejects(ask(gw, "refuses/m"), { slug: "upstream_rate_limited", retryAfter: 60 });
  for (const name of ["throws", "odd", "nothing"]) {
    await assert.rejects(ask(gw, `${name}/m`), (error) => {
      assert.ok(error instanceof UpstreamFailed);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
  await assert.rejects(streamed(gw, "late/m"), TidegateError);
  assert.throws(() => gw.provider("a/b", () => ""), InvalidRequest);
  assert.throws(() => gw.provider("a", "no function"), TypeError);
  await assert.rejects(Gateway.open(undefined, { providers: { a: 1 } }), TypeError);
  assert.throws(() => Gateway.connect("http://127.0.0.1:1").provider("a", () => ""), InvalidRequest);
  await pause(10);
  process.off("warning", note);
  assert.match(warned.join("\n"), /RangeError: sk-secret/);
  await gw.close();
});

test("a_function_may_call_the_gateway_to_any_depth", async () => {
  const gw = await Gateway.open();
  gw.provider("deep", async ({ model }) => {
    return model === "0" ? "0" : String(Number(await ask(gw, `deep/${model - 1}`)) + 1);
  });
  assert.deepEqual(
    await Promise.all(Array.from({ length: 50 }, () => ask(gw, "deep/10"))),
    Array.from({ length: 50 }, () => "10"),
  );
  await gw.close();
});

test("a_caller_who_goes_aborts_the_signal_and_ends_the_generator", async () => {
  let [begun, aborted, closed, made] = [0, 0, 0, 0];
  const gw = await Gateway.open(undefined, {
    providers: {
      slow: ({ signal }) => new Promise((_, reject) => {
        begun++;
        signal.addEventListener("abort", () => (aborted++, reject(signal.reason)));
      }),
      *endless() {
        try {
          for (;;) yield (made++, "x".repeat(1000));
        } finally {
          closed++;
        }
      },
    },
  });
  const calls = Array.from({ length: 100 }, (_, n) => ask(gw, "slow/m", { signal: AbortSignal.timeout(n) }));
  for (const ended of await Promise.allSettled(calls)) assert.equal(ended.status, "rejected");
  for await (const _ of gw.chat.completions.create({ model: "endless/m", messages, stream: true })) {
    await pause(50);
    assert.ok(made < 5000, "nothing holds the generator back");
    break;
  }
  await until(() => aborted === begun && closed === 1);
  await gw.close();
});

test("the_server_serves_functions", async () => {
  const gw = await Gateway.open(undefined, { providers: { mine: async function* () { yield "a"; yield "b"; } } });
  const server = await gw.serve({ port: 0 });
  const remote = Gateway.connect(server.url);
  assert.equal(await ask(remote, "mine/m"), "ab");
  assert.equal(await streamed(remote, "mine/m"), "ab");
  await server.close();
  await gw.close();
});

test("every_worker_runs_its_own_functions_and_may_end_in_the_middle", async () => {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Gateway } = require("tidegate");
    (async () => {
      const gw = await Gateway.open(undefined, { providers: {
        mine: () => workerData,
        never: () => new Promise(() => {}),
      } });
      const call = (model) => gw.chat.completions.create({ model, messages: [] });
      parentPort.postMessage((await call("mine/m")).choices[0].message.content);
      for (let n = 0; n < 100; n++) call("never/m").catch(() => {});
      parentPort.postMessage("waiting");
    })();
  `;
  const workers = ["one", "two"].map(async (name) => {
    const worker = new Worker(code, { eval: true, workerData: name });
    const said = [];
    await new Promise((resolve, reject) => {
      worker.on("error", reject);
      worker.on("message", (text) => {
        said.push(text);
        if (text === "waiting") resolve();
      });
    });
    await worker.terminate();
    return said[0];
  });
  assert.deepEqual(await Promise.all(workers), ["one", "two"]);
});

test("a_process_ends_with_questions_in_flight_and_not_before_they_are_answered", async () => {
  const head = `import { Gateway } from "tidegate";
    const gw = await Gateway.open(undefined, { providers: {
      soon: async () => "answered",
      never: () => new Promise(() => {}),
    } });
    const call = (model) => gw.chat.completions.create({ model, messages: [] });
  `;
  const answered = await run(`${head} console.log((await call("soon/m")).choices[0].message.content);`);
  assert.equal(answered.out.trim(), "answered", answered.err);
  const left = await run(`${head} for (let n = 0; n < 100; n++) call("never/m").catch(() => {});
    setTimeout(() => process.exit(0), 50);`);
  assert.deepEqual([left.code, left.signal, left.err], [0, null, ""]);
});

test("ten_thousand_questions_leave_memory_flat", async () => {
  const ended = await run(`import { Gateway } from "tidegate";
    const gw = await Gateway.open(undefined, { providers: {
      mine: () => "x".repeat(100),
      async *pieces() { yield "a"; yield "b"; },
    } });
    const figures = [];
    for (let part = 0; part < 5; part++) {
      for (let n = 0; n < 1000; n++) {
        await gw.chat.completions.create({ model: "mine/m", messages: [] });
        for await (const _ of gw.chat.completions.create({ model: "pieces/m", messages: [], stream: true }));
      }
      globalThis.gc();
      figures.push(process.memoryUsage().rss / 1048576);
    }
    console.log(JSON.stringify(figures));
  `, { args: ["--expose-gc"] });
  const figures = JSON.parse(ended.out);
  assert.ok(figures.at(-1) - figures[1] < 12, ended.out);
});

// Beginnings and ends: modules, workers, processes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";

import { PACKAGE, pause, run, startUpstream, TORTURE, within } from "./support/index.mjs";

let up;
before(async () => (up = await startUpstream()));
after(() => up.close());

const OPEN = `
  import { Gateway } from "tidegate";
  const gw = await Gateway.open(JSON.parse(process.env.CONFIG));
  const ask = (model, more) => gw.chat.completions.create({ model, messages: [{ role: "user", content: "x" }], ...more });
`;
const env = () => ({ CONFIG: JSON.stringify(up.config()) });
const clean = (ended) => {
  assert.equal(ended.signal, null, ended.err);
  assert.equal(ended.code, 0, ended.err);
  assert.equal(ended.err, "");
};

test("both_module_systems_see_the_same_classes", async () => {
  const ended = await run(`
    import { createRequire } from "node:module";
    import * as esm from "tidegate";
    const cjs = createRequire(${JSON.stringify(`${PACKAGE}package.json`)})("tidegate");
    for (const name of Object.keys(cjs)) if (esm[name] !== cjs[name]) throw new Error(name);
    console.log(Object.keys(cjs).length);
  `);
  clean(ended);
  assert.ok(Number(ended.out) > 35);
});

test("loading_and_opening_start_no_thread", { skip: process.platform !== "linux" && "threads are counted in /proc" }, async () => {
  const ended = await run(`
    import { readFileSync, readdirSync } from "node:fs";
    // Node starts threads of its own when it pleases; ours have a name.
    const ours = () => readdirSync("/proc/self/task").filter((task) => {
      return readFileSync("/proc/self/task/" + task + "/comm", "utf8").startsWith("tidegate");
    }).length;
    const { Gateway } = await import("tidegate");
    if (ours()) throw new Error("threads at import");
    const gw = await Gateway.open({ providers: { m: { dialect: "openai", mock: {} } } });
    if (ours()) throw new Error("threads at open");
    await gw.chat.completions.create({ model: "m/m", messages: [] });
    if (!ours()) throw new Error("the test sees no threads");
  `);
  clean(ended);
});

test("an_idle_process_ends_by_itself", async () => {
  for (const code of [
    `${OPEN}`,
    `${OPEN} await ask("up/m"); console.log("answered");`,
    `${OPEN} for await (const _ of ask("up/count-5", { stream: true })); console.log("answered");`,
    // Nobody waits for the rest of this one.
    `${OPEN} const stream = await ask("up/drip-5", { stream: true }); await stream.next(); console.log("answered");`,
  ]) {
    const ended = await run(code, { env: env() });
    clean(ended);
    assert.ok(ended.ms < 5000, `${ended.ms} ms`);
    if (code !== OPEN) assert.equal(ended.out, "answered\n");
  }
});

test("a_process_waits_for_what_it_asked", async () => {
  const ended = await run(`${OPEN} ask("up/slow-400").then(() => console.log("answered"));`, { env: env() });
  clean(ended);
  assert.equal(ended.out, "answered\n");
});

test("a_server_keeps_the_process_until_it_is_closed", async () => {
  const ended = await run(`${OPEN}
    const server = await gw.serve({ port: 0 });
    setTimeout(async () => { console.log("closing"); await server.close(); }, 300).unref();
  `, { env: env() });
  clean(ended);
  assert.equal(ended.out, "closing\n");
  const free = await run(`${OPEN} (await gw.serve({ port: 0 })).unref();`, { env: env() });
  clean(free);
});

const EXITS = {
  "process.exit": "process.exit(0);",
  "an idle end": "for (const stream of streams) stream.cancel();",
  "an exit within a read": "streams[0].next().then(() => process.exit(0)); streams.map((one) => one.next());",
  "a close": "gw.close({ timeout: 20 }); streams.map((one) => one.next().catch(() => {}));",
};
for (const [name, code] of Object.entries(EXITS)) {
  test(`a_hundred_streams_in_flight_survive_${name.replaceAll(" ", "_")}`, async () => {
    for (let i = 0; i < Math.min(2 * TORTURE, 1000); i++) {
      const ended = await run(`${OPEN}
        const streams = await Promise.all(Array.from({ length: 100 }, () => ask("up/drip-1", { stream: true })));
        await Promise.all(streams.map((one) => one.next()));
        ${code}
      `, { env: env() });
      clean(ended);
    }
  });
}

test("an_uncaught_error_ends_the_process_as_always", async () => {
  const ended = await run(`${OPEN} await ask("up/status-400");`, { env: env() });
  assert.equal(ended.code, 1);
  assert.match(ended.err, /UpstreamRejected: .*refused with 400[^]*status: 400/);
});

const WORKER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { Gateway } = require("tidegate");
  (async () => {
    const gw = await Gateway.open(workerData.config);
    const ask = (model) => gw.chat.completions.create({ model, messages: [{ role: "user", content: "x" }], stream: true });
    const streams = await Promise.all(Array.from({ length: 10 }, () => ask("up/drip-1")));
    await Promise.all(streams.map((one) => one.next()));
    parentPort.postMessage("streaming");
    if (workerData.how === "exit") process.exit(0);
    if (workerData.how === "throw") throw new Error("mine");
    if (workerData.how === "return") return;
    for (const one of streams) (async () => { for await (const _ of one); })();
  })();
`;

for (const how of ["exit", "throw", "return", "terminate"]) {
  test(`a_worker_may_end_by_${how}_while_its_streams_run`, async () => {
    for (let round = 0; round < Math.min(2 * TORTURE, 100); round++) {
      const start = up.requests.length;
      const workers = Array.from({ length: 3 }, () => {
        const file = new URL("worker.cjs", `file://${PACKAGE}test/`);
        const worker = new Worker(`require = require("node:module").createRequire(${JSON.stringify(file.href)});${WORKER}`, {
          eval: true,
          workerData: { config: up.config(), how },
        });
        const ended = new Promise((resolve) => {
          let error;
          worker.on("error", (thrown) => (error = thrown));
          worker.on("exit", (code) => resolve({ code, error }));
        });
        const ready = new Promise((resolve) => worker.once("message", resolve));
        return { worker, ended, ready };
      });
      for (const { worker, ended, ready } of workers) {
        await within(10_000, Promise.race([ready, ended.then(({ error }) => Promise.reject(error))]));
        if (how === "terminate") {
          await pause(Math.random() * 5);
          await worker.terminate();
        }
        const { error } = await within(10_000, ended, `a worker that ends by ${how}`);
        if (how === "throw") assert.equal(error.message, "mine");
        else assert.equal(error, undefined);
      }
      const closed = up.requests.slice(start).map((one) => one.closed);
      assert.equal(closed.length, 30);
      await within(2000, Promise.all(closed), "closing the upstreams");
    }
  });
}

test("workers_answer_side_by_side_with_the_main_thread", async () => {
  const { Gateway } = await import("tidegate");
  const gw = await Gateway.open(up.config());
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Gateway } = require("tidegate");
    (async () => {
      const gw = await Gateway.open(workerData.config);
      for (let i = 0; i < 50; i++) {
        const content = "worker " + workerData.id + " " + i;
        const reply = await gw.chat.completions.create({ model: "up/m", messages: [{ role: "user", content }] });
        if (reply.choices[0].message.content !== content) throw new Error("mixed up");
      }
      parentPort.postMessage("done");
    })();
  `;
  const file = new URL("worker.cjs", `file://${PACKAGE}test/`).href;
  const workers = Array.from({ length: 4 }, (_, id) => {
    const worker = new Worker(`require = require("node:module").createRequire(${JSON.stringify(file)});${code}`, {
      eval: true,
      workerData: { config: up.config(), id },
    });
    return new Promise((resolve, reject) => {
      worker.on("message", resolve);
      worker.on("error", reject);
    });
  });
  for (let i = 0; i < 50; i++) {
    const reply = await gw.chat.completions.create({
      model: "up/m",
      messages: [{ role: "user", content: `main ${i}` }],
    });
    assert.equal(reply.choices[0].message.content, `main ${i}`);
  }
  assert.deepEqual(await within(20_000, Promise.all(workers)), ["done", "done", "done", "done"]);
  await gw.close();
});

test("an_addon_loaded_only_in_a_worker_outlives_it", async () => {
  const ended = await run(`
    import { Worker } from "node:worker_threads";
    const code = ${JSON.stringify(`
      (async () => {
        const { createRequire } = await import("node:module");
        const { Gateway } = createRequire(process.env.FROM)("tidegate");
        const gw = await Gateway.open(JSON.parse(process.env.CONFIG));
        const stream = await gw.chat.completions.create({ model: "up/drip-1", messages: [], stream: true });
        await stream.next();
        process.exit(0);
      })();
    `)};
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => new Worker(code, { eval: true }).on("exit", resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log("alive");
  `, { env: { ...env(), FROM: `${PACKAGE}package.json` } });
  clean(ended);
  assert.equal(ended.out, "alive\n");
});

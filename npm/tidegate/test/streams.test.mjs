// Many streams, storms of cancellations, and what the garbage collector does with half-read ones.
// TIDEGATE_TORTURE multiplies the counts; 100 gives the full ones.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Gateway } from "tidegate";

import { ask, collect, memory, pause, startUpstream, TORTURE, until, within } from "./support/index.mjs";

let up, gw, mock;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(up.config());
  mock = await Gateway.open({
    providers: {
      m: { dialect: "openai", mock: { replies: [{ text: "one two three four five six seven eight" }] } },
      slow: { dialect: "openai", mock: { replies: [{ text: "a b c d e f", pace: "20ms" }] } },
    },
  });
});
after(async () => {
  await gw.close({ timeout: 100 });
  await mock.close({ timeout: 100 });
  await up.close();
});

const streamed = (model) => ({ model, messages: ask("x"), stream: true });

test("streams_one_after_another_leave_nothing_behind", async () => {
  const some = async (count) => {
    for (let i = 0; i < count; i++) {
      const chunks = await collect(mock.chat.completions.create(streamed("m/m")));
      assert.ok(chunks.length >= 8);
    }
  };
  const count = Math.min(500 * TORTURE, 10_000);
  await some(count);
  const before = await memory();
  await some(count);
  const grown = (await memory()) - before;
  assert.ok(grown < 20, `${count} streams left ${grown.toFixed(1)} MB behind`);
});

test("streams_at_once_leave_nothing_behind", async () => {
  const some = async (count) => {
    const all = await Promise.all(
      Array.from({ length: count }, () => collect(mock.chat.completions.create(streamed("slow/m")))),
    );
    assert.ok(all.every((chunks) => chunks.length >= 6));
  };
  const count = Math.min(200 * TORTURE, 1000);
  await some(count);
  await some(count);
  const before = await memory();
  for (let i = 0; i < 3; i++) await some(count);
  const grown = (await memory()) - before;
  assert.ok(grown < 20, `${count} streams at once left ${grown.toFixed(1)} MB behind`);
});

test("fetch_bodies_leave_nothing_behind", async () => {
  const some = async (count) => {
    for (let i = 0; i < count; i++) {
      const init = { method: "POST", body: JSON.stringify(streamed("m/m")) };
      assert.match(await (await mock.fetch("/v1/chat/completions", init)).text(), /\[DONE\]/);
    }
  };
  const count = Math.min(300 * TORTURE, 10_000);
  await some(count);
  const before = await memory();
  await some(count);
  const grown = (await memory()) - before;
  assert.ok(grown < 20, `${count} bodies left ${grown.toFixed(1)} MB behind`);
});

test("a_storm_of_cancellations_closes_every_upstream", async () => {
  for (let round = 0; round < Math.min(2 * TORTURE, 20); round++) {
    const start = up.requests.length;
    const running = Array.from({ length: 100 }, async (_, i) => {
      const controller = new AbortController();
      const kind = i % 4;
      const model = kind === 0 ? "up/stall" : "up/drip-5";
      const options = { signal: controller.signal };
      try {
        if (kind === 0) {
          setTimeout(() => controller.abort(), i % 40);
          await gw.chat.completions.create({ model, messages: ask("x") }, options);
        } else if (kind === 1) {
          for await (const _ of gw.chat.completions.create(streamed(model), options)) break;
        } else if (kind === 2) {
          setTimeout(() => controller.abort(), 20 + (i % 40));
          await collect(gw.chat.completions.create(streamed(model), options));
        } else {
          const init = { method: "POST", body: JSON.stringify(streamed(model)), ...options };
          const response = await gw.fetch("/v1/chat/completions", init);
          setTimeout(() => controller.abort(), i % 30);
          await response.text();
        }
      } catch (error) {
        assert.equal(error.name, "AbortError");
      }
    });
    await within(10_000, Promise.all(running));
    const closed = up.requests.slice(start).map((one) => one.closed);
    await within(1000, Promise.all(closed), "closing the upstreams");
  }
  const reply = await gw.chat.completions.create({ model: "up/m", messages: ask("still here") });
  assert.equal(reply.choices[0].message.content, "still here");
});

test("aborting_everything_at_once_is_harmless", async () => {
  const controller = new AbortController();
  const calls = Array.from({ length: 300 }, (_, i) =>
    gw.chat.completions
      .create({ model: i % 2 ? "up/stall" : "up/m", messages: ask("x") }, { signal: controller.signal })
      .then(() => "answered", (error) => error.name),
  );
  await pause(1);
  controller.abort();
  const outcomes = new Set(await within(5000, Promise.all(calls)));
  assert.ok(outcomes.has("AbortError"));
  assert.ok(outcomes.size <= 2);
});

test("half_read_streams_are_collected_and_their_upstreams_closed", async () => {
  assert.ok(globalThis.gc, "run with --expose-gc");
  const count = 20;
  const lasting = new AbortController(); // a signal outlives its streams, and must not hold them
  const open = async (i) => {
    if (i % 2) {
      const stream = await gw.chat.completions.create(streamed("up/drip-7"), { signal: lasting.signal });
      await stream.next();
    } else {
      const init = { method: "POST", body: JSON.stringify(streamed("up/drip-7")), signal: lasting.signal };
      const response = await gw.fetch("/v1/chat/completions", init);
      const reader = response.body.getReader();
      await reader.read();
    }
  };
  for (let i = 0; i < count; i++) await open(i);
  let closed = 0;
  // Requests of calls that an earlier test aborted may still arrive: these have a name of their own.
  const mine = up.requests.filter((one) => one.body.includes('"drip-7"'));
  for (const one of mine) one.closed.then(() => closed++);
  await until(() => (globalThis.gc(), closed === count), 10_000, "closing every upstream");
});

test("a_stream_that_is_always_ready_lets_timers_run", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const stream = await gw.chat.completions.create(streamed("up/count-60000"));
  let chunks = 0;
  for await (const _ of stream) chunks++;
  clearInterval(timer);
  assert.ok(chunks >= 60_000);
  assert.ok(ticks > 3, `the timer ran ${ticks} times`);
});

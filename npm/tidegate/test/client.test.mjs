// The native client.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  BudgetExhausted,
  Cancelled,
  Closed,
  Gateway,
  InvalidConfig,
  StreamFailed,
  TidegateError,
  TotalTimeout,
  UnreadableConfig,
  UpstreamRateLimited,
} from "tidegate";

import { ask, collect, pause, startUpstream, UNICODE, until, within } from "./support/index.mjs";

let up, gw;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(
    up.config({
      models: {
        safe: { targets: ["up/status-500"], fallbacks: ["up/m"], retry: { attempts: 1 } },
        kept: { targets: ["up/m"], cache: { mode: "exact" } },
      },
      keys: [
        { id: "alice", value: "tg-alice" },
        { id: "poor", value: "tg-poor", budgets: [{ limit: "0.0000001", per: "1d" }] },
      ],
    }),
  );
});
after(async () => {
  await gw.close({ timeout: 100 });
  await up.close();
});

test("a_reply_is_plain_data_with_the_facts_beside_it", async () => {
  const reply = await gw.chat.completions.create({ model: "up/m", messages: ask("hello") });
  assert.equal(reply.choices[0].message.content, "hello");
  assert.equal(reply.usage.total_tokens, 15);
  assert.equal(reply.gateway.target, "up/m");
  assert.equal(reply.gateway.attempts, 1);
  assert.equal(reply.gateway.cost, "0.00002"); // 10 in at $1/M, 5 out at $2/M
  assert.match(reply.gateway.requestId, /^req_/);
  assert.equal(reply.gateway.request_id, reply.gateway.requestId);
  assert.deepEqual(Object.keys(reply), ["id", "object", "created", "model", "choices", "usage"]);
  assert.ok(!JSON.stringify(reply).includes("gateway"));
});

test("the_body_arrives_as_it_was_written", async () => {
  const body = '{ "model":"up/m",\n"messages":[{"role":"user","content":"\\u0041"}], "x":1.0, "y":-0, "z":1e400 }';
  await gw.chat.completions.create(body);
  assert.equal(up.last().body.toString(), body.replace("up/m", "m"));
  await gw.chat.completions.create(new TextEncoder().encode(body));
  assert.equal(up.last().body.toString(), body.replace("up/m", "m"));
});

test("unicode_survives_both_ways", async () => {
  const reply = await gw.chat.completions.create({ model: "up/m", messages: ask(UNICODE) });
  assert.equal(reply.choices[0].message.content, UNICODE);
  const split = await collect(
    gw.chat.completions.create({ model: "up/split-3", messages: ask("x"), stream: true }),
  );
  assert.equal(split.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), UNICODE);
});

test("a_megabyte_goes_there_and_back", async () => {
  const text = "Größe ".repeat(150_000);
  const reply = await gw.chat.completions.create({ model: "up/m", messages: ask(text) });
  assert.equal(reply.choices[0].message.content, text);
});

test("a_stream_is_iterated_with_and_without_await", async () => {
  const body = { model: "up/count-5", messages: ask("x"), stream: true };
  const text = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  assert.equal(text(await collect(gw.chat.completions.create(body))), "w0 w1 w2 w3 w4 ");
  const stream = await gw.chat.completions.create(body);
  assert.equal(stream.gateway.cost, undefined);
  assert.equal(text(await collect(stream)), "w0 w1 w2 w3 w4 ");
  assert.equal(stream.gateway.cost, "0.00002");
  assert.equal(stream.gateway.target, "up/count-5");
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test("next_calls_that_do_not_wait_for_each_other_are_served_in_order", async () => {
  const stream = await gw.chat.completions.create({ model: "up/count-9", messages: ask("x"), stream: true });
  const all = await Promise.all(Array.from({ length: 14 }, () => stream.next()));
  const text = all.map(({ value }) => value?.choices[0]?.delta.content ?? "").join("");
  assert.equal(text, "w0 w1 w2 w3 w4 w5 w6 w7 w8 ");
  assert.equal(all.at(-1).done, true);
});

test("a_stream_becomes_lines_of_json_as_the_vendors_do", async () => {
  const body = { model: "up/count-3", messages: ask("x"), stream: true };
  const text = await new Response(gw.chat.completions.create(body).toReadableStream()).text();
  const chunks = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(chunks.length, 5);
  const stream = await gw.chat.completions.create(body);
  const reader = stream.toReadableStream().getReader();
  assert.equal(JSON.parse(new TextDecoder().decode((await reader.read()).value)).id, "chatcmpl-1");
  await reader.cancel();
  assert.equal((await stream.next()).done, true);
});

test("tool_calls_arrive_whole_and_in_pieces", async () => {
  const reply = await gw.chat.completions.create({ model: "up/tool", messages: ask("x"), tools: [] });
  assert.equal(reply.choices[0].message.tool_calls[0].function.arguments, '{"city":"Kyōto"}');
  const chunks = await collect(
    gw.chat.completions.create({ model: "up/tool", messages: ask("x"), stream: true }),
  );
  const pieces = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  assert.equal(pieces.map((piece) => piece.function.arguments).join(""), '{"city":"Kyōto"}');
});

test("messages_speak_anthropic_to_either_vendor", async () => {
  for (const model of ["anthropic/m", "up/m"]) {
    const body = { model, max_tokens: 50, messages: ask("hi") };
    const message = await gw.messages.create(body);
    assert.equal(message.content[0].text, "hi", model);
    assert.equal(message.usage.input_tokens, 10);
    const events = await collect(gw.messages.create({ ...body, stream: true }));
    assert.equal(events[0].type, "message_start");
    assert.equal(events.at(-1).type, "message_stop");
    assert.ok(!events.some((event) => event.type === "ping"));
    const text = events.map((event) => event.delta?.text ?? "").join("");
    assert.equal(text, "hi", model);
  }
});

test("chat_speaks_openai_to_anthropic", async () => {
  const reply = await gw.chat.completions.create({ model: "anthropic/tool", messages: ask("x") });
  const call = reply.choices[0].message.tool_calls[0].function;
  assert.deepEqual(JSON.parse(call.arguments), { city: "Kyōto" });
});

test("embeddings_and_models_are_listed", async () => {
  const vectors = await gw.embeddings.create({ model: "up/e", input: ["a", "b"] });
  assert.deepEqual(vectors.data[1].embedding, [0.25, -1, 3]);
  const models = await gw.models.list();
  const ids = [];
  for await (const model of models) ids.push(model.id);
  assert.deepEqual(ids, models.data.map((model) => model.id));
  assert.ok(ids.includes("safe"));
});

test("a_fallback_counts_as_an_attempt", async () => {
  const reply = await gw.chat.completions.create({ model: "safe", messages: ask("x") });
  assert.equal(reply.gateway.target, "up/m");
  assert.equal(reply.gateway.attempts, 2);
});

test("the_second_answer_comes_from_the_cache", async () => {
  const body = { model: "kept", messages: ask("remember") };
  assert.equal((await gw.chat.completions.create(body)).gateway.cache, "miss");
  const again = await gw.chat.completions.create(body);
  assert.match(again.gateway.cache, /^hit-exact/);
  assert.equal(again.gateway.attempts, 0);
});

test("with_key_spends_that_keys_budget", async () => {
  const poor = gw.withKey("tg-poor");
  const error = await poor.chat.completions
    .create({ model: "up/m", messages: ask("x") })
    .then(() => assert.fail("it was let through"), (error) => error);
  assert.ok(error instanceof BudgetExhausted && error instanceof TidegateError);
  assert.equal(error.code, 1205);
  assert.equal(error.slug, "budget_exhausted");
  assert.equal(error.status, 402);
  assert.equal(error.origin, "caller");
  assert.equal(error.name, "BudgetExhausted");
  assert.match(error.stack, /client\.test\.mjs/, "the stack leads to the caller");
  await gw.withKey("tg-alice").chat.completions.create({ model: "up/m", messages: ask("x") });
});

test("an_upstreams_refusal_is_kept_whole", async () => {
  const error = await gw.chat.completions
    .create({ model: "up/status-429", messages: ask("x") })
    .catch((error) => error);
  assert.ok(error instanceof UpstreamRateLimited, String(error));
  assert.equal(error.status, 429);
  assert.equal(error.retryAfter, 7);
  assert.equal(error.upstream.target, "up/status-429");
  assert.equal(JSON.parse(error.upstream.body).error.code, "some_code");
  assert.ok(error.attempts.length >= 1);
});

test("what_came_before_a_broken_stream_is_not_lost", async () => {
  for (const model of ["up/cut", "up/fail", "anthropic/cut", "anthropic/fail"]) {
    const chunks = [];
    const error = await (async () => {
      const body = { model, messages: ask("x"), max_tokens: 9, stream: true };
      const stream = model.startsWith("up")
        ? gw.chat.completions.create(body)
        : gw.messages.create(body);
      for await (const chunk of stream) chunks.push(chunk);
    })().catch((error) => error);
    assert.ok(error instanceof TidegateError, `${model}: ${error}`);
    assert.equal(error.origin, "upstream");
    if (model === "up/fail") assert.ok(error instanceof StreamFailed);
    assert.ok(chunks.length > 0, model);
  }
});

test("an_abort_rejects_and_closes_the_upstream", async () => {
  for (const body of [
    { model: "up/stall", messages: ask("x") },
    { model: "up/stall", messages: ask("x"), stream: true },
  ]) {
    const controller = new AbortController();
    const count = up.requests.length;
    const call = gw.chat.completions.create(body, { signal: controller.signal });
    call.catch(() => {});
    await until(() => up.requests.length > count);
    const at = performance.now();
    controller.abort();
    await assert.rejects(call, { name: "AbortError" });
    const closed = await within(1000, up.last().closed);
    // Within 100 ms where the machine has nothing else to do, as it has while tests run.
  assert.ok(closed.at - at < 400, `closed after ${closed.at - at} ms`);
  }
  const early = AbortSignal.abort();
  const count = up.requests.length;
  await assert.rejects(
    gw.chat.completions.create({ model: "up/m", messages: ask("x") }, { signal: early }),
    { name: "AbortError" },
  );
  assert.equal(up.requests.length, count);
});

test("an_abort_ends_a_running_stream", async () => {
  const controller = new AbortController();
  const chunks = [];
  let at;
  await assert.rejects(
    (async () => {
      for await (const chunk of gw.chat.completions.create(
        { model: "up/drip-5", messages: ask("x"), stream: true },
        { signal: controller.signal },
      )) {
        chunks.push(chunk);
        if (chunks.length === 5) {
          at = performance.now();
          controller.abort();
        }
      }
    })(),
    { name: "AbortError" },
  );
  const closed = await within(1000, up.last().closed);
  // Within 100 ms where the machine has nothing else to do, as it has while tests run.
  assert.ok(closed.at - at < 400, `closed after ${closed.at - at} ms`);
});

test("leaving_the_loop_closes_the_upstream", async () => {
  for (const leave of ["break", "throw", "cancel", "controller"]) {
    let at;
    const stream = await gw.chat.completions.create({
      model: "up/drip-5",
      messages: ask("x"),
      stream: true,
    });
    try {
      for await (const _ of stream) {
        at = performance.now();
        if (leave === "break") break;
        if (leave === "throw") throw new Error("mine");
        if (leave === "cancel") stream.cancel();
        if (leave === "controller") stream.controller.abort();
      }
    } catch (error) {
      assert.equal(error.message, "mine");
    }
    const closed = await within(1000, up.last().closed, leave);
    assert.ok(closed.at - at < 100, `${leave}: closed after ${closed.at - at} ms`);
  }
});

test("cancelling_while_a_next_is_waiting_ends_it", async () => {
  const stream = await gw.chat.completions.create({ model: "up/drip-2000", messages: ask("x"), stream: true });
  await stream.next();
  await stream.next();
  const waiting = stream.next();
  await pause(20);
  stream.cancel();
  assert.equal((await within(500, waiting)).done, true);
});

test("a_timeout_is_the_callers_own", async () => {
  const at = performance.now();
  await assert.rejects(
    gw.chat.completions.create({ model: "up/stall", messages: ask("x") }, { timeout: 80 }),
    (error) => error instanceof TotalTimeout && error.status === 504,
  );
  assert.ok(performance.now() - at < 1500);
  await assert.rejects(
    gw.chat.completions.create({ model: "up/m", messages: ask("x") }, { timeout: -1 }),
    RangeError,
  );
});

test("headers_go_along_and_cannot_be_smuggled", async () => {
  await gw.chat.completions.create(
    { model: "kept", messages: ask("again") },
    { headers: { "x-tidegate-cache": "bypass" } },
  );
  await assert.rejects(
    gw.chat.completions.create(
      { model: "up/m", messages: ask("x") },
      { headers: { "x-a": "b\nx-tidegate-key: tg-poor" } },
    ),
    TypeError,
  );
  await assert.rejects(
    gw.chat.completions.create(
      { model: "up/m", messages: ask("x") },
      { headers: { "x-a": "\u010ax-tidegate-key: tg-poor" } },
    ),
    TypeError,
  );
});

test("a_body_that_is_no_json_object_is_refused", async () => {
  await assert.rejects(gw.chat.completions.create("{"), { slug: "invalid_json" });
  await assert.rejects(gw.chat.completions.create(undefined), TidegateError);
  await assert.rejects(gw.chat.completions.create({ model: "up/m", messages: 1n }), TypeError);
});

test("many_calls_run_at_once", async () => {
  const calls = Array.from({ length: 200 }, (_, i) =>
    gw.chat.completions.create({ model: "up/m", messages: ask(`number ${i}`) }),
  );
  const replies = await Promise.all(calls);
  replies.forEach((reply, i) => assert.equal(reply.choices[0].message.content, `number ${i}`));
});

test("two_gateways_do_not_mix_their_answers", async () => {
  const other = await Gateway.open({
    providers: { b: { dialect: "openai", mock: { replies: [{ text: "from b" }] } } },
  });
  const calls = [];
  for (let i = 0; i < 50; i++) {
    calls.push(gw.chat.completions.create({ model: "up/m", messages: ask("from a") }));
    calls.push(other.chat.completions.create({ model: "b/m", messages: ask("x") }));
  }
  const texts = (await Promise.all(calls)).map((reply) => reply.choices[0].message.content);
  texts.forEach((text, i) => assert.equal(text, i % 2 ? "from b" : "from a"));
  await other.close();
});

test("the_raw_door_gives_bytes_and_status", async () => {
  const reply = await gw.request({
    path: "/v1/chat/completions",
    body: { model: "up/m", messages: ask("raw") },
  });
  assert.equal(reply.status, 200);
  assert.match(reply.headers.get("content-type"), /json/);
  assert.equal(reply.gateway.target, "up/m");
  assert.equal((await reply.json()).choices[0].message.content, "raw");
  const refused = await gw.request({ path: "/v1/messages", body: { model: "nope", messages: [], max_tokens: 1 } });
  assert.equal(refused.status, 404);
  assert.equal((await refused.json()).type, "error");
  const stream = await gw.request({
    path: "/v1/chat/completions",
    body: { model: "up/count-2", messages: ask("x"), stream: true },
  });
  let text = "";
  for await (const piece of stream) text += Buffer.from(piece).toString();
  assert.ok(text.endsWith("data: [DONE]\n\n"));
  const unread = await gw.request({
    path: "/v1/chat/completions",
    body: { model: "up/drip-5", messages: ask("x"), stream: true },
  });
  unread.cancel();
  await within(1000, up.last().closed);
});

test("mistakes_in_the_configuration_are_named", async () => {
  await assert.rejects(
    Gateway.open({ providers: { openai: {} }, models: { fast: { targets: ["openai/a", { model: "opnai/b" }] } } }),
    (error) =>
      error instanceof InvalidConfig &&
      error.message.includes('models.fast.targets[1].model: unknown provider "opnai", did you mean "openai"?'),
  );
  await assert.rejects(Gateway.open("/no/such/file.yaml"), UnreadableConfig);
  await assert.rejects(Gateway.open(new URL("file:///no/such/file.yaml")), UnreadableConfig);
  assert.throws(() => new Gateway(), TypeError);
  assert.throws(() => Gateway.connect("nonsense"), TidegateError);
});

test("configuration_comes_as_text_too", async () => {
  const texts = {
    yaml: "providers: { m: { dialect: openai, mock: { replies: [ { text: yes-yaml } ] } } }",
    toml: '[providers.m]\ndialect = "openai"\nmock = { replies = [ { text = "yes-toml" } ] }',
    json: '{"providers":{"m":{"dialect":"openai","mock":{"replies":[{"text":"yes-json"}]}}}}',
  };
  for (const [format, text] of Object.entries(texts)) {
    const one = await Gateway.parse(text, format);
    const reply = await one.chat.completions.create({ model: "m/x", messages: ask("?") });
    assert.equal(reply.choices[0].message.content, `yes-${format}`);
    await one[Symbol.asyncDispose]();
  }
});

test("a_reload_is_atomic_and_a_bad_one_changes_nothing", async () => {
  const say = (text) => ({ providers: { m: { dialect: "openai", mock: { replies: [{ text }] } } } });
  const one = await Gateway.open(say("first"));
  const answer = async () =>
    (await one.chat.completions.create({ model: "m/x", messages: ask("?") })).choices[0].message.content;
  assert.equal(await answer(), "first");
  await assert.rejects(one.reload({ providers: 3 }), InvalidConfig);
  assert.equal(await answer(), "first");
  await one.reload(say("second"));
  assert.equal(await answer(), "second");
  const counted = 'tidegate_requests_total{route="m/x",target="m/x",code="2xx"} 3';
  assert.ok(one.metrics().includes(counted), one.metrics());
  assert.equal((await one.health()).targets["m/x"].in_flight, 0);
  assert.deepEqual(one.config().providers.m.dialect, "openai");
  await one.close();
});

test("secrets_do_not_show", async () => {
  const text = JSON.stringify(gw.config()) + JSON.stringify(await gw.health());
  for (const secret of ["sk-up", "tg-alice"]) assert.ok(!text.includes(secret));
});

test("a_closed_gateway_refuses_and_close_is_patient", async () => {
  const one = await Gateway.open(up.config());
  const running = one.chat.completions.create({ model: "up/slow-300", messages: ask("late") });
  running.catch(() => {});
  await pause(30);
  const closing = one.close();
  await pause(50);
  await assert.rejects(one.chat.completions.create({ model: "up/m", messages: ask("x") }), Closed);
  assert.equal((await running).choices[0].message.content, "late");
  await closing;
  await one.close();
  const other = await Gateway.open(up.config());
  const stalled = other.chat.completions.create({ model: "up/stall", messages: ask("x") });
  stalled.catch(() => {});
  await pause(30);
  await within(2000, other.close({ timeout: 50 }));
  await assert.rejects(within(1000, stalled), (error) => error instanceof Cancelled || error instanceof Closed);
});

test("a_server_and_a_remote_client_see_the_same_gateway", async () => {
  const server = await gw.serve({ port: 0 });
  assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  const refused = await fetch(`${server.url}/v1/models`);
  assert.equal(refused.status, 401);
  const remote = Gateway.connect(server.url, { key: "tg-alice" });
  const reply = await remote.chat.completions.create({ model: "up/m", messages: ask("far") });
  assert.equal(reply.choices[0].message.content, "far");
  assert.equal(reply.gateway.target, "up/m");
  const chunks = await collect(
    remote.chat.completions.create({ model: "up/count-3", messages: ask("x"), stream: true }),
  );
  assert.ok(chunks.length >= 4);
  await assert.rejects(
    remote.withKey("tg-poor").chat.completions.create({ model: "up/m", messages: ask("x") }),
    BudgetExhausted,
  );
  await remote.close();
  await server.close({ timeout: 1000 });
  await assert.rejects(fetch(server.url));
});

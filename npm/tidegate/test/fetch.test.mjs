// `gw.fetch` against the rules of the platform's own fetch.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Gateway } from "tidegate";

import { ask, pause, startUpstream, UNICODE, until, within } from "./support/index.mjs";

const CHAT = "https://api.openai.com/v1/chat/completions";

let up, gw;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(up.config({ keys: [{ id: "alice", value: "tg-alice" }] }));
});
after(async () => {
  await gw.close({ timeout: 100 });
  await up.close();
});

const post = (body, init = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: typeof body === "object" && body.constructor === Object ? JSON.stringify(body) : body,
  ...init,
});
const chat = (model, more = {}) => post({ model, messages: ask("hello"), ...more });

test("it_is_bound_and_gives_a_real_response", async () => {
  const { fetch } = gw;
  const response = await fetch(CHAT, chat("m"));
  assert.ok(response instanceof Response);
  assert.ok(response.ok);
  assert.equal(response.url, CHAT);
  assert.match(response.headers.get("content-type"), /^application\/json/);
  assert.equal(response.headers.get("x-tidegate-target"), "openai/m");
  const copy = response.clone();
  assert.equal((await response.json()).choices[0].message.content, "hello");
  assert.equal(JSON.parse(Buffer.from(await copy.arrayBuffer())).object, "chat.completion");
  assert.equal(gw.fetch, fetch);
  assert.equal(up.last().headers.authorization, "Bearer sk-openai");
});

test("every_form_of_input_is_taken", async () => {
  const body = { model: "m", messages: ask("same") };
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const inputs = [
    [CHAT, post(body)],
    [new URL(CHAT), post(body)],
    [new Request(CHAT, post(body))],
    [new Request("https://api.openai.com/v1/nothing", { method: "POST" }).url.replace("nothing", "chat/completions"), post(body)],
    ["/v1/chat/completions", post({ ...body, model: "openai/m" })],
    [CHAT, post(bytes)],
    [CHAT, post(bytes.buffer)],
    [CHAT, post(new DataView(bytes.buffer))],
    [CHAT, post(new Blob([bytes]))],
    [CHAT, post(new ReadableStream({ start: (c) => (c.enqueue(bytes), c.close()) }), { duplex: "half" })],
    [CHAT, post((async function* () { yield bytes.subarray(0, 5); yield bytes.subarray(5); })(), { duplex: "half" })],
    [CHAT, post(body, { headers: new Headers({ "content-type": "application/json" }) })],
    [CHAT, post(body, { headers: [["content-type", "application/json"]] })],
  ];
  for (const [index, input] of inputs.entries()) {
    const response = await gw.fetch(...input);
    assert.equal(response.status, 200, `input ${index}: ${await response.clone().text()}`);
    assert.equal((await response.json()).choices[0].message.content, "same", `input ${index}`);
  }
});

test("the_init_wins_over_the_request", async () => {
  const request = new Request(CHAT, chat("status-500"));
  const response = await gw.fetch(request, { body: chat("m").body });
  assert.equal(response.status, 200);
});

test("a_form_is_passed_through_with_its_boundary", async () => {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new File(["line\n"], "a.jsonl", { type: "application/jsonl" }));
  const response = await gw.fetch("https://api.openai.com/v1/files", { method: "POST", body: form });
  const seen = await response.json();
  assert.match(seen.type, /^multipart\/form-data; ?boundary=/);
  assert.match(seen.text, /name="file"; filename="a.jsonl"/);
  assert.equal(up.last().path, "/v1/files");
  const pairs = await gw.fetch("https://api.openai.com/v1/odd?x=1", {
    method: "POST",
    body: new URLSearchParams({ a: "b c" }),
  });
  assert.equal((await pairs.json()).text, "a=b+c");
  assert.equal(up.last().path, "/v1/odd?x=1");
});

test("refusals_are_answers_in_the_callers_dialect", async () => {
  const unknown = await gw.withKey("tg-nobody").fetch(CHAT, chat("m"));
  assert.equal(unknown.status, 401);
  const error = (await unknown.json()).error;
  assert.equal(error.code, "unknown_key");
  const anthropic = await gw.withKey("tg-nobody").fetch("https://api.anthropic.com/v1/messages", {
    ...post({ model: "m", max_tokens: 1, messages: ask("x") }),
  });
  assert.equal(anthropic.status, 401);
  assert.equal((await anthropic.json()).type, "error");
  const upstream = await gw.fetch(CHAT, chat("status-418"));
  assert.equal(upstream.status, 418);
  assert.equal((await upstream.json()).error.code, "some_code");
});

test("a_stream_arrives_as_it_comes", async () => {
  const response = await gw.fetch(CHAT, chat("drip-20", { stream: true }));
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const reader = response.body.getReader();
  const at = performance.now();
  let text = "";
  while (text.split("drop ").length < 6) {
    text += Buffer.from((await reader.read()).value).toString();
  }
  assert.ok(performance.now() - at < 1000);
  const left = performance.now();
  await reader.cancel();
  const closed = await within(1000, up.last().closed);
  assert.ok(closed.at - left < 100, `closed after ${closed.at - left} ms`);
});

test("bytes_of_a_stream_are_the_vendors", async () => {
  const response = await gw.fetch(CHAT, chat("split-1", { stream: true }));
  const text = await response.text();
  const said = text
    .split("\n\n")
    .filter((event) => event.startsWith("data: {"))
    .map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? "")
    .join("");
  assert.equal(said, UNICODE);
  assert.ok(text.endsWith("data: [DONE]\n\n"));
});

test("an_abort_before_the_answer_rejects_with_its_reason", async () => {
  const controller = new AbortController();
  const count = up.requests.length;
  const answer = gw.fetch(CHAT, chat("stall", {}), undefined);
  answer.catch(() => {});
  const call = gw.fetch(CHAT, { ...chat("stall"), signal: controller.signal });
  call.catch(() => {});
  await until(() => up.requests.length === count + 2);
  const at = performance.now();
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  const closed = await within(1000, Promise.race(up.requests.slice(count).map((one) => one.closed)));
  assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
  const reason = new Error("my own");
  await assert.rejects(gw.fetch(CHAT, { ...chat("m"), signal: AbortSignal.abort(reason) }), reason);
  await assert.rejects(gw.fetch(new Request(CHAT, { ...chat("m"), signal: AbortSignal.abort() })), {
    name: "AbortError",
  });
  await assert.rejects(gw.fetch(CHAT, { ...chat("stall"), signal: AbortSignal.timeout(30) }), {
    name: "TimeoutError",
  });
});

test("an_abort_in_the_body_errors_the_body", async () => {
  const controller = new AbortController();
  const response = await gw.fetch(CHAT, { ...chat("drip-5", { stream: true }), signal: controller.signal });
  const reader = response.body.getReader();
  await reader.read();
  const at = performance.now();
  controller.abort();
  await assert.rejects(
    (async () => {
      while (!(await reader.read()).done);
    })(),
    { name: "AbortError" },
  );
  const closed = await within(1000, up.last().closed);
  assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
});

test("a_body_that_nobody_reads_does_not_grow", async () => {
  const response = await gw.fetch(CHAT, chat("drip-0", { stream: true }));
  const before = process.memoryUsage().rss;
  await pause(500);
  assert.ok(process.memoryUsage().rss - before < 60e6);
  await response.body.cancel();
  await within(1000, up.last().closed);
});

test("a_bodiless_answer_and_a_bad_request_behave_as_in_fetch", async () => {
  await assert.rejects(gw.fetch(CHAT, { method: "GET", body: "x" }), TypeError);
  const nowhere = await gw.fetch("https://unknown.example/v1/things", post({}));
  assert.ok(nowhere.status >= 400);
  const models = await gw.fetch("https://api.openai.com/v1/models");
  assert.equal(models.status, 200);
});

test("a_compressed_answer_is_not_asked_for", async () => {
  await gw.fetch(CHAT, post({ model: "m", messages: ask("x") }, {
    headers: { "content-type": "application/json", "accept-encoding": "gzip, br" },
  }));
  assert.ok(!/gzip|br/.test(up.last().headers["accept-encoding"] ?? ""));
});

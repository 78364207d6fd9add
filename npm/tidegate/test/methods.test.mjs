// The native client's methods beyond conversations.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { Gateway, UpstreamNotFound } from "tidegate";

const answers = new Map();
const seen = [];
let server, gw, remote, served;
before(async () => {
  server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const line = `${request.method} ${request.url}`;
    seen.push({ line, body: Buffer.concat(pieces), headers: request.headers });
    const { status = 200, type = "application/json", body } = answers.get(line) ?? {
      status: 404,
      body: { error: { message: "no such thing", type: "invalid_request_error" } },
    };
    response.writeHead(status, { "content-type": type });
    response.end(typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base_url = `http://127.0.0.1:${server.address().port}`;
  gw = await Gateway.open({
    providers: {
      openai: { base_url: `${base_url}/v1`, api_key: "k" },
      anthropic: { base_url, api_key: "ka" },
      other: { dialect: "openai", base_url: `${base_url}/other/v1`, api_key: "ko" },
    },
    models: { fast: { targets: ["openai/m"], retry: { attempts: 1 } } },
    unpriced: "allow",
  });
  served = await gw.serve({ port: 0 });
  remote = Gateway.connect(served.url);
});
after(async () => {
  await remote.close({ timeout: 100 });
  await served.close({ timeout: 100 });
  await gw.close({ timeout: 100 });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const picture = new File([new Uint8Array([137, 80])], "a.png", { type: "image/png" });
const calls = [
  ["POST /v1/completions", (gw) => gw.completions.create({ model: "fast", prompt: "x" })],
  ["POST /v1/images/generations", (gw) => gw.images.generate({ model: "fast", prompt: "x" })],
  ["POST /v1/images/edits", (gw) => gw.images.edit({ model: "fast", prompt: "x", image: [picture, picture] })],
  ["POST /v1/images/variations", (gw) => gw.images.createVariation({ model: "fast", image: picture })],
  ["POST /v1/audio/transcriptions", (gw) => gw.audio.transcriptions.create({ model: "fast", file: picture })],
  ["POST /v1/audio/translations", (gw) => gw.audio.translations.create({ model: "fast", file: picture })],
  ["POST /v1/moderations", (gw) => gw.moderations.create({ model: "fast", input: "x" })],
  ["POST /v1/rerank", (gw) => gw.rerank({ model: "fast", query: "q", documents: ["a"] })],
  ["POST /v1/files", (gw) => gw.files.create({ file: new Uint8Array([1, 2]), purpose: "batch" })],
  ["GET /v1/files?purpose=batch&limit=2", (gw) => gw.files.list({ purpose: "batch", limit: 2 })],
  ["GET /v1/files/file%2F1", (gw) => gw.files.retrieve("file/1")],
  ["DELETE /v1/files/file-1", (gw) => gw.files.delete("file-1")],
  ["POST /v1/batches", (gw) => gw.batches.create({ input_file_id: "file-1" })],
  ["POST /v1/batches/b/cancel", (gw) => gw.batches.cancel("b")],
  ["GET /v1/responses/r", (gw) => gw.responses.retrieve("r")],
  ["GET /v1/messages/batches/b", (gw) => gw.messages.batches.retrieve("b")],
  ["GET /v1/videos/v", (gw) => gw.videos.retrieve("v")],
  ["GET /other/v1/files/f", (gw) => gw.files.retrieve("f", { provider: "other" })],
];
for (const [line, call] of calls) {
  test(`${line} is asked of its vendor`, async () => {
    answers.set(line, { body: { id: "x", data: [{ id: "one" }] } });
    for (const gateway of [gw, remote]) {
      const reply = await call(gateway);
      assert.equal(reply.id, "x");
      assert.match(reply.gateway.requestId, /^req_/);
      assert.equal(seen.at(-1).line, line);
    }
  });
}

test("a_page_can_be_iterated", async () => {
  answers.set("GET /v1/batches", { body: { data: [{ id: "a" }, { id: "b" }] } });
  const ids = [];
  for await (const { id } of await gw.batches.list()) ids.push(id);
  assert.deepEqual(ids, ["a", "b"]);
});

test("forms_carry_files_and_fields", async () => {
  answers.set("POST /v1/images/edits", { body: { created: 1, data: [] } });
  await gw.images.edit({ model: "fast", prompt: "sea 🌊", image: [picture], n: 2, mask: undefined });
  const sent = seen.at(-1);
  const form = await new Response(sent.body, { headers: { "content-type": sent.headers["content-type"] } }).formData();
  assert.equal(form.get("model"), "m");
  assert.equal(form.get("prompt"), "sea 🌊");
  assert.equal(form.get("n"), "2");
  assert.equal(form.get("image[]").name, "a.png");
  assert.equal(form.has("mask"), false);
});

test("sound_comes_as_bytes_with_facts", async () => {
  const sound = Buffer.from(Array.from({ length: 4096 }, (_, i) => i & 255));
  answers.set("POST /v1/audio/speech", { type: "audio/mpeg", body: sound });
  const reply = await gw.audio.speech.create({ model: "fast", input: "x", voice: "alloy" });
  assert.deepEqual(Buffer.from(await reply.bytes()), sound);
  assert.equal(reply.gateway.target, "openai/m");
  answers.set("GET /v1/files/f/content", { type: "x/y", body: sound });
  const pieces = [];
  for await (const piece of await gw.files.content("f")) pieces.push(piece);
  assert.deepEqual(Buffer.concat(pieces), sound);
});

test("subtitles_are_text", async () => {
  answers.set("POST /v1/audio/transcriptions", { type: "text/plain", body: "1\nhi" });
  const ask = { model: "fast", file: picture, response_format: "srt" };
  assert.equal(await gw.audio.transcriptions.create(ask), "1\nhi");
});

test("streams_of_other_methods_come_event_by_event", async () => {
  const body = ["a", "b"].map((text) => `data: ${JSON.stringify({ choices: [{ text }] })}\n\n`).join("");
  answers.set("POST /v1/completions", { type: "text/event-stream", body: `${body}data: [DONE]\n\n` });
  const said = [];
  for await (const chunk of gw.completions.create({ model: "fast", prompt: "x", stream: true })) {
    said.push(chunk.choices[0].text);
  }
  assert.deepEqual(said, ["a", "b"]);
});

test("refusals_throw_the_class_of_their_code", async () => {
  for (const call of [() => gw.files.retrieve("no"), () => gw.files.content("no")]) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof UpstreamNotFound, String(error));
      assert.match(error.message, /no such thing/);
      return error.status === 404;
    });
  }
  assert.throws(() => gw.files.retrieve(""), TypeError);
  assert.throws(() => gw.files.retrieve(), TypeError);
});

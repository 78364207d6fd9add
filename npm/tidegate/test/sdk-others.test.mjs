// The unmodified packages of Google, Cohere and Amazon over `gw.fetch`, and over the server, and what `openai`
// does beyond conversations. The vendor behind them speaks OpenAI's format.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";
import { GoogleGenAI } from "@google/genai";
import { CohereClientV2 } from "cohere-ai";
import OpenAI, { toFile } from "openai";
import { Gateway } from "tidegate";

import { ask, collect, startUpstream, UNICODE, until, within } from "./support/index.mjs";

let up, gw, server;
before(async () => {
  up = await startUpstream();
  const names = ["m", "split-3", "tool", "status-429", "stall", "drip-5"];
  const models = names.map((name) => [name, { targets: [`up/${name}`], retry: { attempts: 1 } }]);
  gw = await Gateway.open(up.config({ models: Object.fromEntries(models), breaker: { enabled: false } }));
  server = await gw.serve({ port: 0 });
});
after(async () => {
  await server.close({ timeout: 100 });
  await gw.close({ timeout: 100 });
  await up.close();
});

const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

/** What a client of Amazon's sends with, made of `fetch`. */
const handler = (fetch) => ({
  async handle({ protocol, hostname, path, method, headers, body }, { abortSignal: signal } = {}) {
    const answer = await fetch(`${protocol}//${hostname}${path}`, { method, headers, body, signal });
    const told = { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body: answer.body };
    return { response: told };
  },
});

const amazon = (way) => {
  const where = way === "in process" ? { requestHandler: handler(gw.fetch) } : { endpoint: `${server.url}/bedrock` };
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  return new BedrockRuntimeClient({ region: "eu-west-3", credentials, maxAttempts: 1, ...where });
};
const google = (way) => {
  const httpOptions = way === "in process" ? { fetch: gw.fetch } : { baseUrl: `${server.url}/genai` };
  return new GoogleGenAI({ apiKey: "any", httpOptions });
};
const cohere = (way) => {
  const where = way === "in process" ? { fetch: gw.fetch } : { environment: `${server.url}/cohere` };
  return new CohereClientV2({ token: "any", maxRetries: 0, timeoutInSeconds: 10, ...where });
};

/** Each with its own words: text, tool calls and tokens; text of a stream; a refusal's status. */
const packages = {
  google: {
    make: google,
    async whole(client, model, text, signal) {
      const tools = [{ functionDeclarations: [{ name: "weather", parametersJsonSchema: SCHEMA }] }];
      const config = { tools, abortSignal: signal };
      const reply = await client.models.generateContent({ model, contents: text, config });
      const calls = reply.functionCalls?.map((call) => [call.name, call.args]) ?? [];
      return { text: calls.length ? "" : reply.text, calls, tokens: reply.usageMetadata.promptTokenCount };
    },
    async *pieces(client, model, abortSignal) {
      const ask = { model, contents: "x", config: { abortSignal } };
      for await (const chunk of await client.models.generateContentStream(ask)) {
        if (chunk.text) yield chunk.text;
      }
    },
    status: (error) => error.status,
  },
  cohere: {
    make: cohere,
    async whole(client, model, text, signal) {
      const tools = [{ type: "function", function: { name: "weather", parameters: SCHEMA } }];
      const reply = await client.chat({ model, messages: ask(text), tools }, { abortSignal: signal });
      const calls = reply.message.toolCalls?.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
      const tokens = reply.usage.billedUnits.inputTokens;
      return { text: reply.message.content?.[0]?.text ?? "", calls: calls ?? [], tokens };
    },
    async *pieces(client, model, abortSignal) {
      for await (const event of await client.chatStream({ model, messages: ask("x") }, { abortSignal })) {
        if (event.type === "content-delta") yield event.delta.message.content.text;
      }
    },
    status: (error) => error.statusCode,
  },
  bedrock: {
    make: amazon,
    async whole(client, modelId, text, signal) {
      const toolConfig = { tools: [{ toolSpec: { name: "weather", inputSchema: { json: SCHEMA } } }] };
      const messages = [{ role: "user", content: [{ text }] }];
      const command = new ConverseCommand({ modelId, messages, toolConfig });
      const reply = await client.send(command, { abortSignal: signal });
      const blocks = reply.output.message.content;
      const calls = blocks.filter((one) => one.toolUse).map(({ toolUse }) => [toolUse.name, toolUse.input]);
      return { text: blocks.map((one) => one.text ?? "").join(""), calls, tokens: reply.usage.inputTokens };
    },
    async *pieces(client, modelId, abortSignal) {
      const messages = [{ role: "user", content: [{ text: "x" }] }];
      const { stream } = await client.send(new ConverseStreamCommand({ modelId, messages }), { abortSignal });
      for await (const event of stream) {
        if (event.contentBlockDelta) yield event.contentBlockDelta.delta.text;
      }
    },
    status: (error) => error.$metadata.httpStatusCode,
  },
};

for (const [name, sdk] of Object.entries(packages)) {
  for (const way of ["in process", "by base URL"]) {
    describe(`${name} ${way}`, () => {
      test("text_tools_and_tokens", async () => {
        const client = sdk.make(way);
        const said = await sdk.whole(client, "m", UNICODE);
        assert.deepEqual(said, { text: UNICODE, calls: [], tokens: 10 });
        const called = await sdk.whole(client, "tool", "x");
        assert.deepEqual(called.calls, [["weather", { city: "Kyōto" }]]);
      });

      test("unicode_split_across_reads", async () => {
        assert.equal((await collect(sdk.pieces(sdk.make(way), "split-3"))).join(""), UNICODE);
      });

      test("refusals_keep_their_status", async () => {
        const error = await sdk.whole(sdk.make(way), "status-429", "x").then(() => assert.fail(), (error) => error);
        assert.equal(sdk.status(error), 429);
        assert.match(String(error.message) + JSON.stringify(error.body ?? ""), /refused with 429/);
      });

      test("an_abort_closes_the_upstream", async () => {
        const controller = new AbortController();
        const count = up.requests.length;
        const call = sdk.whole(sdk.make(way), "stall", "x", controller.signal);
        call.catch(() => {});
        await until(() => up.requests.length > count);
        controller.abort();
        await assert.rejects(call);
        await within(2000, up.last().closed, "closing the upstream");
      });

      test("an_abort_inside_a_stream_closes_the_upstream", async () => {
        // Two of the packages let a stream run on that is left without it, over HTTP too.
        const controller = new AbortController();
        const pieces = sdk.pieces(sdk.make(way), "drip-5", controller.signal);
        assert.equal((await pieces.next()).value, "drop ");
        controller.abort();
        await within(2000, up.last().closed, "closing the upstream");
      });

      test("a_megabyte_and_many_at_once", async () => {
        const client = sdk.make(way);
        const text = "Größe ".repeat(150_000);
        assert.equal((await sdk.whole(client, "m", text)).text, text);
        const said = await Promise.all(Array.from({ length: 20 }, (_, n) => sdk.whole(client, "m", `number ${n}`)));
        said.forEach((one, n) => assert.equal(one.text, `number ${n}`));
      });
    });
  }
}

for (const way of ["in process", "by base URL"]) {
  test(`openai_sends_forms_and_files_${way.replaceAll(" ", "_")}`, async () => {
    const where = way === "in process" ? { fetch: gw.fetch } : { baseURL: `${server.url}/v1` };
    const client = new OpenAI({ apiKey: "any", maxRetries: 0, timeoutInSeconds: 10, ...where });
    const sound = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 251));
    const file = () => toFile(sound, "ahoi.wav", { type: "audio/wav" });
    const calls = {
      "/v1/audio/transcriptions": async () => client.audio.transcriptions.create({ model: "m", file: await file() }),
      "/v1/audio/translations": async () => client.audio.translations.create({ model: "m", file: await file() }),
      "/v1/images/edits": async () => client.images.edit({ model: "m", image: [await file(), await file()], prompt: "x" }),
      "/v1/files": async () => client.files.create({ file: await file(), purpose: "batch" }),
    };
    for (const [path, call] of Object.entries(calls)) {
      await call();
      const { path: asked, body, headers } = up.last();
      assert.equal(asked, path);
      assert.match(headers["content-type"], /^multipart\/form-data/);
      assert.ok(body.includes(sound) && body.includes('filename="ahoi.wav"'), path);
    }
    const pictures = await client.images.generate({ model: "m", prompt: "a tide", n: 2, size: "1024x1024" });
    assert.deepEqual(pictures.data.map((one) => one.b64_json), ["AAEC", "AAEC"]);
    const spoken = await client.audio.speech.create({ model: "m", voice: "alloy", input: "ahoi" });
    assert.equal(spoken.headers.get("content-type"), "audio/mpeg");
    assert.deepEqual(Buffer.from(await spoken.arrayBuffer()), Buffer.from("sound of ahoi"));
    const endpoint = "/v1/chat/completions";
    const batch = await client.batches.create({ input_file_id: "file-1", endpoint, completion_window: "24h" });
    assert.deepEqual([batch.id, batch.status], ["batch_1", "validating"]);
    await client.files.retrieve("file-1");
    assert.equal(`${up.last().method} ${up.last().path}`, "GET /v1/files/file-1");
    await client.batches.cancel("batch_1");
    assert.equal(`${up.last().method} ${up.last().path}`, "POST /v1/batches/batch_1/cancel");
  });
}

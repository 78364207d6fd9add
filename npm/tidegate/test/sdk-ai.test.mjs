// The unmodified AI SDK over `gw.fetch`.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, embed, generateText, jsonSchema, streamText, tool } from "ai";
import { Gateway } from "tidegate";

import { collect, startUpstream, UNICODE, until, within } from "./support/index.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

let up, gw;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(up.config({ keys: [{ id: "alice", value: "tg-alice" }] }));
});
after(async () => {
  await gw.close({ timeout: 100 });
  await up.close();
});

const vendors = {
  openai: (name) => createOpenAI({ fetch: gw.fetch, apiKey: "tg-alice" }).chat(name),
  anthropic: (name) => createAnthropic({ fetch: gw.fetch, apiKey: "tg-alice" })(name),
};
const weather = {
  weather: tool({
    description: "the weather",
    inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
  }),
};

for (const [vendor, model] of Object.entries(vendors)) {
  describe(`ai with ${vendor}`, () => {
    const ask = (name, more = {}) => ({ model: model(name), prompt: "hello", maxRetries: 0, ...more });

    test("generate_text", async () => {
      const result = await generateText(ask("m", { prompt: UNICODE }));
      assert.equal(result.text, UNICODE);
      assert.equal(result.usage.inputTokens, 10);
    });

    test("stream_text", async () => {
      const result = streamText(ask("count-5"));
      assert.deepEqual((await collect(result.textStream)).join(""), "w0 w1 w2 w3 w4 ");
      assert.equal(await result.finishReason, "stop");
      assert.equal((await result.usage).outputTokens, 5);
    });

    test("tool_calls_whole_and_streamed", async () => {
      const whole = await generateText(ask("tool", { tools: weather }));
      assert.deepEqual(whole.toolCalls[0].input, { city: "Kyōto" });
      const streamed = streamText(ask("tool", { tools: weather }));
      assert.deepEqual((await streamed.toolCalls)[0].input, { city: "Kyōto" });
    });

    test("errors_are_its_own", async () => {
      for (const status of [400, 401, 429, 500]) {
        const error = await generateText(ask(`status-${status}`)).then(() => assert.fail(), (error) => error);
        assert.ok(APICallError.isInstance(error), String(error));
        assert.equal(error.statusCode, status);
        assert.equal(error.message, `refused with ${status}`);
      }
    });

    test("an_abort_closes_the_upstream", async () => {
      const controller = new AbortController();
      const count = up.requests.length;
      const call = generateText(ask("stall", { abortSignal: controller.signal }));
      call.catch(() => {});
      await until(() => up.requests.length > count);
      const at = performance.now();
      controller.abort();
      await assert.rejects(call, { name: "AbortError" });
      const closed = await within(1000, up.last().closed);
      assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
    });
  });
}

test("ai_embeds", async () => {
  const openai = createOpenAI({ fetch: gw.fetch, apiKey: "tg-alice" });
  const { embedding } = await embed({ model: openai.embedding("e"), value: "x" });
  assert.deepEqual(embedding, [0.25, -1, 3]);
});

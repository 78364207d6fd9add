// The AI SDK's other providers, each in front of vendors of all six formats.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createCohere } from "@ai-sdk/cohere";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, streamText, tool } from "ai";
import { Gateway } from "tidegate";

import { collect, startUpstream, UNICODE } from "./support/index.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

let up, gw;
before(async () => {
  up = await startUpstream();
  // Routes, because a name with a slash is a path to Google's provider.
  const names = ["m", "count-5", "tool", "status-429"];
  const models = names.map((name) => [name, { targets: [`up/${name}`], retry: { attempts: 1 } }]);
  gw = await Gateway.open(up.config({ models: Object.fromEntries(models) }));
});
after(async () => {
  await gw.close({ timeout: 100 });
  await up.close();
});

const fetch = (...request) => gw.fetch(...request);
const providers = {
  openai_responses: (name) => createOpenAI({ fetch, apiKey: "any" }).responses(name),
  openai_compatible: (name) =>
    createOpenAICompatible({ name: "tidegate", baseURL: "http://gateway/v1", fetch, includeUsage: true })(name),
  google: (name) => createGoogleGenerativeAI({ fetch, apiKey: "any" })(name),
  cohere: (name) => createCohere({ fetch, apiKey: "any" })(name),
  bedrock: (name) => createAmazonBedrock({ fetch, region: "eu-west-3", apiKey: "any" })(name),
};
const weather = {
  weather: tool({
    description: "the weather",
    inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
  }),
};

for (const [name, model] of Object.entries(providers)) {
  const ask = (what, more = {}) => ({ model: model(what), prompt: "hello", maxRetries: 0, ...more });

  test(`${name}_tells_text_tools_and_errors`, async () => {
    const whole = await generateText(ask("m", { prompt: UNICODE }));
    assert.equal(whole.text, UNICODE);
    assert.equal(whole.usage.inputTokens, 10);
    const streamed = streamText(ask("count-5"));
    assert.equal((await collect(streamed.textStream)).join(""), "w0 w1 w2 w3 w4 ");
    assert.equal(await streamed.finishReason, "stop");
    const called = await generateText(ask("tool", { tools: weather }));
    assert.deepEqual(called.toolCalls[0].input, { city: "Kyōto" });
    const calls = await streamText(ask("tool", { tools: weather })).toolCalls;
    assert.deepEqual(calls[0].input, { city: "Kyōto" });
    const error = await generateText(ask("status-429")).then(() => assert.fail(), (error) => error);
    assert.ok(APICallError.isInstance(error), String(error));
    assert.equal(error.statusCode, 429);
  });
}

// Compiled, never run: what an editor must know, and what it must refuse.

import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import {
  BudgetExhausted,
  Gateway,
  Stream,
  TidegateError,
  type ChatCompletionChunk,
  type ErrorSlug,
  type GatewayFacts,
  type MessageStreamEvent,
} from "tidegate";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const gw = await Gateway.open({
  providers: { mock: { dialect: "openai", mock: { replies: [{ text: "hi" }] } } },
  models: { fast: { targets: ["mock/m"], retry: { attempts: 1 } } },
});
await Gateway.open();
await Gateway.open("tidegate.yaml");
await Gateway.open(new URL("file:///tmp/tidegate.yaml"));
await Gateway.parse("providers: {}", "yaml");
// @ts-expect-error the constructor is private
new Gateway();
// @ts-expect-error a mistyped section
await Gateway.open({ provider: {} });

const messages = [{ role: "user", content: "Hello" }];

const reply = await gw.chat.completions.create({ model: "fast", messages });
same<string | null, (typeof reply.choices)[number]["message"]["content"]>(true);
same<GatewayFacts, typeof reply.gateway>(true);
same<string | undefined, typeof reply.gateway.cost>(true);
reply["system_fingerprint"];

for await (const chunk of gw.chat.completions.create({ model: "fast", messages, stream: true })) {
  same<ChatCompletionChunk, typeof chunk>(true);
  const text: string | null | undefined = chunk.choices[0]?.delta.content;
  void text;
}
const stream = await gw.chat.completions.create(
  { model: "fast", messages, stream: true, vendor_extra: { a: 1 } },
  { signal: AbortSignal.timeout(1000), headers: { "x-tidegate-tags": "a" }, timeout: 500 },
);
same<Stream<ChatCompletionChunk>, typeof stream>(true);
new Response(stream.toReadableStream());
stream.controller.abort();
same<GatewayFacts, typeof stream.gateway>(true);

for await (const event of gw.messages.create({
  model: "claude",
  max_tokens: 9,
  messages,
  stream: true,
})) {
  same<MessageStreamEvent, typeof event>(true);
  if (event.type === "content_block_delta" && event.delta.type === "text_delta") {
    same<string, typeof event.delta.text>(true);
  }
}
// @ts-expect-error Anthropic demands max_tokens
await gw.messages.create({ model: "claude", messages });
// @ts-expect-error a request has messages
await gw.chat.completions.create({ model: "fast" });

const either = await gw.chat.completions.create({ model: "fast", messages, stream: Math.random() < 2 });
if (either instanceof Stream) either.cancel();
else either.choices;

const vectors = await gw.embeddings.create({ model: "mock/e", input: ["a", "b"] });
vectors.data[0]?.embedding;
for await (const model of await gw.models.list()) same<string, typeof model.id>(true);

new OpenAI({ fetch: gw.fetch, apiKey: "tg-alice" });
new Anthropic({ fetch: gw.withKey("tg-alice").fetch, apiKey: "unused" });
createOpenAI({ fetch: gw.fetch, apiKey: "tg-alice" });

const remote = Gateway.connect("http://127.0.0.1:8787", { key: "tg-alice" });
const raw = await remote.request({ path: "/v1/models", method: "GET" });
same<number, typeof raw.status>(true);
for await (const piece of raw) piece.byteLength;

{
  await using server = await gw.serve({ port: 0 });
  same<string, typeof server.url>(true);
}
await gw.reload({});
await gw.close({ timeout: 100 });

try {
  await gw.chat.completions.create({ model: "fast", messages });
} catch (error) {
  if (error instanceof BudgetExhausted) {
    same<1205, typeof error.code>(true);
    same<"budget_exhausted", typeof error.slug>(true);
    same<number | undefined, typeof error.retryAfter>(true);
  } else if (error instanceof TidegateError) {
    error.attempts.map((attempt) => attempt.target);
  }
}
const slug: ErrorSlug = BudgetExhausted.slug;
void slug;
// @ts-expect-error no such error
const wrong: ErrorSlug = "budget_exhausded";
void wrong;

// LangChain and Instructor, unmodified, over `gw.fetch` and over the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import Instructor from "@instructor-ai/instructor";
import { ChatAnthropic } from "@langchain/anthropic";
import { HumanMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import OpenAI from "openai";
import { Gateway } from "tidegate";
import { z } from "zod";

import { collect, startUpstream, UNICODE } from "./support/index.mjs";

let up, gw, server;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(up.config({ keys: [{ id: "alice", value: "tg-alice" }] }));
  server = await gw.serve({ port: 0 });
});
after(async () => {
  await server.close({ timeout: 100 });
  await gw.close({ timeout: 100 });
  await up.close();
});

const forecast = tool(async () => "sunny", {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() }),
});

const ways = {
  "in process": {
    openai: () => ({ fetch: gw.fetch }),
    anthropic: () => ({ clientOptions: { fetch: gw.fetch } }),
  },
  "by base URL": {
    openai: () => ({ baseURL: `${server.url}/openai` }),
    anthropic: () => ({ anthropicApiUrl: `${server.url}/anthropic` }),
  },
};

for (const [way, where] of Object.entries(ways)) {
  const models = {
    openai: (model, more = {}) =>
      new ChatOpenAI({ model, apiKey: "tg-alice", maxRetries: 0, configuration: where.openai(), ...more }),
    anthropic: (model, more = {}) =>
      new ChatAnthropic({ model, apiKey: "tg-alice", maxRetries: 0, ...where.anthropic(), ...more }),
  };
  for (const [vendor, make] of Object.entries(models)) {
    describe(`langchain of ${vendor} ${way}`, () => {
      test("answers_with_usage", async () => {
        const reply = await make("m").invoke([new HumanMessage(UNICODE)]);
        assert.equal(reply.text ?? reply.content, UNICODE);
        assert.equal(reply.usage_metadata.total_tokens, 15);
      });

      test("streams", async () => {
        const chunks = await collect(await make("count-4").stream("x"));
        const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
        assert.equal(chunks.map((chunk) => chunk.text).join(""), "w0 w1 w2 w3 ");
        // Of Anthropic's two counts of the answer, at its beginning and its end, the package makes a sum.
        assert.equal(whole.usage_metadata.total_tokens, vendor === "anthropic" ? 16 : 15);
      });

      test("calls_tools_whole_and_streamed", async () => {
        const model = make("tool").bindTools([forecast]);
        const reply = await model.invoke("x");
        assert.deepEqual([reply.tool_calls[0].name, reply.tool_calls[0].args], ["weather", { city: "Kyōto" }]);
        const chunks = await collect(await model.stream("x"));
        const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
        assert.deepEqual(whole.tool_calls[0].args, { city: "Kyōto" });
      });

      test("raises_the_vendors_error", async () => {
        const error = await make("status-429").invoke("x").then(() => assert.fail(), (error) => error);
        assert.equal(error.status, 429);
      });
    });
  }

  test(`langchain_embeds_${way.replaceAll(" ", "_")}`, async () => {
    const embeddings = new OpenAIEmbeddings({ model: "m", apiKey: "tg-alice", configuration: where.openai() });
    const vectors = await embeddings.embedDocuments(["a", "b"]);
    assert.equal(vectors.length, 2);
    assert.ok(vectors.every((vector) => vector.length > 0));
  });

  test(`instructor_extracts_${way.replaceAll(" ", "_")}`, async () => {
    const openai = new OpenAI({ apiKey: "tg-alice", maxRetries: 0, ...where.openai() });
    const client = Instructor({ client: openai, mode: "TOOLS" });
    const found = await client.chat.completions.create({
      model: "tool",
      messages: [{ role: "user", content: "Where?" }],
      response_model: { schema: z.object({ city: z.string() }), name: "weather" },
    });
    assert.equal(found.city, "Kyōto");
  });
}

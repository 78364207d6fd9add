// The unmodified `openai` package over `gw.fetch`, and over the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Gateway } from "tidegate";

import { ask, collect, startUpstream, UNICODE, until, within } from "./support/index.mjs";

let up, gw, server;
before(async () => {
  up = await startUpstream();
  gw = await Gateway.open(up.config({ keys: [{ id: "alice", value: "tg-alice" }], models: { fast: { targets: ["up/m"] } } }));
  server = await gw.serve({ port: 0 });
});
after(async () => {
  await server.close({ timeout: 100 });
  await gw.close({ timeout: 100 });
  await up.close();
});

const ways = {
  "in process": () => ({ fetch: gw.fetch, apiKey: "tg-alice" }),
  "by base URL": () => ({ baseURL: `${server.url}/v1`, apiKey: "tg-alice" }),
};

for (const name of ["openai", "openai-next"]) {
  const sdk = await import(name);
  for (const [way, options] of Object.entries(ways)) {
    describe(`${name} ${way}`, () => {
      const make = (more = {}) => new sdk.OpenAI({ maxRetries: 0, ...options(), ...more });
      const model = (name) => (way === "in process" ? name : `openai/${name}`);

      test("chat", async () => {
        const { data, response } = await make()
          .chat.completions.create({ model: model("m"), messages: ask(UNICODE) })
          .withResponse();
        assert.equal(data.choices[0].message.content, UNICODE);
        assert.equal(data.usage.total_tokens, 15);
        assert.equal(response.headers.get("x-tidegate-target"), "openai/m");
        const named = await make().chat.completions.create({ model: "fast", messages: ask("by name") });
        assert.equal(named.choices[0].message.content, "by name");
      });

      test("a_stream_with_usage", async () => {
        const chunks = await collect(
          await make().chat.completions.create({
            model: model("count-4"),
            messages: ask("x"),
            stream: true,
            stream_options: { include_usage: true },
          }),
        );
        assert.equal(chunks.map((one) => one.choices[0]?.delta.content ?? "").join(""), "w0 w1 w2 w3 ");
        assert.equal(chunks.at(-1).usage.total_tokens, 15);
        const bare = await collect(
          await make().chat.completions.create({ model: model("count-4"), messages: ask("x"), stream: true }),
        );
        assert.ok(bare.every((one) => !one.usage));
      });

      test("unicode_split_across_reads", async () => {
        for (const size of [1, 2, 3]) {
          const chunks = await collect(
            await make().chat.completions.create({ model: model(`split-${size}`), messages: ask("x"), stream: true }),
          );
          assert.equal(chunks.map((one) => one.choices[0]?.delta.content ?? "").join(""), UNICODE);
        }
      });

      test("the_streaming_helper_assembles_tool_calls", async () => {
        const runner = make().chat.completions.stream({
          model: model("tool"),
          messages: ask("x"),
          tools: [{ type: "function", function: { name: "weather", parameters: {} } }],
          stream_options: { include_usage: true },
        });
        const final = await runner.finalChatCompletion();
        const call = final.choices[0].message.tool_calls[0].function;
        assert.equal(call.name, "weather");
        assert.deepEqual(JSON.parse(call.arguments), { city: "Kyōto" });
        assert.equal((await runner.totalUsage()).total_tokens, 15);
      });

      test("every_status_raises_its_own_class", async () => {
        const classes = {
          400: sdk.BadRequestError,
          401: sdk.AuthenticationError,
          403: sdk.PermissionDeniedError,
          404: sdk.NotFoundError,
          409: sdk.ConflictError,
          422: sdk.UnprocessableEntityError,
          429: sdk.RateLimitError,
          500: sdk.InternalServerError,
          503: sdk.InternalServerError,
        };
        for (const [status, type] of Object.entries(classes)) {
          for (const stream of [false, true]) {
            const error = await make()
              .chat.completions.create({ model: model(`status-${status}`), messages: ask("x"), stream })
              .then(() => assert.fail(status), (error) => error);
            assert.ok(error instanceof type, `${status}: ${error}`);
            assert.equal(error.status, Number(status));
            assert.equal(error.code, "some_code");
            assert.equal(error.param, "messages");
          }
        }
      });

      test("the_gateways_own_refusals_are_vendor_classes_too", async () => {
        const stranger = make({ apiKey: "tg-stranger" });
        await assert.rejects(
          stranger.chat.completions.create({ model: model("m"), messages: ask("x") }),
          (error) => error instanceof sdk.AuthenticationError && error.code === "unknown_key",
        );
        if (way === "by base URL") {
          await assert.rejects(
            make().chat.completions.create({ model: "no-such/model", messages: ask("x") }),
            (error) => error instanceof sdk.NotFoundError && error.code === "unknown_model",
          );
        }
      });

      test("an_error_inside_a_stream_is_raised", async () => {
        const chunks = [];
        await assert.rejects(async () => {
          const body = { model: model("fail"), messages: ask("x"), stream: true };
          for await (const one of await make().chat.completions.create(body)) chunks.push(one);
        }, sdk.APIError);
        assert.ok(chunks.some((one) => one.choices[0]?.delta.content === "so far"));
        await assert.rejects(async () => {
          const body = { model: model("cut"), messages: ask("x"), stream: true };
          await collect(await make().chat.completions.create(body));
        });
      });

      test("timeouts_are_the_sdks_own", async () => {
        await assert.rejects(
          make({ timeout: 60 }).chat.completions.create({ model: model("stall"), messages: ask("x") }),
          sdk.APIConnectionTimeoutError,
        );
        await within(1000, up.last().closed, "closing the upstream");
      });

      test("an_abort_raises_and_closes_the_upstream", async () => {
        const controller = new AbortController();
        const count = up.requests.length;
        const call = make().chat.completions.create(
          { model: model("stall"), messages: ask("x") },
          { signal: controller.signal },
        );
        call.catch(() => {});
        await until(() => up.requests.length > count);
        const at = performance.now();
        controller.abort();
        await assert.rejects(call, sdk.APIUserAbortError);
        const closed = await within(1000, up.last().closed);
        assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
      });

      test("leaving_a_stream_closes_the_upstream", async () => {
        const body = { model: model("drip-5"), messages: ask("x"), stream: true };
        let at;
        for await (const _ of await make().chat.completions.create(body)) {
          at = performance.now();
          break;
        }
        const closed = await within(1000, up.last().closed);
        assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
      });

      test("a_megabyte_goes_there_and_back", async () => {
        const text = "Größe ".repeat(150_000);
        const reply = await make().chat.completions.create({ model: model("m"), messages: ask(text) });
        assert.equal(reply.choices[0].message.content, text);
      });

      test("calls_in_parallel_keep_apart", async () => {
        const client = make();
        const replies = await Promise.all(
          Array.from({ length: 50 }, (_, i) =>
            client.chat.completions.create({ model: model("m"), messages: ask(`number ${i}`) }),
          ),
        );
        replies.forEach((reply, i) => assert.equal(reply.choices[0].message.content, `number ${i}`));
      });

      test("embeddings_models_and_files", async () => {
        const vectors = await make().embeddings.create({ model: model("e"), input: "x" });
        assert.deepEqual(Array.from(vectors.data[0].embedding), [0.25, -1, 3]);
        const ids = [];
        for await (const one of make().models.list()) ids.push(one.id);
        assert.ok(ids.length > 0);
        if (way === "in process") {
          const file = await sdk.toFile(Buffer.from("{}\n"), "a.jsonl");
          const seen = await make().files.create({ file, purpose: "batch" });
          assert.match(seen.type, /multipart\/form-data/);
        }
      });
    });
  }
}

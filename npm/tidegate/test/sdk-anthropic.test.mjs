// The unmodified `@anthropic-ai/sdk` package over `gw.fetch`, and over the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import Anthropic, * as sdk from "@anthropic-ai/sdk";
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
  "by base URL": () => ({ baseURL: `${server.url}/anthropic`, apiKey: "tg-alice" }),
};

for (const [way, options] of Object.entries(ways)) {
  describe(`@anthropic-ai/sdk ${way}`, () => {
    const make = (more = {}) => new Anthropic({ maxRetries: 0, ...options(), ...more });
    const body = (model, more = {}) => ({ model, max_tokens: 50, messages: ask("hello"), ...more });

    test("messages", async () => {
      const message = await make().messages.create(body("m", { messages: ask(UNICODE) }));
      assert.equal(message.content[0].text, UNICODE);
      assert.equal(message.usage.input_tokens, 10);
      const other = await make().messages.create(body("fast"));
      assert.equal(other.content[0].text, "hello");
    });

    test("a_stream_of_events", async () => {
      const events = await collect(await make().messages.create(body("count-4", { stream: true })));
      assert.equal(events[0].type, "message_start");
      assert.equal(events.at(-1).type, "message_stop");
      assert.equal(events.map((one) => one.delta?.text ?? "").join(""), "w0 w1 w2 w3 ");
      assert.equal(events.find((one) => one.type === "message_delta").usage.output_tokens, 5);
    });

    test("the_streaming_helper_assembles_tool_use", async () => {
      for (const model of ["tool", way === "in process" ? "up/tool" : "up/tool"]) {
        const message = await make().messages.stream(body(model)).finalMessage();
        assert.equal(message.stop_reason, "tool_use", model);
        const block = message.content.find((one) => one.type === "tool_use");
        assert.deepEqual(block.input, { city: "Kyōto" }, model);
      }
    });

    test("unicode_split_across_reads", async () => {
      for (const size of [1, 2, 3]) {
        const events = await collect(await make().messages.create(body(`split-${size}`, { stream: true })));
        assert.equal(events.map((one) => one.delta?.text ?? "").join(""), UNICODE);
      }
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
        529: sdk.InternalServerError,
      };
      for (const [status, type] of Object.entries(classes)) {
        for (const stream of [false, true]) {
          const error = await make()
            .messages.create(body(`status-${status}`, { stream }))
            .then(() => assert.fail(status), (error) => error);
          assert.ok(error instanceof type, `${status}: ${error}`);
          assert.equal(error.status, Number(status));
          assert.equal(error.error.error.message, `refused with ${status}`);
        }
      }
    });

    test("the_gateways_own_refusals_are_vendor_classes_too", async () => {
      await assert.rejects(
        make({ apiKey: "tg-stranger" }).messages.create(body("m")),
        (error) => error instanceof sdk.AuthenticationError && error.error.type === "error",
      );
    });

    test("an_error_inside_a_stream_is_raised", async () => {
      const events = [];
      await assert.rejects(async () => {
        for await (const one of await make().messages.create(body("fail", { stream: true }))) events.push(one);
      }, sdk.APIError);
      assert.ok(events.some((one) => one.delta?.text === "so far"));
      await assert.rejects(async () => {
        await collect(await make().messages.create(body("cut", { stream: true })));
      });
    });

    test("timeouts_are_the_sdks_own", async () => {
      await assert.rejects(make({ timeout: 60 }).messages.create(body("stall")), sdk.APIConnectionTimeoutError);
      await within(1000, up.last().closed, "closing the upstream");
    });

    test("an_abort_raises_and_closes_the_upstream", async () => {
      const controller = new AbortController();
      const count = up.requests.length;
      const call = make().messages.create(body("stall"), { signal: controller.signal });
      call.catch(() => {});
      await until(() => up.requests.length > count);
      const at = performance.now();
      controller.abort();
      await assert.rejects(call, sdk.APIUserAbortError);
      const closed = await within(1000, up.last().closed);
      assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
    });

    test("leaving_a_stream_closes_the_upstream", async () => {
      let at;
      for await (const _ of await make().messages.create(body("drip-5", { stream: true }))) {
        at = performance.now();
        break;
      }
      const closed = await within(1000, up.last().closed);
      assert.ok(closed.at - at < 100, `closed after ${closed.at - at} ms`);
    });

    test("a_megabyte_goes_there_and_back", async () => {
      const text = "Größe ".repeat(150_000);
      const message = await make().messages.create(body("m", { messages: ask(text) }));
      assert.equal(message.content[0].text, text);
    });

    test("calls_in_parallel_keep_apart", async () => {
      const client = make();
      const messages = await Promise.all(
        Array.from({ length: 50 }, (_, i) => client.messages.create(body("m", { messages: ask(`number ${i}`) }))),
      );
      messages.forEach((one, i) => assert.equal(one.content[0].text, `number ${i}`));
    });
  });
}

// A vendor in miniature, in this process: it speaks both dialects, and the model's name says how it
// behaves. What it received, and when a connection closed, is recorded.

import { once } from "node:events";
import { createServer } from "node:http";

/** Text that breaks when bytes are cut in the wrong place. */
export const UNICODE = "Grüße, 世界! 👩‍👩‍👧 — ‘quoted’ \u2028 line, e\u0301, \u0000 end";

export async function startUpstream() {
  const requests = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const record = { method: request.method, path: request.url, headers: request.headers, body };
    record.closed = new Promise((resolve) => {
      response.on("close", () => resolve({ at: performance.now(), complete: response.writableFinished }));
    });
    requests.push(record);
    try {
      await answer(request, response, body);
    } catch (error) {
      if (!response.destroyed) response.destroy(error);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    last: () => requests.at(-1),
    /** A configuration with this server as `up` (OpenAI) and `claude` (Anthropic). */
    config: (more = {}) => ({
      providers: {
        up: {
          dialect: "openai",
          base_url: `http://127.0.0.1:${port}/v1`,
          api_key: "sk-up",
          prices: { "*": { input: 1, output: 2 } },
        },
        openai: { base_url: `http://127.0.0.1:${port}/v1`, api_key: "sk-openai" },
        anthropic: { base_url: `http://127.0.0.1:${port}`, api_key: "sk-anthropic" },
        ...more.providers,
      },
      ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "providers")),
    }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(request, response, bytes) {
  const path = request.url.split("?")[0];
  if (path.endsWith("/models")) {
    return json(response, 200, { object: "list", data: [{ id: "m", object: "model" }] });
  }
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("application/json")) {
    return json(response, 200, { type, size: bytes.length, text: bytes.toString("latin1") });
  }
  const body = JSON.parse(bytes.toString());
  if (path.endsWith("/embeddings")) return embeddings(response, body);
  if (path.endsWith("/images/generations")) {
    return json(response, 200, { created: 1, data: Array.from({ length: body.n }, () => ({ b64_json: "AAEC" })) });
  }
  if (path.endsWith("/audio/speech")) {
    response.writeHead(200, { "content-type": "audio/mpeg" });
    return response.end(`sound of ${body.input}`);
  }
  if (path.endsWith("/batches")) return json(response, 200, { id: "batch_1", object: "batch", status: "validating" });
  const vendor = path.endsWith("/messages") ? anthropic : openai;
  const [kind, number] = body.model.split(/-(?=\d+$)/);
  const count = Number(number ?? 3);
  const said = lastText(body);
  switch (kind) {
    case "status":
      return json(response, count, vendor.error(count), count === 429 ? { "retry-after": "7" } : {});
    case "stall":
      return; // never answers
    case "slow":
      await pause(count);
      return say(response, vendor, body, [said]);
    case "tool":
      return body.stream
        ? stream(response, vendor.toolEvents())
        : json(response, 200, vendor.toolReply());
    case "count":
      return say(response, vendor, body, Array.from({ length: count }, (_, i) => `w${i} `));
    case "drip":
      return drip(response, vendor, count);
    case "cut":
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of vendor.textEvents(["a", "b", "c"]).slice(0, 4)) response.write(event);
      await pause(20);
      return response.destroy();
    case "split": {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const all = Buffer.from(vendor.textEvents([...UNICODE]).join(""));
      for (let at = 0; at < all.length; at += count) {
        if (!response.write(all.subarray(at, at + count))) await once(response, "drain");
        if (at % (count * 50) === 0) await pause(0);
      }
      return response.end();
    }
    case "fail": {
      const events = vendor.failEvents();
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(events.slice(0, -1).join(""));
      await pause(20);
      return response.end(events.at(-1));
    }
    default:
      return say(response, vendor, body, kind === "unicode" ? [...UNICODE] : [said]);
  }
}

function say(response, vendor, body, pieces) {
  return body.stream
    ? stream(response, vendor.textEvents(pieces, body))
    : json(response, 200, vendor.textReply(pieces.join("")));
}

function stream(response, events) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(events.join(""));
}

/** Text for ever, a piece every `pace` ms. */
async function drip(response, vendor, pace) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const events = vendor.textEvents(["drop "]);
  const at = events.findIndex((event) => event.includes("drop "));
  for (const event of events.slice(0, at)) response.write(event);
  while (!response.destroyed) {
    if (!response.write(events[at])) await Promise.race([once(response, "drain"), once(response, "close")]);
    await pause(pace);
  }
}

function json(response, status, body, headers = {}) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "x-request-id": "req_upstream",
    "request-id": "req_upstream",
    ...headers,
  });
  response.end(text);
}

function lastText(body) {
  const content = body.messages?.at(-1)?.content ?? "";
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("");
}

function embeddings(response, body) {
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const vector = [0.25, -1, 3];
  const encoded = Buffer.from(new Float32Array(vector).buffer).toString("base64");
  json(response, 200, {
    object: "list",
    model: body.model,
    data: inputs.map((_, index) => ({
      object: "embedding",
      index,
      embedding: body.encoding_format === "base64" ? encoded : vector,
    })),
    usage: { prompt_tokens: 2, total_tokens: 2 },
  });
}

const data = (value) => `data: ${JSON.stringify(value)}\n\n`;
const event = (value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;

const openai = {
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  reply: (message, finish_reason) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1700000000,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }],
    usage: openai.usage,
  }),
  textReply: (content) => openai.reply({ content }, "stop"),
  toolReply: () =>
    openai.reply(
      {
        content: null,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Kyōto"}' } },
        ],
      },
      "tool_calls",
    ),
  chunk: (delta, finish_reason = null, more = {}) =>
    data({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1700000000,
      model: "m",
      choices: [{ index: 0, delta, finish_reason }],
      ...more,
    }),
  textEvents: (pieces, body) => [
    openai.chunk({ role: "assistant", content: "" }),
    ...pieces.map((content) => openai.chunk({ content })),
    openai.chunk({}, "stop"),
    ...(body?.stream_options?.include_usage
      ? [openai.chunk({}, null, { choices: [], usage: openai.usage })]
      : []),
    "data: [DONE]\n\n",
  ],
  toolEvents: () => [
    openai.chunk({ role: "assistant", content: null }),
    openai.chunk({
      tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "weather", arguments: "" } }],
    }),
    ...['{"ci', 'ty":"Ky', 'ōto"}'].map((text) =>
      openai.chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
    ),
    openai.chunk({}, "tool_calls"),
    openai.chunk({}, null, { choices: [], usage: openai.usage }),
    "data: [DONE]\n\n",
  ],
  failEvents: () => [
    openai.chunk({ role: "assistant", content: "" }),
    openai.chunk({ content: "so far" }),
    data({ error: { message: "the model fell over", type: "server_error", code: null, param: null } }),
  ],
  error: (status) => ({
    error: { message: `refused with ${status}`, type: "some_error", param: "messages", code: "some_code" },
  }),
};

const anthropic = {
  reply: (content, stop_reason) => ({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content,
    stop_reason,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 },
  }),
  textReply: (text) => anthropic.reply([{ type: "text", text }], "end_turn"),
  toolReply: () =>
    anthropic.reply(
      [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Kyōto" } }],
      "tool_use",
    ),
  wrap: (block, deltas, stop_reason) => [
    event({
      type: "message_start",
      message: { ...anthropic.reply([], null), usage: { input_tokens: 10, output_tokens: 1 } },
    }),
    event({ type: "content_block_start", index: 0, content_block: block }),
    event({ type: "ping" }),
    ...deltas.map((delta) => event({ type: "content_block_delta", index: 0, delta })),
    event({ type: "content_block_stop", index: 0 }),
    event({ type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 5 } }),
    event({ type: "message_stop" }),
  ],
  textEvents: (pieces) =>
    anthropic.wrap(
      { type: "text", text: "" },
      pieces.map((text) => ({ type: "text_delta", text })),
      "end_turn",
    ),
  toolEvents: () =>
    anthropic.wrap(
      { type: "tool_use", id: "toolu_1", name: "weather", input: {} },
      ['{"ci', 'ty":"Ky', 'ōto"}'].map((partial_json) => ({ type: "input_json_delta", partial_json })),
      "tool_use",
    ),
  failEvents: () => [
    ...anthropic.textEvents(["so far"]).slice(0, 4),
    event({ type: "error", error: { type: "overloaded_error", message: "the model fell over" } }),
  ],
  error: (status) => ({
    type: "error",
    error: { type: "some_error", message: `refused with ${status}` },
    request_id: "req_upstream",
  }),
};

export function pause(ms) {
  return new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)));
}

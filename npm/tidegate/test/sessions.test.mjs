// Sessions over a WebSocket, without the socket.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { BudgetExhausted, Cancelled, ConnectionLost, Gateway, Session, UnknownKey, UnknownModel } from "tidegate";

import { run, until, within } from "./support/index.mjs";

const prices = { "*": { input: 1000, output: 2000 } };
const replies = [{ text: "hi there", input_tokens: 10, output_tokens: 5 }];
const CONFIG = {
  providers: {
    o: { dialect: "openai", mock: { replies }, prices },
    g: { dialect: "gemini", mock: { replies }, prices },
  },
  models: { voice: { targets: ["o/m"] } },
};

let gw, served, remote;
before(async () => {
  gw = await Gateway.open(CONFIG);
  served = await gw.serve({ port: 0 });
  remote = Gateway.connect(served.url);
});
after(async () => {
  await remote.close({ timeout: 100 });
  await served.close({ timeout: 100 });
  await gw.close({ timeout: 100 });
});

/** The types of what is said until one of them. */
async function hear(session, last) {
  const types = [];
  for await (const event of session) {
    types.push(event.type);
    if (event.type === last) break;
  }
  return types;
}

for (const [name, of] of [
  ["in process", () => gw],
  ["over HTTP", () => remote],
]) {
  test(`a realtime session talks ${name}`, async () => {
    const session = await of().realtime.connect({ model: "voice" });
    assert.ok(session instanceof Session);
    assert.equal((await session.receive()).session.model, "m");
    await session.send({ type: "session.update", session: { instructions: "be ♥" } });
    assert.equal((await session.receive()).session.instructions, "be ♥");
    for (let turn = 0; turn < 2; turn++) {
      await session.send('{"type":"response.create"}');
      const types = await hear(session, "response.done");
      assert.equal(types[0], "response.created");
    }
    assert.equal(session.closeCode, undefined);
    assert.equal(session.gateway.target, "o/m");
    await session.close({ reason: "bye ♥" });
    assert.equal(session.closeCode, 1000);
    assert.equal(await session.receive(), undefined);
    await assert.rejects(session.send({}), ConnectionLost);
    if (name === "in process") assert.equal(session.gateway.cost, "0.04");
  });

  test(`responses and live have sessions ${name}`, async () => {
    const responses = await of().responses.connect();
    await responses.send({ type: "response.create", model: "voice", input: "hi" });
    assert.equal((await hear(responses, "response.completed"))[0], "response.created");
    await responses.close();
    const live = await of().live.connect({ model: "g/m", setup: { generationConfig: {} } });
    assert.ok("setupComplete" in (await live.receive()));
    const turns = [{ role: "user", parts: [{ text: "hi" }] }];
    await live.send({ clientContent: { turns, turnComplete: true } });
    for await (const { serverContent } of live) if (serverContent?.turnComplete) break;
    await live.close();
    if (name === "in process") assert.equal(responses.gateway.cost, "0.02");
  });
}

test("events can be listened to", async () => {
  const session = await gw.realtime.connect({ model: "voice" });
  const heard = [];
  const over = new Promise((resolve) => session.on("close", resolve));
  const mute = () => assert.fail("was taken off");
  session.on("event", ({ type }) => heard.push(type)).on("session.created", mute).off("session.created", mute);
  session.on("response.done", ({ response }) => {
    assert.equal(response.usage.output_tokens, 5);
    session.close();
  });
  await session.send({ type: "response.create" });
  assert.deepEqual(await within(5000, over), { code: 1000, reason: "" });
  assert.equal(heard.at(0), "session.created");
  assert.equal(heard.at(-1), "response.done");
});

test("a budget that is used up ends the session with its error", async (t) => {
  const key = { id: "alice", value: "tg-alice", budgets: [{ limit: "0.12", per: "1d" }] };
  const alice = await Gateway.open({ ...CONFIG, keys: [key] });
  t.after(() => alice.close({ timeout: 0 }));
  const session = await alice.withKey("tg-alice").realtime.connect({ model: "voice" });
  const types = [];
  await assert.rejects(async () => {
    for (;;) {
      await session.send({ type: "response.create", response: { max_output_tokens: 5 } });
      for (const last of await hear(session, "response.done")) types.push(last);
      if (types.at(-1) !== "response.done") await session.receive();
    }
  }, BudgetExhausted);
  await assert.rejects(session.receive(), BudgetExhausted);
  assert.equal(session.closeCode, 1008);
  const paid = types.filter((type) => type === "response.done").length;
  assert.ok(paid > 0);
  assert.equal(Number(session.gateway.cost), paid * 0.02);
  await assert.rejects(alice.withKey("tg-bob").realtime.connect({ model: "voice" }), UnknownKey);
});

test("what cannot be opened rejects", async () => {
  await assert.rejects(gw.realtime.connect({ model: "nowhere/at" }), UnknownModel);
  await assert.rejects(remote.realtime.connect({ model: "nowhere/at" }), UnknownModel);
  await assert.rejects(gw.realtime.connect({ model: "voice", signal: AbortSignal.abort("no") }), (why) => why === "no");
});

/** A vendor that grants handshakes and never says a word. */
async function silent(t) {
  const sockets = [];
  const server = createServer().on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    socket.on("error", () => {});
    sockets.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const base_url = `http://127.0.0.1:${server.address().port}/v1`;
  const up = await Gateway.open({ providers: { up: { dialect: "openai", base_url, api_key: "k", prices } } });
  t.after(async () => {
    await up.close({ timeout: 0 });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { sockets, up };
}

test("a session that is let go of closes the upstream", { skip: !globalThis.gc && "needs --expose-gc" }, async (t) => {
  const vendor = await silent(t);
  await (async () => {
    await vendor.up.realtime.connect({ model: "up/m" });
  })();
  vendor.sockets[0].resume();
  const gone = once(vendor.sockets[0], "end");
  await until(() => {
    globalThis.gc();
    return vendor.sockets[0].readableEnded || vendor.sockets[0].destroyed;
  });
  await within(1000, gone);
  const session = await vendor.up.realtime.connect({ model: "up/m" });
  vendor.sockets[1].resume();
  session.cancel();
  await within(1000, once(vendor.sockets[1], "end"));
  const controller = new AbortController();
  const aborted = await vendor.up.realtime.connect({ model: "up/m", signal: controller.signal });
  vendor.sockets[2].resume();
  const waiting = aborted.receive();
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await within(1000, once(vendor.sockets[2], "end"));
});

test("who sends faster than the upstream reads waits, and a close ends the wait", async (t) => {
  const vendor = await silent(t);
  const session = await vendor.up.realtime.connect({ model: "up/m" });
  let sent = 0;
  const flood = (async () => {
    for (;;) {
      await session.send({ type: "input_audio_buffer.append", audio: "A".repeat(100_000) });
      sent++;
    }
  })();
  const ended = assert.rejects(flood, ConnectionLost);
  let last = -1;
  while (sent !== last) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  assert.ok(sent > 2 && sent < 400, `${sent} messages`);
  await within(5000, session.close());
  await within(1000, ended);
});

test("a gateway that closes ends its sessions", async (t) => {
  const vendor = await silent(t);
  const session = await vendor.up.realtime.connect({ model: "up/m" });
  const waiting = session.receive();
  await vendor.up.close({ timeout: 10 });
  await assert.rejects(waiting, Cancelled);
});

test("a process ends when its sessions do", async () => {
  const ended = await run(`
    import { Gateway } from "tidegate";
    const gw = await Gateway.open(${JSON.stringify(CONFIG)});
    const session = await gw.realtime.connect({ model: "voice" });
    console.log((await session.receive()).type);
    await session.close();
  `);
  assert.equal(ended.code, 0, ended.err);
  assert.match(ended.out, /session.created/);
});

// One measurement in a process of its own; prints one JSON object.
//
//   bench.mjs PACKAGE call   CLIENT CONFIG BODY BASE CONCURRENCY COUNT
//   bench.mjs PACKAGE stream CLIENT CONFIG BODY BASE ROUNDS
//
// CPU is that of this process, all threads. PACKAGE is the folder of the npm package under test.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [folder, what, client, config, path, base, ...numbers] = process.argv.slice(2);
const body = JSON.parse(readFileSync(path, "utf8"));
// The SDKs are those the package is tested with.
const require = createRequire(`${process.env.TIDEGATE_ROOT}/npm/tidegate/package.json`);
const tidegate = () => import(pathToFileURL(`${folder}/index.mjs`));

/** Microseconds of user and system time so far. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** A function that makes one call, and one that ends the client. */
async function caller() {
  if (client === "node:http") {
    const agent = new http.Agent({ keepAlive: true });
    const url = new URL(`${base}/v1/chat/completions`);
    const call = (request) =>
      new Promise((resolve, reject) => {
        const text = JSON.stringify(request);
        const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
        const sent = http.request(url, { method: "POST", agent, headers }, (answer) => {
          const parts = [];
          answer.on("data", (part) => parts.push(part));
          answer.on("end", () => resolve(JSON.parse(Buffer.concat(parts)).choices[0].message.content));
          answer.on("error", reject);
        });
        sent.on("error", reject);
        sent.end(text);
      });
    return { call, end: () => agent.destroy() };
  }
  const { create, end } = await creator();
  return { call: async (request) => (await create(request)).choices[0].message.content, end };
}

/** The `create` of a chat client. */
async function creator() {
  if (client === "tidegate") {
    const { Gateway } = await tidegate();
    const gateway = await Gateway.open(config);
    return { create: (request) => gateway.chat.completions.create(request), end: () => gateway.close() };
  }
  const OpenAI = require("openai");
  let options = { apiKey: "sk-bench", baseURL: `${base}/v1`, maxRetries: 0 };
  let end = () => {};
  if (client === "openai-tidegate") {
    const { Gateway } = await tidegate();
    const gateway = await Gateway.open(config);
    options = { apiKey: "unused", fetch: gateway.fetch, maxRetries: 0 };
    end = () => gateway.close();
  }
  const vendor = new OpenAI(options);
  return { create: (request) => vendor.chat.completions.create(request), end };
}

async function calls(concurrency, count) {
  const { call, end } = await caller();
  const some = async (number) => {
    for (let index = 0; index < number; index += 1) {
      if (!(await call(body))) throw new Error("an empty answer");
    }
  };
  const each = Math.max(1, Math.floor(count / concurrency));
  const spread = (number) => Promise.all(Array.from({ length: concurrency }, () => some(number)));
  await spread(Math.ceil(each / 3));
  const before = cpu();
  const begin = performance.now();
  await spread(each);
  const used = cpu() - before;
  const took = performance.now() - begin;
  await end();
  const done = each * concurrency;
  return { cpu_us: used / done, wall_us: (took * 1e3) / done, rss_mib: process.memoryUsage().rss / 1048576 };
}

async function stream(rounds) {
  const { create, end } = await creator();
  const one = async () => {
    let chunks = 0;
    for await (const _ of await create(body)) chunks += 1;
    return chunks;
  };
  await one();
  const before = cpu();
  let chunks = 0;
  for (let round = 0; round < rounds; round += 1) chunks += await one();
  const used = cpu() - before;
  await end();
  return { cpu_us: used / chunks, chunks };
}

const measured = what === "call" ? await calls(...numbers.map(Number)) : await stream(...numbers.map(Number));
console.log(JSON.stringify(measured));
process.exit(0);

// What users get: the packed tarballs, installed offline into an empty folder.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { finish, PACKAGE, within } from "./support/index.mjs";

const exec = promisify(execFile);
// npm of the test run must not leak into the one under test.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_PATH$/i.test(name)),
);

let folder;
before(async () => (folder = await mkdtemp(join(tmpdir(), "tidegate-package-"))));
after(() => rm(folder, { recursive: true, force: true }));

/** Packs and installs without a network, and with an empty cache. */
async function install(name, ...flags) {
  const out = join(folder, `${name}-dist`);
  const { stdout } = await exec(process.execPath, [join(PACKAGE, "scripts/pack.mjs"), "--out", out, ...flags]);
  const [platform, main] = stdout.trim().split("\n");
  const target = join(folder, name);
  await exec("mkdir", ["-p", target]);
  await writeFile(join(target, "package.json"), '{ "private": true }');
  const tarballs = flags.includes("--publish") ? [main, platform] : [main];
  await exec(
    "npm",
    ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", join(folder, "cache"), ...tarballs],
    { cwd: target, env },
  );
  return target;
}

const npx = (target, args) =>
  spawn("npx", ["--offline", "--no-install", "--cache", join(folder, "cache"), "tidegate", ...args], {
    cwd: target,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });

for (const flags of [[], ["--publish"]]) {
  const name = flags.length ? "published" : "local";
  test(`the_${name}_tarball_works_offline`, async () => {
    const target = await install(name, ...flags);
    const inside = await readdir(join(target, "node_modules/tidegate"));
    for (const unwanted of ["test", "scripts", "native", "tsconfig.json", "package-lock.json"]) {
      assert.ok(!inside.includes(unwanted), unwanted);
    }
    const version = await finish(npx(target, ["--version"]), 20_000);
    assert.equal(version.code, 0, version.err);
    assert.match(version.out, /\b0\.\d+\.\d+/);
    const config = `{ providers: { m: { dialect: "openai", mock: { replies: [{ text: "packed" }] } } } }`;
    const call = `const gw = await Gateway.open(${config});
      console.log((await gw.chat.completions.create({ model: "m/x", messages: [] })).choices[0].message.content);`;
    for (const [kind, code] of [
      ["module", `import { Gateway } from "tidegate"; ${call}`],
      ["commonjs", `const { Gateway } = require("tidegate"); (async () => { ${call} })();`],
    ]) {
      const { stdout } = await exec(process.execPath, [`--input-type=${kind}`, "-e", code], { cwd: target, env });
      assert.equal(stdout, "packed\n", kind);
    }
  });
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`npx_tidegate_serves_until_${signal}`, async (t) => {
    const target = join(folder, "local");
    await writeFile(
      join(target, "tidegate.yaml"),
      'providers: { m: { dialect: openai, mock: { replies: [ { text: served } ] } } }\nserver: { listen: "127.0.0.1:0" }\n',
    );
    const child = npx(target, ["serve", "--config", "tidegate.yaml"]);
    t.after(() => {
      try {
        process.kill(-child.pid, "SIGKILL"); // only if the test has failed
      } catch {}
    });
    const ended = finish(child, 30_000);
    const url = await within(
      15_000,
      new Promise((resolve, reject) => {
        let said = "";
        const look = (data) => {
          said += data;
          const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
          if (found) resolve(found[0]);
        };
        child.stdout.on("data", look);
        child.stderr.on("data", look);
        child.on("close", () => reject(new Error(`it ended early: ${said}`)));
      }),
      "starting the server",
    );
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m/x", messages: [] }),
    });
    assert.equal((await response.json()).choices[0].message.content, "served");
    process.kill(-child.pid, signal); // the whole group, as a terminal does
    const { ms } = await ended;
    assert.ok(ms < 20_000);
    await assert.rejects(fetch(url));
  });
}

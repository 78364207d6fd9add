// What the test files share.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export { startUpstream, pause, UNICODE } from "./upstream.mjs";

/** How many times the patient tests repeat themselves; 1 is quick. */
export const TORTURE = Number(process.env.TIDEGATE_TORTURE ?? 1);

export const ask = (text) => [{ role: "user", content: text }];

/** Folder of the package, whose own name resolves to itself from here. */
export const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

/** Resolves to `promise`'s value, or fails after `ms`. */
export async function within(ms, promise, what = "this") {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `check()` is true. */
export async function until(check, ms = 5000, what = "the condition") {
  const deadline = performance.now() + ms;
  while (!check()) {
    assert.ok(performance.now() < deadline, `${what} was not met within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a program of JavaScript in a process of its own. */
export async function run(code, { args = [], ms = 120_000, env = {}, input } = {}) {
  const child = spawn(process.execPath, [...args, "--input-type=module", "-e", code], {
    cwd: PACKAGE,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  return finish(child, ms, input);
}

/** What a child said, and how it ended. */
export async function finish(child, ms, input) {
  let [out, err] = ["", ""];
  child.stdout?.on("data", (data) => (out += data));
  child.stderr?.on("data", (data) => (err += data));
  if (input !== undefined) child.stdin.end(input);
  const started = performance.now();
  const ended = new Promise((resolve) => {
    child.on("close", (code, signal) =>
      resolve({ code, signal, out, err, ms: performance.now() - started }),
    );
  });
  try {
    return await within(ms, ended, "the child process");
  } catch (error) {
    child.kill("SIGKILL");
    error.message += `\nstdout: ${out}\nstderr: ${err}`;
    throw error;
  }
}

/** Resident memory in MB after the garbage has been collected. */
export async function memory() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().rss / 1e6;
}

export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

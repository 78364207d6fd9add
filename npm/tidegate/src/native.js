"use strict";

const { version } = require("../package.json");

/** @import { Addon } from "../types/native.js" */

/** @type {Addon | undefined} */
let addon;

/**
 * Names of the builds that this machine may run, likeliest first. The C library needs no
 * detection: npm installs only the package that fits, and only that one can be loaded.
 * @returns {string[]}
 */
function builds() {
  const machine = `${process.platform}-${process.arch}`;
  if (process.platform === "linux") return [`${machine}-gnu`, `${machine}-musl`];
  return [machine];
}

/**
 * The addon, loaded on first use: `require("tidegate")` alone touches nothing native.
 * @returns {Addon}
 */
function load() {
  if (addon) return addon;
  const failures = [];
  // The last is where `cargo xtask build node` puts the addon of a working tree.
  for (const id of [...builds().map((build) => `@tidegate/${build}`), "../native/tidegate.node"]) {
    try {
      const found = /** @type {Addon} */ (require(id));
      if (found.version() !== version) {
        throw new Error(`it is version ${found.version()}, and tidegate is ${version}`);
      }
      return (addon = found);
    } catch (error) {
      failures.push(`${id}: ${/** @type {Error} */ (error).message.split("\n")[0]}`);
    }
  }
  throw new Error(
    `tidegate has no addon for ${process.platform}-${process.arch}. Install @tidegate/${builds()[0]}` +
      ` ${version}, or install tidegate again without --omit=optional.\n  ${failures.join("\n  ")}`,
  );
}

module.exports = { load };

"use strict";

/** @import { GatewayFacts } from "../types/gateway.js" */

/** @type {Record<string, string>} */
const NAMES = {
  "x-tidegate-request-id": "requestId",
  "x-tidegate-target": "target",
  "x-tidegate-key": "key",
  "x-tidegate-attempts": "attempts",
  "x-tidegate-cost": "cost",
  "x-tidegate-usage": "estimated",
  "x-tidegate-cache": "cache",
  "x-tidegate-rule": "rule",
  "x-tidegate-dropped": "dropped",
  "x-tidegate-overhead-us": "overheadUs",
};

/** What the gateway knows about a call, from the `x-tidegate-*` headers of its answer. */
class Facts {
  /** @param {string} lines `name: value` lines; later ones replace earlier ones. */
  constructor(lines) {
    /** @type {Record<string, unknown>} */
    const own = /** @type {any} */ (this);
    for (const line of lines.split("\n")) {
      const colon = line.indexOf(": ");
      const name = NAMES[line.slice(0, colon)];
      if (name === undefined) continue;
      const value = line.slice(colon + 2);
      if (name === "attempts" || name === "overheadUs") own[name] = Number(value);
      else if (name === "estimated") own[name] = value === "estimated";
      else if (name === "dropped") own[name] = value.split(",").map((path) => path.trim());
      else own[name] = value;
    }
  }

  /** The same as `requestId`, under the name the other languages use. */
  get request_id() {
    return /** @type {any} */ (this).requestId;
  }
}

/**
 * Hangs the facts on a reply as a property that is neither copied nor printed, and is made on
 * first use.
 * @template T
 * @param {T} reply
 * @param {string} lines
 * @returns {T}
 */
function attach(reply, lines) {
  if (typeof reply !== "object" || reply === null) return reply;
  /** @type {Facts | undefined} */
  let facts;
  return Object.defineProperty(reply, "gateway", {
    configurable: true,
    get: () => (facts ??= new Facts(lines)),
  });
}

/**
 * @param {string} lines
 * @returns {GatewayFacts}
 */
function parse(lines) {
  return /** @type {any} */ (new Facts(lines));
}

module.exports = { attach, parse };

"use strict";

const { TidegateError } = /** @type {typeof import("../types/errors.js")} */ (require("./error.js"));
const classes = require("./errors.gen.js");

/** @import { ErrorFacts } from "../types/errors.js" */

/** @type {Map<string, typeof TidegateError>} */
const bySlug = new Map(Object.values(classes).map((type) => [type.slug, type]));

/**
 * The error that `text`, the engine's JSON, describes.
 * @param {string} text
 * @returns {InstanceType<typeof TidegateError>}
 */
function toError(text) {
  const facts = /** @type {ErrorFacts} */ (JSON.parse(text));
  // A newer engine behind `Gateway.connect` may know codes that this package does not.
  return new (bySlug.get(facts.slug) ?? TidegateError)(facts);
}

/**
 * Runs a function of the addon and turns its exception into ours.
 * @template T
 * @param {() => T} run
 * @returns {T}
 */
function guarded(run) {
  try {
    return run();
  } catch (thrown) {
    const error = /** @type {Error & { code?: unknown }} */ (thrown);
    throw error.code === "TIDEGATE" ? toError(error.message) : error;
  }
}

module.exports = { TidegateError, toError, guarded };

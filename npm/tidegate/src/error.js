"use strict";

/** @import { ErrorFacts } from "../types/errors.js" */

/**
 * What a failed call throws. `code` and `slug` are stable, the message is not.
 * Every code has a class of its own below this one.
 */
class TidegateError extends Error {
  /** @param {ErrorFacts} facts */
  constructor(facts) {
    super(facts.message);
    this.name = new.target.name;
    /** The stable number. */
    this.code = facts.code;
    /** The stable name. */
    this.slug = facts.slug;
    /** `caller`, `gateway` or `upstream`: who should act. */
    this.origin = facts.origin;
    /** HTTP status, the upstream's own where there is one. */
    this.status = facts.status;
    /** Every try that was made, in order. */
    this.attempts = facts.attempts ?? [];
    // The rest is only there when it is known, so that a printed error stays short.
    /** Seconds to wait before another try. */
    if (facts.retry_after !== undefined) this.retryAfter = facts.retry_after;
    /** The request field or config path at fault. */
    if (facts.param !== undefined) this.param = facts.param;
    /** The id under which the request was logged. */
    if (facts.request_id !== undefined) this.requestId = facts.request_id;
    /** The upstream's own answer, when the error is one. */
    if (facts.upstream !== undefined) this.upstream = facts.upstream;
  }
}

module.exports = { TidegateError };

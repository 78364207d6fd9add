/** One try at one target with one key. */
export interface Attempt {
  /** `provider/model`. */
  target: string;
  /** Name of the provider key used, never its value. */
  key?: string;
  /** HTTP status of the upstream, absent when none arrived. */
  status?: number;
  /** Slug of the error that ended the try; absent when it succeeded. */
  error?: string;
}

/** An upstream's own refusal. */
export interface UpstreamAnswer {
  status: number;
  /** `provider/model`. */
  target: string;
  /** Wire format of `body`. */
  dialect: string;
  /** The upstream's body as text. */
  body: string;
}

/** An error as it crosses the language boundary. */
export interface ErrorFacts {
  code: number;
  slug: string;
  message: string;
  origin: "caller" | "gateway" | "upstream";
  status: number;
  retry_after?: number;
  param?: string;
  request_id?: string;
  attempts?: Attempt[];
  upstream?: UpstreamAnswer;
}

/**
 * What a failed call throws. `code` and `slug` are stable, the message is not. Every code has a
 * class of its own below this one.
 */
export class TidegateError extends Error {
  constructor(facts: ErrorFacts);
  /** The stable number. */
  readonly code: number;
  /** The stable name. */
  readonly slug: string;
  /** Who should act. */
  readonly origin: "caller" | "gateway" | "upstream";
  /** HTTP status, the upstream's own where there is one. */
  readonly status: number;
  /** Seconds to wait before another try, when known. */
  readonly retryAfter?: number;
  /** The request field or config path at fault. */
  readonly param?: string;
  /** The id under which the request was logged. */
  readonly requestId?: string;
  /** Every try that was made, in order. */
  readonly attempts: Attempt[];
  /** The upstream's own answer, when the error is one. */
  readonly upstream?: UpstreamAnswer;
}

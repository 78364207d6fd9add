/** What a function in the place of a vendor is asked. */
export class ProviderRequest {
  private constructor();
  /** Name under which the function is registered. */
  readonly name: string;
  /** The model, without the provider's name. */
  readonly model: string;
  /** Whether the caller wants a stream. Whatever the function gives is turned into what is wanted. */
  readonly stream: boolean;
  /** Wire format of the body, such as `openai`. */
  readonly dialect: string;
  /** What is asked for, such as `/chat/completions` or `/embeddings`. */
  readonly path: string;
  /** Milliseconds the engine waits for the beginning of the answer, and for each next piece. */
  readonly timeout: number;
  /** Headers of the dialect that the caller sent and those of the provider's configuration. */
  readonly headers: Headers;
  /** The request as it would have gone to a vendor. */
  readonly bytes: Uint8Array;
  /** The same as an object, made when first looked at. */
  readonly body: any;
  /** Aborts when the caller has gone or the time is up. */
  readonly signal: AbortSignal;
}

/** Tokens of prompt and answer, where the function has counted them. */
export interface ProviderUsage {
  input?: number;
  output?: number;
}

/**
 * A piece of an answer: the model's words, words with usage or usage alone, or a chunk in the
 * provider's dialect.
 */
export type ProviderPiece = string | { text?: string; usage?: ProviderUsage } | object;

/**
 * The model's words, a reply in the provider's dialect (as an object or as bytes), vectors for
 * embeddings, or pieces one by one.
 */
export type ProviderAnswer =
  | string
  | Uint8Array
  | number[][]
  | AsyncIterable<ProviderPiece>
  | Iterable<ProviderPiece>
  | ReadableStream<ProviderPiece>
  | object;

/** A function in the place of a vendor. */
export type ProviderFunction = (
  request: ProviderRequest,
) => ProviderAnswer | Promise<ProviderAnswer>;

/**
 * Thrown by a function that is a provider: the call fails as if a vendor had refused it. Retries,
 * fallbacks and cooldowns follow from the status. The message is for the caller to read; those of
 * other errors are not passed on.
 */
export class ProviderError extends Error {
  /** `status` from 400 to 599, default 500; `retryAfter` in seconds. */
  constructor(message?: string, options?: { status?: number; retryAfter?: number });
  readonly status: number;
  readonly retryAfter?: number;
}

export interface OpenOptions {
  /** Functions in the place of vendors, by name. */
  providers?: Record<string, ProviderFunction>;
}

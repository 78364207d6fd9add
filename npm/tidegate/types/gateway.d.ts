import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatRequest,
  EmbeddingRequest,
  EmbeddingResponse,
  ModelList,
} from "./chat.js";
import type { Config } from "./config.js";
import type { ExplainOptions, Explanation } from "./explain.js";
import type { OpenOptions, ProviderFunction } from "./functions.js";
import type { Message, MessageRequest, MessageStreamEvent } from "./messages.js";
import type {
  Audio,
  Batches,
  CreatedOnly,
  Deleted,
  Files,
  Images,
  MessageBatches,
  Ocr,
  Rerank,
  Videos,
} from "./methods.js";
import type { ModelResponse, ResponseRequest, ResponseStreamEvent } from "./responses.js";
import type { ConnectOptions, Live, Realtime, Session } from "./session.js";

/** What the gateway did with a call. */
export interface GatewayFacts {
  /** The id under which the call was logged. */
  readonly requestId: string;
  /** The same, under the name the other languages use. */
  readonly request_id: string;
  /** `provider/model` that answered. */
  readonly target?: string;
  /** Name of the provider key used. */
  readonly key?: string;
  /** Every try, the successful one included; a cached answer has 0. */
  readonly attempts: number;
  /** Dollars as an exact decimal. */
  readonly cost?: string;
  /** True when the gateway counted the tokens itself, or had to guess the price. */
  readonly estimated?: boolean;
  /** `off`, `miss`, or `hit-exact; age=SECONDS`. */
  readonly cache?: string;
  /** Name of the routing rule that was used. */
  readonly rule?: string;
  /** JSON paths of what the target could not express. */
  readonly dropped?: string[];
  /** Time spent in the gateway itself, in microseconds. */
  readonly overheadUs?: number;
}

/** A reply with the gateway's facts, which are neither copied nor printed with it. */
export type WithFacts<T> = T & { readonly gateway: GatewayFacts };

export interface RequestOptions {
  /** Aborting it rejects with its reason and closes the upstream. */
  signal?: AbortSignal | null;
  /** Sent along with the request. */
  headers?: HeadersInit;
  /** Milliseconds for the whole call, all attempts included. Default: as configured. */
  timeout?: number;
}

/** Options of methods that say by no model who is meant. */
export interface MethodOptions extends RequestOptions {
  /** Name of the provider to ask. Default: OpenAI, or Anthropic for `messages`. */
  provider?: string;
}

/** For whom calls are made. */
export interface Scope {
  /** Id of a configured customer. */
  customer?: string;
  /** Id of a configured team. */
  team?: string;
  /** Id of a configured user, or what an end user is called. */
  user?: string;
  /** Labels, for rules and for the choice of targets. None holds a comma. */
  tags?: Iterable<string>;
}

export interface CloseOptions {
  /** Milliseconds that running calls may take to finish. */
  timeout?: number;
}

export interface ServeOptions {
  /** Default 8787; 0 takes a free one. */
  port?: number;
  /** Default `127.0.0.1`. */
  host?: string;
  /** `host:port` or `unix:/path`, instead of `host` and `port`. */
  listen?: string;
  /** Threads that serve requests. */
  threads?: number;
}

export interface RawRequest extends RequestOptions {
  /** Default `POST`. */
  method?: string;
  /** A path of the gateway, such as `/v1/chat/completions`, or a vendor's absolute URL. */
  path: string;
  /** Text or bytes are sent as they are; anything else as JSON. */
  body?: unknown;
}

/** An HTTP answer in bytes: iterate it for its pieces as they come, or take it whole. */
export class RawReply implements AsyncIterable<Uint8Array> {
  private constructor();
  readonly status: number;
  readonly headers: Headers;
  readonly gateway: GatewayFacts;
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined>;
  bytes(): Promise<Uint8Array>;
  text(): Promise<string>;
  json(): Promise<any>;
  /** Closes the upstream of an answer that is not read to its end. */
  cancel(): void;
}

/** A streamed reply: an async iterator of its chunks. Leaving a `for await` loop closes the upstream. */
export class Stream<T> implements AsyncIterableIterator<T, undefined> {
  private constructor();
  next(): Promise<IteratorResult<T, undefined>>;
  return(value?: any): Promise<IteratorResult<T, undefined>>;
  [Symbol.asyncIterator](): this;
  [Symbol.asyncDispose](): Promise<void>;
  /** What the gateway did with the call. The cost is final once the stream has ended. */
  readonly gateway: GatewayFacts;
  /** Its `abort()` closes the upstream, as on the vendors' streams. */
  readonly controller: AbortController;
  /** Closes the upstream at once. What has not been read is dropped. */
  cancel(): void;
  /** The chunks as lines of JSON in UTF-8, as the vendors' SDKs write and read them. */
  toReadableStream(): ReadableStream<Uint8Array>;
}

/** A promise of a stream that can also be iterated at once, without `await`. */
export interface StreamPromise<T> extends Promise<Stream<T>> {
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined>;
  toReadableStream(): ReadableStream<Uint8Array>;
}

export interface Completions {
  create(
    body: ChatRequest & { stream: true },
    options?: RequestOptions,
  ): StreamPromise<ChatCompletionChunk>;
  create(
    body: ChatRequest & { stream?: false | null },
    options?: RequestOptions,
  ): Promise<WithFacts<ChatCompletion>>;
  create(
    body: ChatRequest,
    options?: RequestOptions,
  ): Promise<WithFacts<ChatCompletion> | Stream<ChatCompletionChunk>>;
}

export interface Messages {
  create(
    body: MessageRequest & { stream: true },
    options?: RequestOptions,
  ): StreamPromise<MessageStreamEvent>;
  create(
    body: MessageRequest & { stream?: false },
    options?: RequestOptions,
  ): Promise<WithFacts<Message>>;
  create(
    body: MessageRequest,
    options?: RequestOptions,
  ): Promise<WithFacts<Message> | Stream<MessageStreamEvent>>;
  /** How many tokens a request has. */
  countTokens(
    body: Omit<MessageRequest, "max_tokens"> & { max_tokens?: number },
    options?: MethodOptions,
  ): Promise<WithFacts<{ input_tokens: number }>>;
  readonly batches: MessageBatches;
}

export interface Responses {
  create(
    body: ResponseRequest & { stream: true },
    options?: RequestOptions,
  ): StreamPromise<ResponseStreamEvent>;
  create(
    body: ResponseRequest & { stream?: false },
    options?: RequestOptions,
  ): Promise<WithFacts<ModelResponse>>;
  create(
    body: ResponseRequest,
    options?: RequestOptions,
  ): Promise<WithFacts<ModelResponse> | Stream<ResponseStreamEvent>>;
  retrieve(id: string, options?: MethodOptions): Promise<WithFacts<ModelResponse>>;
  delete(id: string, options?: MethodOptions): Promise<WithFacts<Deleted>>;
  cancel(id: string, body?: object, options?: MethodOptions): Promise<WithFacts<ModelResponse>>;
  /** A session of many responses; each `response.create` names its model. */
  connect(options?: ConnectOptions): Promise<Session>;
}

export interface Embeddings {
  create(body: EmbeddingRequest, options?: RequestOptions): Promise<WithFacts<EmbeddingResponse>>;
}

export interface Models {
  list(options?: RequestOptions): Promise<WithFacts<ModelList>>;
  retrieve(id: string, options?: MethodOptions): Promise<WithFacts<ModelList["data"][number]>>;
}

/** A gateway inside this process. */
export class Gateway {
  private constructor();
  /**
   * Opens a gateway. Nothing starts before the first call.
   *
   * `config` is a file (YAML, TOML or JSON), an object of the same shape, or nothing: then the
   * vendors' usual environment variables decide.
   *
   * Throws `UnreadableConfig`, or `InvalidConfig` that names every mistake with its path.
   */
  static open(config?: string | URL | Config, options?: OpenOptions): Promise<Gateway>;
  /** Opens a gateway from the text of a configuration, YAML unless said otherwise. */
  static parse(
    text: string,
    format?: "yaml" | "toml" | "json",
    options?: OpenOptions,
  ): Promise<Gateway>;
  /** The same client over HTTP, for an engine that runs elsewhere (`tidegate serve`). */
  static connect(url: string | URL, options?: { key?: string }): Gateway;

  /** OpenAI's `chat.completions.create`. Any provider can answer. */
  readonly chat: { readonly completions: Completions };
  /** Anthropic's `messages.create`. Any provider can answer. */
  readonly messages: Messages;
  /** OpenAI's `responses.create`. Any provider can answer. */
  readonly responses: Responses;
  readonly embeddings: Embeddings;
  readonly models: Models;
  /** Sessions of OpenAI's Realtime API. */
  readonly realtime: Realtime;
  /** Sessions of Gemini's Live API. */
  readonly live: Live;
  /** Text completions, OpenAI's older format. */
  readonly completions: CreatedOnly;
  readonly images: Images;
  readonly audio: Audio;
  readonly moderations: CreatedOnly;
  readonly files: Files;
  readonly batches: Batches;
  readonly videos: Videos;
  readonly ocr: Ocr;
  /** Which documents suit a question best, in Cohere's words. */
  readonly rerank: Rerank;
  /**
   * A `fetch` for the vendors' SDKs: `new OpenAI({ fetch: gw.fetch })`. It needs no socket;
   * refusals are HTTP answers in the caller's dialect, so that the SDK raises its own classes.
   */
  readonly fetch: typeof globalThis.fetch;

  /** A view whose calls are made with `key`: same engine, its budgets and rights. */
  withKey(key: string): Gateway;
  /**
   * A view whose calls are made for a customer, a team or a user, and carry tags: their lists, limits
   * and budgets hold, and those of whatever they belong to. A view of a view says what it says itself
   * and otherwise what the outer one says; tags add up. Of a view with a key, everything named must be
   * what the key belongs to.
   *
   * Calls throw `InvalidRequest` for a customer or team that is not configured, and `NotAllowed` for
   * one the caller does not belong to.
   */
  scoped(scope: Scope): Gateway;
  /**
   * Puts a function in the place of a vendor: calls of `name/...` go to it from now on, whether or
   * not the configuration mentions it.
   *
   * Throws `InvalidRequest` for a name that cannot be a provider's, and on a client of another
   * gateway, which runs its own functions.
   */
  provider(name: string, run: ProviderFunction): this;
  /** Sends bytes and gets bytes, on any path the server has. Refusals are answers, not exceptions. */
  request(request: RawRequest): Promise<RawReply>;
  /**
   * What the gateway would do with a request that came now, and why. `request` is the body that
   * would be sent to `path`. Nothing is called and nothing changes. Limits, budgets and rules that
   * refuse the request are part of the explanation; a body that cannot be read and a wrong key throw.
   */
  explain(request?: object | string, options?: ExplainOptions): Promise<WithFacts<Explanation>>;
  /** Serves this gateway over HTTP. It listens when the promise resolves. */
  serve(options?: ServeOptions): Promise<Server>;
  /**
   * Puts another configuration in place, or reads the same file again. Calls that run keep the old
   * one; when the new one has mistakes, everybody does, and it throws.
   */
  reload(config?: string | URL | Config): Promise<void>;
  /** The engine's state: targets, provider keys, virtual keys, queue, cache. */
  health(): Promise<Record<string, any>>;
  /**
   * What was counted of calls, as text in Prometheus' format 0.0.4. Empty for a client of a gateway
   * elsewhere, which has its own at `/metrics`.
   */
  metrics(): string;
  /** The configuration in force, with secrets as `***`. */
  config(): Config;
  /**
   * Takes no more calls, lets running ones finish (default 30,000 ms) and cancels the rest. All
   * views of the engine are closed.
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A running HTTP server. It keeps the process alive until it is closed. */
export class Server {
  private constructor();
  /** Where it listens. */
  readonly url: string;
  /** Stops listening, lets running answers finish (default: `server.drain`) and cuts off the rest. */
  close(options?: CloseOptions): Promise<void>;
  /** Lets the process end although the server runs. */
  unref(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

import type { MethodOptions, RawReply, Stream, StreamPromise, WithFacts } from "./gateway.js";

/** What a form takes for a file. */
export type Upload = File | Blob | Uint8Array | ArrayBuffer | Response;

/** An answer; its members are the vendor's. */
export type Answer = WithFacts<Record<string, any>>;

/** Parameters in the vendor's words. */
export interface Params {
  model?: string;
  stream?: boolean;
  [name: string]: any;
}

export interface Deleted {
  id: string;
  deleted: boolean;
  [name: string]: any;
}

/** A page of things a vendor keeps; `for await` gives them. */
export type Page = WithFacts<{ data: Record<string, any>[]; has_more?: boolean; [name: string]: any }> &
  AsyncIterable<Record<string, any>>;

export interface CreatedOnly {
  create(body: Params & { stream: true }, options?: MethodOptions): StreamPromise<Record<string, any>>;
  create(body: Params & { stream?: false }, options?: MethodOptions): Promise<Answer>;
}

export interface Images {
  generate(
    body: Params & { prompt: string; stream: true },
    options?: MethodOptions,
  ): StreamPromise<Record<string, any>>;
  generate(body: Params & { prompt: string; stream?: false }, options?: MethodOptions): Promise<Answer>;
  edit(
    body: Params & { prompt: string; image: Upload | Upload[]; stream: true },
    options?: MethodOptions,
  ): Promise<Stream<Record<string, any>>>;
  edit(
    body: Params & { prompt: string; image: Upload | Upload[]; stream?: false },
    options?: MethodOptions,
  ): Promise<Answer>;
  createVariation(body: Params & { image: Upload }, options?: MethodOptions): Promise<Answer>;
}

export interface Audio {
  readonly speech: {
    /** The sound, whole or piece by piece as it comes. */
    create(body: Params & { model: string; input: string }, options?: MethodOptions): Promise<RawReply>;
  };
  readonly transcriptions: {
    create(
      body: Params & { model: string; file: Upload; response_format: "text" | "srt" | "vtt" },
      options?: MethodOptions,
    ): Promise<string>;
    create(
      body: Params & { model: string; file: Upload; stream: true },
      options?: MethodOptions,
    ): Promise<Stream<Record<string, any>>>;
    create(
      body: Params & { model: string; file: Upload; stream?: false },
      options?: MethodOptions,
    ): Promise<Answer & { text: string }>;
  };
  readonly translations: {
    create(
      body: Params & { model: string; file: Upload; response_format: "text" | "srt" | "vtt" },
      options?: MethodOptions,
    ): Promise<string>;
    create(
      body: Params & { model: string; file: Upload },
      options?: MethodOptions,
    ): Promise<Answer & { text: string }>;
  };
}

/** Files a vendor keeps. */
export interface Files {
  create(body: Params & { file: Upload; purpose?: string }, options?: MethodOptions): Promise<Answer>;
  list(query?: Params, options?: MethodOptions): Promise<Page>;
  retrieve(id: string, options?: MethodOptions): Promise<Answer>;
  delete(id: string, options?: MethodOptions): Promise<WithFacts<Deleted>>;
  content(id: string, options?: MethodOptions): Promise<RawReply>;
}

/** Calls that a vendor answers within hours, at a lower price. */
export interface Batches {
  create(body: Params, options?: MethodOptions): Promise<Answer>;
  list(query?: Params, options?: MethodOptions): Promise<Page>;
  retrieve(id: string, options?: MethodOptions): Promise<Answer>;
  cancel(id: string, body?: object, options?: MethodOptions): Promise<Answer>;
}

/** The same in Anthropic's words. */
export interface MessageBatches extends Batches {
  delete(id: string, options?: MethodOptions): Promise<WithFacts<Deleted>>;
  results(id: string, options?: MethodOptions): Promise<RawReply>;
}

export interface Videos {
  create(body: Params & { prompt: string; input_reference?: Upload }, options?: MethodOptions): Promise<Answer>;
  list(query?: Params, options?: MethodOptions): Promise<Page>;
  retrieve(id: string, options?: MethodOptions): Promise<Answer>;
  delete(id: string, options?: MethodOptions): Promise<WithFacts<Deleted>>;
  downloadContent(id: string, options?: MethodOptions): Promise<RawReply>;
}

/** Text of documents, in Mistral's words. */
export interface Ocr {
  process(body: Params & { model: string; document: object }, options?: MethodOptions): Promise<Answer>;
}

export type Rerank = (
  body: Params & { model: string; query: string; documents: (string | object)[] },
  options?: MethodOptions,
) => Promise<WithFacts<{ results: { index: number; relevance_score: number }[]; [name: string]: any }>>;

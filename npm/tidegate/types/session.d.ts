import type { GatewayFacts, RequestOptions } from "./gateway.js";

/** A session that is being opened. */
export interface ConnectOptions extends RequestOptions {
  /** Asks this provider where no model says who is meant. */
  provider?: string;
}

/** An open session. Letting go of it closes the upstream. */
export class Session implements AsyncIterable<any> {
  private constructor();
  /**
   * Sends a message: an object as JSON, a text as it is, bytes as a binary message. Resolves once it
   * is on its way, which takes as long as the upstream takes no more.
   */
  send(message: object | string | Uint8Array): Promise<void>;
  /**
   * The next message: an object for JSON, bytes for binary messages that are none; `undefined` once the
   * session has ended as it should. Rejects with what the gateway ended it with.
   */
  receive(): Promise<any>;
  /** Leaving the loop leaves the session open. */
  [Symbol.asyncIterator](): AsyncIterator<any, undefined>;
  /** Instead of iterating: events by their type, `"event"` for every one, `"error"` and `"close"` for the end. */
  on(type: "error", listener: (error: Error) => void): this;
  on(type: "close", listener: (end: { code?: number; reason: string }) => void): this;
  on(type: string, listener: (event: any) => void): this;
  off(type: string, listener: (event: any) => void): this;
  /** Ends the session in its protocol's own way. */
  close(options?: { code?: number; reason?: string }): Promise<void>;
  /** Closes the upstream at once, without a word. */
  cancel(): void;
  [Symbol.asyncDispose](): Promise<void>;
  /** What the session was closed with; `undefined` while it runs, and when it was cancelled. */
  readonly closeCode: number | undefined;
  readonly closeReason: string;
  /** What the gateway did. The cost is known once the session is over. */
  readonly gateway: GatewayFacts;
}

/** OpenAI's Realtime API. */
export interface Realtime {
  connect(
    wanted: { model?: string; callId?: string; query?: Record<string, string> } & ConnectOptions,
  ): Promise<Session>;
}

/** Gemini's Live API. */
export interface Live {
  /** `setup` has the other members of the protocol's first message. */
  connect(wanted: { model: string; setup?: object } & ConnectOptions): Promise<Session>;
}

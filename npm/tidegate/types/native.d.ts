// What the addon offers; bindings-node is its source. Not part of the public API.

export interface Addon {
  version(): string;
  cli(args: string[]): number;
  Bridge: new (wake: () => void) => Bridge;
  NativeEngine: {
    new (): Engine;
    open(kind: string, text: string, names?: string[]): Engine;
    connect(url: string, key?: string): Engine;
  };
}

export interface Bridge {
  submit(
    engine: Engine,
    native: boolean,
    line: string,
    headers: string | undefined,
    body: string | Uint8Array | undefined,
    key: string | undefined,
  ): number;
  session(engine: Engine, target: string, headers: string | undefined, key: string | undefined): number;
  cancel(ticket: number): void;
  drain(): unknown[];
  provide(engine: Engine, name: string, tag: number): void;
  hold(on: boolean): void;
}

/** A question to a function of the program. Letting go of it without an answer fails the call. */
export interface HostCall {
  name(): string;
  dialect(): string;
  path(): string;
  model(): string;
  stream(): boolean;
  timeout(): number;
  /** `name: value` lines. */
  headers(): string;
  text(): string;
  bytes(): Uint8Array;
  reply(json: boolean, value: string | Uint8Array): void;
  /** 0: go on; 1: wait until there is room; 2: nobody listens. */
  push(json: boolean, value: string | Uint8Array): number;
  end(): void;
  fail(status: number, message: string, retryAfter?: number): void;
  /** As `push`; on 1 the queue tells once there is room. */
  arm(): number;
  gone(): boolean;
}

/** Told once what became of a ticket. */
export type Waiter = (kind: number, status: number, text: string, value: any) => void;

export interface Engine {
  scoped(customer: string | undefined, team: string | undefined, user: string | undefined, tags: string[]): Engine;
  reload(kind?: string, text?: string): Promise<JobResult>;
  close(deadlineMs: number): Promise<JobResult>;
  health(): Promise<JobResult>;
  metrics(): string;
  config(): string;
  serve(listen?: string, threads?: number): NativeServer;
  /** Only in builds for the behaviour suite. */
  advance?(ms: number): void;
}

export interface NativeServer {
  url(): string;
  shutdown(deadlineMs?: number): Promise<JobResult>;
}

export interface JobResult {
  value?: string | null;
  error?: string | null;
}

export interface NativeStream<Batch> {
  /** `null`: nothing yet, one wake is promised. `false`: the end. */
  read(max: number): Batch | null | false;
  end(): { facts?: string | null; error?: string | null };
  cancel(): void;
}

/** A session: batches are messages, texts or bytes. */
export interface NativeSession extends NativeStream<(string | Uint8Array)[]> {
  /** 0: taken; 1: no room now; 2: not UTF-8; 3: over. */
  send(message: string | Uint8Array): number;
  /** True when there is room; else one wake under `sendTicket` is promised. */
  armSend(): boolean;
  sendTicket(): number;
  close(code: number, reason: string): void;
}

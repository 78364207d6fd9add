// What the addon offers; bindings-node is its source. Not part of the public API.

export interface Addon {
  version(): string;
  cli(args: string[]): number;
  Bridge: new (wake: () => void) => Bridge;
  NativeEngine: {
    new (): Engine;
    open(kind: string, text: string): Engine;
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
  cancel(ticket: number): void;
  drain(): unknown[];
  hold(on: boolean): void;
}

/** Told once what became of a ticket. */
export type Waiter = (kind: number, status: number, text: string, value: any) => void;

export interface Engine {
  reload(kind?: string, text?: string): Promise<JobResult>;
  close(deadlineMs: number): Promise<JobResult>;
  health(): Promise<JobResult>;
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

// The configuration document; docs/configuration.md describes every field.

/** `250ms`, `10s`, `1h`, `1d`, `1mo`. */
export type Duration = string;
/** Dollars, as a number or as a decimal string. */
export type Dollars = number | string;

export interface Config {
  providers?: Record<string, ProviderConfig>;
  models?: Record<string, RouteConfig>;
  keys?: VirtualKeyConfig[];
  cache?: { memory?: string | number };
  server?: ServerConfig;
  timeouts?: TimeoutConfig;
  on_unsupported?: "drop" | "error";
  unpriced?: "deny" | "allow" | "estimate";
  assume_output_tokens?: number;
}

export interface ProviderConfig {
  dialect?: "openai" | "anthropic";
  base_url?: string;
  api_key?: string;
  keys?: Array<{ name?: string; value: string; weight?: number; models?: string[] }>;
  headers?: Record<string, string>;
  timeouts?: TimeoutConfig;
  prices?: Record<string, PriceConfig>;
  stream_usage?: boolean;
  passthrough?: boolean;
  mock?: { replies?: MockReplyConfig[] };
}

/** Dollars per million tokens; `request` is dollars per call. */
export interface PriceConfig {
  input?: Dollars;
  output?: Dollars;
  cache_read?: Dollars;
  cache_write?: Dollars;
  cache_write_1h?: Dollars;
  request?: Dollars;
}

export interface MockReplyConfig {
  status?: number;
  headers?: Record<string, string>;
  text?: string;
  body?: unknown;
  delay?: Duration;
  pace?: Duration;
  cut_after?: number;
  input_tokens?: number;
  output_tokens?: number;
}

export interface TimeoutConfig {
  connect?: Duration;
  first_byte?: Duration;
  idle?: Duration;
  total?: Duration;
}

export interface TargetConfig {
  /** `provider/model`. */
  model: string;
  weight?: number;
  params?: Record<string, unknown>;
  timeouts?: TimeoutConfig;
}

export interface RouteConfig {
  strategy?: "ordered" | "weighted";
  targets: Array<string | TargetConfig>;
  fallbacks?: Array<string | TargetConfig>;
  retry?: { attempts?: number; backoff?: Duration; max_backoff?: Duration };
  cache?: { mode?: "exact" | "off"; ttl?: Duration; scope?: "key" | "public" };
}

export interface VirtualKeyConfig {
  id: string;
  value: string;
  models?: string[];
  budgets?: Array<{ limit: Dollars; per: Duration; mode?: "hard" | "soft" }>;
  limits?: Array<{ requests?: number; per?: Duration; in_flight?: number }>;
  disabled?: boolean;
  expires?: string;
}

export interface ServerConfig {
  listen?: string;
  tls?: { cert: string; key: string };
  anonymous?: "deny" | "allow";
  max_body?: string | number;
  drain?: Duration;
  threads?: number;
}

// The configuration document; docs/configuration.md describes every field.

/** `250ms`, `10s`, `1h`, `1d`, `1mo`. */
export type Duration = string;
/** Dollars, as a number or as a decimal string. */
export type Dollars = number | string;

export interface Config {
  providers?: Record<string, ProviderConfig>;
  models?: Record<string, RouteConfig>;
  customers?: LevelConfig[];
  teams?: Array<LevelConfig & { customer?: string }>;
  users?: Array<LevelConfig & { kind?: "person" | "service"; team?: string; customer?: string }>;
  keys?: VirtualKeyConfig[];
  end_users?: EndUsersConfig;
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
  cache?: { mode?: "exact" | "off"; ttl?: Duration; scope?: "key" | "user" | "team" | "customer" | "public" };
}

export interface BudgetConfig {
  limit: Dollars;
  per: Duration;
  mode?: "hard" | "soft";
}

export interface LimitConfig {
  requests?: number;
  per?: Duration;
  in_flight?: number;
}

/** What may be used, or may not. Patterns may hold `*`. */
export interface ListsConfig {
  providers?: string[];
  models?: string[];
  endpoints?: string[];
  networks?: string[];
}

export interface EndUsersConfig {
  budgets?: BudgetConfig[];
  limits?: LimitConfig[];
  required?: boolean;
}

/** What customers, teams, users and keys have in common. */
export interface LevelConfig {
  id: string;
  allow?: ListsConfig;
  deny?: ListsConfig;
  budgets?: BudgetConfig[];
  limits?: LimitConfig[];
  providers?: Array<{
    id: string;
    models?: string[];
    budgets?: BudgetConfig[];
    limits?: LimitConfig[];
    disabled?: boolean;
  }>;
  end_users?: EndUsersConfig;
  rules?: object[];
  priority?: "low" | "normal" | "high";
  disabled?: boolean;
  expires?: string;
  metadata?: Record<string, string>;
  tags?: string[];
}

export interface VirtualKeyConfig extends LevelConfig {
  /** The secret, or else its `hash`. */
  value?: string;
  hash?: string;
  previous?: { value?: string; hash?: string; until: string };
  user?: string;
  team?: string;
  customer?: string;
  models?: string[];
  delegates?: boolean;
}

export interface ServerConfig {
  listen?: string;
  tls?: { cert: string; key: string };
  anonymous?: "deny" | "allow";
  trusted_proxies?: string[];
  max_body?: string | number;
  drain?: Duration;
  threads?: number;
}

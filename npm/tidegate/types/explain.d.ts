/** The rest of a request that is explained. */
export interface ExplainOptions {
  /** The path it would be sent to, or a vendor's URL. Default `/v1/chat/completions`. */
  path?: string;
  /** Default `POST`. */
  method?: string;
  /** Its headers, for instance `x-tidegate-tags`. */
  headers?: HeadersInit;
  signal?: AbortSignal;
}

/** What would become of a request, and why. Money is in dollars, as text. */
export interface Explanation {
  outcome: {
    does: "ask" | "cached" | "local" | "refuse";
    /** The target that would be asked first; where chance decides, the likeliest. */
    target?: string;
    /** It is not well, and asked because nothing else is left. */
    anyway?: boolean;
    by_chance?: boolean;
    /** The most that the first try can cost. */
    reserves?: string;
    error?: ExplainedError;
  };
  /** The request, as it was understood. */
  request: {
    endpoint: string;
    dialect: string;
    model: string;
    stream: boolean;
    input_tokens: number;
    max_output_tokens: number | null;
    choices: number;
    bytes: number;
    user?: string;
    fallbacks?: string[];
  };
  /** Id of the caller's key, or of the nearest level it is called for; null for root. */
  identity: string | null;
  /** The levels that the call must fit into, outermost first; the end user last. */
  chain?: {
    level: "customer" | "team" | "user" | "key" | "end_user";
    id: string;
    /** It is neither disabled nor expired. */
    active: boolean;
    /** Percent of its fullest budget and limit. */
    budget_used: number;
    limit_used: number;
  }[];
  admission: {
    admitted: boolean;
    error?: ExplainedError;
    budgets?: { of: string; limit: string; spent: string; reserved: string }[];
    /** Percent of the fullest limit. */
    limit_used?: number;
  };
  /** The rules that were considered, in order. */
  rules: {
    name: string;
    of: "key" | "user" | "team" | "customer" | "document";
    /** Only root sees it. */
    when?: string;
    holds: boolean | null;
    /** Why the condition has no value. */
    undefined?: string;
    use?: string;
    set?: Record<string, unknown>;
    refuses?: boolean;
  }[];
  route: {
    name: string;
    configured: boolean;
    strategy: string;
    level?: string;
    /** Most targets that may be asked at the same time. */
    at_once: number;
    try_anyway: boolean;
  } | null;
  cache: {
    state: "off" | "bypass" | "refresh" | "hit" | "miss";
    age_s?: number;
    target?: string;
    ttl_s?: number;
  };
  /** In the order they would be asked, then those that would not be asked. */
  targets: ExplainedTarget[];
  /** What follows when all of those have failed. */
  fallbacks: ExplainedTarget[];
  /** What follows certain failures, by cause. */
  fallbacks_on: Record<string, ExplainedTarget[]>;
}

export interface ExplainedError {
  code: number;
  slug: string;
  message: string;
  status: number;
  retry_after?: number;
  param?: string;
}

export interface ExplainedTarget {
  /** `provider/model`. */
  target: string;
  /** Share of such calls that come here first, where chance decides. */
  first?: number;
  /** Why it would not be asked now. */
  skipped?: { because: string; text: string; for_s?: number };
  /** Its places in the route and in the routes inside it, the outermost first. */
  places?: {
    name: string;
    weight: number;
    priority: number;
    strategy: string;
    why: string;
    outlier?: boolean;
    canary?: { percent: number; bucket: number; chosen: boolean };
  }[];
  tags?: string[];
  standing: "well" | "strained" | "down";
  breaker: { state: "closed" | "open" | "half_open"; open_s?: number; failing: number };
  keys: { name: string | null; refused_s?: number; limited_s?: number; scarce_s?: number }[];
  in_flight: number;
  latency_ms: { first_token?: number; per_token?: number; total?: number };
  /** What the call would cost here. */
  cost: string;
  priced: boolean;
  /** The most that a try can cost here. */
  reserves: string;
  over_budget?: ExplainedError;
  dialect: string;
  translated: boolean;
  /** Parts of the request that would be dropped. */
  dropped?: string[];
  max_input_tokens?: number;
  context_tokens?: number;
}

// OpenAI responses, typed enough for an editor to help. Fields that are not named here pass through
// untouched in both directions.

/** A message, a call, the result of a call, or whatever the vendor adds. */
export interface ResponseInputItem {
  type?: string;
  role?: "user" | "assistant" | "system" | "developer" | (string & {});
  content?: string | { type: string; [field: string]: unknown }[];
  [field: string]: unknown;
}

export interface ResponseTool {
  type: string;
  name?: string;
  description?: string;
  parameters?: Record<string, unknown> | null;
  strict?: boolean | null;
  [field: string]: unknown;
}

export interface ResponseRequest {
  /** A route's name, `provider/model`, or a model the catalogue knows. */
  model: string;
  input: string | ResponseInputItem[];
  instructions?: string | null;
  stream?: boolean;
  max_output_tokens?: number | null;
  temperature?: number | null;
  top_p?: number | null;
  tools?: ResponseTool[];
  tool_choice?: string | { type: string; [field: string]: unknown };
  parallel_tool_calls?: boolean | null;
  reasoning?: { effort?: string | null; summary?: string | null; [field: string]: unknown } | null;
  text?: { format?: { type: string; [field: string]: unknown }; [field: string]: unknown };
  [field: string]: unknown;
}

export interface ResponseOutputContent {
  type: "output_text" | "refusal" | (string & {});
  text?: string;
  refusal?: string;
  annotations?: { type: string; [field: string]: unknown }[];
  [field: string]: unknown;
}

export interface ResponseOutputItem {
  type: "message" | "function_call" | "reasoning" | (string & {});
  id?: string;
  role?: string;
  content?: ResponseOutputContent[];
  summary?: { type: string; text: string }[];
  call_id?: string;
  name?: string;
  arguments?: string;
  [field: string]: unknown;
}

export interface ResponseUsage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  input_tokens_details?: { cached_tokens: number; [field: string]: unknown };
  output_tokens_details?: { reasoning_tokens: number; [field: string]: unknown };
  [field: string]: unknown;
}

/** A complete reply of the Responses API. */
export interface ModelResponse {
  id: string;
  object: "response";
  created_at: number;
  model: string;
  status: "completed" | "incomplete" | "failed" | (string & {});
  output: ResponseOutputItem[];
  /** The words of the reply, without reasoning and calls. */
  readonly output_text: string;
  incomplete_details: { reason: string } | null;
  usage: ResponseUsage | null;
  [field: string]: unknown;
}

/** An event of a streamed reply; `type` says which fields it has. */
export interface ResponseStreamEvent {
  type: string;
  sequence_number: number;
  output_index?: number;
  content_index?: number;
  item_id?: string;
  delta?: string;
  text?: string;
  item?: ResponseOutputItem;
  response?: Omit<ModelResponse, "output_text">;
  [field: string]: unknown;
}

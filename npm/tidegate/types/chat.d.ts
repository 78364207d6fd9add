// OpenAI chat completions, typed enough for an editor to help. Fields that are not named here pass
// through untouched in both directions.

export interface ChatTextPart {
  type: "text";
  text: string;
  [field: string]: unknown;
}

export interface ChatImagePart {
  type: "image_url";
  image_url: { url: string; detail?: "auto" | "low" | "high"; [field: string]: unknown };
  [field: string]: unknown;
}

/** Audio, files and whatever a provider adds. */
export interface ChatOtherPart {
  type: string;
  [field: string]: unknown;
}

export type ChatContentPart = ChatTextPart | ChatImagePart | ChatOtherPart;

export interface ChatToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
  [field: string]: unknown;
}

export interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant" | "tool" | (string & {});
  content?: string | ChatContentPart[] | null;
  name?: string;
  tool_calls?: ChatToolCall[];
  tool_call_id?: string;
  [field: string]: unknown;
}

export interface ChatTool {
  type: "function" | (string & {});
  function?: {
    name: string;
    description?: string;
    parameters?: Record<string, unknown>;
    strict?: boolean | null;
  };
  [field: string]: unknown;
}

export type ChatToolChoice =
  | "none"
  | "auto"
  | "required"
  | { type: "function"; function: { name: string } }
  | { type: string; [field: string]: unknown };

export interface ChatRequest {
  /** A route's name, `provider/model`, or a model the catalogue knows. */
  model: string;
  messages: ChatMessage[];
  stream?: boolean | null;
  stream_options?: { include_usage?: boolean; [field: string]: unknown } | null;
  max_completion_tokens?: number | null;
  max_tokens?: number | null;
  temperature?: number | null;
  top_p?: number | null;
  n?: number | null;
  stop?: string | string[] | null;
  seed?: number | null;
  tools?: ChatTool[];
  tool_choice?: ChatToolChoice;
  parallel_tool_calls?: boolean;
  response_format?: { type: string; [field: string]: unknown };
  reasoning_effort?: string | null;
  logprobs?: boolean | null;
  user?: string;
  metadata?: Record<string, string> | null;
  [field: string]: unknown;
}

export interface ChatUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number; [field: string]: unknown };
  completion_tokens_details?: { reasoning_tokens?: number; [field: string]: unknown };
  [field: string]: unknown;
}

export type ChatFinishReason =
  | "stop"
  | "length"
  | "tool_calls"
  | "content_filter"
  | "function_call"
  | (string & {});

export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  created: number;
  model: string;
  choices: Array<{
    index: number;
    message: {
      role: "assistant";
      content: string | null;
      refusal?: string | null;
      tool_calls?: ChatToolCall[];
      [field: string]: unknown;
    };
    finish_reason: ChatFinishReason;
    logprobs?: unknown;
    [field: string]: unknown;
  }>;
  usage?: ChatUsage;
  [field: string]: unknown;
}

export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  choices: Array<{
    index: number;
    delta: {
      role?: string;
      content?: string | null;
      refusal?: string | null;
      tool_calls?: Array<{
        index: number;
        id?: string;
        type?: "function";
        function?: { name?: string; arguments?: string };
        [field: string]: unknown;
      }>;
      [field: string]: unknown;
    };
    finish_reason?: ChatFinishReason | null;
    logprobs?: unknown;
    [field: string]: unknown;
  }>;
  usage?: ChatUsage | null;
  [field: string]: unknown;
}

export interface EmbeddingRequest {
  model: string;
  input: string | string[] | number[] | number[][];
  dimensions?: number;
  encoding_format?: "float" | "base64";
  user?: string;
  [field: string]: unknown;
}

export interface EmbeddingResponse {
  object: "list";
  model: string;
  data: Array<{
    object: "embedding";
    index: number;
    /** Numbers, or base64 text when the request asked for it. */
    embedding: number[] | string;
    [field: string]: unknown;
  }>;
  usage: { prompt_tokens: number; total_tokens: number; [field: string]: unknown };
  [field: string]: unknown;
}

export interface Model {
  id: string;
  object: "model";
  created?: number;
  owned_by?: string;
  [field: string]: unknown;
}

/** The models this caller may use. It can be iterated, as the vendors' pages can. */
export interface ModelList extends AsyncIterable<Model> {
  object: "list";
  data: Model[];
  [field: string]: unknown;
}

// Anthropic messages, typed enough for an editor to help. Fields that are not named here pass
// through untouched in both directions.

export interface TextBlock {
  type: "text";
  text: string;
  [field: string]: unknown;
}

export interface ThinkingBlock {
  type: "thinking";
  thinking: string;
  signature: string;
  [field: string]: unknown;
}

export interface ToolUseBlock {
  type: "tool_use";
  id: string;
  name: string;
  input: unknown;
  [field: string]: unknown;
}

export type ContentBlock = TextBlock | ThinkingBlock | ToolUseBlock;

export interface ToolResultBlock {
  type: "tool_result";
  tool_use_id: string;
  content?: string | ContentBlockParam[];
  is_error?: boolean;
  [field: string]: unknown;
}

/** Images, documents and whatever the vendor adds. */
export interface OtherBlock {
  type: string;
  [field: string]: unknown;
}

export type ContentBlockParam = ContentBlock | ToolResultBlock | OtherBlock;

export interface MessageParam {
  role: "user" | "assistant" | (string & {});
  content: string | ContentBlockParam[];
  [field: string]: unknown;
}

export interface MessageTool {
  name: string;
  description?: string;
  input_schema?: Record<string, unknown>;
  type?: string;
  [field: string]: unknown;
}

export interface MessageRequest {
  /** A route's name, `provider/model`, or a model the catalogue knows. */
  model: string;
  messages: MessageParam[];
  max_tokens: number;
  system?: string | TextBlock[];
  stream?: boolean;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  stop_sequences?: string[];
  tools?: MessageTool[];
  tool_choice?: { type: string; name?: string; [field: string]: unknown };
  thinking?: { type: string; budget_tokens?: number; [field: string]: unknown };
  metadata?: { user_id?: string | null; [field: string]: unknown };
  [field: string]: unknown;
}

export interface MessageUsage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  [field: string]: unknown;
}

export type StopReason =
  | "end_turn"
  | "max_tokens"
  | "stop_sequence"
  | "tool_use"
  | "pause_turn"
  | "refusal"
  | (string & {});

export interface Message {
  id: string;
  type: "message";
  role: "assistant";
  model: string;
  content: ContentBlock[];
  stop_reason: StopReason | null;
  stop_sequence: string | null;
  usage: MessageUsage;
  [field: string]: unknown;
}

export interface MessageStartEvent {
  type: "message_start";
  message: Message;
}

export interface ContentBlockStartEvent {
  type: "content_block_start";
  index: number;
  content_block: ContentBlock;
}

export interface ContentBlockDeltaEvent {
  type: "content_block_delta";
  index: number;
  delta:
    | { type: "text_delta"; text: string }
    | { type: "input_json_delta"; partial_json: string }
    | { type: "thinking_delta"; thinking: string }
    | { type: "signature_delta"; signature: string };
}

export interface ContentBlockStopEvent {
  type: "content_block_stop";
  index: number;
}

export interface MessageDeltaEvent {
  type: "message_delta";
  delta: { stop_reason: StopReason | null; stop_sequence: string | null; [field: string]: unknown };
  usage: Partial<MessageUsage> & { output_tokens: number };
}

export interface MessageStopEvent {
  type: "message_stop";
}

/** Every event but `ping`, which the engine leaves out. */
export type MessageStreamEvent =
  | MessageStartEvent
  | ContentBlockStartEvent
  | ContentBlockDeltaEvent
  | ContentBlockStopEvent
  | MessageDeltaEvent
  | MessageStopEvent;

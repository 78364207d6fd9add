package tidegate

import (
	"context"
	"encoding/json"
	"iter"
)

// ChatReply is an answer in the shape of OpenAI's chat completions.
type ChatReply struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []Choice `json:"choices"`
	Usage   *Usage   `json:"usage"`
	Answer
}

// Text is the text of the first choice.
func (r *ChatReply) Text() string {
	if len(r.Choices) == 0 {
		return ""
	}
	return r.Choices[0].Message.Content
}

// Choice is one of the answers.
type Choice struct {
	Index        int     `json:"index"`
	Message      Message `json:"message"`
	FinishReason string  `json:"finish_reason"`
}

// Message is what a model, or in a stream a part of what a model, says.
type Message struct {
	Role      string     `json:"role"`
	Content   string     `json:"content"`
	Refusal   string     `json:"refusal"`
	ToolCalls []ToolCall `json:"tool_calls"`
}

// ToolCall asks for a call of one of the request's tools.
type ToolCall struct {
	// Index tells the parts of a stream apart.
	Index    int          `json:"index"`
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and its arguments.
type FunctionCall struct {
	Name string `json:"name"`
	// Arguments is a JSON document, in a stream a part of one.
	Arguments string `json:"arguments"`
}

// Usage is what the call consumed.
type Usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
}

// Chunk is one part of a streamed chat completion.
type Chunk struct {
	ID      string        `json:"id"`
	Model   string        `json:"model"`
	Choices []ChunkChoice `json:"choices"`
	Usage   *Usage        `json:"usage"`
	// Raw is the chunk as it arrived, with every member.
	Raw json.RawMessage `json:"-"`
}

func (c *Chunk) answered(raw []byte, _ Facts) { c.Raw = raw }

// ChunkChoice is the new part of one of the answers.
type ChunkChoice struct {
	Index        int     `json:"index"`
	Delta        Message `json:"delta"`
	FinishReason string  `json:"finish_reason"`
}

// Text is the new text of the first choice.
func (c Chunk) Text() string {
	if len(c.Choices) == 0 {
		return ""
	}
	return c.Choices[0].Delta.Content
}

// Chat asks for a chat completion. The request has OpenAI's shape.
func (g *Gateway) Chat(ctx context.Context, request any) (*ChatReply, error) {
	return post[ChatReply](ctx, g, "/v1/chat/completions", request)
}

// ChatStream asks for a chat completion and gives its chunks as they arrive. "stream": true is
// added. An error ends the loop; leaving the loop closes the upstream.
func (g *Gateway) ChatStream(ctx context.Context, request any) iter.Seq2[Chunk, error] {
	return decodeStream[Chunk](ctx, g, "/v1/chat/completions", request)
}

package tidegate

import (
	"context"
	"encoding/json"
	"iter"
)

// MessagesReply is an answer in the shape of Anthropic's messages.
type MessagesReply struct {
	ID         string         `json:"id"`
	Model      string         `json:"model"`
	Role       string         `json:"role"`
	Content    []ContentBlock `json:"content"`
	StopReason string         `json:"stop_reason"`
	Usage      MessagesUsage  `json:"usage"`
	Answer
}

// Text is the text of all text blocks.
func (r *MessagesReply) Text() string {
	var text string
	for _, block := range r.Content {
		text += block.Text
	}
	return text
}

// ContentBlock is a text, a tool_use or a thinking block.
type ContentBlock struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
	// ID, Name and Input are those of a tool_use block.
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"`
}

// MessagesUsage is what the call consumed.
type MessagesUsage struct {
	InputTokens              int64 `json:"input_tokens"`
	OutputTokens             int64 `json:"output_tokens"`
	CacheReadInputTokens     int64 `json:"cache_read_input_tokens"`
	CacheCreationInputTokens int64 `json:"cache_creation_input_tokens"`
}

// MessageEvent is one event of a streamed message.
type MessageEvent struct {
	// Type is message_start, content_block_start, content_block_delta, content_block_stop,
	// message_delta or message_stop.
	Type         string         `json:"type"`
	Index        int            `json:"index"`
	Message      *MessagesReply `json:"message"`
	ContentBlock *ContentBlock  `json:"content_block"`
	Delta        MessageDelta   `json:"delta"`
	Usage        *MessagesUsage `json:"usage"`
	// Raw is the event as it arrived, with every member.
	Raw json.RawMessage `json:"-"`
}

func (e *MessageEvent) answered(raw []byte, _ Facts) { e.Raw = raw }

// MessageDelta is what is new.
type MessageDelta struct {
	Type        string `json:"type"`
	Text        string `json:"text"`
	Thinking    string `json:"thinking"`
	PartialJSON string `json:"partial_json"`
	StopReason  string `json:"stop_reason"`
}

// Messages asks for a message. The request has Anthropic's shape.
func (g *Gateway) Messages(ctx context.Context, request any) (*MessagesReply, error) {
	return post[MessagesReply](ctx, g, "/v1/messages", request)
}

// MessagesStream asks for a message and gives its events as they arrive. "stream": true is added.
// An error ends the loop; leaving the loop closes the upstream.
func (g *Gateway) MessagesStream(ctx context.Context, request any) iter.Seq2[MessageEvent, error] {
	return decodeStream[MessageEvent](ctx, g, "/v1/messages", request)
}

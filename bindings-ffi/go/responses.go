package tidegate

import (
	"context"
	"encoding/json"
	"iter"
)

// ResponsesReply is an answer in the shape of OpenAI's Responses API.
type ResponsesReply struct {
	ID        string `json:"id"`
	Model     string `json:"model"`
	CreatedAt int64  `json:"created_at"`
	// Status is completed, incomplete or failed.
	Status string         `json:"status"`
	Output []OutputItem   `json:"output"`
	Usage  ResponsesUsage `json:"usage"`
	Answer
}

// Text is the words of the reply, without reasoning and calls.
func (r *ResponsesReply) Text() string {
	var text string
	for _, item := range r.Output {
		for _, content := range item.Content {
			if item.Type == "message" && content.Type == "output_text" {
				text += content.Text
			}
		}
	}
	return text
}

// OutputItem is a message, a function_call or a reasoning item.
type OutputItem struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Role    string          `json:"role"`
	Content []OutputContent `json:"content"`
	// CallID, Name and Arguments are those of a function_call.
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// OutputContent is an output_text or a refusal.
type OutputContent struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Refusal string `json:"refusal"`
}

// ResponsesUsage is what the call consumed.
type ResponsesUsage struct {
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	TotalTokens  int64 `json:"total_tokens"`
}

// ResponseEvent is one event of a streamed response.
type ResponseEvent struct {
	// Type is response.created, response.output_text.delta, response.completed and so on.
	Type        string          `json:"type"`
	OutputIndex int             `json:"output_index"`
	ItemID      string          `json:"item_id"`
	Delta       string          `json:"delta"`
	Text        string          `json:"text"`
	Item        *OutputItem     `json:"item"`
	Response    *ResponsesReply `json:"response"`
	// Raw is the event as it arrived, with every member.
	Raw json.RawMessage `json:"-"`
}

func (e *ResponseEvent) answered(raw []byte, _ Facts) { e.Raw = raw }

// Responses asks for a response. The request has the shape of OpenAI's Responses API.
func (g *Gateway) Responses(ctx context.Context, request any) (*ResponsesReply, error) {
	return post[ResponsesReply](ctx, g, "/v1/responses", request)
}

// ResponsesStream asks for a response and gives its events as they arrive. "stream": true is added.
// An error ends the loop; leaving the loop closes the upstream.
func (g *Gateway) ResponsesStream(ctx context.Context, request any) iter.Seq2[ResponseEvent, error] {
	return decodeStream[ResponseEvent](ctx, g, "/v1/responses", request)
}

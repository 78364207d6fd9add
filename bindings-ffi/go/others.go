package tidegate

import (
	"context"
	"encoding/json"
	"iter"
)

// Completion is a text completion, OpenAI's older format, or a part of a streamed one.
type Completion struct {
	ID      string       `json:"id"`
	Model   string       `json:"model"`
	Choices []TextChoice `json:"choices"`
	Usage   *Usage       `json:"usage"`
	Answer
}

// TextChoice is one of the completions.
type TextChoice struct {
	Index        int    `json:"index"`
	Text         string `json:"text"`
	FinishReason string `json:"finish_reason"`
}

// Text is the text of the first choice.
func (c *Completion) Text() string {
	if len(c.Choices) == 0 {
		return ""
	}
	return c.Choices[0].Text
}

// Completions asks for a text completion. The request has the shape of OpenAI's completions.
func (g *Gateway) Completions(ctx context.Context, request any) (*Completion, error) {
	return post[Completion](ctx, g, "/v1/completions", request)
}

// CompletionsStream asks for a text completion and gives its parts as they arrive. "stream": true
// is added.
func (g *Gateway) CompletionsStream(ctx context.Context, request any) iter.Seq2[Completion, error] {
	return decodeStream[Completion](ctx, g, "/v1/completions", request)
}

// StreamEvent is one event of a stream of pictures or of a transcription.
type StreamEvent struct {
	// Type is image_generation.partial_image, transcript.text.delta and so on.
	Type    string          `json:"type"`
	Delta   string          `json:"delta"`
	Text    string          `json:"text"`
	B64JSON string          `json:"b64_json"`
	Usage   json.RawMessage `json:"usage"`
	// Raw is the event as it arrived, with every member.
	Raw json.RawMessage `json:"-"`
}

func (e *StreamEvent) answered(raw []byte, _ Facts) { e.Raw = raw }

// ModerationsReply tells whether texts or pictures break the vendor's rules.
type ModerationsReply struct {
	ID      string       `json:"id"`
	Model   string       `json:"model"`
	Results []Moderation `json:"results"`
	Answer
}

// Moderation is what one input was flagged for.
type Moderation struct {
	Flagged        bool               `json:"flagged"`
	Categories     map[string]bool    `json:"categories"`
	CategoryScores map[string]float64 `json:"category_scores"`
}

// Moderations judges texts or pictures. The request has OpenAI's shape.
func (g *Gateway) Moderations(ctx context.Context, request any) (*ModerationsReply, error) {
	return post[ModerationsReply](ctx, g, "/v1/moderations", request)
}

// RerankReply has the places of the best documents, best first.
type RerankReply struct {
	ID      string         `json:"id"`
	Results []RerankResult `json:"results"`
	Answer
}

// RerankResult tells how well a document suits.
type RerankResult struct {
	// Index is the document's place in the request.
	Index          int     `json:"index"`
	RelevanceScore float64 `json:"relevance_score"`
	// Document is the document, where the request asks for it.
	Document json.RawMessage `json:"document"`
}

// Rerank orders documents by how well they suit a query. The request has Cohere's shape.
func (g *Gateway) Rerank(ctx context.Context, request any) (*RerankReply, error) {
	return post[RerankReply](ctx, g, "/v1/rerank", request)
}

// TokenCount tells how many tokens a request has.
type TokenCount struct {
	InputTokens int64 `json:"input_tokens"`
	Answer
}

// CountTokens counts the tokens of a request in the shape of Anthropic's messages.
func (g *Gateway) CountTokens(ctx context.Context, request any) (*TokenCount, error) {
	return post[TokenCount](ctx, g, "/v1/messages/count_tokens", request)
}

// OCRReply is the text of a document.
type OCRReply struct {
	Model string    `json:"model"`
	Pages []OCRPage `json:"pages"`
	Answer
}

// OCRPage is the text of a page.
type OCRPage struct {
	Index    int    `json:"index"`
	Markdown string `json:"markdown"`
}

// OCR reads a document. The request has Mistral's shape.
func (g *Gateway) OCR(ctx context.Context, request any) (*OCRReply, error) {
	return post[OCRReply](ctx, g, "/v1/ocr", request)
}

package tidegate

import (
	"context"
	"iter"
)

// ImagesReply is an answer with pictures, in OpenAI's shape.
type ImagesReply struct {
	Created int64        `json:"created"`
	Data    []Image      `json:"data"`
	Usage   *ImagesUsage `json:"usage"`
	Answer
}

// Image is a picture: its bytes in base64, or where they are.
type Image struct {
	B64JSON       string `json:"b64_json"`
	URL           string `json:"url"`
	RevisedPrompt string `json:"revised_prompt"`
}

// ImagesUsage is what pictures consumed, where they are paid by tokens.
type ImagesUsage struct {
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	TotalTokens  int64 `json:"total_tokens"`
}

// Images are the calls about pictures.
type Images struct{ gateway *Gateway }

// Images gives the calls about pictures.
func (g *Gateway) Images() Images { return Images{g} }

// Generate makes pictures. The request has OpenAI's shape.
func (i Images) Generate(ctx context.Context, request any) (*ImagesReply, error) {
	return post[ImagesReply](ctx, i.gateway, "/v1/images/generations", request)
}

// GenerateStream makes pictures and gives them as they take shape. "stream": true is added.
func (i Images) GenerateStream(ctx context.Context, request any) iter.Seq2[StreamEvent, error] {
	return decodeStream[StreamEvent](ctx, i.gateway, "/v1/images/generations", request)
}

// Edit changes pictures. The form has image, prompt and OpenAI's other fields.
func (i Images) Edit(ctx context.Context, form M) (*ImagesReply, error) {
	return postForm[ImagesReply](ctx, i.gateway, "/v1/images/edits", form)
}

// EditStream changes pictures and gives them as they take shape. stream=true is added.
func (i Images) EditStream(ctx context.Context, form M) iter.Seq2[StreamEvent, error] {
	return decodeFormStream[StreamEvent](ctx, i.gateway, "/v1/images/edits", form)
}

// Variation makes pictures like another. The form has image and OpenAI's other fields.
func (i Images) Variation(ctx context.Context, form M) (*ImagesReply, error) {
	return postForm[ImagesReply](ctx, i.gateway, "/v1/images/variations", form)
}

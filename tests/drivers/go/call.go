package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

func call(o operation) (any, error) {
	view, facts := gw, new(tidegate.Facts)
	if o.Key != "" {
		view = view.WithKey(o.Key)
	}
	for name, value := range o.Headers {
		view = view.WithHeader(name, value)
	}
	ctx := tidegate.WithFacts(context.Background(), facts)
	var wants struct{ Stream bool }
	_ = json.Unmarshal(o.Request, &wants)
	if wants.Stream {
		s := openStream(ctx, view, o, facts)
		if o.CancelChunks != nil {
			reply, err := s.read(*o.CancelChunks)
			s.stop()
			return answer{"chunks": reply["chunks"], "cancelled": true}, err
		}
		if o.Hold != nil {
			held = s
			reply, err := s.read(*o.Hold)
			return answer{"chunks": reply["chunks"], "held": true}, err
		}
		return s.read(-1)
	}
	if o.CancelMs != nil {
		limited, cancel := context.WithTimeout(ctx, time.Duration(*o.CancelMs)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	body, err := complete(ctx, view, o)
	return answer{"body": body, "gateway": shown(facts)}, err
}

func complete(ctx context.Context, view *tidegate.Gateway, o operation) (any, error) {
	switch o.API {
	case "messages":
		return raw(view.Messages(ctx, o.Request))(func(r *tidegate.MessagesReply) json.RawMessage { return r.Raw })
	case "responses":
		return raw(view.Responses(ctx, o.Request))(func(r *tidegate.ResponsesReply) json.RawMessage { return r.Raw })
	case "embeddings":
		return raw(view.Embeddings(ctx, o.Request))(func(r *tidegate.EmbeddingsReply) json.RawMessage { return r.Raw })
	case "models":
		models, err := view.Models(ctx)
		return answer{"object": "list", "data": models}, err
	}
	return raw(view.Chat(ctx, o.Request))(func(r *tidegate.ChatReply) json.RawMessage { return r.Raw })
}

func raw[T any](reply *T, err error) func(func(*T) json.RawMessage) (any, error) {
	return func(bytes func(*T) json.RawMessage) (any, error) {
		if err != nil {
			return nil, err
		}
		return bytes(reply), nil
	}
}

func shown(f *tidegate.Facts) answer {
	return answer{
		"request_id": f.RequestID, "target": f.Target, "key": f.Key, "attempts": f.Attempts,
		"cost": f.Cost, "estimated": f.Estimated, "cache": f.Cache, "rule": named(f.Rule), "dropped": f.Dropped,
	}
}

// named is nil for what has no name.
func named(name string) any {
	if name == "" {
		return nil
	}
	return name
}

func failure(err error) answer {
	var known *tidegate.Error
	switch {
	case errors.As(err, &known):
		body := answer{"code": known.Code, "slug": known.Slug, "status": known.Status, "message": known.Message, "attempts": known.Attempts}
		if known.Attempts == nil {
			body["attempts"] = []any{}
		}
		if known.Param != "" {
			body["param"] = known.Param
		}
		if known.RetryAfter > 0 {
			body["retry_after"] = known.RetryAfter.Seconds()
		}
		return body
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// The language's own way to end a call.
		return answer{"slug": "cancelled", "message": err.Error()}
	}
	return answer{"slug": "driver_failed", "message": err.Error()}
}

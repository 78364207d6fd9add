package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"

	tidegate "github.com/tidegate/tidegate-go"
)

// others are methods about what vendors keep.
func others(ctx context.Context, view *tidegate.Gateway, o operation, form tidegate.M, query url.Values, id string) (any, error) {
	switch o.API {
	case "models.list":
		models, err := view.Models(ctx)
		return answer{"body": answer{"object": "list", "data": models}}, err
	case "messages.batches.create":
		return reply(view.MessageBatches().Create(ctx, o.Request))
	case "messages.batches.list":
		return reply(view.MessageBatches().List(ctx, query))
	case "messages.batches.retrieve":
		return reply(view.MessageBatches().Retrieve(ctx, id))
	case "messages.batches.cancel":
		return reply(view.MessageBatches().Cancel(ctx, id))
	case "messages.batches.delete":
		return reply(view.MessageBatches().Delete(ctx, id))
	case "messages.batches.results":
		return content(view.MessageBatches().Results(ctx, id))
	case "videos.create":
		return reply(view.Videos().Create(ctx, form))
	case "videos.list":
		return reply(view.Videos().List(ctx, query))
	case "videos.retrieve":
		return reply(view.Videos().Retrieve(ctx, id))
	case "videos.delete":
		return reply(view.Videos().Delete(ctx, id))
	case "videos.download_content":
		return content(view.Videos().Content(ctx, id))
	}
	return nil, fmt.Errorf("no method %s", o.API)
}

// reply shows a typed reply: its bytes as they came and its facts.
func reply[T any](made *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	found := reflect.ValueOf(made).Elem().FieldByName("Answer").Interface().(tidegate.Answer)
	var body any = string(found.Raw)
	if json.Valid(found.Raw) {
		body = found.Raw
	}
	return answer{"body": body, "gateway": shown(&found.Gateway)}, nil
}

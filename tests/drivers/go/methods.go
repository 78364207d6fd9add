package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strings"

	tidegate "github.com/tidegate/tidegate-go"
)

// method calls a method of the native client by the name the language gives it.
func method(o operation) (any, error) {
	view, facts := gw, new(tidegate.Facts)
	if o.Provider != "" {
		view = view.At(o.Provider)
	}
	if o.Key != "" {
		view = view.WithKey(o.Key)
	}
	for name, value := range o.Headers {
		view = view.WithHeader(name, value)
	}
	ctx, form, id := tidegate.WithFacts(context.Background(), facts), tidegate.M{}, ""
	if len(o.IDs) > 0 {
		id = o.IDs[0]
	}
	_ = json.Unmarshal(o.Request, &form)
	query := url.Values{}
	for name, value := range form {
		query.Set(name, fmt.Sprint(value))
	}
	name := o.API
	if form["stream"] == true {
		name += " stream"
	}
	form = filled(form).(tidegate.M)
	switch name {
	case "chat.completions.create":
		return reply(view.Chat(ctx, o.Request))
	case "chat.completions.create stream":
		return parts(view.ChatStream(ctx, o.Request), facts, func(p tidegate.Chunk) json.RawMessage { return p.Raw })
	case "messages.create":
		return reply(view.Messages(ctx, o.Request))
	case "responses.create":
		return reply(view.Responses(ctx, o.Request))
	case "embeddings.create":
		return reply(view.Embeddings(ctx, o.Request))
	case "completions.create":
		return reply(view.Completions(ctx, o.Request))
	case "completions.create stream":
		return parts(view.CompletionsStream(ctx, o.Request), facts, func(p tidegate.Completion) json.RawMessage { return p.Raw })
	case "images.generate":
		return reply(view.Images().Generate(ctx, o.Request))
	case "images.edit":
		return reply(view.Images().Edit(ctx, form))
	case "images.create_variation":
		return reply(view.Images().Variation(ctx, form))
	case "audio.speech.create":
		return content(view.Audio().Speech(ctx, o.Request))
	case "audio.transcriptions.create":
		return reply(view.Audio().Transcribe(ctx, form))
	case "audio.transcriptions.create stream":
		return parts(view.Audio().TranscribeStream(ctx, form), facts, func(p tidegate.StreamEvent) json.RawMessage { return p.Raw })
	case "audio.translations.create":
		return reply(view.Audio().Translate(ctx, form))
	case "moderations.create":
		return reply(view.Moderations(ctx, o.Request))
	case "rerank":
		return reply(view.Rerank(ctx, o.Request))
	case "messages.count_tokens":
		return reply(view.CountTokens(ctx, o.Request))
	case "ocr.process":
		return reply(view.OCR(ctx, o.Request))
	case "models.retrieve":
		return reply(view.Model(ctx, id))
	case "responses.retrieve":
		return reply(view.KeptResponses().Retrieve(ctx, id))
	case "responses.cancel":
		return reply(view.KeptResponses().Cancel(ctx, id))
	case "responses.delete":
		return reply(view.KeptResponses().Delete(ctx, id))
	case "files.create":
		return reply(view.Files().Create(ctx, form))
	case "files.list":
		return reply(view.Files().List(ctx, query))
	case "files.retrieve":
		return reply(view.Files().Retrieve(ctx, id))
	case "files.delete":
		return reply(view.Files().Delete(ctx, id))
	case "files.content":
		return content(view.Files().Content(ctx, id))
	case "batches.create":
		return reply(view.Batches().Create(ctx, o.Request))
	case "batches.list":
		return reply(view.Batches().List(ctx, query))
	case "batches.retrieve":
		return reply(view.Batches().Retrieve(ctx, id))
	case "batches.cancel":
		return reply(view.Batches().Cancel(ctx, id))
	}
	return others(ctx, view, o, form, query, id)
}

func filled(value any) any {
	switch value := value.(type) {
	case tidegate.M:
		if file, ok := value["$file"].(tidegate.M); ok {
			text := strings.NewReader(file["text"].(string))
			return tidegate.File{Name: file["name"].(string), ContentType: file["type"].(string), Content: text}
		}
		for name, member := range value {
			value[name] = filled(member)
		}
	case []any:
		for i, one := range value {
			value[i] = filled(one)
		}
	}
	return value
}

func content(sound *tidegate.Content, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = sound.Close() }()
	body, err := io.ReadAll(sound)
	facts := sound.Gateway()
	return answer{"body": string(body), "gateway": shown(&facts)}, err
}

func parts[T any](events iter.Seq2[T, error], facts *tidegate.Facts, raw func(T) json.RawMessage) (any, error) {
	s := &stream{facts: facts}
	s.next, s.stop = pull(events, raw)
	return s.read(-1)
}

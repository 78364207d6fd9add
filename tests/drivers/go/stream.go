package main

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strings"

	tidegate "github.com/tidegate/tidegate-go"
)

// stream is a streamed reply, read piece by piece.
type stream struct {
	next  func() (json.RawMessage, error, bool)
	stop  func()
	facts *tidegate.Facts
}

func openStream(ctx context.Context, view *tidegate.Gateway, o operation, facts *tidegate.Facts) *stream {
	s := &stream{facts: facts}
	switch o.API {
	case "messages":
		s.next, s.stop = pull(view.MessagesStream(ctx, o.Request), func(e tidegate.MessageEvent) json.RawMessage { return e.Raw })
	case "responses":
		s.next, s.stop = pull(view.ResponsesStream(ctx, o.Request), func(e tidegate.ResponseEvent) json.RawMessage { return e.Raw })
	default:
		s.next, s.stop = pull(view.ChatStream(ctx, o.Request), func(c tidegate.Chunk) json.RawMessage { return c.Raw })
	}
	return s
}

func pull[T any](events iter.Seq2[T, error], raw func(T) json.RawMessage) (func() (json.RawMessage, error, bool), func()) {
	return iter.Pull2(func(yield func(json.RawMessage, error) bool) {
		for event, err := range events {
			if !yield(raw(event), err) {
				return
			}
		}
	})
}

// read takes at most that many chunks, all of them when it is negative.
func (s *stream) read(most int) (answer, error) {
	chunks := []json.RawMessage{}
	for most < 0 || len(chunks) < most {
		chunk, err, ok := s.next()
		if err != nil {
			if len(chunks) == 0 {
				return nil, err
			}
			return answer{"chunks": chunks}, err
		}
		if !ok {
			break
		}
		chunks = append(chunks, chunk)
	}
	return answer{"chunks": chunks, "gateway": shown(s.facts)}, nil
}

// transport is the raw door: what the vendors' SDKs are given.
func transport(o operation) (any, error) {
	target := o.Target
	if strings.HasPrefix(target, "/") {
		target = "http://gateway.invalid" + target
	}
	request, err := http.NewRequest(o.Method, target, strings.NewReader(o.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range o.Headers {
		request.Header.Set(name, value)
	}
	response, err := (&http.Client{Transport: gw.RoundTripper()}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var body io.Reader = response.Body
	if o.CancelBytes != nil {
		body = io.LimitReader(body, int64(*o.CancelBytes))
	}
	text, err := io.ReadAll(body)
	headers := answer{}
	for name := range response.Header {
		headers[strings.ToLower(name)] = response.Header.Get(name)
	}
	return answer{
		"status": response.StatusCode, "headers": headers, "body": string(text),
		"broken": err != nil, "cancelled": o.CancelBytes != nil,
	}, nil
}

// Driver of the suite: the Go face. Protocol: tests/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

type answer map[string]any

type operation struct {
	Op, API, Path, URL, Key, Method, Target, Body string
	Config, Request                               json.RawMessage
	Env                                           bool
	Headers                                       map[string]string
	Ms                                            int64
	Deadline                                      *int64 `json:"deadline_ms"`
	CancelChunks                                  *int   `json:"cancel_after_chunks"`
	CancelMs                                      *int   `json:"cancel_after_ms"`
	CancelBytes                                   *int   `json:"cancel_after_bytes"`
	Hold                                          *int
}

var (
	gw           *tidegate.Gateway
	held         *stream
	capabilities = strings.Fields("call stream hold cancel cancel_call headers http reload connect health close path env root tried final_facts")
	operations   = map[string]func(operation) (any, error){"call": call, "http": transport}
)

func init() {
	opened := func(fresh *tidegate.Gateway, err error) (any, error) { gw = fresh; return answer{}, err }
	operations["hello"] = func(operation) (any, error) {
		return answer{"surface": "go", "version": tidegate.Version(), "capabilities": capabilities}, nil
	}
	operations["open"] = func(o operation) (any, error) {
		if gw != nil {
			_ = gw.Close()
		}
		if o.Path != "" {
			return opened(tidegate.Open(o.Path))
		}
		if o.Env {
			return opened(tidegate.OpenEnv())
		}
		return opened(tidegate.OpenConfig(o.Config))
	}
	operations["connect"] = func(o operation) (any, error) { return opened(tidegate.Connect(o.URL, o.Key)) }
	operations["rest"] = func(operation) (any, error) { return held.read(-1) }
	operations["drop"] = func(operation) (any, error) { held.stop(); return answer{}, nil }
	operations["reload"] = func(o operation) (any, error) { return answer{}, gw.Reload(o.Config) }
	operations["health"] = func(operation) (any, error) { return gw.Health() }
	operations["close"] = func(o operation) (any, error) {
		limit := int64(1000)
		if o.Deadline != nil {
			limit = *o.Deadline
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(limit)*time.Millisecond)
		defer cancel()
		if err := gw.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
		return answer{}, nil
	}
}

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
		"cost": f.Cost, "cache": f.Cache, "dropped": f.Dropped,
	}
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

func main() {
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var o operation
		if err := json.Unmarshal(line, &o); err != nil {
			panic(err)
		}
		reply, err := operations[o.Op](o)
		line2 := answer{"ok": reply}
		if err != nil {
			line2 = answer{"error": failure(err)}
			if broken, ok := reply.(answer); ok && broken["chunks"] != nil {
				line2["chunks"] = broken["chunks"]
			}
		}
		_ = out.Encode(line2)
	}
}

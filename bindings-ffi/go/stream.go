package tidegate

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/http"
)

// decodeStream asks for a stream with a JSON document and decodes its events.
func decodeStream[T any, R reply[T]](ctx context.Context, g *Gateway, target string, request any) iter.Seq2[T, error] {
	return decoded[T, R](ctx, g, target, func() (http.Header, []byte, error) {
		body, err := encode(request)
		return nil, withStream(body), err
	})
}

// decodeFormStream does so with a form.
func decodeFormStream[T any, R reply[T]](ctx context.Context, g *Gateway, target string, form M) iter.Seq2[T, error] {
	return decoded[T, R](ctx, g, target, func() (http.Header, []byte, error) {
		form := maps.Clone(form)
		if form == nil {
			form = M{}
		}
		form["stream"] = true
		return encodeForm(form)
	})
}

func decoded[T any, R reply[T]](ctx context.Context, g *Gateway, target string, pack func() (http.Header, []byte, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		header, body, err := pack()
		if err != nil {
			yield(none, err)
			return
		}
		for frame, err := range g.DoStream(ctx, "POST", g.prefix+target, header, body) {
			if err != nil {
				yield(none, err)
				return
			}
			var part T
			if err := json.Unmarshal(frame.Data, &part); err != nil {
				yield(none, undecodable(err))
				return
			}
			R(&part).answered(frame.Data, Facts{})
			if !yield(part, nil) {
				return
			}
		}
	}
}

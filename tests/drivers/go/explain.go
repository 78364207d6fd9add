package main

import (
	"context"
	"net/http"

	tidegate "github.com/tidegate/tidegate-go"
)

func init() {
	operations["explain"] = func(o operation) (any, error) {
		view, header := gw, http.Header{}
		if o.Key != "" {
			view = view.WithKey(o.Key)
		}
		for name, value := range o.Headers {
			header.Set(name, value)
		}
		request := tidegate.ExplainRequest{Method: o.Method, Path: o.Target, Header: header, Body: o.Request}
		explanation, err := view.Explain(context.Background(), request)
		if err != nil {
			return nil, err
		}
		return explanation.Raw, nil
	}
}

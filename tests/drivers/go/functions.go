package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

// scriptedReply is what a function of the program answers once.
type scriptedReply struct {
	Say, Message, Raise  string
	JSON                 json.RawMessage
	Stream               *[]any
	Fail                 int
	RetryAfter           float64 `json:"retry_after"`
	Silent, Echo, Breaks bool
}

// functionsOf are the functions of an open: they follow a script, and its last reply repeats.
func functionsOf(o operation) []tidegate.Option {
	var choices []tidegate.Option
	for name, replies := range o.Functions {
		choices = append(choices, tidegate.WithProvider(name, scripted(replies)))
	}
	return choices
}

func scripted(replies []scriptedReply) tidegate.ProviderFunc {
	var mu sync.Mutex
	return func(ctx context.Context, request *tidegate.ProviderRequest) (any, error) {
		mu.Lock()
		reply := replies[0]
		if len(replies) > 1 {
			replies = replies[1:]
		}
		mu.Unlock()
		switch {
		case reply.Silent:
			<-ctx.Done()
			return nil, ctx.Err()
		case reply.Fail != 0:
			message := reply.Message
			if message == "" {
				message = "refused"
			}
			after := time.Duration(reply.RetryAfter * float64(time.Second))
			return nil, &tidegate.ProviderError{Status: reply.Fail, Message: message, RetryAfter: after}
		case reply.Raise != "":
			return nil, errors.New(reply.Raise)
		case reply.Echo:
			return fmt.Sprint(request.Dialect, " ", request.Model, " ", request.Path, " ", request.Stream), nil
		case reply.Stream != nil:
			return func(yield func(any, error) bool) {
				for _, piece := range *reply.Stream {
					if !yield(piece, nil) {
						return
					}
				}
				if reply.Breaks {
					yield(nil, &tidegate.ProviderError{Message: "the script breaks here"})
				}
			}, nil
		case reply.JSON != nil:
			return reply.JSON, nil
		}
		return reply.Say, nil
	}
}

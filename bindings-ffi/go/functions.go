package tidegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// ProviderFunc is a function of the program in the place of a vendor. It may run on any number of
// goroutines at a time. The context ends when the caller has gone or the time is up.
//
// It gives the model's words as a string; a reply in the provider's dialect, as anything
// encoding/json can marshal, or as its bytes; vectors for embeddings; or pieces one by one, as an
// iter.Seq2[string, error], iter.Seq2[any, error] or iter.Seq[string]. An object with no members
// but "text" and "usage" (M{"input": 10, "output": 5}) is words with the tokens they took. Whatever
// it gives is turned into what the caller wants.
//
// An error that is a [*ProviderError] fails the call as it says; the text of any other goes to the
// log (package log/slog) and the caller sees a status of 500.
type ProviderFunc func(ctx context.Context, request *ProviderRequest) (any, error)

// ProviderRequest is what a function is asked.
type ProviderRequest struct {
	// Name under which the function is registered.
	Name string
	// Dialect is the wire format of the body, such as openai.
	Dialect string
	// Path is what is asked for, such as /chat/completions or /embeddings.
	Path string
	// Model, without the provider's name.
	Model string
	// Stream says whether the caller wants a stream.
	Stream bool
	// Header of the dialect that the caller sent, and those of the provider's configuration.
	Header http.Header
	// Body is the request as it would have gone to a vendor.
	Body json.RawMessage
	// Timeout is how long the gateway waits for the beginning of the answer and for each next piece.
	Timeout time.Duration
}

// ProviderError fails a call as a vendor's refusal would: retries, fallbacks and cooldowns follow
// from the status.
type ProviderError struct {
	// Status from 400 to 599; anything else counts as 500.
	Status int
	// Message is for the caller to read.
	Message string
	// RetryAfter is when to come again; 0 when unknown.
	RetryAfter time.Duration
}

// Error is the message.
func (e *ProviderError) Error() string { return e.Message }

// Option is a choice at the opening of a gateway.
type Option func(*options)

type options struct {
	names     []string
	providers map[string]ProviderFunc
}

// WithProvider puts a function in the place of a vendor, whether or not the configuration mentions
// it. A gateway with functions lives until it is closed.
func WithProvider(name string, run ProviderFunc) Option {
	return func(o *options) {
		if o.providers == nil {
			o.providers = make(map[string]ProviderFunc)
		}
		if _, known := o.providers[name]; !known {
			o.names = append(o.names, name)
		}
		o.providers[name] = run
	}
}

// Provide puts a function in the place of a vendor, whether or not the configuration mentions it:
// calls of name/... go to it from now on. In place of another one of that name; calls under way go
// on.
func (g *Gateway) Provide(name string, run ProviderFunc) error {
	if run == nil {
		return fmt.Errorf("tidegate: the function %q is nil", name)
	}
	return g.core.use(func(handle *handleGateway) error {
		return theBridge.provide(handle, g.core.tag, name, run)
	})
}

// nextTag tells the functions of gateways apart.
var nextTag atomic.Uint64

// question is what a function is being asked.
type question struct {
	call   *handleHostCall
	ticket uint64
	ctx    context.Context
	cancel context.CancelFunc
	room   chan struct{} // gets a token when the stream has room again
}

func (b *bridge) provide(handle *handleGateway, tag uint64, name string, run ProviderFunc) error {
	b.mu.Lock()
	queue := b.queue
	b.mu.Unlock()
	if err := provide(handle, name, queue, tag); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.functions[tag] == nil {
		if b.functions == nil {
			b.functions = make(map[uint64]map[string]ProviderFunc)
			b.asked = make(map[uint64]*question)
		}
		b.functions[tag] = make(map[string]ProviderFunc)
	}
	b.functions[tag][name] = run
	return nil
}

// unprovide forgets a gateway's functions.
func (b *bridge) unprovide(tag uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.functions, tag)
}

// ask starts a function. Called with the lock held.
func (b *bridge) ask(ticket uint64, call *handleHostCall) {
	request := hostCallRequest(call)
	run := b.functions[hostCallTag(call)][request.Name]
	if run == nil {
		freeHostCall(call)
		return
	}
	q := &question{call: call, ticket: ticket, room: make(chan struct{}, 1)}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	b.asked[ticket] = q
	go b.answer(q, run, request)
}

// tell passes news about a question on. Called with the lock held.
func (b *bridge) tell(ticket uint64, gone bool) {
	q := b.asked[ticket]
	switch {
	case q == nil:
	case gone:
		q.cancel()
	default:
		select {
		case q.room <- struct{}{}:
		default:
		}
	}
}

func (b *bridge) answer(q *question, run ProviderFunc, request *ProviderRequest) {
	defer func() {
		if panicked := recover(); panicked != nil {
			q.fail(request.Name, fmt.Errorf("panic: %v", panicked))
		}
		b.mu.Lock()
		delete(b.asked, q.ticket)
		b.mu.Unlock()
		q.cancel()
		freeHostCall(q.call)
	}()
	answer, err := run(q.ctx, request)
	if err == nil {
		err = q.give(answer)
	}
	if err != nil {
		q.fail(request.Name, err)
	}
}

// give answers with what a function gave.
func (q *question) give(answer any) error {
	switch answer := answer.(type) {
	case iter.Seq[string]:
		return givePieces(q, func(yield func(string, error) bool) {
			answer(func(text string) bool { return yield(text, nil) })
		})
	case func(func(string) bool):
		return q.give(iter.Seq[string](answer))
	case iter.Seq2[string, error]:
		return givePieces(q, answer)
	case func(func(string, error) bool):
		return givePieces(q, answer)
	case iter.Seq2[any, error]:
		return givePieces(q, answer)
	case func(func(any, error) bool):
		return givePieces(q, answer)
	}
	data, text, err := piece(answer)
	if err != nil {
		return err
	}
	return hostCallReply(q.call, data, text)
}

// givePieces answers piece by piece.
func givePieces[T any](q *question, pieces iter.Seq2[T, error]) error {
	for value, err := range pieces {
		if err != nil {
			return err
		}
		data, text, err := piece(value)
		if err != nil {
			return err
		}
		flow, err := hostCallPush(q.call, data, text)
		if err != nil {
			return err
		}
		for flow == flowFull {
			if flow = hostCallArm(q.call); flow != flowFull {
				break
			}
			select {
			case <-q.room:
			case <-q.ctx.Done():
			}
			if q.ctx.Err() != nil {
				flow = flowGone
			}
		}
		if flow == flowGone {
			return nil
		}
	}
	hostCallEnd(q.call)
	return nil
}

// piece is the bytes of a piece, and whether they are words.
func piece(value any) (data []byte, text bool, err error) {
	switch value := value.(type) {
	case string:
		return []byte(value), true, nil
	case []byte:
		return value, false, nil
	case nil:
		return nil, false, errors.New("the function gave nil")
	}
	data, err = encode(value)
	return data, false, err
}

// fail ends the answer as the error says. Only messages meant for callers go to them.
func (q *question) fail(name string, err error) {
	var refusal *ProviderError
	if errors.As(err, &refusal) {
		hostCallFail(q.call, refusal.Status, refusal.Message, refusal.RetryAfter)
		return
	}
	var failure *Error
	if errors.As(err, &failure) {
		hostCallFail(q.call, failure.Status, failure.Message, failure.RetryAfter)
		return
	}
	if q.ctx.Err() == nil {
		slog.Error("tidegate: a function failed", "name", name, "error", err)
	}
	hostCallFail(q.call, http.StatusInternalServerError, "the function failed", 0)
}

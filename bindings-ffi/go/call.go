package tidegate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"sync"
)

// Reply is a complete answer.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Frame is one event of a stream.
type Frame struct {
	// Event is its name, where the dialect names events.
	Event string
	// Data is its JSON document.
	Data []byte
}

// Do makes any call the gateway serves, for instance GET /v1/models, and waits for its complete
// answer. The body goes out byte for byte; header may be nil. A request for a stream belongs to
// [Gateway.DoStream].
func (g *Gateway) Do(ctx context.Context, method, target string, header http.Header, body []byte) (*Reply, error) {
	reply, stream, err := g.start(ctx, modeNative, method, target, header, body)
	if err != nil {
		return nil, err
	}
	if stream != nil {
		stream.close()
		return nil, streams()
	}
	fillFacts(ctx, reply.Header, nil)
	return reply, nil
}

// DoStream makes a call and gives its answer's events as they arrive. An answer that does not
// stream is one event. Leaving the loop cancels the call and closes the upstream.
func (g *Gateway) DoStream(ctx context.Context, method, target string, header http.Header, body []byte) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		reply, stream, err := g.start(ctx, modeNative, method, target, header, body)
		if err != nil {
			yield(Frame{}, err)
			return
		}
		if reply != nil {
			fillFacts(ctx, reply.Header, nil)
			yield(Frame{Data: reply.Body}, nil)
			return
		}
		defer stream.close()
		for {
			frames, err := stream.next()
			if err == io.EOF {
				fillFacts(ctx, stream.header, stream.trailer)
				return
			}
			if err != nil {
				yield(Frame{}, err)
				return
			}
			for _, frame := range frames {
				if !yield(frame, nil) {
					return
				}
			}
		}
	}
}

// start submits a request and waits until its answer begins: exactly one of the results is set.
func (g *Gateway) start(ctx context.Context, mode mode, method, target string, header http.Header, body []byte) (*Reply, *stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	texts, headers, err := pack(method, target, g.key, g.header, header)
	if err != nil {
		return nil, nil, err
	}
	var c *call
	err = g.core.use(func(handle *handleGateway) (err error) {
		c, err = theBridge.submit(g.core, g.seen(handle), mode, texts, headers, body)
		return err
	})
	runtime.KeepAlive(g.view)
	if err != nil {
		return nil, nil, err
	}
	select {
	case outcome := <-c.done:
		switch {
		case outcome.reply != nil:
			return takeReply(outcome.reply), nil, nil
		case outcome.stream != nil:
			return nil, newStream(ctx, c, outcome.stream), nil
		default:
			return nil, nil, takeError(outcome.failure)
		}
	case <-ctx.Done():
		_ = g.core.use(func(handle *handleGateway) error {
			cancelTicket(handle, c.ticket)
			return nil
		})
		theBridge.abandon(c)
		return nil, nil, ctx.Err()
	}
}

// pack writes method, target, key and headers as C strings one after the other.
func pack(method, target, key string, sets ...http.Header) ([]byte, int, error) {
	size := len(method) + len(target) + len(key) + 3
	headers := 0
	for _, set := range sets {
		for name, values := range set {
			for _, value := range values {
				size += len(name) + len(value) + 2
				headers++
			}
		}
	}
	texts := make([]byte, 0, size)
	add := func(text string) {
		texts = append(append(texts, text...), 0)
	}
	add(method)
	add(target)
	add(key)
	for _, set := range sets {
		for name, values := range set {
			for _, value := range values {
				add(name)
				add(value)
			}
		}
	}
	if strings.Count(string(texts), "\x00") != 3+2*headers {
		return nil, 0, fmt.Errorf("tidegate: a NUL in the method, target, key or a header")
	}
	return texts, headers, nil
}

// stream reads a streamed answer. One goroutine reads at a time; any may close.
type stream struct {
	ctx     context.Context
	call    *call
	unwatch func() bool
	closed  chan struct{}

	header  http.Header
	status  int
	trailer http.Header // set at the end

	mu     sync.Mutex
	handle *handleStream // nil once freed
}

func newStream(ctx context.Context, c *call, handle *handleStream) *stream {
	s := &stream{ctx: ctx, call: c, closed: make(chan struct{}), handle: handle}
	s.status, s.header = streamHead(handle)
	// The upstream is closed even when nobody is reading at the moment.
	s.unwatch = context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.handle != nil {
			cancelStream(s.handle)
		}
	})
	return s
}

// next gives the next frames, io.EOF at the end.
func (s *stream) next() ([]Frame, error) {
	for {
		if err := s.ctx.Err(); err != nil {
			return nil, err
		}
		frames, progress, err := s.poll()
		switch {
		case err != nil:
			if s.ctx.Err() != nil {
				err = s.ctx.Err()
			}
			return nil, err
		case progress == gotFrames:
			return frames, nil
		case progress == atEnd:
			return nil, io.EOF
		}
		select {
		case <-s.call.readable:
		case <-s.closed:
		case <-s.ctx.Done():
		}
	}
}

func (s *stream) poll() ([]Frame, progress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return nil, atEnd, http.ErrBodyReadAfterClose
	}
	frames, progress, err := nextFrames(s.handle)
	if progress == atEnd && err == nil && s.trailer == nil {
		s.trailer = streamTrailer(s.handle)
	}
	return frames, progress, err
}

// close frees the stream; when it has not ended, the upstream is closed at once.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return
	}
	s.unwatch()
	freeStream(s.handle)
	s.handle = nil
	close(s.closed)
	theBridge.forget(s.call)
}

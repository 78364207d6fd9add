package tidegate

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
)

// Session is a conversation over a WebSocket, without the socket. One goroutine receives at a time;
// any may send and close. Close it.
type Session struct {
	*line
	sending sync.Mutex // one at a time waits for room

	mu      sync.Mutex
	waiting []Frame
	err     error // how it ended
}

// line is what a session holds of the bridge; it outlives a session that nobody closed.
type line struct {
	stream *stream
	room   *call
	once   sync.Once
	ended  chan struct{}
}

// release lets go of the upstream.
func (l *line) release() {
	l.once.Do(func() {
		l.stream.close()
		close(l.ended)
		theBridge.forget(l.room)
	})
}

func (l *line) trailer() http.Header {
	l.stream.mu.Lock()
	defer l.stream.mu.Unlock()
	return l.stream.trailer
}

// SessionMessage is one message.
type SessionMessage struct {
	// Type is the member of that name, where there is one: response.done and so on.
	Type string `json:"type"`
	// Raw is the message as it arrived.
	Raw json.RawMessage `json:"-"`
	// Binary tells that it came as bytes. It may be JSON all the same, as Gemini's are.
	Binary bool `json:"-"`
}

// SessionClosed is how a session ended that the gateway did not end: errors.As finds it.
type SessionClosed struct {
	// Code is that of RFC 6455, section 7.4; 1005 when none was given.
	Code   int
	Reason string
}

func (e *SessionClosed) Error() string {
	return fmt.Sprintf("tidegate: the session was closed with %d %s", e.Code, e.Reason)
}

const live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

// Realtime opens a session of OpenAI's Realtime API with a route or provider/model. The end of the
// context ends it.
func (g *Gateway) Realtime(ctx context.Context, model string) (*Session, error) {
	return g.OpenSession(ctx, "/v1/realtime?model="+url.QueryEscape(model), nil)
}

// ResponsesSession opens a session of OpenAI's Responses API: each response.create names its model.
func (g *Gateway) ResponsesSession(ctx context.Context) (*Session, error) {
	return g.OpenSession(ctx, "/v1/responses", nil)
}

// Live opens a session of Gemini's Live API; setup has the members of the first message besides the
// model, and may be nil.
func (g *Gateway) Live(ctx context.Context, model string, setup M) (*Session, error) {
	s, err := g.OpenSession(ctx, live, nil)
	if err != nil {
		return nil, err
	}
	first := M{"model": model}
	for name, value := range setup {
		first[name] = value
	}
	if err := s.Send(ctx, M{"setup": first}); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// OpenSession opens the session at that path.
func (g *Gateway) OpenSession(ctx context.Context, target string, header http.Header) (*Session, error) {
	_, stream, err := g.start(ctx, modeSession, http.MethodGet, g.prefix+target, header, nil)
	if err != nil {
		return nil, err
	}
	room := theBridge.listen(g.core, sessionTicket(stream.handle))
	s := &Session{line: &line{stream: stream, room: room, ended: make(chan struct{})}}
	runtime.AddCleanup(s, func(l *line) { l.release() }, s.line)
	return s, nil
}

// Send sends a message: a json.RawMessage or string as it is, anything else as JSON. It waits while
// the upstream takes no more.
func (s *Session) Send(ctx context.Context, message any) error {
	if text, ok := message.(string); ok {
		return s.send(ctx, messageText, []byte(text))
	}
	body, err := encode(message)
	if err != nil {
		return err
	}
	return s.send(ctx, messageText, body)
}

// SendBinary sends bytes.
func (s *Session) SendBinary(ctx context.Context, message []byte) error {
	return s.send(ctx, messageBinary, message)
}

func (s *Session) send(ctx context.Context, kind messageKind, message []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	for {
		taken, err := s.stream.sendMessage(kind, message)
		if taken || err != nil {
			return err
		}
		select {
		case <-s.room.readable:
		case <-s.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Receive gives the next message. At the end it is a *SessionClosed, or the *Error with which the
// gateway ended the session.
func (s *Session) Receive() (*SessionMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 {
		if s.err != nil {
			return nil, s.err
		}
		frames, err := s.stream.next()
		if err != nil {
			s.err = s.over(err)
			continue
		}
		s.waiting = frames
	}
	frame := s.waiting[0]
	s.waiting = s.waiting[1:]
	message := &SessionMessage{}
	// What is no JSON has no type.
	_ = json.Unmarshal(frame.Data, message)
	message.Raw, message.Binary = frame.Data, frame.Event == "binary"
	return message, nil
}

// over is what a stream's end means.
func (s *Session) over(err error) error {
	trailer := s.trailer()
	if trailer == nil {
		return err
	}
	if refusal := trailer.Get("x-tidegate-session-error"); refusal != "" {
		return parseError([]byte(refusal))
	}
	return &SessionClosed{Code: s.CloseCode(), Reason: trailer.Get("x-tidegate-close-reason")}
}

// Messages gives the messages as they arrive. It ends without an error when the session was closed as
// it should be; leaving the loop leaves the session open.
func (s *Session) Messages() iter.Seq2[*SessionMessage, error] {
	return func(yield func(*SessionMessage, error) bool) {
		for {
			message, err := s.Receive()
			if closed, ok := err.(*SessionClosed); ok && (closed.Code == 1000 || closed.Code == 1001 || closed.Code == 1005) {
				return
			}
			if !yield(message, err) || err != nil {
				return
			}
		}
	}
}

// Gateway is what the gateway says about the session; what it cost is known at its end.
func (s *Session) Gateway() Facts { return factsOf(s.stream.header, s.trailer()) }

// CloseCode is what the session was closed with, also when the gateway ended it; 0 while it runs.
func (s *Session) CloseCode() int {
	code, _ := strconv.Atoi(s.trailer().Get("x-tidegate-close-code"))
	return code
}

// Close ends the session in its protocol's own way and waits for the other side's answer; what it
// still says is dropped. Closing it again does nothing.
func (s *Session) Close() error { return s.CloseWith(1000, "") }

// CloseWith closes with a code and words.
func (s *Session) CloseWith(code int, reason string) error {
	defer s.release()
	if err := s.stream.closeSession(code, reason); err != nil {
		return nil // it was let go of before
	}
	for {
		if _, err := s.Receive(); err != nil {
			return nil
		}
	}
}

// Cancel closes the upstream at once, without a word.
func (s *Session) Cancel() { s.release() }

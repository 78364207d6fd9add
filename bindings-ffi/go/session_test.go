package tidegate_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

func talker(t *testing.T, more M) *tidegate.Gateway {
	t.Helper()
	replies := []M{{"text": "hi there", "input_tokens": 10, "output_tokens": 5}}
	provider := func(dialect string) M {
		return M{"dialect": dialect, "mock": M{"replies": replies}, "prices": M{"*": M{"input": 1000, "output": 2000}}}
	}
	config := M{
		"providers": M{"o": provider("openai"), "g": provider("gemini")},
		"models":    M{"voice": M{"targets": []string{"o/m"}}},
	}
	for name, value := range more {
		config[name] = value
	}
	return open(t, config)
}

// until receives up to a message of that type and gives the types of all.
func until(t *testing.T, s *tidegate.Session, last string) []string {
	t.Helper()
	var types []string
	for message, err := range s.Messages() {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, message.Type)
		if message.Type == last {
			break
		}
	}
	return types
}

func TestASessionTalksAndEachResponseIsPaid(t *testing.T) {
	gw := talker(t, nil)
	s, err := gw.Realtime(ctx, "voice")
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Receive()
	if err != nil || first.Type != "session.created" || !strings.Contains(string(first.Raw), `"model":"m"`) {
		t.Fatalf("%v %v", first, err)
	}
	for range 2 {
		if err := s.Send(ctx, M{"type": "response.create"}); err != nil {
			t.Fatal(err)
		}
		if types := until(t, s, "response.done"); types[0] != "response.created" {
			t.Errorf("%v", types)
		}
	}
	if facts := s.Gateway(); facts.Target != "o/m" || facts.Cost != "" {
		t.Errorf("%+v", facts)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if facts := s.Gateway(); facts.Cost != "0.04" {
		t.Errorf("%+v", facts)
	}
	var closed *tidegate.SessionClosed
	if _, err := s.Receive(); !errors.As(err, &closed) || closed.Code != 1000 {
		t.Error(err)
	}
	if err := s.Send(ctx, "{}"); err == nil {
		t.Error("a closed session took a message")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestResponsesAndLiveHaveSessionsToo(t *testing.T) {
	gw := talker(t, nil)
	responses, err := gw.ResponsesSession(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := responses.Send(ctx, json.RawMessage(`{"type":"response.create","model":"voice","input":"hi"}`)); err != nil {
		t.Fatal(err)
	}
	until(t, responses, "response.completed")
	_ = responses.Close()
	if cost := responses.Gateway().Cost; cost != "0.02" {
		t.Error(cost)
	}
	live, err := gw.Live(ctx, "g/m", M{"generationConfig": M{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Close() }()
	message, err := live.Receive()
	if err != nil || !strings.Contains(string(message.Raw), "setupComplete") {
		t.Errorf("%v %v", message, err)
	}
}

func TestABudgetEndsASessionWithItsError(t *testing.T) {
	gw := talker(t, M{"keys": []M{{"id": "alice", "value": "tg-alice", "budgets": []M{{"limit": "0.1", "per": "1d"}}}}})
	if _, err := gw.WithKey("tg-bob").Realtime(ctx, "voice"); !errors.Is(err, tidegate.CodeUnknownKey) {
		t.Error(err)
	}
	s, err := gw.WithKey("tg-alice").Realtime(ctx, "voice")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	done := 0
	for {
		if err = s.Send(ctx, M{"type": "response.create", "response": M{"max_output_tokens": 5}}); err != nil {
			break
		}
		var message *tidegate.SessionMessage
		for message, err = range s.Messages() {
			if err != nil || message.Type == "response.done" {
				break
			}
		}
		if err != nil {
			break
		}
		done++
	}
	if _, err := s.Receive(); !errors.Is(err, tidegate.CodeBudgetExhausted) || done == 0 {
		t.Errorf("%v after %d", err, done)
	}
}

// silent is a vendor that grants handshakes and never says a word; it tells of connections, and of
// their ends.
func silent(t *testing.T, reads bool) (gw *tidegate.Gateway, opened chan struct{}, gone chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	opened, gone = make(chan struct{}, 8), make(chan struct{}, 8)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
			go func() {
				reader := bufio.NewReader(connection)
				request, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				sum := sha1.Sum([]byte(request.Header.Get("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: "+
					base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
				opened <- struct{}{}
				if reads {
					_, _ = io.Copy(io.Discard, reader)
					gone <- struct{}{}
				}
			}()
		}
	}()
	return open(t, M{"providers": M{"up": M{
		"dialect": "openai", "base_url": "http://" + listener.Addr().String() + "/v1", "api_key": "k",
		"prices": M{"*": M{"input": 1, "output": 2}},
	}}}), opened, gone
}

func soon(t *testing.T, what string, gone <-chan struct{}) {
	t.Helper()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error(what)
	}
}

func TestTheEndOfTheContextAndOfTheSessionCloseTheUpstream(t *testing.T) {
	gw, _, gone := silent(t, true)
	short, cancel := context.WithCancel(ctx)
	s, err := gw.Realtime(short, "up/m")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := s.Receive(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	soon(t, "the end of the context closed nothing", gone)
	_ = s.Close()
	// One that nobody closes goes with the garbage.
	if _, err := gw.Realtime(ctx, "up/m"); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("a session that was dropped stayed open")
}

func TestWhoSendsFasterThanTheUpstreamReadsWaits(t *testing.T) {
	gw, opened, _ := silent(t, false)
	s, err := gw.Realtime(ctx, "up/m")
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "no handshake", opened)
	piece := strings.Repeat("A", 100_000)
	sent := 0
	for {
		patience, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		err := s.Send(patience, M{"type": "input_audio_buffer.append", "audio": piece})
		cancel()
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			break
		}
		sent++
	}
	if sent < 3 || sent > 400 {
		t.Errorf("%d messages went nowhere", sent)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- s.Send(ctx, piece) }()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-waiting:
		if err == nil {
			t.Error("a session that was closed took a message")
		}
	case <-time.After(5 * time.Second):
		t.Error("the wait for room did not end with the session")
	}
}

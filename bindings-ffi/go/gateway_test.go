package tidegate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

type M = tidegate.M

var ctx = context.Background()

// mock is a gateway whose one provider answers from a script.
func mock(t *testing.T, replies ...M) *tidegate.Gateway {
	t.Helper()
	if replies == nil {
		replies = []M{}
	}
	return open(t, M{"providers": M{"mock": M{
		"dialect": "openai",
		"mock":    M{"replies": replies},
		"prices":  M{"*": M{"input": 1, "output": 2}},
	}}})
}

func open(t *testing.T, config any) *tidegate.Gateway {
	t.Helper()
	gw, err := tidegate.OpenConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gw.Close(); err != nil {
			t.Error(err)
		}
	})
	return gw
}

func hello(model string) M {
	return M{"model": model, "messages": []M{{"role": "user", "content": "hello"}}}
}

// upstream is a gateway in front of a server of the test's own.
func upstream(t *testing.T, handler http.HandlerFunc) *tidegate.Gateway {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return open(t, M{"providers": M{"up": M{
		"dialect": "openai", "base_url": server.URL + "/v1", "api_key": "k",
		"prices": M{"*": M{"input": 0, "output": 0}},
	}}})
}

const chunkLine = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}` + "\n\n"

func TestChatAnswersWithTextUsageAndFacts(t *testing.T) {
	gw := mock(t, M{"text": "hi there", "input_tokens": 1000, "output_tokens": 500})
	reply, err := gw.Chat(ctx, hello("mock/small"))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Text() != "hi there" || reply.Usage.PromptTokens != 1000 {
		t.Errorf("%s", reply.Raw)
	}
	facts := reply.Gateway
	if facts.Target != "mock/small" || facts.Attempts != 1 || facts.Cost != "0.002" || facts.RequestID == "" {
		t.Errorf("%+v", facts)
	}
}

func TestChatStreamYieldsChunksAndLeavesFacts(t *testing.T) {
	gw := mock(t, M{"text": "one two three", "input_tokens": 1000, "output_tokens": 500})
	var facts tidegate.Facts
	var text strings.Builder
	chunks := 0
	for chunk, err := range gw.ChatStream(tidegate.WithFacts(ctx, &facts), hello("mock/small")) {
		if err != nil {
			t.Fatal(err)
		}
		chunks++
		text.WriteString(chunk.Text())
	}
	if text.String() != "one two three" || chunks < 3 {
		t.Errorf("%q in %d chunks", text.String(), chunks)
	}
	if facts.Target != "mock/small" || facts.Cost != "0.002" {
		t.Errorf("%+v", facts)
	}
}

func TestMessagesEmbeddingsAndModels(t *testing.T) {
	gw := mock(t, M{"text": "hi there"})
	request := hello("mock/small")
	request["max_tokens"] = 100
	message, err := gw.Messages(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if message.Text() != "hi there" || message.Role != "assistant" {
		t.Errorf("%s", message.Raw)
	}
	var text string
	for event, err := range gw.MessagesStream(ctx, request) {
		if err != nil {
			t.Fatal(err)
		}
		text += event.Delta.Text
	}
	if text != "hi there" {
		t.Errorf("%q", text)
	}
	embeddings, err := gw.Embeddings(ctx, M{"model": "mock/vectors", "input": []string{"a", "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(embeddings.Data) == 0 || len(embeddings.Data[0].Embedding) == 0 {
		t.Errorf("%s", embeddings.Raw)
	}
	if _, err := gw.Models(ctx); err != nil {
		t.Error(err)
	}
}

func TestRawRequestsReachTheUpstreamByteForByte(t *testing.T) {
	bodies := make(chan []byte, 1)
	gw := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- body
		w.Header().Set("content-type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"ok"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	})
	body := `{ "messages":[ {"content":"\u00e9<&>","role":"user"} ],"model":"up/m" , "seed":1e400, "x":-0, "x":1.0}`
	if _, err := gw.Chat(ctx, json.RawMessage(body)); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(body, "up/m", "m", 1)
	if got := <-bodies; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorsCarryCodeStatusAndAttempts(t *testing.T) {
	gw := mock(t, M{"status": 429, "headers": M{"retry-after": "7"}, "body": M{"error": M{"message": "slow down"}}})
	_, err := gw.Chat(ctx, hello("mock/small"))
	var failure *tidegate.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%T %v", err, err)
	}
	if !errors.Is(err, tidegate.CodeUpstreamRateLimited) || errors.Is(err, tidegate.CodeClosed) {
		t.Errorf("%v", err)
	}
	if failure.Status != 429 || failure.RetryAfter != 7*time.Second || len(failure.Attempts) == 0 {
		t.Errorf("%+v", failure)
	}
	if _, err := gw.Chat(ctx, hello("nowhere")); !errors.Is(err, tidegate.CodeUnknownModel) {
		t.Errorf("%v", err)
	}
	if _, err := gw.Chat(ctx, json.RawMessage("{")); !errors.Is(err, tidegate.CodeInvalidJson) {
		t.Errorf("%v", err)
	}
	for _, err := range gw.ChatStream(ctx, hello("nowhere")) {
		if !errors.Is(err, tidegate.CodeUnknownModel) {
			t.Errorf("%v", err)
		}
	}
	if _, err := gw.Chat(ctx, func() {}); err == nil {
		t.Error("a function is no request")
	}
	if _, err := tidegate.OpenConfig(M{"models": M{"fast": M{"targets": []string{"opnai/x"}}}}); !errors.Is(err, tidegate.CodeInvalidConfig) {
		t.Errorf("%v", err)
	}
	if _, err := tidegate.OpenText("providers: 7", "yaml"); !errors.Is(err, tidegate.CodeInvalidConfig) {
		t.Errorf("%v", err)
	}
	if _, err := tidegate.Open("/nowhere/tidegate.yaml"); !errors.Is(err, tidegate.CodeUnreadableConfig) {
		t.Errorf("%v", err)
	}
}

func TestDoRefusesAStreamAndNULs(t *testing.T) {
	gw := mock(t)
	body := []byte(`{"model":"mock/small","stream":true,"messages":[{"role":"user","content":"x"}]}`)
	if _, err := gw.Do(ctx, "POST", "/v1/chat/completions", nil, body); !errors.Is(err, tidegate.CodeInvalidRequest) {
		t.Errorf("%v", err)
	}
	if _, err := gw.Do(ctx, "POST", "/v1/chat\x00/completions", nil, body); err == nil {
		t.Error("a NUL went through")
	}
	if _, err := gw.Do(ctx, "GET", "/nowhere", nil, nil); !errors.Is(err, tidegate.CodeUnknownEndpoint) {
		t.Errorf("%v", err)
	}
}

func TestKeysHaveTheirOwnBudget(t *testing.T) {
	gw := open(t, M{
		"providers": M{"mock": M{"dialect": "openai", "mock": M{}, "prices": M{"*": M{"input": 1000, "output": 1000}}}},
		"keys":      []M{{"id": "alice", "value": "tg-alice", "budgets": []M{{"limit": "0.000001", "per": "1d"}}}},
	})
	if _, err := gw.Chat(ctx, hello("mock/small")); err != nil {
		t.Errorf("root: %v", err)
	}
	if _, err := gw.WithKey("tg-alice").Chat(ctx, hello("mock/small")); !errors.Is(err, tidegate.CodeBudgetExhausted) {
		t.Errorf("alice: %v", err)
	}
	if _, err := gw.WithKey("tg-nobody").Chat(ctx, hello("mock/small")); !errors.Is(err, tidegate.CodeUnknownKey) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := gw.WithHeader("x-tidegate-key", "tg-alice").Chat(ctx, hello("mock/small")); !errors.Is(err, tidegate.CodeBudgetExhausted) {
		t.Errorf("header: %v", err)
	}
}

func TestReloadKeepsTheLastGoodConfiguration(t *testing.T) {
	gw := mock(t, M{"text": "old"})
	if err := gw.Reload(M{"providers": 7}); !errors.Is(err, tidegate.CodeInvalidConfig) {
		t.Errorf("%v", err)
	}
	if reply, err := gw.Chat(ctx, hello("mock/small")); err != nil || reply.Text() != "old" {
		t.Errorf("%v", err)
	}
	if err := gw.Reload(M{"providers": M{"mock": M{"dialect": "openai", "mock": M{"replies": []M{{"text": "new"}}}}}}); err != nil {
		t.Fatal(err)
	}
	if reply, err := gw.Chat(ctx, hello("mock/small")); err != nil || reply.Text() != "new" {
		t.Errorf("%v", err)
	}
	path := filepath.Join(t.TempDir(), "tidegate.yaml")
	_ = os.WriteFile(path, []byte("providers: { mock: { dialect: openai, mock: {} } }\n"), 0o600)
	file, err := tidegate.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Reload(nil); err != nil {
		t.Error(err)
	}
	if report, err := file.Health(); err != nil || !json.Valid(report) {
		t.Errorf("%s %v", report, err)
	}
	if text, err := file.Metrics(); err != nil || !strings.Contains(text, "\ntidegate_in_flight 0\n") {
		t.Errorf("%s %v", text, err)
	}
}

func TestClosedGatewaysRefuse(t *testing.T) {
	gw := mock(t)
	if err := gw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gw.Close(); err != nil {
		t.Error(err)
	}
	if _, err := gw.Chat(ctx, hello("mock/small")); !errors.Is(err, tidegate.CodeClosed) {
		t.Errorf("%v", err)
	}
	if _, err := gw.WithKey("k").Health(); !errors.Is(err, tidegate.CodeClosed) {
		t.Errorf("%v", err)
	}
}

func TestShutdownLetsRunningCallsFinish(t *testing.T) {
	gw := mock(t, M{"text": "late", "delay": "150ms"})
	answered := make(chan error, 1)
	go func() {
		reply, err := gw.Chat(ctx, hello("mock/small"))
		if err == nil && reply.Text() != "late" {
			err = errors.New(reply.Text())
		}
		answered <- err
	}()
	time.Sleep(50 * time.Millisecond)
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := gw.Shutdown(limited); err != nil {
		t.Error(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	gw := mock(t, M{"text": "never", "delay": "1m"})
	answered := make(chan error, 1)
	go func() {
		_, err := gw.Chat(ctx, hello("mock/small"))
		answered <- err
	}()
	time.Sleep(50 * time.Millisecond)
	limited, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := gw.Shutdown(limited); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-answered:
		if err == nil {
			t.Error("answered")
		}
	case <-time.After(5 * time.Second):
		t.Error("the call hangs")
	}
}

// gone waits until the upstream sees its caller go away and gives how long that took.
func gone(t *testing.T, closed <-chan struct{}, since func() time.Time) {
	t.Helper()
	select {
	case <-closed:
		// The suite asks for 100 ms; this machine may be building at the same time.
		if took := time.Since(since()); took > 300*time.Millisecond {
			t.Errorf("the upstream was closed after %v", took)
		}
	case <-time.After(5 * time.Second):
		t.Error("the upstream was never closed")
	}
}

func TestTheContextClosesTheUpstreamBeforeAnAnswer(t *testing.T) {
	arrived, closed := make(chan struct{}), make(chan struct{})
	gw := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		close(closed)
	})
	limited, cancel := context.WithCancel(ctx)
	var at time.Time
	go func() {
		<-arrived
		at = time.Now()
		cancel()
	}()
	if _, err := gw.Chat(limited, hello("up/m")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	gone(t, closed, func() time.Time { return at })
}

// endless streams until its caller goes away.
func endless(closed chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, chunkLine, fmt.Sprint(i))
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		closed <- struct{}{}
	}
}

func TestLeavingAStreamClosesTheUpstream(t *testing.T) {
	closed := make(chan struct{}, 1)
	gw := upstream(t, endless(closed))
	for _, err := range gw.ChatStream(ctx, hello("up/m")) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	at := time.Now()
	gone(t, closed, func() time.Time { return at })
}

func TestTheContextClosesAStream(t *testing.T) {
	closed := make(chan struct{}, 1)
	gw := upstream(t, endless(closed))
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	var at time.Time
	var last error
	chunks := 0
	for _, err := range gw.ChatStream(limited, hello("up/m")) {
		if last = err; err != nil {
			break
		}
		if chunks++; chunks == 3 {
			time.AfterFunc(20*time.Millisecond, func() {
				at = time.Now()
				cancel()
			})
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("%v", last)
	}
	gone(t, closed, func() time.Time { return at })
}

func TestServeAndConnectGiveTheSameCalls(t *testing.T) {
	local := mock(t, M{"text": "over the wire"})
	server, err := local.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := server.Shutdown(limited); err != nil {
			t.Error(err)
		}
	}()
	remote, err := tidegate.Connect(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	if reply, err := remote.Chat(ctx, hello("mock/small")); err != nil || reply.Text() != "over the wire" {
		t.Errorf("%v", err)
	}
	var text string
	for chunk, err := range remote.ChatStream(ctx, hello("mock/small")) {
		if err != nil {
			t.Fatal(err)
		}
		text += chunk.Text()
	}
	if text != "over the wire" {
		t.Errorf("%q", text)
	}
	if _, err := remote.Chat(ctx, hello("nowhere")); !errors.Is(err, tidegate.CodeUnknownModel) {
		t.Errorf("%v", err)
	}
}

func TestManyCallsAndStreamsAtTheSameTime(t *testing.T) {
	gw := mock(t, M{"text": "one two three four"})
	var group sync.WaitGroup
	for i := range 200 {
		group.Add(1)
		go func() {
			defer group.Done()
			limited, cancel := context.WithCancel(ctx)
			defer cancel()
			switch i % 4 {
			case 0:
				if reply, err := gw.Chat(limited, hello("mock/small")); err != nil || reply.Text() != "one two three four" {
					t.Error(err)
				}
			case 1, 2:
				var text string
				for chunk, err := range gw.ChatStream(limited, hello("mock/small")) {
					if err != nil {
						t.Error(err)
					}
					text += chunk.Text()
				}
				if text != "one two three four" {
					t.Errorf("%q", text)
				}
			default:
				timer := time.AfterFunc(time.Duration(i)*10*time.Microsecond, cancel)
				defer timer.Stop()
				for _, err := range gw.ChatStream(limited, hello("mock/small")) {
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
			}
		}()
	}
	group.Wait()
}

func TestNoGoroutineOutlivesItsGateway(t *testing.T) {
	settle := func(want int) int {
		for range 200 {
			if runtime.NumGoroutine() <= want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		return runtime.NumGoroutine()
	}
	before := runtime.NumGoroutine()
	for range 3 {
		gw, err := tidegate.OpenConfig(M{"providers": M{"mock": M{
			"dialect": "openai", "mock": M{"replies": []M{{"text": "a b c d", "pace": "5ms"}}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			for range gw.ChatStream(ctx, hello("mock/small")) {
				break
			}
			limited, cancel := context.WithTimeout(ctx, time.Millisecond)
			_, _ = gw.Chat(limited, hello("mock/small"))
			cancel()
		}
		if err := gw.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := settle(before); after > before {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

func TestAForgottenGatewayIsCollected(t *testing.T) {
	before := runtime.NumGoroutine()
	func() {
		gw, err := tidegate.OpenConfig(M{"providers": M{"mock": M{"dialect": "openai", "mock": M{}}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gw.Chat(ctx, hello("mock/small")); err != nil {
			t.Fatal(err)
		}
	}()
	for range 100 {
		runtime.GC()
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

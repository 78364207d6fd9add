package tidegate_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

func functions(t *testing.T, choices ...tidegate.Option) *tidegate.Gateway {
	t.Helper()
	gw, err := tidegate.OpenConfig(M{
		"providers": M{"silent": M{"timeouts": M{"first_byte": "100ms"}}},
		"models":    M{"silent": M{"targets": []string{"silent/m"}, "retry": M{"attempts": 1}}},
		"unpriced":  "allow",
	}, append(choices, tidegate.WithProvider("silent", func(ctx context.Context, _ *tidegate.ProviderRequest) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gw.Close() })
	return gw
}

func says(t *testing.T, gw *tidegate.Gateway, model string) string {
	t.Helper()
	reply, err := gw.Chat(ctx, hello(model))
	if err != nil {
		t.Fatal(err)
	}
	return reply.Text()
}

func TestAFunctionMayGiveAnyKindOfAnswer(t *testing.T) {
	gw := functions(t)
	answers := map[string]any{
		"text":   "abc",
		"bytes":  []byte(`{"text":"abc"}`),
		"object": M{"text": "abc", "usage": M{"input": 1, "output": 2}},
		"seq": func(yield func(string) bool) {
			_ = yield("a") && yield("bc")
		},
		"seq2": func(yield func(string, error) bool) {
			_ = yield("a", nil) && yield("bc", nil)
		},
		"any": func(yield func(any, error) bool) {
			_ = yield("a", nil) && yield(M{"text": "bc"}, nil)
		},
	}
	for name, answer := range answers {
		err := gw.Provide(name, func(_ context.Context, request *tidegate.ProviderRequest) (any, error) {
			if !strings.Contains(string(request.Body), "hello") || request.Header.Get("content-type") == "" {
				return nil, errors.New("not what was asked")
			}
			return answer, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if text := says(t, gw, name+"/m"); text != "abc" {
			t.Errorf("%s gave %q", name, text)
		}
	}
}

func TestFailuresOfFunctionsAreTold(t *testing.T) {
	panics := func(context.Context, *tidegate.ProviderRequest) (any, error) { panic("sk-secret") }
	refuses := func(context.Context, *tidegate.ProviderRequest) (any, error) {
		return nil, fmt.Errorf("wrapped: %w", &tidegate.ProviderError{Status: 429, Message: "slow down", RetryAfter: time.Minute})
	}
	gives := func(context.Context, *tidegate.ProviderRequest) (any, error) { return nil, nil }
	gw := functions(t, tidegate.WithProvider("panics", panics), tidegate.WithProvider("refuses", refuses), tidegate.WithProvider("gives", gives))
	for model, code := range map[string]tidegate.Code{
		"panics/m": tidegate.CodeUpstreamFailed, "refuses/m": tidegate.CodeUpstreamRateLimited,
		"gives/m": tidegate.CodeUpstreamFailed, "silent": tidegate.CodeFirstByteTimeout,
	} {
		_, err := gw.Chat(ctx, hello(model))
		if !errors.Is(err, code) || strings.Contains(err.Error(), "sk-secret") {
			t.Errorf("%s: %v", model, err)
		}
	}
	if err := gw.Provide("a/b", gives); !errors.Is(err, tidegate.CodeInvalidRequest) {
		t.Error(err)
	}
}

func TestFunctionsMayCallTheGatewayToAnyDepthAtOnce(t *testing.T) {
	gw := functions(t)
	err := gw.Provide("deep", func(ctx context.Context, request *tidegate.ProviderRequest) (any, error) {
		left, _ := strconv.Atoi(request.Model)
		if left == 0 {
			return "0", nil
		}
		reply, err := gw.Chat(ctx, hello("deep/"+strconv.Itoa(left-1)))
		if err != nil {
			return nil, err
		}
		below, _ := strconv.Atoi(reply.Text())
		return strconv.Itoa(below + 1), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Add(1)
		go func() {
			defer all.Done()
			reply, err := gw.Chat(ctx, hello("deep/10"))
			if err != nil || reply.Text() != "10" {
				t.Error(reply, err)
			}
		}()
	}
	all.Wait()
}

func TestACallerWhoGoesEndsTheContextOfTheFunction(t *testing.T) {
	var begun, ended atomic.Int64
	slow := func(ctx context.Context, _ *tidegate.ProviderRequest) (any, error) {
		begun.Add(1)
		<-ctx.Done()
		ended.Add(1)
		return nil, ctx.Err()
	}
	var pushed atomic.Int64
	endless := func(context.Context, *tidegate.ProviderRequest) (any, error) {
		return func(yield func(string, error) bool) {
			defer ended.Add(1)
			begun.Add(1)
			for yield(strings.Repeat("x", 1000), nil) {
				pushed.Add(1)
			}
		}, nil
	}
	gw := functions(t, tidegate.WithProvider("slow", slow), tidegate.WithProvider("endless", endless))
	var all sync.WaitGroup
	for i := range 100 {
		all.Add(1)
		go func() {
			defer all.Done()
			limited, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Millisecond)
			defer cancel()
			if _, err := gw.Chat(limited, hello("slow/m")); err == nil {
				t.Error("the function answered")
			}
		}()
	}
	all.Wait()
	for _, err := range gw.ChatStream(ctx, hello("endless/m")) {
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if pushed.Load() > 5000 {
			t.Error("nothing holds the function back")
		}
		break
	}
	deadline := time.Now().Add(5 * time.Second)
	for ended.Load() != begun.Load() {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d functions ended", ended.Load(), begun.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestClosedGatewaysForgetTheirFunctions(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		gw := functions(t, tidegate.WithProvider("mine", func(context.Context, *tidegate.ProviderRequest) (any, error) { return "ok", nil }))
		if says(t, gw, "mine/m") != "ok" {
			t.Fatal("no answer")
		}
		_ = gw.Close()
	}
	time.Sleep(50 * time.Millisecond)
	if after := runtime.NumGoroutine(); after > before+5 {
		t.Errorf("%d goroutines became %d", before, after)
	}
}

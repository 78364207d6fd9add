// Package vendortest runs the vendors' own SDKs, unmodified, over the engine. It is a module of its
// own, so that the module itself depends on nothing; vendor_test.go of the module runs it.
package vendortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
	tidegate "github.com/tidegate/tidegate-go"
)

type M = tidegate.M

var ctx = context.Background()

// behind opens a gateway whose vendors are one server of the test's own.
func behind(t *testing.T, handler http.HandlerFunc) *tidegate.Gateway {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	gw, err := tidegate.OpenConfig(M{
		"providers": M{
			"openai":    M{"api_key": "sk-o", "base_url": server.URL + "/v1"},
			"anthropic": M{"api_key": "sk-a", "base_url": server.URL},
		},
		"models": M{"fast": M{"targets": []string{"openai/gpt-5-mini"}, "retry": M{"attempts": 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gw.Close() })
	return gw
}

func openaiClient(gw *tidegate.Gateway) openai.Client {
	return openai.NewClient(
		option.WithHTTPClient(&http.Client{Transport: gw.RoundTripper()}),
		option.WithAPIKey("unused"), option.WithMaxRetries(0),
	)
}

func anthropicClient(gw *tidegate.Gateway) *anthropic.Client {
	client := anthropic.NewClient(
		anthropicoption.WithHTTPClient(&http.Client{Transport: gw.RoundTripper()}),
		anthropicoption.WithAPIKey("unused"), anthropicoption.WithMaxRetries(0),
	)
	return &client
}

func chat(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func message(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: "claude-haiku-4-5", MaxTokens: 100,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
	}
}

func answer(status int, headers map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "application/json")
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// pieces streams a text n bytes at a time, so that events and characters are cut anywhere.
func pieces(text string, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("content-type", "text/event-stream")
		for len(text) > 0 {
			cut := min(n, len(text))
			_, _ = io.WriteString(w, text[:cut])
			w.(http.Flusher).Flush()
			text = text[cut:]
		}
	}
}

const openaiReply = `{"id":"c","object":"chat.completion","created":1,"model":"gpt-5-mini","choices":[{"index":0,
"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`

func TestOpenAIChat(t *testing.T) {
	for _, model := range []string{"gpt-5-mini", "openai/gpt-5-mini", "fast"} {
		client := openaiClient(behind(t, answer(200, nil, fmt.Sprintf(openaiReply, "grüß dich ⚓"))))
		var response *http.Response
		reply, err := client.Chat.Completions.New(ctx, chat(model, "hi"), option.WithResponseInto(&response))
		if err != nil {
			t.Fatal(err)
		}
		if reply.Choices[0].Message.Content != "grüß dich ⚓" || reply.Usage.TotalTokens != 7 {
			t.Errorf("%s", reply.RawJSON())
		}
		if got := response.Header.Get("x-tidegate-target"); got != "openai/gpt-5-mini" {
			t.Errorf("%s went to %q", model, got)
		}
	}
}

func TestOpenAIStreamWithToolsAndUsage(t *testing.T) {
	chunk := func(delta, finish string) string {
		return `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5-mini","choices":[{"index":0,"delta":` +
			delta + `,"finish_reason":` + finish + "}]}\n\n"
	}
	text := chunk(`{"role":"assistant","content":""}`, "null") +
		chunk(`{"content":"ahoi ⚓ "}`, "null") + chunk(`{"content":"дом"}`, "null") +
		chunk(`{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"sail","arguments":""}}]}`, "null") +
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"to\":"}}]}`, "null") +
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]}`, "null") +
		chunk(`{}`, `"tool_calls"`) +
		`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}` +
		"\n\ndata: [DONE]\n\n"
	for _, n := range []int{1, 7, len(text)} {
		client := openaiClient(behind(t, pieces(text, n)))
		request := chat("gpt-5-mini", "hi")
		request.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		request.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: "sail", Parameters: shared.FunctionParameters{"type": "object"},
		})}
		stream := client.Chat.Completions.NewStreaming(ctx, request)
		whole := openai.ChatCompletionAccumulator{}
		for stream.Next() {
			whole.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		said := whole.Choices[0].Message
		if said.Content != "ahoi ⚓ дом" || len(said.ToolCalls) != 1 || whole.Usage.TotalTokens != 7 {
			t.Fatalf("split by %d: %+v", n, said)
		}
		if call := said.ToolCalls[0].Function; call.Name != "sail" || call.Arguments != `{"to":"Oslo"}` {
			t.Errorf("%+v", call)
		}
	}
}

func TestOpenAIErrorsKeepStatusCodeAndHeaders(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 422, 429, 500, 503} {
		body := fmt.Sprintf(`{"error":{"message":"no","type":"t","param":"p","code":"c%d"}}`, status)
		client := openaiClient(behind(t, answer(status, map[string]string{"retry-after": "0"}, body)))
		_, err := client.Chat.Completions.New(ctx, chat("fast", "hi"))
		var refused *openai.Error
		if !errors.As(err, &refused) {
			t.Fatalf("%d: %v", status, err)
		}
		if refused.StatusCode != status || refused.Code != fmt.Sprintf("c%d", status) || refused.Message != "no" {
			t.Errorf("%d: %+v", status, refused)
		}
	}
}

func TestAMegabyteBothWaysInParallel(t *testing.T) {
	text := strings.Repeat("x⚓", 1<<18)
	client := openaiClient(behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body) < len(text) {
			w.WriteHeader(400)
		}
		answer(200, nil, fmt.Sprintf(openaiReply, text))(w, r)
	}))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			reply, err := client.Chat.Completions.New(ctx, chat("fast", text))
			if err != nil || reply.Choices[0].Message.Content != text {
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
}

func TestTimeoutsAndCancellationAreTheLanguagesOwn(t *testing.T) {
	gone := make(chan struct{}, 8)
	waiting := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		gone <- struct{}{}
	}
	client := openaiClient(behind(t, waiting))
	_, err := client.Chat.Completions.New(ctx, chat("fast", "hi"), option.WithRequestTimeout(50*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	limited, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := anthropicClient(behind(t, waiting)).Messages.New(limited, message("hi")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for range 2 {
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			t.Fatal("the upstream was not closed")
		}
	}
}

func TestAnthropicMessagesAndStreams(t *testing.T) {
	client := anthropicClient(behind(t, answer(200, nil, `{"id":"m","type":"message","role":"assistant","model":"claude-haiku-4-5",
"content":[{"type":"text","text":"hei ⚓"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":4}}`)))
	reply, err := client.Messages.New(ctx, message("hi"))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Content[0].Text != "hei ⚓" || reply.Usage.OutputTokens != 4 {
		t.Errorf("%s", reply.RawJSON())
	}

	event := func(name, data string) string {
		return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + data + "}\n\n"
	}
	text := event("message_start", `,"message":{"id":"m","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}`) +
		event("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) +
		event("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"ahoi ⚓"}`) +
		event("content_block_stop", `,"index":0`) +
		event("content_block_start", `,"index":1,"content_block":{"type":"tool_use","id":"t1","name":"sail","input":{}}`) +
		event("content_block_delta", `,"index":1,"delta":{"type":"input_json_delta","partial_json":"{\"to\":\"Oslo\"}"}`) +
		event("content_block_stop", `,"index":1`) +
		event("message_delta", `,"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}`) +
		event("message_stop", "")
	for _, n := range []int{1, 13, len(text)} {
		stream := anthropicClient(behind(t, pieces(text, n))).Messages.NewStreaming(ctx, message("hi"))
		whole := anthropic.Message{}
		for stream.Next() {
			if err := whole.Accumulate(stream.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		if len(whole.Content) != 2 || whole.Content[0].Text != "ahoi ⚓" || string(whole.Content[1].Input) != `{"to":"Oslo"}` ||
			whole.Usage.OutputTokens != 9 || whole.StopReason != "tool_use" {
			t.Errorf("split by %d: %s", n, whole.RawJSON())
		}
	}
}

func TestAnthropicErrorsKeepStatusAndType(t *testing.T) {
	for status, kind := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
		429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
	} {
		body := fmt.Sprintf(`{"type":"error","error":{"type":%q,"message":"no"},"request_id":"r"}`, kind)
		_, err := anthropicClient(behind(t, answer(status, nil, body))).Messages.New(ctx, message("hi"))
		var refused *anthropic.Error
		if !errors.As(err, &refused) || refused.StatusCode != status || !strings.Contains(refused.RawJSON(), kind) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestOtherPathsOfTheVendorWork(t *testing.T) {
	client := openaiClient(behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/files" || r.URL.Query().Get("limit") != "3" {
			t.Errorf("%s", r.URL)
		}
		answer(200, nil, `{"object":"list","data":[{"id":"f1","object":"file"}],"has_more":false}`)(w, r)
	}))
	page, err := client.Files.List(ctx, openai.FileListParams{Limit: openai.Int(3)})
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "f1" {
		t.Errorf("%v", err)
	}
}

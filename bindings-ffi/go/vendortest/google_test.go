package vendortest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tidegate "github.com/tidegate/tidegate-go"
	"google.golang.org/genai"
)

// genaiClient is Google's client over a gateway whose Gemini is a server of the test's own.
func genaiClient(t *testing.T, handler http.HandlerFunc) *genai.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	gw, err := tidegate.OpenConfig(M{
		"providers": M{
			"gemini": M{"api_key": "kg", "base_url": server.URL},
			"openai": M{"api_key": "ko", "base_url": server.URL + "/v1"},
		},
		"models": M{"fast": M{"targets": []string{"openai/gpt-5-mini"}, "retry": M{"attempts": 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gw.Close() })
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: "unused", Backend: genai.BackendGeminiAPI, HTTPClient: &http.Client{Transport: gw.RoundTripper()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

const geminiUsage = `"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4,"totalTokenCount":7}`

func TestGoogleGenerates(t *testing.T) {
	var path, key string
	client := genaiClient(t, func(w http.ResponseWriter, r *http.Request) {
		path, key = r.URL.Path, r.Header.Get("x-goog-api-key")
		answer(200, nil, `{"candidates":[{"content":{"role":"model","parts":[{"text":"grüß dich ⚓"},`+
			`{"functionCall":{"name":"sail","args":{"to":"Oslo"}}}]},"finishReason":"STOP"}],`+geminiUsage+`}`)(w, r)
	})
	reply, err := client.Models.GenerateContent(ctx, "gemini-2.5-flash", genai.Text("hi"), nil)
	if err != nil {
		t.Fatal(err)
	}
	calls := reply.FunctionCalls()
	if reply.Text() != "grüß dich ⚓" || reply.UsageMetadata.TotalTokenCount != 7 || len(calls) != 1 || calls[0].Args["to"] != "Oslo" {
		t.Errorf("%+v", reply)
	}
	if path != "/v1beta/models/gemini-2.5-flash:generateContent" || key != "kg" {
		t.Errorf("%s with %s", path, key)
	}
}

func TestGoogleStreamsFromItselfAndFromOpenAI(t *testing.T) {
	own := `data: {"candidates":[{"content":{"role":"model","parts":[{"text":"ahoi ⚓ "}]}}]}` + "\r\n\r\n" +
		`data: {"candidates":[{"content":{"role":"model","parts":[{"text":"дом"}]},"finishReason":"STOP"}],` + geminiUsage + "}\r\n\r\n"
	other := `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"ahoi ⚓ дом"},"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}` + "\n\ndata: [DONE]\n\n"
	for model, text := range map[string]string{"gemini-2.5-flash": own, "fast": other} {
		for _, n := range []int{1, 7, len(text)} {
			client := genaiClient(t, pieces(text, n))
			var said strings.Builder
			var total int32
			for chunk, err := range client.Models.GenerateContentStream(ctx, model, genai.Text("hi"), nil) {
				if err != nil {
					t.Fatal(err)
				}
				said.WriteString(chunk.Text())
				if chunk.UsageMetadata != nil {
					total = chunk.UsageMetadata.TotalTokenCount
				}
			}
			if said.String() != "ahoi ⚓ дом" || total != 7 {
				t.Errorf("%s: %q, %d tokens", model, said.String(), total)
			}
		}
	}
}

func TestGoogleEmbedsCountsAndKeepsCaches(t *testing.T) {
	client := genaiClient(t, func(w http.ResponseWriter, r *http.Request) {
		text := `{"name":"cachedContents/c1","model":"models/gemini-2.5-flash"}`
		switch {
		case strings.HasSuffix(r.URL.Path, ":batchEmbedContents"):
			text = `{"embeddings":[{"values":[0.5,2]}]}`
		case strings.HasSuffix(r.URL.Path, ":countTokens"):
			text = `{"totalTokens":42}`
		}
		answer(200, nil, text)(w, r)
	})
	vectors, err := client.Models.EmbedContent(ctx, "gemini-embedding-001", genai.Text("hi"), nil)
	if err != nil || vectors.Embeddings[0].Values[1] != 2 {
		t.Errorf("%+v, %v", vectors, err)
	}
	count, err := client.Models.CountTokens(ctx, "gemini-2.5-flash", genai.Text("hi"), nil)
	if err != nil || count.TotalTokens != 42 {
		t.Errorf("%+v, %v", count, err)
	}
	kept, err := client.Caches.Create(ctx, "gemini-2.5-flash", &genai.CreateCachedContentConfig{Contents: genai.Text("a book")})
	if err != nil || kept.Name != "cachedContents/c1" {
		t.Errorf("%+v, %v", kept, err)
	}
}

func TestGoogleRaisesItsOwnErrors(t *testing.T) {
	body := `{"error":{"code":400,"message":"no such thing","status":"INVALID_ARGUMENT"}}`
	client := genaiClient(t, answer(400, nil, body))
	_, err := client.Models.GenerateContent(ctx, "gemini-2.5-flash", genai.Text("hi"), nil)
	failure, ok := err.(genai.APIError)
	if !ok || failure.Code != 400 || !strings.Contains(failure.Message, "no such thing") {
		t.Errorf("%T %v", err, err)
	}
	cut := genaiClient(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"candidates":[{"content":{"role":"model","parts":[{"text":"ah"}]}}]}`+"\n\n")
	})
	var last error
	for _, err := range cut.Models.GenerateContentStream(ctx, "gemini-2.5-flash", genai.Text("hi"), nil) {
		last = err
	}
	if last == nil {
		t.Error("a stream without its end ended well")
	}
}

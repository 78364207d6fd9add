package tidegate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

const chatURL = "https://api.openai.com/v1/chat/completions"

// dropIn is a gateway whose `openai` answers from a script.
func dropIn(t *testing.T, replies ...M) *http.Client {
	t.Helper()
	gw := open(t, M{"providers": M{"openai": M{"api_key": "k", "mock": M{"replies": replies}}}})
	return &http.Client{Transport: gw.RoundTripper()}
}

func post(t *testing.T, ctx context.Context, client *http.Client, body string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "POST", chatURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("content-type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func TestVendorURLsEnterTheGateway(t *testing.T) {
	client := dropIn(t, M{"text": "hi there"})
	var facts tidegate.Facts
	response := post(t, tidegate.WithFacts(ctx, &facts), client, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}`)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 || !strings.Contains(string(body), "hi there") || response.ContentLength != int64(len(body)) {
		t.Errorf("%s %s", response.Status, body)
	}
	if got := response.Header.Get("x-tidegate-target"); got != "openai/gpt-4o-mini" || facts.Target != got {
		t.Errorf("%q %+v", got, facts)
	}
}

func TestStreamedBodiesAreServerSentEvents(t *testing.T) {
	client := dropIn(t, M{"text": "one two three"})
	response := post(t, ctx, client, `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"x"}]}`)
	lines := bufio.NewScanner(response.Body)
	events, last := 0, ""
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			events, last = events+1, data
		}
	}
	if lines.Err() != nil || events < 4 || last != "[DONE]" {
		t.Errorf("%d events, last %q: %v", events, last, lines.Err())
	}
	if response.Trailer.Get("x-tidegate-cost") == "" {
		t.Errorf("%v", response.Trailer)
	}
}

func TestRefusalsAreAnswersInTheVendorsShape(t *testing.T) {
	client := dropIn(t, M{"status": 401, "body": M{"error": M{"message": "no such key", "code": "invalid_api_key"}}})
	response := post(t, ctx, client, `{"model":"gpt-4o-mini","messages":[]}`)
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 401 || !strings.Contains(string(body), "invalid_api_key") {
		t.Errorf("%s %s", response.Status, body)
	}
	response = post(t, ctx, client, `{`)
	body, _ = io.ReadAll(response.Body)
	if response.StatusCode != 400 || !strings.Contains(string(body), `"error"`) {
		t.Errorf("%s %s", response.Status, body)
	}
}

func TestClosingABodyClosesTheUpstream(t *testing.T) {
	closed := make(chan struct{}, 1)
	gw := upstream(t, endless(closed))
	client := &http.Client{Transport: gw.RoundTripper()}
	body := `{"model":"up/m","stream":true,"messages":[{"role":"user","content":"x"}]}`

	response := post(t, ctx, client, body)
	if _, err := response.Body.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	_ = response.Body.Close()
	gone(t, closed, func() time.Time { return at })
	if _, err := response.Body.Read(make([]byte, 10)); err == nil {
		_, err = io.ReadAll(response.Body)
		if err == nil {
			t.Error("a closed body was read to its end")
		}
	}

	// A context closes it too, while nobody reads.
	limited, cancel := context.WithCancel(ctx)
	response = post(t, limited, client, body)
	at = time.Now()
	cancel()
	gone(t, closed, func() time.Time { return at })
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAMegabyteGoesThroughBothWays(t *testing.T) {
	text := strings.Repeat("é<&>", 1<<18)
	client := dropIn(t, M{"text": text})
	response := post(t, ctx, client, fmt.Sprintf(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":%q}]}`, text))
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 || len(body) < len(text) {
		t.Errorf("%s %d bytes: %v", response.Status, len(body), err)
	}
}

package tidegate_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	tidegate "github.com/tidegate/tidegate-go"
)

// vendor is a gateway in front of a vendor that always gives that answer, and what it was last sent.
func vendor(t *testing.T, kind, answer string) (*tidegate.Gateway, *atomic.Pointer[sent]) {
	t.Helper()
	last := new(atomic.Pointer[sent])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last.Store(&sent{r.Method + " " + r.URL.RequestURI(), r.Header, string(body)})
		w.Header().Set("content-type", kind)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	provider := func(dialect, base string) M {
		return M{"dialect": dialect, "base_url": base, "api_key": "k-" + dialect, "prices": M{"*": M{"input": 1, "output": 2, "image": 1}}}
	}
	return open(t, M{"providers": M{
		"openai":    provider("openai", server.URL+"/v1"),
		"other":     provider("openai", server.URL+"/v1"),
		"anthropic": provider("anthropic", server.URL),
		"cohere":    provider("cohere", server.URL),
	}}), last
}

type sent struct {
	line   string
	header http.Header
	body   string
}

const (
	picture = `{"created":1,"data":[{"b64_json":"aGk="}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}`
	aFile   = `{"id":"file-1","object":"file","bytes":3,"filename":"a.jsonl","purpose":"batch"}`
	aBatch  = `{"id":"batch_1","status":"completed","request_counts":{"total":2},"output_file_id":null}`
)

func TestMethodsSpeakTheVendorsWords(t *testing.T) {
	type method = func(*tidegate.Gateway) (got any, answer *tidegate.Answer, err error)
	request := M{"model": "openai/m", "prompt": "x", "input": "x"}
	upload := func(more ...string) M {
		form := M{"model": "openai/m", "prompt": "x"}
		for _, name := range more {
			form[name] = tidegate.File{Name: "a.wav", Content: strings.NewReader("RIFF")}
		}
		return form
	}
	for line, c := range map[string]struct {
		answer string
		want   any
		call   method
	}{
		"POST /v1/completions": {`{"id":"c","choices":[{"index":0,"text":"hi"}]}`, "hi", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Completions(ctx, request)
			return r.Text(), &r.Answer, err
		}},
		"POST /v1/images/generations": {picture, "aGk=", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Images().Generate(ctx, request)
			return r.Data[0].B64JSON, &r.Answer, err
		}},
		"POST /v1/images/edits": {picture, int64(7), func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Images().Edit(ctx, upload("image"))
			return r.Usage.TotalTokens, &r.Answer, err
		}},
		"POST /v1/images/variations": {picture, int64(1), func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Images().Variation(ctx, upload("image"))
			return r.Created, &r.Answer, err
		}},
		"POST /v1/audio/transcriptions": {`{"text":"said"}`, "said", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Audio().Transcribe(ctx, upload("file"))
			return r.Text, &r.Answer, err
		}},
		"POST /v1/audio/translations": {`{"text":"said"}`, "said", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Audio().Translate(ctx, upload("file"))
			return r.Text, &r.Answer, err
		}},
		"POST /v1/moderations": {`{"id":"m","results":[{"flagged":true,"categories":{"a":true},"category_scores":{"a":0.5}}]}`, 0.5, func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Moderations(ctx, request)
			return r.Results[0].CategoryScores["a"], &r.Answer, err
		}},
		"POST /v2/rerank": {`{"id":"r","results":[{"index":1,"relevance_score":0.9}],"meta":{"billed_units":{"search_units":1}}}`, 1, func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Rerank(ctx, M{"model": "cohere/m", "query": "q", "documents": []string{"a", "b"}})
			return r.Results[0].Index, &r.Answer, err
		}},
		"POST /v1/messages/count_tokens": {`{"input_tokens":12}`, int64(12), func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.CountTokens(ctx, M{"model": "anthropic/m", "messages": []M{{"role": "user", "content": "hi"}}})
			return r.InputTokens, &r.Answer, err
		}},
		"POST /v1/ocr": {`{"model":"m","pages":[{"index":0,"markdown":"# hi"}]}`, "# hi", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.OCR(ctx, M{"model": "other/m", "document": M{"type": "document_url", "document_url": "https://x"}})
			return r.Pages[0].Markdown, &r.Answer, err
		}},
		"POST /v1/files": {aFile, "file-1", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Files().Create(ctx, upload("file"))
			return r.ID, &r.Answer, err
		}},
		"GET /v1/files?limit=2&purpose=batch": {`{"object":"list","data":[` + aFile + `],"has_more":true}`, "a.jsonl", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Files().List(ctx, url.Values{"purpose": {"batch"}, "limit": {"2"}})
			return r.Data[0].Filename, &r.Answer, err
		}},
		"GET /v1/files/file%2F1": {aFile, int64(3), func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Files().Retrieve(ctx, "file/1")
			return r.Bytes, &r.Answer, err
		}},
		"DELETE /v1/files/file-1": {`{"id":"file-1","deleted":true}`, true, func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Files().Delete(ctx, "file-1")
			return r.Deleted, &r.Answer, err
		}},
		"POST /v1/batches": {aBatch, "completed", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Batches().Create(ctx, M{"input_file_id": "file-1", "endpoint": "/v1/chat/completions"})
			return r.Status, &r.Answer, err
		}},
		"GET /v1/batches": {`{"data":[` + aBatch + `]}`, int64(2), func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Batches().List(ctx, nil)
			return r.Data[0].RequestCounts["total"], &r.Answer, err
		}},
		"GET /v1/batches/batch_1": {aBatch, "batch_1", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Batches().Retrieve(ctx, "batch_1")
			return r.ID, &r.Answer, err
		}},
		"POST /v1/batches/batch_1/cancel": {aBatch, "batch_1", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Batches().Cancel(ctx, "batch_1")
			return r.ID, &r.Answer, err
		}},
		"GET /v1/messages/batches/b": {`{"id":"b","processing_status":"ended"}`, "ended", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.MessageBatches().Retrieve(ctx, "b")
			return r.ProcessingStatus, &r.Answer, err
		}},
		"DELETE /v1/messages/batches/b": {`{"id":"b","type":"message_batch_deleted"}`, true, func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.MessageBatches().Delete(ctx, "b")
			return r.Deleted, &r.Answer, err
		}},
		"GET /v1/videos/v": {`{"id":"v","status":"queued","progress":5}`, 5.0, func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.Videos().Retrieve(ctx, "v")
			return r.Progress, &r.Answer, err
		}},
		"GET /v1/responses/r": {`{"id":"r","status":"completed","output":[]}`, "completed", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.KeptResponses().Retrieve(ctx, "r")
			return r.Status, &r.Answer, err
		}},
		"POST /v1/responses/r/cancel": {`{"id":"r","status":"cancelled"}`, "cancelled", func(g *tidegate.Gateway) (any, *tidegate.Answer, error) {
			r, err := g.KeptResponses().Cancel(ctx, "r")
			return r.Status, &r.Answer, err
		}},
	} {
		t.Run(line, func(t *testing.T) {
			gw, last := vendor(t, "application/json", c.answer)
			got, answer, err := c.call(gw)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want || last.Load().line != line {
				t.Errorf("%v, sent %s", got, last.Load().line)
			}
			if answer.Gateway.Attempts != 1 || answer.Gateway.RequestID == "" || !json.Valid(answer.Raw) {
				t.Errorf("%+v of %s", answer.Gateway, answer.Raw)
			}
		})
	}
}

func TestFormsCarryFilesFieldsAndLists(t *testing.T) {
	gw, last := vendor(t, "application/json", picture)
	path := filepath.Join(t.TempDir(), `a "b".png`)
	if err := os.WriteFile(path, []byte("from a path"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	_, err = gw.Images().Edit(ctx, M{
		"model": "openai/m", "prompt": "sea 🌊", "image": []any{opened, []byte("from memory")},
		"mask": nil, "n": 2, "transparent": true, "deep": M{"er": []string{"a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"name=\"image[]\"; filename=\"a %22b%22.png\"\r\nContent-Type: image/png\r\n\r\nfrom a path\r\n",
		"name=\"image[]\"; filename=\"upload\"\r\nContent-Type: application/octet-stream\r\n\r\nfrom memory\r\n",
		"name=\"prompt\"\r\n\r\nsea 🌊\r\n", "name=\"n\"\r\n\r\n2\r\n", "name=\"transparent\"\r\n\r\ntrue\r\n",
		"name=\"deep[er][]\"\r\n\r\na\r\n", "name=\"model\"\r\n\r\nm\r\n",
	} {
		if !strings.Contains(last.Load().body, part) {
			t.Errorf("%q is not in\n%s", part, last.Load().body)
		}
	}
	if strings.Contains(last.Load().body, "mask") {
		t.Error("nil was sent")
	}
}

func TestSoundComesAsBytesWithFacts(t *testing.T) {
	sound := strings.Repeat("\x00\xff\r\n\r\ndata: sound", 10_000)
	gw, _ := vendor(t, "audio/mpeg", sound)
	content, err := gw.Audio().Speech(ctx, M{"model": "openai/m", "input": "x", "voice": "alloy"})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(content)
	if err != nil || string(heard) != sound {
		t.Errorf("%d bytes, %v", len(heard), err)
	}
	if facts := content.Gateway(); facts.Target != "openai/m" || facts.Attempts != 1 {
		t.Errorf("%+v", facts)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
	// One that is left early holds nothing.
	left, err := gw.Files().Content(ctx, "file-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Close(); err != nil {
		t.Error(err)
	}
	if _, err := left.Read(make([]byte, 1)); err == nil {
		t.Error("a closed body was read")
	}
}

func TestSubtitlesAreTheText(t *testing.T) {
	gw, _ := vendor(t, "text/plain", "1\n00:00 hi\n")
	said, err := gw.Audio().Transcribe(ctx, M{"model": "openai/m", "file": []byte("RIFF"), "response_format": "srt"})
	if err != nil {
		t.Fatal(err)
	}
	if said.Text != "1\n00:00 hi\n" || said.Gateway.Target != "openai/m" {
		t.Errorf("%q %+v", said.Text, said.Gateway)
	}
}

func TestStreamsOfOtherMethodsComeEventByEvent(t *testing.T) {
	gw, last := vendor(t, "text/event-stream", "data: {\"id\":\"c\",\"choices\":[{\"text\":\"a\"}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"text\":\"b\"}]}\n\ndata: [DONE]\n\n")
	var said string
	for part, err := range gw.CompletionsStream(ctx, M{"model": "openai/m", "prompt": "x"}) {
		if err != nil {
			t.Fatal(err)
		}
		said += part.Text()
	}
	if said != "ab" || !strings.Contains(last.Load().body, `"stream":true`) {
		t.Errorf("%q of %s", said, last.Load().body)
	}
	gw, last = vendor(t, "text/event-stream", "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hi\"}\n\ndata: {\"type\":\"transcript.text.done\",\"text\":\"hi\"}\n\n")
	var types []string
	for event, err := range gw.Audio().TranscribeStream(ctx, M{"model": "openai/m", "file": []byte("RIFF")}) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, event.Type+" "+event.Delta+event.Text)
	}
	if strings.Join(types, ",") != "transcript.text.delta hi,transcript.text.done hi" || !strings.Contains(last.Load().body, "name=\"stream\"\r\n\r\ntrue") {
		t.Errorf("%v of %s", types, last.Load().body)
	}
	// What is not asked for as a stream is none.
	if _, err := gw.Audio().Transcribe(ctx, M{"model": "openai/m", "file": []byte("RIFF"), "stream": true}); !errors.Is(err, tidegate.CodeInvalidRequest) {
		t.Error(err)
	}
}

func TestAProviderCanBeNamedWhereNoModelSaysWho(t *testing.T) {
	gw, last := vendor(t, "application/json", aFile)
	if _, err := gw.At("other").Files().Retrieve(ctx, "file-1"); err != nil {
		t.Fatal(err)
	}
	if last.Load().line != "GET /v1/files/file-1" || last.Load().header.Get("authorization") != "Bearer k-openai" {
		t.Errorf("%s %v", last.Load().line, last.Load().header)
	}
	before := last.Load()
	for _, id := range []string{"", ".", ".."} {
		if _, err := gw.Files().Retrieve(ctx, id); !errors.Is(err, tidegate.CodeInvalidRequest) {
			t.Error(err)
		}
	}
	if last.Load().line != before.line {
		t.Error("a call without an id was sent")
	}
}

package tidegate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Answer is what every reply has besides the vendor's members.
type Answer struct {
	// Raw is the answer as it arrived, with every member.
	Raw json.RawMessage `json:"-"`
	// Gateway is what the gateway says about it.
	Gateway Facts `json:"-"`
}

func (a *Answer) answered(raw []byte, facts Facts) { a.Raw, a.Gateway = raw, facts }

// reply is a pointer to a struct with an [Answer].
type reply[T any] interface {
	*T
	answered(raw []byte, facts Facts)
}

// Page is a list of things a vendor keeps.
type Page[T any] struct {
	Data    []T    `json:"data"`
	HasMore bool   `json:"has_more"`
	FirstID string `json:"first_id"`
	LastID  string `json:"last_id"`
	Answer
}

// Deleted tells what was deleted.
type Deleted struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Deleted is true where the vendor says so, in a member or in the type.
	Deleted bool `json:"deleted"`
	Answer
}

func (d *Deleted) answered(raw []byte, facts Facts) {
	d.Deleted = d.Deleted || strings.HasSuffix(d.Type, "_deleted")
	d.Answer.answered(raw, facts)
}

// Content is an answer of bytes: sound, a file. Read gives them as they arrive; Close, before the
// end, closes the upstream.
type Content struct {
	Header http.Header
	io.ReadCloser
	trailer http.Header
}

// Gateway is what the gateway says about it; what a stream cost is known at its end.
func (c *Content) Gateway() Facts { return factsOf(c.Header, c.trailer) }

// ask sends a request and decodes the answer.
func ask[T any, R reply[T]](ctx context.Context, g *Gateway, method, target string, header http.Header, body []byte) (R, error) {
	content, err := g.content(ctx, method, target, header, body)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(content.Header.Get("content-type"), "text/event-stream") {
		_ = content.Close()
		return nil, streams()
	}
	raw, err := whole(content)
	if err != nil {
		return nil, err
	}
	made := R(new(T))
	if text, ok := any(made).(interface{ text(string) }); ok && !isJSON(content.Header, raw) {
		text.text(string(raw))
	} else if err := json.Unmarshal(raw, made); err != nil {
		return nil, undecodable(err)
	}
	made.answered(raw, content.Gateway())
	return made, nil
}

// post sends a JSON document and decodes the answer.
func post[T any, R reply[T]](ctx context.Context, g *Gateway, target string, request any) (R, error) {
	body, err := encode(request)
	if err != nil {
		return nil, err
	}
	return ask[T, R](ctx, g, http.MethodPost, target, nil, body)
}

// content makes a call whose answer may be anything.
func (g *Gateway) content(ctx context.Context, method, target string, header http.Header, body []byte) (*Content, error) {
	answer, stream, err := g.start(ctx, modeNative, method, g.prefix+target, header, body)
	if err != nil {
		return nil, err
	}
	if stream == nil {
		fillFacts(ctx, answer.Header, nil)
		return &Content{Header: answer.Header, ReadCloser: wholeBody{bytes.NewReader(answer.Body), answer.Body}}, nil
	}
	trailer := http.Header{}
	return &Content{stream.header, &streamBody{stream: stream, trailer: trailer}, trailer}, nil
}

// wholeBody is a body that arrived at once.
type wholeBody struct {
	*bytes.Reader
	all []byte
}

func (wholeBody) Close() error { return nil }

// whole is all of a body that nothing has been read of.
func whole(content *Content) ([]byte, error) {
	if body, ok := content.ReadCloser.(wholeBody); ok {
		return body.all, nil
	}
	defer func() { _ = content.Close() }()
	return io.ReadAll(content)
}

func isJSON(header http.Header, raw []byte) bool {
	kind := header.Get("content-type")
	return kind == "" || strings.Contains(kind, "json") || len(raw) > 0 && (raw[0] == '{' || raw[0] == '[')
}

// at is a path with an id in it.
func at(path, id, rest string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", &Error{
			Code: CodeInvalidRequest, Slug: CodeInvalidRequest.String(), Origin: "caller", Status: 400,
			Message: fmt.Sprintf("%q is no id", id),
		}
	}
	return path + "/" + url.PathEscape(id) + rest, nil
}

// askAt is ask for the thing of that id.
func askAt[T any, R reply[T]](ctx context.Context, g *Gateway, method, path, id, rest string) (R, error) {
	target, err := at(path, id, rest)
	if err != nil {
		return nil, err
	}
	return ask[T, R](ctx, g, method, target, nil, nil)
}

func (g *Gateway) contentAt(ctx context.Context, path, id, rest string) (*Content, error) {
	target, err := at(path, id, rest)
	if err != nil {
		return nil, err
	}
	return g.content(ctx, http.MethodGet, target, nil, nil)
}

func list[T any](ctx context.Context, g *Gateway, path string, query url.Values) (*Page[T], error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return ask[Page[T]](ctx, g, http.MethodGet, path, nil, nil)
}

func streams() error {
	return &Error{
		Code: CodeInvalidRequest, Slug: CodeInvalidRequest.String(), Origin: "caller", Status: 400,
		Message: "the answer is a stream: use the method that streams, or DoStream",
	}
}

func undecodable(err error) error {
	return &Error{
		Code: CodeUpstreamInvalid, Slug: CodeUpstreamInvalid.String(), Origin: "upstream", Status: 502,
		Message: fmt.Sprintf("the answer is not of the expected shape: %v", err),
	}
}

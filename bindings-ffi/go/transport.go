package tidegate

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// RoundTripper is a transport for HTTP clients and vendors' SDKs: requests to a vendor's URL enter
// the gateway without a socket. Host and path choose dialect and provider, the model of the body
// may also be one of the gateway's names, and the SDK's API key may be a Tidegate key.
//
//	client := openai.NewClient(option.WithHTTPClient(&http.Client{Transport: gw.RoundTripper()}))
//
// Refusals of the gateway are HTTP answers in the vendor's shape, so that the SDK raises its own
// errors. The end of the request's context closes the upstream.
func (g *Gateway) RoundTripper() http.RoundTripper { return transport{g} }

type transport struct{ gateway *Gateway }

func (t transport) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		var err error
		body, err = readBody(request)
		if err != nil {
			return nil, err
		}
	}
	url := *request.URL
	url.Fragment, url.RawFragment, url.User = "", "", nil
	method := request.Method
	if method == "" {
		method = http.MethodGet
	}
	reply, stream, err := t.gateway.start(request.Context(), modeHTTP, method, url.String(), request.Header, body)
	if err != nil {
		return nil, err
	}
	response := &http.Response{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request}
	if stream == nil {
		response.StatusCode, response.Header = reply.Status, reply.Header
		response.ContentLength = int64(len(reply.Body))
		response.Body = io.NopCloser(bytes.NewReader(reply.Body))
		fillFacts(request.Context(), reply.Header, nil)
	} else {
		response.StatusCode, response.Header = stream.status, stream.header
		response.ContentLength = -1
		response.Trailer = http.Header{}
		response.Body = &streamBody{stream: stream, trailer: response.Trailer}
	}
	response.Status = strconv.Itoa(response.StatusCode) + " " + http.StatusText(response.StatusCode)
	return response, nil
}

func readBody(request *http.Request) ([]byte, error) {
	defer func() { _ = request.Body.Close() }()
	if request.ContentLength > 0 {
		body := make([]byte, request.ContentLength)
		_, err := io.ReadFull(request.Body, body)
		return body, err
	}
	return io.ReadAll(request.Body)
}

// streamBody reads a stream's frames as one sequence of bytes.
type streamBody struct {
	stream  *stream
	trailer http.Header

	mu     sync.Mutex // one reader at a time
	frames []Frame
	err    error
}

func (b *streamBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.frames) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.frames, b.err = b.stream.next()
		if b.err == io.EOF {
			for name, values := range b.stream.trailer {
				b.trailer[name] = values
			}
			fillFacts(b.stream.ctx, b.stream.header, b.stream.trailer)
		}
	}
	n := 0
	for n < len(p) && len(b.frames) > 0 {
		copied := copy(p[n:], b.frames[0].Data)
		n += copied
		if b.frames[0].Data = b.frames[0].Data[copied:]; len(b.frames[0].Data) == 0 {
			b.frames = b.frames[1:]
		}
	}
	return n, nil
}

func (b *streamBody) Close() error {
	b.stream.close()
	return nil
}

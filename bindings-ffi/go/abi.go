package tidegate

// Everything that crosses into C is in this file. Arguments are flat, so that no Go memory with
// pointers in it crosses, and none of these functions calls back into Go.

/*
#cgo linux,amd64 LDFLAGS: -L${SRCDIR}/lib/linux_amd64
#cgo linux,arm64 LDFLAGS: -L${SRCDIR}/lib/linux_arm64
#cgo darwin,amd64 LDFLAGS: -L${SRCDIR}/lib/darwin_amd64
#cgo darwin,arm64 LDFLAGS: -L${SRCDIR}/lib/darwin_arm64
#cgo LDFLAGS: -ltidegate -lm
#cgo linux LDFLAGS: -ldl -lpthread -lrt
#cgo darwin LDFLAGS: -framework CoreFoundation -framework Security -liconv

#cgo noescape tg_submit_flat
#cgo nocallback tg_submit_flat
#cgo noescape tg_queue_next
#cgo nocallback tg_queue_next
#cgo noescape tg_reply_view
#cgo nocallback tg_reply_view
#cgo noescape tg_stream_next
#cgo nocallback tg_stream_next
#cgo noescape tg_batch_free
#cgo nocallback tg_batch_free
#cgo nocallback tg_cancel
#cgo nocallback tg_stream_cancel

#include <stdlib.h>
#include <string.h>
#include "tidegate.h"

typedef struct {
    uint16_t status;
    const char *headers;
    size_t headers_len;
    const uint8_t *body;
    size_t body_len;
} tg_view;

// `texts` is method, target, key and n pairs of header name and value, each with its NUL; an empty
// key is none.
static tg_result tg_submit_flat(const tg_gateway *gateway, const tg_queue *queue, uint32_t mode,
                                const char *texts, size_t n, const uint8_t *body, size_t body_len,
                                uint64_t *ticket, tg_error **err) {
    tg_header few[32];
    tg_header *headers = few;
    tg_request request = TG_REQUEST_INIT;
    const char *text = texts;
    tg_result result;
    size_t i;
    if (n > sizeof(few) / sizeof(few[0])) {
        headers = malloc(n * sizeof(*headers));
        if (headers == NULL) {
            return TG_INTERNAL;
        }
    }
    request.mode = mode;
    request.method = text;
    text += strlen(text) + 1;
    request.target = text;
    text += strlen(text) + 1;
    request.key = *text != 0 ? text : NULL;
    text += strlen(text) + 1;
    for (i = 0; i < n; i++) {
        headers[i].name = text;
        text += strlen(text) + 1;
        headers[i].value = text;
        text += strlen(text) + 1;
    }
    request.headers = headers;
    request.n_headers = n;
    request.body = body;
    request.body_len = body_len;
    result = tg_submit(gateway, queue, &request, ticket, err);
    if (headers != few) {
        free(headers);
    }
    return result;
}

static void tg_reply_view(const tg_reply *reply, tg_view *view) {
    view->status = tg_reply_status(reply);
    view->headers = tg_reply_headers(reply, &view->headers_len);
    view->body = tg_reply_body(reply, &view->body_len);
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"net/http"
	"unsafe"
)

type (
	handleGateway = C.tg_gateway
	handleStream  = C.tg_stream
	handleServer  = C.tg_server
	handleQueue   = C.tg_queue
)

type mode uint32

const (
	modeNative  mode = C.TG_MODE_NATIVE
	modeHTTP    mode = C.TG_MODE_HTTP
	modeSession mode = C.TG_MODE_SESSION
)

// Version is the release of the loaded library.
func Version() string { return C.GoString(C.tg_version()) }

func checkABI() error {
	if loaded := uint32(C.tg_abi_version()); loaded != C.TG_ABI_VERSION {
		return fmt.Errorf("tidegate: libtidegate %s has ABI %d, this package needs %d",
			Version(), loaded, C.TG_ABI_VERSION)
	}
	return nil
}

// result turns an answer of the library into an error and frees what came with it.
func result(code C.tg_result, failure *C.tg_error) error {
	if code == C.TG_OK {
		return nil
	}
	if failure == nil {
		return &Error{Code: Code(code), Slug: C.GoString(C.tg_result_slug(code))}
	}
	return takeError(failure)
}

func takeError(failure *C.tg_error) error {
	defer C.tg_error_free(failure)
	return parseError([]byte(C.GoString(C.tg_error_json(failure))))
}

func connect(url, key string) (*handleGateway, error) {
	var gateway *C.tg_gateway
	var failure *C.tg_error
	curl := C.CString(url)
	defer C.free(unsafe.Pointer(curl))
	var ckey *C.char
	if key != "" {
		ckey = C.CString(key)
		defer C.free(unsafe.Pointer(ckey))
	}
	code := C.tg_gateway_connect(curl, ckey, &gateway, &failure)
	return gateway, result(code, failure)
}

// reload with nil reads the configuration's source again.
func reload(gateway *handleGateway, config []byte) error {
	var failure *C.tg_error
	var text unsafe.Pointer
	if config != nil {
		text = C.CBytes(config)
		defer C.free(text)
	}
	return result(C.tg_gateway_reload(gateway, (*C.char)(text), C.size_t(len(config)), &failure), failure)
}

func closeGateway(gateway *handleGateway, millis uint64) error {
	var failure *C.tg_error
	return result(C.tg_gateway_close(gateway, C.uint64_t(millis), &failure), failure)
}

func freeGateway(gateway *handleGateway) { C.tg_gateway_free(gateway) }

func health(gateway *handleGateway) ([]byte, error) {
	var buf C.tg_buf
	var failure *C.tg_error
	if err := result(C.tg_health(gateway, &buf, &failure), failure); err != nil {
		return nil, err
	}
	defer C.tg_buf_free(&buf)
	return C.GoBytes(unsafe.Pointer(buf.ptr), C.int(buf.len)), nil
}

func metrics(gateway *handleGateway) (string, error) {
	var buf C.tg_buf
	var failure *C.tg_error
	if err := result(C.tg_metrics(gateway, &buf, &failure), failure); err != nil {
		return "", err
	}
	defer C.tg_buf_free(&buf)
	return C.GoStringN((*C.char)(unsafe.Pointer(buf.ptr)), C.int(buf.len)), nil
}

func newQueue() (*handleQueue, int, error) {
	var queue *C.tg_queue
	var failure *C.tg_error
	if err := result(C.tg_queue_new(&queue, &failure), failure); err != nil {
		return nil, 0, err
	}
	var fd C.int32_t
	if err := result(C.tg_queue_fd(queue, &fd, &failure), failure); err != nil {
		return nil, 0, err
	}
	return queue, int(fd), nil
}

func submit(gateway *handleGateway, queue *handleQueue, mode mode, texts []byte, headers int, body []byte) (uint64, error) {
	var ticket C.uint64_t
	var failure *C.tg_error
	code := C.tg_submit_flat(gateway, queue, C.uint32_t(mode),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(texts))), C.size_t(headers),
		(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(body))), C.size_t(len(body)), &ticket, &failure)
	return uint64(ticket), result(code, failure)
}

func cancelTicket(gateway *handleGateway, ticket uint64) { C.tg_cancel(gateway, C.uint64_t(ticket)) }

// event is what happened to a ticket; at most one of its pointers is set.
type event struct {
	ticket   uint64
	readable bool
	reply    *C.tg_reply
	stream   *C.tg_stream
	failure  *C.tg_error
	asks     *C.tg_host_call // a function is asked
	gone     bool            // nobody waits for its answer any more
	room     bool            // its answer has room again
}

// free drops an outcome that nobody waits for any more.
func (e event) free() {
	C.tg_reply_free(e.reply)
	C.tg_stream_free(e.stream)
	C.tg_error_free(e.failure)
}

const batchSize = 64

// intake takes events from the queue, with memory that is used again.
type intake struct {
	raw    []C.tg_event // a slice: cgo copies an array whose element it is given
	events []event
}

func newIntake() *intake { return &intake{raw: make([]C.tg_event, batchSize)} }

// take gives the events that wait, at most batchSize. They are valid until the next call.
func (in *intake) take(queue *handleQueue, millis int64) []event {
	clear(in.events)
	in.events = in.events[:0]
	var count C.size_t
	if C.tg_queue_next(queue, &in.raw[0], batchSize, C.int64_t(millis), &count, nil) != C.TG_OK {
		return nil
	}
	for i := range in.raw[:count] {
		e := &in.raw[i]
		in.events = append(in.events, event{
			ticket:   uint64(e.ticket),
			readable: e.kind == C.TG_EVENT_READABLE,
			reply:    e.reply,
			stream:   e.stream,
			failure:  e.error,
			asks:     e.host_call,
			gone:     e.kind == C.TG_EVENT_HOST_GONE,
			room:     e.kind == C.TG_EVENT_HOST_ROOM,
		})
	}
	return in.events
}

// takeReply copies a reply into Go memory and frees it.
func takeReply(reply *C.tg_reply) *Reply {
	defer C.tg_reply_free(reply)
	var view C.tg_view
	C.tg_reply_view(reply, &view)
	return &Reply{
		Status: int(view.status),
		Header: unpack(unsafe.Pointer(view.headers), view.headers_len),
		Body:   C.GoBytes(unsafe.Pointer(view.body), C.int(view.body_len)),
	}
}

// unpack reads `name NUL value NUL ...`.
func unpack(packed unsafe.Pointer, size C.size_t) http.Header {
	if packed == nil || size == 0 {
		return http.Header{}
	}
	fields := bytes.Split(unsafe.Slice((*byte)(packed), int(size)-1), []byte{0})
	header := make(http.Header, len(fields)/2)
	for i := 0; i+1 < len(fields); i += 2 {
		header.Add(string(fields[i]), string(fields[i+1]))
	}
	return header
}

func streamHead(stream *handleStream) (int, http.Header) {
	var size C.size_t
	packed := C.tg_stream_headers(stream, &size)
	return int(C.tg_stream_status(stream)), unpack(unsafe.Pointer(packed), size)
}

func streamTrailer(stream *handleStream) http.Header {
	var size C.size_t
	packed := C.tg_stream_trailers(stream, &size)
	return unpack(unsafe.Pointer(packed), size)
}

type progress int

const (
	gotFrames progress = iota
	mustWait
	atEnd
)

// nextFrames never blocks. After mustWait the ticket will get one readable event.
func nextFrames(stream *handleStream) ([]Frame, progress, error) {
	var batch C.tg_batch
	var failure *C.tg_error
	switch code := C.tg_stream_next(stream, 0, &batch, &failure); code {
	case C.TG_OK:
	case C.TG_TIMEOUT:
		return nil, mustWait, nil
	case C.TG_END:
		return nil, atEnd, nil
	default:
		return nil, atEnd, result(code, failure)
	}
	defer C.tg_batch_free(&batch)
	raw := unsafe.Slice(batch.frames, int(batch.len))
	var size int
	for i := range raw {
		size += int(raw[i].data_len)
	}
	// One allocation for the batch; the frames are slices of it that cannot grow into each other.
	data := make([]byte, 0, size)
	frames := make([]Frame, len(raw))
	for i := range raw {
		start := len(data)
		data = append(data, unsafe.Slice((*byte)(raw[i].data), int(raw[i].data_len))...)
		frames[i].Data = data[start:len(data):len(data)]
		if raw[i].event != nil {
			frames[i].Event = C.GoStringN(raw[i].event, C.int(raw[i].event_len))
		}
	}
	return frames, gotFrames, nil
}

func cancelStream(stream *handleStream) { C.tg_stream_cancel(stream) }

func freeStream(stream *handleStream) { C.tg_stream_free(stream) }

func serve(gateway *handleGateway, listen string) (*handleServer, string, error) {
	options := (*C.tg_serve_options)(C.calloc(1, C.sizeof_tg_serve_options))
	defer C.free(unsafe.Pointer(options))
	options.struct_size = C.sizeof_tg_serve_options
	if listen != "" {
		options.listen = C.CString(listen)
		defer C.free(unsafe.Pointer(options.listen))
	}
	var server *C.tg_server
	var failure *C.tg_error
	if err := result(C.tg_serve(gateway, options, &server, &failure), failure); err != nil {
		return nil, "", err
	}
	return server, C.GoString(C.tg_server_url(server)), nil
}

func shutdownServer(server *handleServer, millis int64) error {
	var failure *C.tg_error
	return result(C.tg_server_shutdown(server, C.int64_t(millis), &failure), failure)
}

func freeServer(server *handleServer) { C.tg_server_free(server) }

package tidegate

// The part of the ABI that asks functions of the program.

/*
#cgo noescape tg_host_call_push
#cgo nocallback tg_host_call_push
#cgo noescape tg_host_call_reply
#cgo nocallback tg_host_call_reply
#cgo noescape tg_host_call_arm
#cgo nocallback tg_host_call_arm

#include <stdlib.h>
#include "tidegate.h"
*/
import "C"

import (
	"net/http"
	"strings"
	"time"
	"unsafe"
)

type handleHostCall = C.tg_host_call

// How a stream goes on.
const (
	flowFull = uint32(C.TG_FLOW_FULL)
	flowGone = uint32(C.TG_FLOW_GONE)
)

// openWith opens a gateway for a program that will register functions of these names.
func openWith(kind, text string, names []string) (*handleGateway, error) {
	var gateway *C.tg_gateway
	var failure *C.tg_error
	ckind, ctext := C.CString(kind), C.CString(text)
	defer C.free(unsafe.Pointer(ckind))
	defer C.free(unsafe.Pointer(ctext))
	list := C.malloc(C.size_t(len(names)+1) * C.size_t(unsafe.Sizeof(uintptr(0))))
	defer C.free(list)
	cnames := unsafe.Slice((**C.char)(list), len(names))
	for i, name := range names {
		cnames[i] = C.CString(name)
		defer C.free(unsafe.Pointer(cnames[i]))
	}
	code := C.tg_gateway_open_with(ckind, ctext, C.size_t(len(text)),
		(**C.char)(list), C.size_t(len(names)), &gateway, &failure)
	return gateway, result(code, failure)
}

// provide has questions to a function put into the queue.
func provide(gateway *handleGateway, name string, queue *handleQueue, tag uint64) error {
	var failure *C.tg_error
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	return result(C.tg_provide_in_queue(gateway, cname, queue, C.uint64_t(tag), &failure), failure)
}

func hostCallTag(call *handleHostCall) uint64 { return uint64(C.tg_host_call_tag(call)) }

func freeHostCall(call *handleHostCall) { C.tg_host_call_free(call) }

func hostCallRequest(call *handleHostCall) *ProviderRequest {
	var view C.tg_host_request
	if C.tg_host_call_request(call, &view, nil) != C.TG_OK {
		return &ProviderRequest{}
	}
	text := func(from *C.char, size C.size_t) string { return C.GoStringN(from, C.int(size)) }
	header := http.Header{}
	for line := range strings.Lines(text(view.headers, view.headers_len)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		header.Add(name, value)
	}
	return &ProviderRequest{
		Name:    text(view.name, view.name_len),
		Dialect: text(view.dialect, view.dialect_len),
		Path:    text(view.path, view.path_len),
		Model:   text(view.model, view.model_len),
		Stream:  view.stream != 0,
		Header:  header,
		Body:    C.GoBytes(unsafe.Pointer(view.body), C.int(view.body_len)),
		Timeout: time.Duration(view.timeout_ms) * time.Millisecond,
	}
}

// pieceOf is the kind and the data of a piece; text tells words from JSON.
func pieceOf(data []byte, text bool) (C.uint32_t, *C.uint8_t, C.size_t) {
	kind := C.uint32_t(C.TG_PIECE_JSON)
	if text {
		kind = C.TG_PIECE_TEXT
	}
	return kind, (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data))
}

func hostCallReply(call *handleHostCall, data []byte, text bool) error {
	var failure *C.tg_error
	kind, start, size := pieceOf(data, text)
	return result(C.tg_host_call_reply(call, kind, start, size, &failure), failure)
}

func hostCallPush(call *handleHostCall, data []byte, text bool) (uint32, error) {
	var failure *C.tg_error
	var flow C.uint32_t
	kind, start, size := pieceOf(data, text)
	err := result(C.tg_host_call_push(call, kind, start, size, &flow, &failure), failure)
	return uint32(flow), err
}

func hostCallArm(call *handleHostCall) uint32 {
	flow := C.uint32_t(C.TG_FLOW_GONE)
	C.tg_host_call_arm(call, &flow, nil)
	return uint32(flow)
}

func hostCallEnd(call *handleHostCall) { C.tg_host_call_end(call, nil) }

func hostCallFail(call *handleHostCall, status int, message string, after time.Duration) {
	millis := int64(-1)
	if after > 0 {
		millis = after.Milliseconds()
	}
	text := C.CString(strings.ReplaceAll(message, "\x00", " "))
	defer C.free(unsafe.Pointer(text))
	C.tg_host_call_fail(call, C.uint32_t(status), text, C.int64_t(millis), nil)
}

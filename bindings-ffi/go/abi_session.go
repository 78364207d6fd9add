package tidegate

// What crosses into C for sessions.

/*
#cgo noescape tg_session_send
#cgo nocallback tg_session_send
#cgo nocallback tg_session_close
#include <stdlib.h>
#include "tidegate.h"
*/
import "C"

import (
	"net/http"
	"unsafe"
)

type messageKind uint32

const (
	messageText   messageKind = C.TG_MESSAGE_TEXT
	messageBinary messageKind = C.TG_MESSAGE_BINARY
)

// sessionTicket is the ticket under which room for messages is announced.
func sessionTicket(stream *handleStream) uint64 { return uint64(C.tg_session_ticket(stream)) }

// sendMessage never blocks. When the message was not taken, the ticket of the session will get one
// readable event.
func (s *stream) sendMessage(kind messageKind, message []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return false, http.ErrBodyReadAfterClose
	}
	var failure *C.tg_error
	code := C.tg_session_send(s.handle, C.uint32_t(kind),
		(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(message))), C.size_t(len(message)), 0, &failure)
	if code == C.TG_TIMEOUT {
		return false, nil
	}
	return true, result(code, failure)
}

func (s *stream) closeSession(code int, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handle == nil {
		return http.ErrBodyReadAfterClose
	}
	words := C.CString(reason)
	defer C.free(unsafe.Pointer(words))
	var failure *C.tg_error
	return result(C.tg_session_close(s.handle, C.uint16_t(code), words, &failure), failure)
}

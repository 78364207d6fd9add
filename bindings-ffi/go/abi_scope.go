package tidegate

// #include <stdlib.h>
// #include "tidegate.h"
import "C"

import (
	"strings"
	"unsafe"
)

// of gives a handle on the same gateway whose calls are made in this scope.
func (s Scope) of(gateway *handleGateway) (*handleGateway, error) {
	told := (*C.tg_scope)(C.calloc(1, C.sizeof_tg_scope))
	defer C.free(unsafe.Pointer(told))
	told.struct_size = C.sizeof_tg_scope
	for _, one := range []struct {
		text string
		into **C.char
	}{
		{s.Customer, &told.customer},
		{s.Team, &told.team},
		{s.User, &told.user},
		{strings.Join(s.Tags, ","), &told.tags},
	} {
		if one.text != "" {
			*one.into = C.CString(one.text)
			defer C.free(unsafe.Pointer(*one.into))
		}
	}
	var view *C.tg_gateway
	var failure *C.tg_error
	code := C.tg_gateway_scoped(gateway, told, &view, &failure)
	return view, result(code, failure)
}

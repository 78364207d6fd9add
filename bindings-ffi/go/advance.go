//go:build tidegate_testing

package tidegate

/*
#cgo CFLAGS: -DTIDEGATE_TESTING
#include "tidegate.h"
*/
import "C"

import "time"

// Advance moves the gateway's clock. Only with a library built for the behaviour suite.
func (g *Gateway) Advance(by time.Duration) error {
	return g.core.use(func(handle *handleGateway) error {
		var failure *C.tg_error
		return result(C.tg_testing_advance(handle, C.uint64_t(by.Milliseconds()), &failure), failure)
	})
}

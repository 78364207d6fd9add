//go:build tidegate_testing

package main

import "time"

func init() {
	operations["advance"] = func(o operation) (any, error) {
		return answer{}, gw.Advance(time.Duration(o.Ms) * time.Millisecond)
	}
	capabilities = append(capabilities, "advance")
}

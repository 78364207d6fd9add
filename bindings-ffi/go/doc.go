// Package tidegate is an AI gateway inside your process: routes, fallbacks, retries, virtual keys,
// budgets and a cache in front of every model vendor, without a network hop.
//
//	gw, err := tidegate.Open("tidegate.yaml")
//	if err != nil { ... }
//	defer gw.Close()
//	reply, err := gw.Chat(ctx, tidegate.M{
//		"model":    "fast",
//		"messages": []tidegate.M{{"role": "user", "content": "Hello"}},
//	})
//
// Requests are whatever encoding/json can marshal into the vendor's request; a json.RawMessage goes
// out byte for byte. Replies carry their bytes (Raw), the usual members, and the gateway's facts.
//
// A vendor's own SDK works over [Gateway.RoundTripper]; a gateway elsewhere over [Connect].
//
// The package needs cgo and libtidegate. A release of this module brings static libraries below
// lib/; otherwise install libtidegate, or point CGO_LDFLAGS at it:
//
//	CGO_LDFLAGS="$(pkg-config --libs tidegate)" go build ./...
//
// Calls in flight hold no operating system thread: one goroutine receives the outcomes of all of
// them and parks in Go's own network poller.
package tidegate

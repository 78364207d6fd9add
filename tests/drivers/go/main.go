// Driver of the suite: the Go face. Protocol: tests/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	tidegate "github.com/tidegate/tidegate-go"
)

type answer map[string]any

type operation struct {
	Op, API, Path, Text, Format, URL, Key, Method, Target, Body, Provider string
	IDs                                                                   []string
	Config, Request                                                       json.RawMessage
	Functions                                                             map[string][]scriptedReply
	Env                                                                   bool
	Headers                                                               map[string]string
	Ms                                                                    int64
	Deadline                                                              *int64 `json:"deadline_ms"`
	CancelChunks                                                          *int   `json:"cancel_after_chunks"`
	CancelMs                                                              *int   `json:"cancel_after_ms"`
	CancelBytes                                                           *int   `json:"cancel_after_bytes"`
	Hold                                                                  *int
	Talk                                                                  []act
	Scope                                                                 tidegate.Scope
}

var (
	gw           *tidegate.Gateway
	held         *stream
	capabilities = strings.Fields("call stream hold cancel cancel_call headers http reload connect health explain close path text env root tried final_facts functions method session session_cost scope")
	operations   = map[string]func(operation) (any, error){"call": call, "http": transport, "method": method, "session": session}
)

func init() {
	opened := func(fresh *tidegate.Gateway, err error) (any, error) { gw = fresh; return answer{}, err }
	operations["hello"] = func(operation) (any, error) {
		return answer{"surface": "go", "version": tidegate.Version(), "capabilities": capabilities}, nil
	}
	operations["open"] = func(o operation) (any, error) {
		if gw != nil {
			_ = gw.Close()
		}
		if o.Path != "" {
			return opened(tidegate.Open(o.Path))
		}
		if o.Text != "" {
			return opened(tidegate.OpenText(o.Text, o.Format))
		}
		if o.Env {
			return opened(tidegate.OpenEnv())
		}
		return opened(tidegate.OpenConfig(o.Config, functionsOf(o)...))
	}
	operations["connect"] = func(o operation) (any, error) { return opened(tidegate.Connect(o.URL, o.Key)) }
	operations["rest"] = func(operation) (any, error) { return held.read(-1) }
	operations["drop"] = func(operation) (any, error) { held.stop(); return answer{}, nil }
	operations["reload"] = func(o operation) (any, error) { return answer{}, gw.Reload(o.Config) }
	operations["health"] = func(operation) (any, error) { return gw.Health() }
	operations["close"] = func(o operation) (any, error) {
		limit := int64(1000)
		if o.Deadline != nil {
			limit = *o.Deadline
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(limit)*time.Millisecond)
		defer cancel()
		if err := gw.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
		return answer{}, nil
	}
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var o operation
		if err := json.Unmarshal(text, &o); err != nil {
			panic(err)
		}
		reply, err := operations[o.Op](o)
		line := answer{"ok": reply}
		if err != nil {
			line = answer{"error": failure(err)}
			if broken, ok := reply.(answer); ok && broken["chunks"] != nil {
				line["chunks"] = broken["chunks"]
			}
		}
		_ = out.Encode(line)
	}
}

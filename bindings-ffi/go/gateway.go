package tidegate

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// M is a JSON object, for requests and configurations written in place.
type M = map[string]any

// Gateway is an open gateway, or a view of one made by [Gateway.WithKey], [Gateway.Scoped] or
// [Gateway.WithHeader].
// Any number of goroutines may use it.
type Gateway struct {
	core   *core
	view   *scoped // nil where calls are made for nobody in particular
	key    string
	header http.Header
	// prefix of the paths of the methods, for instance /anthropic.
	prefix string
}

// core is what the views of a gateway share.
type core struct {
	mu      sync.RWMutex // held for reading while handle is in use
	handle  *handleGateway
	tag     uint64 // by which its functions are found
	closing atomic.Bool
	cleanup runtime.Cleanup
}

// Open opens a gateway from a configuration file in YAML, TOML or JSON. Nothing is sent and no
// thread starts until the first call.
func Open(path string, choices ...Option) (*Gateway, error) {
	return open("path", path, choices)
}

// OpenText opens a gateway from the text of a configuration; format is yaml, toml or json.
func OpenText(config, format string, choices ...Option) (*Gateway, error) {
	return open(format, config, choices)
}

// OpenConfig opens a gateway from a configuration: a map or struct of the same shape as the file,
// or its JSON as json.RawMessage or []byte.
func OpenConfig(config any, choices ...Option) (*Gateway, error) {
	text, err := encode(config)
	if err != nil {
		return nil, err
	}
	return open("json", string(text), choices)
}

// OpenEnv opens a gateway whose providers are the vendors with a key in the environment.
func OpenEnv(choices ...Option) (*Gateway, error) { return open("env", "", choices) }

// Connect gives the same calls against a `tidegate serve` elsewhere, for instance
// http://127.0.0.1:8787. An empty key sends none.
func Connect(url, key string) (*Gateway, error) {
	return start(func() (*handleGateway, error) { return connect(url, key) })
}

func open(kind, text string, choices []Option) (*Gateway, error) {
	var chosen options
	for _, choose := range choices {
		choose(&chosen)
	}
	g, err := start(func() (*handleGateway, error) { return openWith(kind, text, chosen.names) })
	if err != nil {
		return nil, err
	}
	for _, name := range chosen.names {
		if err := g.Provide(name, chosen.providers[name]); err != nil {
			_ = g.Close()
			return nil, err
		}
	}
	return g, nil
}

func start(open func() (*handleGateway, error)) (*Gateway, error) {
	if err := theBridge.acquire(); err != nil {
		return nil, err
	}
	handle, err := open()
	if err != nil {
		theBridge.release()
		return nil, err
	}
	c := &core{handle: handle, tag: nextTag.Add(1)}
	c.cleanup = runtime.AddCleanup(c, func(handle *handleGateway) {
		freeGateway(handle)
		theBridge.release()
	}, handle)
	return &Gateway{core: c}, nil
}

// WithKey gives a view of the same gateway whose calls carry a Tidegate key: its budgets and
// limits apply. Views are cheap and need no closing.
func (g *Gateway) WithKey(key string) *Gateway {
	return &Gateway{core: g.core, view: g.view, key: key, header: g.header, prefix: g.prefix}
}

// WithHeader gives a view of the same gateway whose calls carry one more header, for instance
// x-tidegate-tags.
func (g *Gateway) WithHeader(name, value string) *Gateway {
	header := g.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Add(name, value)
	return &Gateway{core: g.core, view: g.view, key: g.key, header: header, prefix: g.prefix}
}

// At gives a view of the same gateway whose methods ask that provider where no model says who is
// meant, as for files and batches. Without it that is OpenAI, and Anthropic for message batches.
func (g *Gateway) At(provider string) *Gateway {
	return &Gateway{core: g.core, view: g.view, key: g.key, header: g.header, prefix: "/" + provider}
}

// Close takes no more calls, cancels running ones and frees the gateway. Closing it again, or
// through another view, does nothing.
func (g *Gateway) Close() error { return g.core.close(0) }

// Shutdown takes no more calls, lets running ones finish until the context ends, cancels the rest
// and frees the gateway.
func (g *Gateway) Shutdown(ctx context.Context) error {
	limit := 24 * time.Hour
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(time.Until(deadline), 0)
	}
	closed := make(chan error, 1)
	go func() { closed <- g.core.close(limit) }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		// Too late for the rest, which ends the closing.
		theBridge.cancelAll(g.core)
		return ctx.Err()
	}
}

// Reload replaces the configuration in one step; on failure the old one stays. A nil configuration
// reads the file or environment of Open or OpenEnv again.
func (g *Gateway) Reload(config any) error {
	var text []byte
	if config != nil {
		var err error
		if text, err = encode(config); err != nil {
			return err
		}
	}
	return g.core.use(func(handle *handleGateway) error { return reload(handle, text) })
}

// Health is the state of targets, provider keys, virtual keys, queue and cache.
func (g *Gateway) Health() (json.RawMessage, error) {
	var report []byte
	err := g.core.use(func(handle *handleGateway) (err error) {
		report, err = health(handle)
		return err
	})
	return report, err
}

// Metrics is what was counted of calls, as text in Prometheus' format 0.0.4. It is empty for a client
// of a gateway elsewhere, which has its own at /metrics.
func (g *Gateway) Metrics() (string, error) {
	var text string
	err := g.core.use(func(handle *handleGateway) (err error) {
		text, err = metrics(handle)
		return err
	})
	return text, err
}

// use runs f with the handle, which stays valid meanwhile.
func (c *core) use(f func(*handleGateway) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.handle == nil {
		return closedError()
	}
	return f(c.handle)
}

func (c *core) close(limit time.Duration) error {
	if c.closing.Swap(true) {
		return nil
	}
	err := c.use(func(handle *handleGateway) error {
		return closeGateway(handle, uint64(limit.Milliseconds()))
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cleanup.Stop()
	freeGateway(c.handle)
	c.handle = nil
	theBridge.unprovide(c.tag)
	theBridge.release()
	return err
}

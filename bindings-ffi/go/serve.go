package tidegate

import (
	"context"
	"time"
)

// Server is the gateway over HTTP.
type Server struct {
	// URL is where it listens, for instance http://127.0.0.1:8787.
	URL    string
	handle *handleServer
}

// Serve serves the gateway over HTTP on host:port (port 0: any free one) or unix:/path. An empty
// address takes the configuration's, else 127.0.0.1:8787. The server is bound when Serve returns.
func (g *Gateway) Serve(listen string) (*Server, error) {
	server := new(Server)
	err := g.core.use(func(handle *handleGateway) (err error) {
		server.handle, server.URL, err = serve(handle, listen)
		return err
	})
	if err != nil {
		return nil, err
	}
	return server, nil
}

// Shutdown takes no more connections, lets running calls finish until the context's deadline (none:
// as long as the configuration's server.drain says) and frees the server. Call it once.
func (s *Server) Shutdown(ctx context.Context) error {
	millis := int64(-1)
	if deadline, ok := ctx.Deadline(); ok {
		millis = max(time.Until(deadline).Milliseconds(), 0)
	}
	err := shutdownServer(s.handle, millis)
	freeServer(s.handle)
	s.handle = nil
	return err
}

package tidegate

import (
	"sync"
)

// The process has one completion queue and, while anything could arrive in it, one goroutine that
// receives from it.
var theBridge bridge

type bridge struct {
	mu    sync.Mutex
	queue *handleQueue
	fd    int
	// users counts open gateways, calls and streams; the poller runs while there are any.
	users int
	stop  func()
	calls map[uint64]*call
	// early holds outcomes that arrived before submit returned their ticket.
	early map[uint64]event
	// functions in the place of vendors, by their gateway's tag and their name.
	functions map[uint64]map[string]ProviderFunc
	// asked holds what functions are answering, by ticket.
	asked map[uint64]*question
}

// call is one submitted request.
type call struct {
	core     *core
	ticket   uint64
	done     chan event    // gets the one outcome
	readable chan struct{} // gets a token when a stream that had nothing has something
	gone     bool          // nobody waits any more; guarded by bridge.mu
}

// acquire keeps the poller running until the matching release.
func (b *bridge) acquire() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queue == nil {
		if err := checkABI(); err != nil {
			return err
		}
		queue, fd, err := newQueue()
		if err != nil {
			return err
		}
		b.queue, b.fd = queue, fd
		b.calls = make(map[uint64]*call)
		b.early = make(map[uint64]event)
	}
	if b.users == 0 {
		stop, err := startPoller(b)
		if err != nil {
			return err
		}
		b.stop = stop
	}
	b.users++
	return nil
}

func (b *bridge) release() {
	b.mu.Lock()
	b.users--
	var stop func()
	if b.users == 0 {
		stop, b.stop = b.stop, nil
	}
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// submit starts a call. It counts as a user until its outcome is a reply or an error and has
// arrived, or its stream is freed.
func (b *bridge) submit(core *core, gateway *handleGateway, mode mode, texts []byte, headers int, body []byte) (*call, error) {
	c := &call{core: core, done: make(chan event, 1), readable: make(chan struct{}, 1)}
	if err := b.acquire(); err != nil {
		return nil, err
	}
	ticket, err := submit(gateway, b.queue, mode, texts, headers, body)
	if err != nil {
		b.release()
		return nil, err
	}
	c.ticket = ticket
	b.mu.Lock()
	b.calls[ticket] = c
	outcome, arrived := b.early[ticket]
	if arrived {
		delete(b.early, ticket)
		b.deliver(c, outcome)
	}
	b.mu.Unlock()
	if arrived && outcome.stream == nil {
		b.release()
	}
	return c, nil
}

// listen has readable events of a further ticket told, until it is forgotten.
func (b *bridge) listen(core *core, ticket uint64) *call {
	c := &call{core: core, ticket: ticket, readable: make(chan struct{}, 1)}
	b.mu.Lock()
	b.calls[ticket] = c
	b.users++
	b.mu.Unlock()
	return c
}

// deliver hands an outcome to its call. Called with the lock held.
func (b *bridge) deliver(c *call, outcome event) {
	if outcome.stream == nil {
		delete(b.calls, c.ticket)
	}
	c.done <- outcome
}

// dispatch hands events to the goroutines that wait for them.
func (b *bridge) dispatch(events []event) {
	released := 0
	b.mu.Lock()
	for _, e := range events {
		c, known := b.calls[e.ticket]
		switch {
		case e.asks != nil:
			b.ask(e.ticket, e.asks)
		case e.gone, e.room:
			b.tell(e.ticket, e.gone)
		case e.readable:
			if known {
				select {
				case c.readable <- struct{}{}:
				default:
				}
			}
		case !known:
			b.early[e.ticket] = e
		case c.gone:
			delete(b.calls, e.ticket)
			e.free()
			released++
		default:
			b.deliver(c, e)
			if e.stream == nil {
				released++
			}
		}
	}
	b.mu.Unlock()
	for range released {
		b.release()
	}
}

// abandon gives up on a call whose outcome has not been received.
func (b *bridge) abandon(c *call) {
	b.mu.Lock()
	var stream bool
	select {
	case outcome := <-c.done:
		stream = outcome.stream != nil
		outcome.free()
		delete(b.calls, c.ticket)
	default:
		c.gone = true
	}
	b.mu.Unlock()
	if stream {
		b.release()
	}
}

// forget ends the life of a stream's ticket.
func (b *bridge) forget(c *call) {
	b.mu.Lock()
	delete(b.calls, c.ticket)
	b.mu.Unlock()
	b.release()
}

// cancelAll cancels every call of a gateway.
func (b *bridge) cancelAll(core *core) {
	var tickets []uint64
	b.mu.Lock()
	for ticket, c := range b.calls {
		if c.core == core {
			tickets = append(tickets, ticket)
		}
	}
	b.mu.Unlock()
	_ = core.use(func(handle *handleGateway) error {
		for _, ticket := range tickets {
			cancelTicket(handle, ticket)
		}
		return nil
	})
}

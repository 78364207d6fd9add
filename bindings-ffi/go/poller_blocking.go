//go:build !unix || tidegate_blocking

package tidegate

import "sync/atomic"

// startPoller receives with a thread that blocks in the library.
func startPoller(b *bridge) (func(), error) {
	var stopped atomic.Bool
	go func() {
		var events []event
		for !stopped.Load() {
			// Nothing wakes the thread to stop it, so it looks up now and then.
			events = takeEvents(b.queue, events[:0], 200)
			b.dispatch(events)
			clear(events)
		}
	}()
	return func() { stopped.Store(true) }, nil
}

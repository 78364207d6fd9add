//go:build !unix || tidegate_blocking

package tidegate

import "sync/atomic"

// startPoller receives with a thread that blocks in the library.
func startPoller(b *bridge) (func(), error) {
	var stopped atomic.Bool
	go func() {
		in := newIntake()
		for !stopped.Load() {
			// Nothing wakes the thread to stop it, so it looks up now and then.
			b.dispatch(in.take(b.queue, 200))
		}
	}()
	return func() { stopped.Store(true) }, nil
}

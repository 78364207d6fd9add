//go:build unix && !tidegate_blocking

package tidegate

import (
	"os"
	"syscall"
)

// startPoller receives through Go's network poller: the goroutine parks without a thread of its
// own, and closing the file ends it.
func startPoller(b *bridge) (func(), error) {
	// A duplicate, because the file closes what it owns, and the queue's own must stay open.
	fd, err := syscall.Dup(b.fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "tidegate-queue")
	conn, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	go func() {
		in := newIntake()
		var events []event
		for {
			// The poller reports edges, so the queue has to be emptied before waiting again.
			err := conn.Read(func(uintptr) bool {
				events = in.take(b.queue, 0)
				return len(events) > 0
			})
			if err != nil {
				return
			}
			b.dispatch(events)
		}
	}()
	return func() { _ = file.Close() }, nil
}

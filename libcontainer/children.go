package libcontainer

// children.go: the inits that a long-lived process has started and left to
// themselves. They are its children, so it must take their exit status, or they
// stay as zombies; and who asks later shall still be told.

import (
	"context"
	"sync"
	"syscall"

	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

type children struct {
	sync.Mutex

	list map[state.Process]*ending
}

// ending is a child's: status stands once done is closed.
type ending struct {
	done   chan struct{}
	status syscall.WaitStatus
	err    error
}

// leave hands init over to a goroutine that waits for its end.
func (r *Runtime) leave(l *launch) {
	if r.opts.Standalone {
		return
	}
	e := &ending{done: make(chan struct{})}
	r.children.Lock()
	if r.children.list == nil {
		r.children.list = map[state.Process]*ending{}
	}
	r.children.list[l.rec.Init] = e
	r.children.Unlock()
	pidfd := l.init.pidfd
	go func() {
		e.status, e.err = sys.ReapParked(pidfd)
		sys.Close(pidfd)
		close(e.done)
	}()
}

// wait waits for one of ours; ok is false when it is not.
func (c *children) wait(ctx context.Context, p state.Process) (status syscall.WaitStatus, ok bool, err error) {
	c.Lock()
	e := c.list[p]
	c.Unlock()
	if e == nil {
		return 0, false, nil
	}
	select {
	case <-e.done:
		return e.status, e.err == nil, nil
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
}

// forget drops what is known of a container that is no more.
func (c *children) forget(p state.Process) {
	c.Lock()
	delete(c.list, p)
	c.Unlock()
}

package libcontainer

// launch_fail.go: waiting for init with a deadline, and what happens when it
// does not answer: the reason is found and everything is undone.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
	"rt/nsenter"
)

// expect waits for a message, init's death or the deadline, whichever comes
// first.
func (l *launch) expect(kind wire.Kind, what string) error {
	if err := l.hear(what); err != nil {
		return err
	}
	_, _, err := l.conn.Expect(kind)
	return err
}

// hear waits until init has something to say, or is dead.
func (l *launch) hear(what string) error {
	i, err := sys.Readable(handOverDeadline, l.conn.Fd)
	if err == nil && i < 0 {
		if n, uerr := sys.Unread(l.conn.Fd); uerr == nil && n > 0 {
			return fault.New("init", fmt.Sprintf("pid %d", l.init.pid), "waiting for "+what,
				fmt.Errorf("it has not begun in %v (kernel function %s)", handOverDeadline, waitChannel(l.init.pid))).
				WithHint(l.rt.handOverHint())
		}
		i, err = sys.Readable(initDeadline-handOverDeadline, l.conn.Fd)
	}
	if err != nil {
		return fault.New("init", "", "poll", err)
	}
	if i < 0 {
		return l.noAnswer(what)
	}
	return nil
}

// noAnswer is the error of a launch that hangs. Who mounts is the one to look at.
func (l *launch) noAnswer(what string) error {
	mounts := l.init.pid
	if l.outside != nil {
		mounts = int(l.outside.tid.Load())
	}
	return fault.New("init", fmt.Sprintf("pid %d", l.init.pid), "waiting for "+what,
		fmt.Errorf("no answer in %v (kernel function %s)", initDeadline, waitChannel(mounts))).
		WithHint("a mount source on a dead network file system hangs like this")
}

// handOverHint is what may be wrong with an init that does nothing: in the rt
// command it is never the program.
func (r *Runtime) handOverHint() string {
	if r.opts.Standalone {
		return "its cgroup may be frozen, or without CPU time"
	}
	return handOverHint
}

// waitChannel is the kernel function that pid sleeps in (proc_pid_wchan(5)).
func waitChannel(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	if err != nil || len(b) == 0 {
		return "unknown"
	}
	return string(b)
}

// explainDeath gives the end of the socket a reason: the signal or status that
// init died with. A thread outside that fails lets init die, whatever comes of
// that here.
func (l *launch) explainDeath(err error) error {
	if failed := l.outside.failure(); failed != nil {
		return failed
	}
	if l.init == nil || !isHangup(err) {
		return err
	}
	// What init had to say may still lie in the socket: it can fail before
	// we have sent it everything.
	if said := l.lastWord(); said != nil {
		return said
	}
	status, werr := l.init.death()
	if werr != nil {
		return werr
	}
	l.init.reaped = true
	if err := l.ctx.Err(); err != nil {
		return fault.New("init", fmt.Sprintf("pid %d", l.init.pid), "", fmt.Errorf("killed: %w", err))
	}
	e := fault.New("init", "", "", fmt.Errorf("died before it was ready: %s", describe(status)))
	if status.Exited() && !l.rt.opts.Standalone {
		e.Hint = handOverHint // init itself always says why
	}
	if status.Signaled() && l.wasOOMKilled() {
		e.Hint = "the container's memory limit is too small even for its start: raise linux.resources.memory.limit"
	}
	return e
}

// lastWord is what init has said before it died, if it could.
func (l *launch) lastWord() error {
	if l.isDirect {
		a, err := nsenter.RecvAnswer(l.conn.Fd)
		if err != nil || a.Kind != nsenter.AnswerFailed {
			return nil
		}
		return l.initFailed(a)
	}
	if kind, payload, _, err := l.conn.Recv(); err == nil && kind == wire.Fault {
		return wire.DecodeFault(payload)
	}
	return nil
}

// undo destroys what create began, unless that has happened already. Its own
// errors are logged: the first error is the one to return.
func (l *launch) undo(c *container) {
	if l.console != nil {
		l.console.close()
	}
	sys.CloseAll(l.sent)
	if l.listenFd >= 0 {
		sys.Close(l.listenFd)
	}
	if l.init != nil {
		l.init.signal()
	}
	l.endOutside()
	if l.init != nil {
		l.init.kill()
	}
	if l.conn.Fd >= 0 {
		l.conn.Close()
	}
	if l.rdt != nil && !c.gone {
		l.rdt.Undo()
	}
	if l.init == nil {
		c.rec.Hooks = nil // poststop undoes what was never done
	}
	if !c.gone {
		c.cleanUp()
	}
	l.dir.Close()
	l.store.Close()
	if l.cg != nil {
		l.cg.Close()
	}
}

// killOnCancel kills init when the caller's context ends. After stop init's
// pidfd is used no more.
func (l *launch) killOnCancel() (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(l.ctx, func() {
		defer close(done)
		_ = sys.PidfdSignal(l.init.pidfd, sys.SIGKILL)
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// release closes what a launch that succeeded has open. A process that is for
// this call alone ends at once, and spares the work.
func (l *launch) release() {
	l.dir.Close()
	if l.rt.opts.Standalone {
		return
	}
	l.conn.Close()
	l.store.Close()
	if l.cg != nil {
		l.cg.Close()
	}
	if l.console != nil {
		l.console.close()
	}
}

// signal lets the process die, unless it has been reaped.
func (c *child) signal() {
	if !c.reaped {
		_ = sys.PidfdSignal(c.pidfd, sys.SIGKILL)
	}
}

// death is how a process has died that has closed its socket, and reaps it.
func (c *child) death() (syscall.WaitStatus, error) {
	if i, _ := sys.Readable(time.Second, c.pidfd); i < 0 {
		return 0, fault.New("init", fmt.Sprintf("pid %d", c.pid), "", errors.New("closed its socket"))
	}
	status, err := sys.Reap(c.pidfd)
	if err != nil {
		return 0, fault.New("init", "", "waitid", err)
	}
	return status, nil
}

// kill ends the process, unless it is dead and reaped, and closes its pidfd. One
// that does not die in time, frozen from above or in the kernel, is left to a
// later delete.
func (c *child) kill() {
	c.signal()
	if !c.reaped {
		if i, err := sys.Readable(removeDeadline, c.pidfd); err == nil && i == 0 {
			_, _ = sys.Reap(c.pidfd)
			c.reaped = true
		}
	}
	sys.Close(c.pidfd)
}

package libcontainer

// exec_end.go: how a process of an exec, and its joiner, are ended on their way.

import (
	"time"

	"rt/libcontainer/sys"
	"rt/nsenter"
)

// kill ends what there is of the process. It may be called at any time. A
// joiner that gives birth has a moment for it: without its word nobody would
// know of the child.
func (x *execution) kill() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.killed = true
	switch {
	case x.born != nil:
		x.born.signal()
	case x.joiner == nil:
	case x.bearing:
		time.AfterFunc(interruptTime, x.killJoiner)
	default:
		x.joiner.signal()
	}
}

func (x *execution) killJoiner() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.joiner != nil {
		x.joiner.signal()
	}
}

// bear says whether the joiner may be told to give birth.
func (x *execution) bear() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.bearing = !x.killed
	return x.bearing
}

// sweep ends a child that the joiner has not told of, or that we have not heard
// of: it was killed meanwhile. In a program that has other children, too, a child
// that it has not told of is missed.
func (x *execution) sweep() {
	for {
		if i, err := sys.Poll(x.sock); err != nil || i < 0 {
			break
		}
		a, err := nsenter.RecvAnswer(x.sock)
		if err != nil {
			break
		}
		if a.Kind == nsenter.AnswerBorn {
			x.end(&child{pid: a.Pid, pidfd: a.Fds[0]})
			a.Fds = a.Fds[1:]
		}
		sys.CloseAll(a.Fds)
	}
	if x.rt.opts.Standalone {
		patience := time.Second
		if x.frozen() { // by cgroup v1: they die when it goes on
			patience = strictTime
		}
		sys.EndChildren(patience)
	}
}

// take takes a child out of kill's reach: its pidfd may be closed then.
func (x *execution) take(from **child) *child {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := *from
	*from = nil
	return c
}

func (x *execution) put(into **child, c *child) {
	x.mu.Lock()
	defer x.mu.Unlock()
	*into = c
	if x.killed { // the context was over before there was anybody to kill
		c.signal()
	}
}

// undo ends whatever there is of a process that could not be started, and of
// its joiner.
func (x *execution) undo() {
	x.detach()
	if born := x.take(&x.born); born != nil {
		x.end(born)
	}
}

// end kills one of our processes. In a container that is paused by cgroup v1 a
// process dies only when that goes on: then init's own parent waits for it.
func (x *execution) end(c *child) {
	if !c.reaped && x.frozen() {
		_ = sys.PidfdSignal(c.pidfd, sys.SIGKILL)
		if i, err := sys.Readable(strictTime, c.pidfd); err != nil || i < 0 {
			sys.Close(c.pidfd)
			return
		}
	}
	c.kill()
}

// close ends the joiner, if it is there still, and closes what is open.
func (x *execution) close() {
	if joiner := x.take(&x.joiner); joiner != nil {
		x.end(joiner)
		if x.bearing && !x.known {
			x.sweep()
		}
	}
	if born := x.take(&x.born); born != nil {
		sys.Close(born.pidfd)
	}
	if x.console != nil {
		x.console.close()
	}
	sys.CloseAll([]int{x.agent, x.init, x.sock})
}

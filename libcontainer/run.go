package libcontainer

// run.go: create, and run: create, start and, in the foreground, wait.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
)

// Create makes the container and leaves its init waiting for Start. On an
// error, or when ctx ends before it is done, nothing is left behind. Errors: spec.Errors for a wrong config.json,
// fault.ErrExist, fault.ErrInvalidID, *fault.Error for a step that failed.
func (r *Runtime) Create(ctx context.Context, o CreateOptions) error {
	o.Attach = nil
	l, err := r.prepare(ctx, o)
	if err != nil {
		return err
	}
	if err := l.create(false); err != nil {
		return err
	}
	l.release()
	r.leave(l)
	return nil
}

// Run creates and starts the container. Detached it returns 0 once the program
// runs; in the foreground it forwards signals and the terminal, returns the
// program's exit status (128+n for signal n) and removes the container. When
// ctx ends a foreground container is killed; a detached one only until it runs.
func (r *Runtime) Run(ctx context.Context, o CreateOptions) (exit int, err error) {
	if o.Detach {
		o.Attach = nil
	}
	l, err := r.prepare(ctx, o)
	if err != nil {
		return -1, err
	}
	if l.reapsAll() {
		// Orphans of a container without a pid namespace come to us, not
		// to a parent that does not know them.
		if err := sys.SetSubreaper(); err != nil {
			r.log.Warn("subreaper: " + err.Error())
		}
	}
	if err := l.create(true); err != nil {
		return -1, err
	}
	c := l.container()
	// Before the program can ask for the terminal's size.
	detach, err := l.attach()
	if err == nil {
		err = l.start(c)
	}
	if err != nil {
		detach()
		l.undo(c)
		if l.opts.PidFile != "" {
			_ = os.Remove(l.opts.PidFile) // there is no such process
		}
		return -1, err
	}
	l.conn.Close()
	l.dir.Close()
	if o.Detach {
		err := c.waitReady()
		l.conn.Fd = plan.None
		l.release()
		r.leave(l)
		return 0, err
	}
	if c.notify != nil {
		go c.notify.serve()
	}
	return l.foreground(detach)
}

// start is the container's, which the end of the caller's context ends.
func (l *launch) start(c *container) error {
	stop := l.killOnCancel()
	err := c.start(l.ctx, l.conn)
	stop()
	if err == nil && l.ctx.Err() != nil {
		err = fault.New("", l.opts.ID, "killed", context.Cause(l.ctx))
	}
	return err
}

// foreground stays with the container until its program has ended.
func (l *launch) foreground(detach func()) (int, error) {
	forwarded := l.forward()
	stop := l.killOnCancel()
	code, err := l.wait()
	stop()
	forwarded()
	detach()
	if !l.rt.opts.Standalone {
		sys.Close(l.init.pidfd)
		l.conn.Fd = plan.None
		defer l.release()
	}
	if err != nil {
		return -1, err
	}
	switch {
	case code == 128+int(syscall.SIGKILL) && l.wasOOMKilled():
		l.rt.log.Warn(fmt.Sprintf("container %s was killed by the kernel: its memory limit is used up (OOM)", l.opts.ID))
	case code == 128+int(syscall.SIGSYS) && l.filter != nil:
		l.rt.log.Warn(fmt.Sprintf("container %s was killed by its seccomp filter: bad system call", l.opts.ID))
	}
	if !l.opts.Keep {
		err = l.end()
	}
	if err == nil && l.ctx.Err() != nil && code == 128+int(syscall.SIGKILL) {
		err = fault.New("", l.opts.ID, "killed", l.ctx.Err())
	}
	return code, err
}

// reapsAll: the orphans of a container without a pid namespace come to the
// process, which has no other children.
func (l *launch) reapsAll() bool {
	return l.rt.opts.Standalone && !l.opts.Detach && !l.opts.NoSubreaper
}

// attach connects a foreground terminal to the caller's; detach is never nil.
func (l *launch) attach() (detach func(), err error) {
	if l.console == nil {
		return func() {}, nil
	}
	detach, err = l.opts.Attach(l.console.master)
	if err != nil {
		detach = func() {}
	}
	return detach, err
}

// forward passes signals on beside wait, where that does not do it itself; the
// function it returns ends that, before the pidfd's number is somebody else's.
func (l *launch) forward() (end func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	end = func() { close(done); <-gone }
	switch {
	case l.opts.Relay != nil && l.awaitsAll():
		go func() {
			defer close(gone)
			// Its end is init's, or an error that wait has as well.
			_ = l.opts.Relay.untilDead(l.init.pidfd)
		}()
	case l.opts.Signals != nil:
		go func() {
			defer close(gone)
			forward(l.opts.Signals, l.init.pidfd, done)
		}()
	default:
		return func() {}
	}
	return end
}

// awaitsAll: wait is for any child, as there may be orphans.
func (l *launch) awaitsAll() bool { return !l.rec.PrivatePids && l.reapsAll() }

// wait reaps init; without a pid namespace of its own also the orphans that
// come to us as a subreaper.
func (l *launch) wait() (int, error) {
	if !l.awaitsAll() {
		if l.opts.Relay != nil {
			if err := l.opts.Relay.untilDead(l.init.pidfd); err != nil {
				return -1, fault.New("wait", "pid "+strconv.Itoa(l.init.pid), "poll", err)
			}
		}
		reap := sys.Reap
		if !l.rt.opts.Standalone {
			reap = sys.ReapParked
		}
		status, err := reap(l.init.pidfd)
		if err != nil {
			return -1, fault.New("wait", "pid "+strconv.Itoa(l.init.pid), "waitid", err)
		}
		return exitCode(status), nil
	}
	for {
		pid, status, err := sys.ReapAny()
		if err != nil {
			return -1, fault.New("wait", "pid "+strconv.Itoa(l.init.pid), "wait4", err)
		}
		if pid == l.init.pid {
			return exitCode(status), nil
		}
	}
}

// end removes the container after its program has ended. Somebody may have
// deleted it meanwhile.
func (l *launch) end() error {
	c, err := l.rt.load(l.opts.ID)
	if errors.Is(err, fault.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.dir.Close()
	// A namesake that was created since is not ours.
	if c.rec.Init != l.rec.Init {
		return nil
	}
	return c.destroy()
}

// forward passes signals on until init is gone.
func forward(signals <-chan os.Signal, pidfd int, done <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if number, ok := s.(syscall.Signal); ok {
				_ = sys.PidfdSignal(pidfd, number)
			}
		case <-done:
			return
		}
	}
}

// handOut gives the caller what it asked for of the created container.
func (l *launch) handOut() error {
	byAnnotation := spec.PidfdReceiver(l.spec.Annotations)
	for _, to := range []struct{ option, path string }{
		{"--pidfd-socket", l.opts.PidfdSocket}, {`annotations["run.oci.pidfd_receiver"]`, byAnnotation},
	} {
		if to.path == "" {
			continue
		}
		receiver, err := connectReceiver(to.option, to.path)
		if err != nil {
			return err
		}
		err = receiver.send(l.init.pidfd)
		receiver.close()
		if err != nil {
			return err
		}
	}
	if l.opts.PidFile != "" {
		return writePidFile(l.opts.PidFile, l.init.pid)
	}
	return nil
}

// receiver is who wants a pidfd, connected.
type receiver struct {
	option, path string
	fd           int
}

func connectReceiver(option, path string) (r receiver, err error) {
	r = receiver{option: option, path: path}
	if r.fd, err = sys.Connect(path); err != nil {
		return r, r.fail(err)
	}
	return r, nil
}

func (r receiver) send(pidfd int) error {
	if err := sys.SendAll(r.fd, []byte("pidfd"), []int{pidfd}); err != nil {
		return r.fail(err)
	}
	return nil
}

func (r receiver) close() { sys.Close(r.fd) }

func (r receiver) fail(err error) error {
	return fault.New("pidfd", r.option, r.path, err).WithHint("a listening unix socket must be there before rt is called")
}

func (l *launch) wasOOMKilled() bool {
	if l.cg == nil {
		return false
	}
	n, err := l.cg.OOMKills()
	return err == nil && n > 0
}

// describe puts a wait status into words.
func describe(s syscall.WaitStatus) string {
	if !s.Signaled() {
		return "exit status " + strconv.Itoa(s.ExitStatus())
	}
	if s.Signal() == syscall.SIGSYS {
		return "bad system call (a seccomp filter killed it)"
	}
	return "signal " + strconv.Itoa(int(s.Signal())) + " (" + s.Signal().String() + ")"
}

// isHangup: the other end of a socket is gone.
func isHangup(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

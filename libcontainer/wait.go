package libcontainer

// wait.go: the exit status of a container, for whoever is not its parent.

import (
	"context"
	"errors"
	"syscall"

	"rt/libcontainer/fault"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

// Wait waits until the container's init has ended and returns its exit status
// as a shell counts (128+n for signal n). Errors: fault.ErrNotExist; or the
// status cannot be known because init was reaped before anybody asked. That of a
// container that this Runtime has started is known until it is deleted. ctx
// ends the wait, not the container.
func (r *Runtime) Wait(ctx context.Context, id string) (int, error) {
	c, err := r.read(id)
	if err != nil {
		return 0, err
	}
	if status, ok, err := r.children.wait(ctx, c.rec.Init); ok || err != nil {
		return exitCode(status), err
	}
	unknown := fault.New("wait", id, "", errors.New("it has ended and its exit status is gone")).
		WithHint("call rt wait before the container ends")
	pidfd, err := openProcess(c.rec.Init)
	if errors.Is(err, fault.ErrNotRunning) {
		return 0, unknown
	}
	if err != nil {
		return 0, err
	}
	defer sys.Close(pidfd)
	if err := sys.AwaitExit(ctx, pidfd); err != nil {
		return 0, fault.New("wait", id, "poll", err)
	}
	if status, ok := zombieStatus(c.rec.Init); ok {
		return exitCode(status), nil
	}
	// Reaped already, or about to be: the kernel keeps the status for
	// holders of a pidfd (Linux 6.15).
	if err := sys.Hangup(pidfd); err != nil {
		return 0, fault.New("wait", id, "poll", err)
	}
	if status, ok, err := sys.ExitStatus(pidfd); err == nil && ok {
		return exitCode(status), nil
	}
	return 0, unknown
}

// zombieStatus reads the exit status of a process that nobody has reaped yet:
// field 52 of /proc/PID/stat.
func zombieStatus(p state.Process) (syscall.WaitStatus, bool) {
	st, err := state.ReadStat(p.Pid)
	if err != nil || st.Start != p.Start || st.State != 'Z' {
		return 0, false
	}
	return syscall.WaitStatus(st.ExitCode), true
}

// exitCode is a wait status as a shell counts it.
func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

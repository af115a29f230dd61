// Package hook runs one lifecycle hook: a program with the container's state
// on its stdin (runtime-spec config.md, "POSIX-platform Hooks"). Which hooks
// run when, and in which namespace, is the caller's business: the hook starts
// on the calling thread.
package hook

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// maxOutput is how much of a hook's output is kept for its error.
const maxOutput = 4096

// Output are the files that hooks write to. Where there is none, the last of
// what a failing hook has printed stands in its error.
type Output struct{ Stdout, Stderr *os.File }

// Run runs every hook of the list in order, until one fails. kind is the
// spec's name of the list, dir the working directory ("" is the caller's). The
// environment is only what the hook names. When ctx ends the hook is killed.
func Run(ctx context.Context, kind string, hooks []plan.Hook, dir string, state []byte, out Output) error {
	for i, h := range hooks {
		if err := run(ctx, h, dir, state, out); err != nil {
			err.Step = fmt.Sprintf("error running %s hook #%d", kind, i)
			return err
		}
	}
	return nil
}

func run(caller context.Context, h plan.Hook, dir string, state []byte, out Output) *fault.Error {
	if caller.Err() != nil {
		return fault.New("", h.Path, "", fmt.Errorf("not run: %w", context.Cause(caller)))
	}
	var output tail
	cmd := exec.Command(h.Path)
	if len(h.Args) > 0 {
		cmd.Args = h.Args
	}
	cmd.Env = append([]string{}, h.Env...) // nil would pass on our own
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(state)
	cmd.Stdout, cmd.Stderr = &output, &output
	if out.Stdout != nil {
		cmd.Stdout = out.Stdout
	}
	if out.Stderr != nil {
		cmd.Stderr = out.Stderr
	}
	pidfd := -1
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, PidFD: &pidfd}
	cmd.WaitDelay = time.Second
	err := sys.Fork(cmd.Start)
	var late bool
	if err == nil {
		late, err = wait(caller, cmd, pidfd, time.Duration(h.Timeout)*time.Second)
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case caller.Err() != nil:
		err = fmt.Errorf("killed: %w%s", context.Cause(caller), output.quote())
	case late:
		err = fmt.Errorf("no end after its timeout of %d s, killed%s", h.Timeout, output.quote())
	case isBrokenPipe(err):
		return nil
	default:
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			if e := errors.Unwrap(err); e != nil { // fork/exec PATH: errno
				err = e
			}
			return fault.New("", h.Path, "exec", err)
		}
		err = fmt.Errorf("%w%s", err, output.quote())
	}
	return fault.New("", h.Path, "", err)
}

// wait waits for the hook, at most for timeout (0: for ever) and until ctx ends.
// A hook that is out of time goes with all that it has started, and a grandchild
// that keeps the pipes open does not keep us. It is killed by the thread that
// started it: in an init the others may have given up the right to.
func wait(ctx context.Context, cmd *exec.Cmd, pidfd int, timeout time.Duration) (late bool, err error) {
	defer sys.Close(pidfd)
	fds := []int{pidfd}
	if ctx.Done() != nil {
		wake, err := sys.NewEvent()
		if err != nil {
			_ = sys.KillGroup(cmd.Process.Pid)
			return false, fault.Join(err, cmd.Wait())
		}
		done := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(done)
			sys.SetEvent(wake)
		})
		defer func() {
			if !stop() {
				<-done
			}
			sys.Close(wake)
		}()
		fds = append(fds, wake)
	}
	i, err := sys.Readable(timeout, fds...)
	if err != nil || i != 0 {
		late = err == nil && i < 0
		_ = sys.KillGroup(cmd.Process.Pid)
	}
	return late, cmp.Or(cmd.Wait(), err)
}

// isBrokenPipe: the hook ended well without reading its stdin, which it may.
func isBrokenPipe(err error) bool {
	var exit *exec.ExitError
	return !errors.As(err, &exit) && strings.Contains(err.Error(), "broken pipe")
}

// tail keeps the last maxOutput bytes written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - maxOutput; extra > 0 {
		t.b = t.b[extra:]
	}
	return len(p), nil
}

func (t *tail) quote() string {
	text := strings.TrimSpace(string(t.b))
	if text == "" {
		return ""
	}
	return ": " + strings.ReplaceAll(text, "\n", "; ")
}

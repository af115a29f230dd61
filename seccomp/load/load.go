// Package load is init's half of seccomp: it loads a compiled filter and
// executes the program behind it. It knows nothing of profiles and uses no
// libseccomp.
//
// Between seccomp(2) and execve(2) there is no other system call. That leaves
// three things that could go wrong under a strict filter, and for them a
// watcher stands by on a thread without the filter (the filter is not
// synchronised to other threads, and execve ends them):
//
//   - the filter kills the calling thread only (SCMP_ACT_KILL): Go's other
//     threads would keep the process alive for ever;
//   - execve fails and the filter forbids to say so, or to exit;
//   - a listener must reach its agent, and the filter forbids sendmsg(2), or
//     would ask the agent that does not have it yet.
//
// A privilege that was only kept for seccomp(2), CAP_SYS_ADMIN, needs no call
// of its own to go: execve computes the new permitted set from the bounding,
// inheritable and ambient sets alone (capabilities(7)).
package load

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

// Program is what to execute and behind which filter.
type Program struct {
	Path      string // resolved: execve's first argument
	Args, Env []string

	// BPF is an array of struct sock_filter in native byte order; empty: no
	// filter. Flags are SECCOMP_FILTER_FLAG_* without NEW_LISTENER.
	BPF   []byte
	Flags uint32
	// Strict says that the filter does not plainly allow everything that a
	// failed execve would need; see seccomp.Filter.KillsThread.
	Strict bool
	// Agent is the connected stream socket that gets the listener, with
	// State as the message it rides on; negative for a filter without
	// SCMP_ACT_NOTIFY.
	Agent int
	State []byte
	// Report is called for a failure behind the filter, on another thread
	// that is still free. The process ends with the status it returns.
	Report func(*Failure) (status int)
}

// KilledStatus is the exit status of a process killed by the filter, as a
// shell would show SIGSYS.
const KilledStatus = 128 + int(unix.SIGSYS)

// Failure is why the program was not executed.
type Failure struct {
	Stage sys.LastStage
	Errno syscall.Errno // the kernel's answer
	// Killed: there was none, the filter killed the thread (SIGSYS).
	Killed bool
}

// Error names the call and its answer.
func (f *Failure) Error() string {
	if f.Killed {
		return f.Stage.String() + ": bad system call"
	}
	return f.Stage.String() + ": " + f.Errno.Error()
}

// Unwrap returns the errno, nil when there is none.
func (f *Failure) Unwrap() error {
	if f.Killed {
		return nil
	}
	return f.Errno
}

// The watcher looks this often for what it cannot be told. With a listener the
// filtered thread burns the CPU meanwhile.
const (
	pollStrict   = 10e6 // ns
	pollListener = 2e5
)

// Exec replaces the calling process by the program. The caller must be locked
// to the main thread, and the process run with GODEBUG=asyncpreemptoff=1. It
// returns only if the program was not executed and no filter stands in the
// way of saying so.
func (p *Program) Exec() error {
	notify := p.Agent >= 0 && len(p.BPF) > 0
	watched := len(p.BPF) > 0 && (p.Strict || notify)
	flags := p.Flags
	if notify {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	calls, err := sys.NewLastCalls(p.Path, p.Args, p.Env, p.BPF, flags, notify)
	if err != nil {
		return &Failure{Stage: sys.StagePrepared, Errno: errnoOf(err)}
	}
	if watched {
		calls.Watched()
		sys.DefaultSIGSYS()
		ready := make(chan struct{})
		go p.watch(calls, notify, ready)
		<-ready // its thread must exist before the filter does
	}
	stage, errno := calls.Run()
	return &Failure{Stage: stage, Errno: errno}
}

// Load loads the filter alone, on the calling thread, for what is to run behind it
// before the program; the caller must not rely on any system call from then on.
// Should the filter kill the thread, Report is called and the process ends.
func (p *Program) Load() error {
	calls, err := sys.NewLastCalls("", nil, nil, p.BPF, p.Flags, false)
	if err != nil {
		return &Failure{Stage: sys.StagePrepared, Errno: errnoOf(err)}
	}
	// A thread that is killed takes its processor with it, in the runtime's
	// eyes: the watcher needs another.
	runtime.GOMAXPROCS(2)
	calls.Watched()
	sys.DefaultSIGSYS()
	ready := make(chan struct{})
	go p.watch(calls, false, ready)
	<-ready // its thread must exist before the filter does
	if errno := calls.Load(); errno != 0 {
		return &Failure{Stage: sys.StageFilter, Errno: errno}
	}
	return nil
}

// watch waits for whatever Run cannot do or tell. It ends with the process.
func (p *Program) watch(calls *sys.LastCalls, notify bool, ready chan<- struct{}) {
	poll := int64(pollStrict)
	if notify {
		poll = pollListener
	}
	close(ready)
	for {
		gone := calls.ThreadGone(poll)
		if errno, failed := calls.Failed(); failed {
			p.end(&Failure{Stage: calls.Stage(), Errno: errno})
		}
		if gone {
			p.end(&Failure{Stage: calls.Stage(), Killed: true})
		}
		if fd, ok := calls.Listener(); ok && notify {
			if err := sys.SendAll(p.Agent, p.State, []int{fd}); err != nil {
				p.end(&Failure{Stage: sys.StageListener, Errno: errnoOf(err)})
			}
			notify, poll = false, pollStrict
			calls.Resume()
		}
	}
}

func (p *Program) end(f *Failure) {
	status := KilledStatus
	if p.Report != nil {
		status = p.Report(f)
	}
	sys.ExitGroup(status)
}

func errnoOf(err error) syscall.Errno {
	if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // sys wraps nothing
		return errno
	}
	return unix.EINVAL
}

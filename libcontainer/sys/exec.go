package sys

// exec.go: the very last system calls of init, made one after the other by one
// function without anything of Go in between.

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// LastStage is how far LastCalls came.
type LastStage uint32

// The stages of LastCalls, in order.
const (
	StagePrepared LastStage = iota
	StageFilter             // seccomp(2)
	StageListener           // the listener is on its way to the agent
	StageExec               // execve(2)
)

// LastCalls holds everything the last calls need, made beforehand.
type LastCalls struct {
	path       *byte
	argv, envv []*byte

	filter unix.SockFprog
	flags  uintptr

	// stage, listener and failed are written by the thread that runs Run and
	// read by its watcher. failed is an errno plus one, so that 0 is "not yet".
	stage, failed atomic.Uint32
	listener      atomic.Int32 // fd plus one
	resume        atomic.Uint32

	handOver, watched bool
	tid               atomic.Uint32
}

// NewLastCalls prepares execve(path, args, env) behind the filter: an array of
// struct sock_filter, empty for none, and its SECCOMP_FILTER_FLAG_* flags.
//
// handOver: after the filter is loaded wait until Resume is called; somebody
// must take Listener meanwhile.
func NewLastCalls(path string, args, env []string, bpf []byte, flags uint32, handOver bool) (*LastCalls, error) {
	c := &LastCalls{flags: uintptr(flags), handOver: handOver}
	var err error
	if c.path, err = syscall.BytePtrFromString(path); err != nil {
		return nil, err
	}
	if c.argv, err = syscall.SlicePtrFromStrings(args); err != nil {
		return nil, err
	}
	if c.envv, err = syscall.SlicePtrFromStrings(env); err != nil {
		return nil, err
	}
	const instruction = 8 // sizeof(struct sock_filter)
	n := len(bpf) / instruction
	if len(bpf)%instruction != 0 || n > unix.BPF_MAXINSNS {
		return nil, unix.EINVAL
	}
	if n > 0 {
		// A copy of the right type is also of the right alignment.
		filter := make([]unix.SockFilter, n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&filter[0])), len(bpf)), bpf)
		c.filter = unix.SockFprog{Len: uint16(n), Filter: &filter[0]}
	}
	return c, nil
}

// Watched makes Run leave failures behind the filter to a watcher that polls
// Failed and ThreadGone: it does not return then, because under the filter no
// system call can be relied on. The calling thread must be the one that will
// call Run.
func (c *LastCalls) Watched() {
	c.watched = true
	// The kernel clears this word and wakes its waiters when the thread
	// ends, whatever ended it (set_tid_address(2)). The word of glibc, which
	// it replaces, matters only to a thread that is joined: never the main one.
	c.tid.Store(1)
	unix.RawSyscall(unix.SYS_SET_TID_ADDRESS, uintptr(unsafe.Pointer(&c.tid)), 0, 0)
}

// Stage is the last stage that was begun.
func (c *LastCalls) Stage() LastStage { return LastStage(c.stage.Load()) }

// Listener is the seccomp notification fd, once there is one.
func (c *LastCalls) Listener() (fd int, ok bool) {
	v := c.listener.Load()
	return int(v) - 1, v != 0
}

// Resume lets a Run that hands over go on.
func (c *LastCalls) Resume() { c.resume.Store(1) }

// Failed is the errno of the call that failed, once one has.
func (c *LastCalls) Failed() (errno syscall.Errno, ok bool) {
	v := c.failed.Load()
	return syscall.Errno(v - 1), v != 0
}

// ThreadGone waits up to nanoseconds for the end of the thread of Watched and
// reports whether it has ended. It returns early for any reason.
func (c *LastCalls) ThreadGone(nanoseconds int64) bool {
	if c.tid.Load() == 0 {
		return true
	}
	const futexWait = 0 // not private: the kernel's wake is not
	timeout := unix.NsecToTimespec(nanoseconds)
	unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&c.tid)), futexWait, 1,
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
	return c.tid.Load() == 0
}

// Run loads the filter and executes the program. It returns only if a call
// failed, with that call's stage; if it is watched, only if that is the filter.
//
// From the filter on there is no other system call than execve: Go's scheduler
// sees one long system call (entersyscall … exitsyscall), so it neither
// preempts the thread nor waits for it, not even when the filter kills it. The
// process must run with GODEBUG=asyncpreemptoff=1, or the scheduler could send
// a signal whose return, rt_sigreturn, the filter forbids.
//
//go:nosplit
func (c *LastCalls) Run() (LastStage, syscall.Errno) {
	entersyscall()
	stage, errno := c.raw()
	for c.watched && stage > StageFilter {
		c.failed.Store(uint32(errno) + 1)
	}
	exitsyscall()
	return stage, errno
}

// Load loads the filter and returns.
func (c *LastCalls) Load() syscall.Errno {
	c.stage.Store(uint32(StageFilter))
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, c.flags, uintptr(unsafe.Pointer(&c.filter)))
	return errno
}

//go:nosplit
func (c *LastCalls) raw() (LastStage, syscall.Errno) {
	if c.filter.Len != 0 {
		c.stage.Store(uint32(StageFilter))
		fd, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
			c.flags, uintptr(unsafe.Pointer(&c.filter)))
		if errno != 0 {
			return StageFilter, errno
		}
		if c.handOver {
			c.stage.Store(uint32(StageListener))
			c.listener.Store(int32(fd) + 1)
			for c.resume.Load() == 0 { // sleeping would be a system call
			}
		}
	}
	c.stage.Store(uint32(StageExec))
	_, _, errno := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(c.path)),
		uintptr(unsafe.Pointer(&c.argv[0])), uintptr(unsafe.Pointer(&c.envv[0])))
	return StageExec, errno
}

// DefaultSIGSYS takes SIGSYS from the Go runtime, which would answer the first
// forbidden call with a crash report on the container's stderr: the signal's
// default action ends the process (SECCOMP_RET_TRAP).
func DefaultSIGSYS() { defaultAction(uintptr(unix.SIGSYS)) }

// DefaultThreadSignals takes back what the caller of rt may have done to the
// signals that C libraries keep for their threads (glibc two, musl three): GNU
// make has its children ignore them, which execve would hand on. All others
// either have a handler of the Go runtime, and execve takes that back, or are
// the caller's to ignore (nohup(1)).
func DefaultThreadSignals() {
	for signal := uintptr(32); signal <= 34; signal++ {
		defaultAction(signal)
	}
}

func defaultAction(signal uintptr) {
	var action [4]uint64 // struct sigaction of the kernel: all zero is SIG_DFL
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// ExitGroup ends the process at once, all threads, without any clean-up.
func ExitGroup(status int) {
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(status), 0, 0)
	}
}

// The two halves of syscall.Syscall. The runtime keeps them reachable for
// programs that, like this one, need several raw calls in one.
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// String names the stage's system call.
func (s LastStage) String() string {
	switch s {
	case StageFilter:
		return "seccomp"
	case StageListener:
		return "sendmsg"
	case StageExec:
		return "execve"
	}
	return "prepare"
}

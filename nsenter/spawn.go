package nsenter

/*
#include "spawn.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

// Spawn is a process to start that does operations, see SendOps: a joiner, or
// a container's init.
type Spawn struct {
	// Exe is an fd of the program.
	Exe int
	// Sock becomes the process's fd Target, which is above those that reach it.
	Sock, Target int
	// Stdio become the process's first three fds; of the caller's others those
	// reach it that are not close-on-exec.
	Stdio [3]int
	// CgroupFd is a cgroup v2 directory to start in, or -1.
	CgroupFd int
	// Doors are files "tasks" of cgroup v1, open for writing: the process goes
	// into those cgroups by itself, which costs nothing of what moving it would.
	Doors []int
	// NewPID gives it a new pid namespace. In the others it is born where the
	// calling thread is.
	NewPID bool
	// Procs is how many procfs contexts of its pid namespace it sends with one
	// byte over the socket before anything else.
	Procs int
	// Hide: it is born where others could look inside of it, and must not be
	// inspected from its first instruction on.
	Hide bool
	// Nofile gives it the limit on open files that the caller was started with,
	// where Go has raised it.
	Nofile bool
	// OOMScoreAdj, if not nil, is its oom_score_adj; else it has the caller's.
	OOMScoreAdj *int
	// SmallPages keeps huge pages from it, which its program may have. What else
	// this process executes meanwhile would not get them either.
	SmallPages bool
	// Born, if not nil, becomes the pidfd as soon as there is a process, and -1
	// where it could not begin: Start waits for its execve, and somebody in its
	// pid namespace can stop it before that.
	Born *atomic.Int32
}

// ErrOOMScoreAdj wraps the errno where the process could not set its oom_score_adj.
var ErrOOMScoreAdj = errors.New("oom_score_adj")

// Start starts the process. It has no environment and blocks all signals; mask
// is what the caller blocks, for the program to begin with (bit n-1 is signal
// n). Errors: an errno, or [ErrOOMScoreAdj] with one.
func (s *Spawn) Start() (pid, pidfd int, mask uint64, err error) {
	c := C.struct_rt_spawn{
		exe: C.int(s.Exe), sock: C.int(s.Sock), target: C.int(s.Target), cgroup: C.int(s.CgroupFd), procs: C.int(s.Procs),
		slack: C.ulong(sys.GivenSlack),
	}
	for i, fd := range s.Stdio {
		c.stdio[i] = C.int(fd)
	}
	if s.NewPID {
		c.flags = unix.CLONE_NEWPID
	}
	if s.Hide {
		c.hide = 1
	}
	if s.Nofile {
		c.files = 1
	}
	if s.SmallPages {
		c.small = 1
	}
	// C keeps nothing; the memory may not move while it looks.
	var pinned runtime.Pinner
	defer pinned.Unpin()
	if s.OOMScoreAdj != nil {
		text := append(strconv.AppendInt(nil, int64(*s.OOMScoreAdj), 10), 0)
		pinned.Pin(&text[0])
		c.oom = (*C.char)(unsafe.Pointer(&text[0]))
	}
	if len(s.Doors) > 0 {
		doors := make([]C.int, len(s.Doors)+1)
		for i, door := range s.Doors {
			doors[i] = C.int(door)
		}
		doors[len(s.Doors)] = -1
		pinned.Pin(&doors[0])
		c.doors = &doors[0]
	}
	born := s.Born
	if born == nil {
		born = new(atomic.Int32)
	}
	born.Store(-1)
	var old C.uint64_t
	r := C.rt_spawn(&c, (*C.int)(unsafe.Pointer(born)), &old)
	if r < 0 && c.oom_failed != 0 {
		return -1, -1, 0, fmt.Errorf("%w: %w", ErrOOMScoreAdj, unix.Errno(-r))
	}
	if r < 0 {
		return -1, -1, 0, unix.Errno(-r)
	}
	return int(r), int(born.Load()), uint64(old), nil
}

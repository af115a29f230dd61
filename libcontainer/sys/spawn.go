package sys

// spawn.go starts init: one clone and one exec, straight into new namespaces.

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spawn describes a process to start.
type Spawn struct {
	// Exe is an fd of the program. It is executed through /proc/self/fd.
	Exe  int
	Argv []string
	Env  []string
	// Files are the child's fds 0, 1, 2, …; of the caller's others those
	// reach it that are not close-on-exec.
	Files []uintptr
	// Cloneflags are the namespaces to make, CLONE_NEW*.
	Cloneflags uintptr
	// CgroupFd is a cgroup v2 directory to start in, or -1.
	CgroupFd int
	// KeepCaps gives the child all capabilities of its new user namespace
	// as ambient ones: its uid is not mapped yet, so execve would drop them.
	KeepCaps bool
	// Join are namespaces that the child is born in.
	Join []NamespaceFd
}

// NamespaceFd is an open namespace.
type NamespaceFd struct {
	Fd   int
	Flag int // CLONE_NEW*
}

// JoinError says which of Spawn.Join could not be entered.
type JoinError struct {
	Index int
	Errno error
}

func (e *JoinError) Error() string { return e.Errno.Error() }

func (e *JoinError) Unwrap() error { return e.Errno }

// Start starts the process. The child is the caller's; pidfd is
// close-on-exec and readable once it has exited (pidfd_open(2)). err is a
// *JoinError when a namespace refused.
func (s *Spawn) Start() (pid, pidfd int, err error) {
	attr := &syscall.ProcAttr{
		Env:   s.Env,
		Files: s.Files,
		Sys: &syscall.SysProcAttr{
			Cloneflags:  s.Cloneflags,
			PidFD:       &pidfd,
			UseCgroupFD: s.CgroupFd >= 0,
			CgroupFD:    max(s.CgroupFd, 0),
		},
	}
	if s.KeepCaps {
		for c := range uintptr(unix.CAP_LAST_CAP + 1) {
			attr.Sys.AmbientCaps = append(attr.Sys.AmbientCaps, c)
		}
	}
	exe := s.Exe
	if above := s.above(); exe < len(s.Files) || exe >= above {
		// Out of the way of the child's own files, and of those that Go
		// moves aside in the child without a look at what is there: its
		// pipe, and each file in the place of another one.
		if exe, err = unix.FcntlInt(uintptr(exe), unix.F_DUPFD_CLOEXEC, above+len(s.Files)+1); err != nil {
			return -1, -1, err
		}
		defer Close(exe)
	}
	fork := func() (err error) {
		pid, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(exe), s.Argv, attr)
		return err
	}
	if len(s.Join) == 0 {
		err = Fork(fork)
		return pid, pidfd, err
	}
	var tid atomic.Int32
	var before []int
	done := make(chan struct{})
	go func() {
		defer close(done)
		OnOwnThread(func() {
			for i, ns := range s.Join {
				if errno := unix.Setns(ns.Fd, ns.Flag); errno != nil {
					err = &JoinError{i, errno}
					return
				}
			}
			before = children(unix.Gettid()) // the thread may be an older one
			tid.Store(int32(unix.Gettid()))
			err = Fork(fork)
		})
	}()
	timer := time.NewTimer(spawnDeadline)
	defer timer.Stop()
	select {
	case <-done:
		return pid, pidfd, err
	case <-timer.C:
	}
	// Somebody in the pid namespace has stopped the child before its execve,
	// for which ForkExec waits.
	if t := int(tid.Load()); t != 0 {
		for _, child := range children(t) {
			if !slices.Contains(before, child) { // not reaped yet, so the pid is its own
				_ = unix.Kill(child, unix.SIGKILL)
			}
		}
	}
	<-done
	if err == nil {
		_, _ = Reap(pidfd)
		Close(pidfd)
	}
	return -1, -1, ErrNotExecuted
}

// Within calls do and says whether it came back in time. If not it goes on, by
// itself: what it has and makes is its own from then on.
func Within(limit time.Duration, do func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// GivenSlack is the timer slack in nanoseconds that this program was started
// with, where it has changed its own; else 0. Set before there are goroutines.
var GivenSlack uintptr

// Fork calls start, which starts a process, on a thread with GivenSlack: a
// process gets its timer slack, and what is its default, from the thread that
// makes it, and what it executes keeps both (prctl(2), PR_SET_TIMERSLACK).
func Fork(start func() error) error {
	if GivenSlack == 0 {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// It fails for no value but 0. The thread stays like this.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, GivenSlack, 0, 0, 0)
	return start()
}

// spawnDeadline is how long a child that is born where others are may take to
// come to its execve.
const spawnDeadline = 30 * time.Second

// ErrNotExecuted: the child has not come to its execve in time, and is dead.
var ErrNotExecuted = errors.New("it was stopped before its execve")

// EndChildren kills the caller's children, all of them. One that does not die
// within patience, being frozen, is left to init.
func EndChildren(patience time.Duration) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		for _, pid := range children(tid) {
			pidfd, err := PidfdOpen(pid)
			if err != nil {
				continue
			}
			_ = PidfdSignal(pidfd, SIGKILL)
			if i, err := Readable(patience, pidfd); err == nil && i == 0 {
				_, _ = Reap(pidfd)
			}
			Close(pidfd)
		}
	}
}

// children are the pids of the children of a thread of the caller's
// (proc_tid_children(5)).
func children(tid int) (pids []int) {
	list, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/children")
	if err != nil {
		return nil
	}
	for _, field := range strings.Fields(string(list)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// above is the first number above all of the files, where they are and where
// they are to be.
func (s *Spawn) above() int {
	top := len(s.Files)
	for _, fd := range s.Files {
		top = max(top, int(fd)+1)
	}
	return top
}

// OnOwnThread runs do on a thread that ends with it, whatever do has done to
// the thread. It is never the process's main thread: that one cannot end, and
// /proc/PID shows its namespaces as the whole process's.
func OnOwnThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			OnOwnThread(do) // this thread is taken, so another comes
			runtime.UnlockOSThread()
			return
		}
		do() // a goroutine that ends locked takes its thread along
	}()
	<-done
}

// Executable returns an fd of the program at path ("/proc/self/exe" is the
// caller's own) that nobody can write through: a detached read-only clone of
// its mount. Where the caller may not clone mounts (rootless) it is the plain
// file if the caller could not write that anyway, else a sealed copy in memory.
func Executable(path string) (int, error) {
	fd, err := readOnlyClone(path)
	if err == unix.EINVAL {
		fd, err = cloneHere(path)
	}
	if err == nil {
		return fd, nil
	}
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if w, werr := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0); werr == nil {
		_ = unix.Close(w)
	} else if werr != unix.ETXTBSY {
		return fd, nil
	}
	defer unix.Close(fd)
	return sealedCopy(fd)
}

func readOnlyClone(path string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, err
	}
	ro := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &ro); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// cloneHere is for a program that was executed from another mount namespace,
// whose mounts cannot be cloned in this one (open_tree(2): EINVAL): the file
// may be found at the same path here. link is a link of /proc's to it.
func cloneHere(link string) (int, error) {
	path, err := os.Readlink(link)
	if err != nil {
		return -1, err
	}
	fd, err := readOnlyClone(path)
	if err != nil {
		return -1, err
	}
	var want, got unix.Stat_t
	if err = unix.Stat(link, &want); err == nil {
		err = unix.Fstat(fd, &got)
	}
	if err == nil && (got.Dev != want.Dev || got.Ino != want.Ino) {
		err = unix.ESTALE
	}
	var fs unix.Statfs_t
	if err == nil {
		err = unix.Fstatfs(fd, &fs)
	}
	if err == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		err = unix.EACCES
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sealedCopy copies the file fd into a memfd that can never change again.
func sealedCopy(fd int) (int, error) {
	mem, err := unix.MemfdCreate("rt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // MFD_EXEC came with Linux 6.3
		mem, err = unix.MemfdCreate("rt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, err
	}
	for {
		n, err := unix.Sendfile(mem, fd, nil, 1<<30)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			_ = unix.Close(mem)
			return -1, err
		}
		if n == 0 {
			break
		}
	}
	// F_SEAL_WRITE would look at every page for somebody who holds it, and fail
	// with EBUSY where the kernel itself does for a moment. What is to come is
	// all there can be: nobody else has had this file (memfd_create(2)).
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_FUTURE_WRITE
	if _, err := unix.FcntlInt(uintptr(mem), unix.F_ADD_SEALS, seals); err != nil {
		_ = unix.Close(mem)
		return -1, err
	}
	return mem, nil
}

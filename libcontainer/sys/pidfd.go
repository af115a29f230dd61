package sys

// pidfd.go: processes by file descriptor, and waiting for them.

import (
	"encoding/binary"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PidfdOpen returns a close-on-exec fd of the process (pidfd_open(2)).
func PidfdOpen(pid int) (int, error) { return unix.PidfdOpen(pid, 0) }

// PidfdPid is the pid of the process behind pidfd in the caller's pid namespace,
// as the kernel says it (pidfd_open(2), "fdinfo"); ESRCH when it has been reaped.
func PidfdPid(pidfd int) (int, error) {
	info, err := ReadSmall(unix.AT_FDCWD, "/proc/self/fdinfo/"+strconv.Itoa(pidfd), 4096)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(info), "\nPid:\t")
	word, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(word)
	if err != nil || pid <= 0 {
		return 0, unix.ESRCH
	}
	return pid, nil
}

// PidfdSignal sends sig to the process (pidfd_send_signal(2)).
func PidfdSignal(pidfd int, sig unix.Signal) error {
	return unix.PidfdSendSignal(pidfd, sig, nil, 0)
}

// Reap waits until the child behind pidfd has exited and takes its status
// (waitid(2), P_PIDFD).
func Reap(pidfd int) (status syscall.WaitStatus, err error) {
	var info struct {
		signo, errno, code, _ int32
		pid, uid, status      int32
		_                     [100]byte
	}
	err = retry(func() error {
		return unix.Waitid(unix.P_PIDFD, pidfd, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED, nil)
	})
	return waitStatus(info.code, info.status), err
}

// waitStatus builds wait(2)'s status word from a siginfo's code and status.
func waitStatus(code, status int32) syscall.WaitStatus {
	const cldExited, cldDumped = 1, 3
	switch code {
	case cldExited:
		return syscall.WaitStatus(status << 8)
	case cldDumped:
		return syscall.WaitStatus(status | 0x80)
	}
	return syscall.WaitStatus(status)
}

// ReapAny waits for any child (wait4(2) of -1) and returns its pid.
func ReapAny() (pid int, status syscall.WaitStatus, err error) {
	err = retry(func() error {
		pid, err = syscall.Wait4(-1, &status, 0, nil)
		return err
	})
	return pid, status, err
}

// NewEvent returns an fd, close-on-exec, that is readable once somebody has called
// SetEvent (eventfd(2)).
func NewEvent() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }

// SetEvent makes an fd of NewEvent readable for good.
func SetEvent(fd int) { _, _ = unix.Write(fd, binary.NativeEndian.AppendUint64(nil, 1)) }

// Poll returns the index of an fd that is readable or at its end now, or -1.
func Poll(fds ...int) (int, error) { return poll(func() int { return 0 }, fds) }

// Readable waits until one of the fds is readable or at its end, at most for
// timeout (0: for ever), and returns its index, or -1 when time has run out.
func Readable(timeout time.Duration, fds ...int) (int, error) {
	if timeout <= 0 {
		return poll(func() int { return -1 }, fds)
	}
	deadline := time.Now().Add(timeout)
	return poll(func() int { return int(max(time.Until(deadline), 0).Milliseconds()) }, fds)
}

// poll asks for the time that is left each time it is interrupted.
func poll(left func() int, fds []int) (int, error) {
	set := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		set[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for {
		n, err := unix.Poll(set, left())
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return -1, err
		}
		for i := range set {
			if set[i].Revents != 0 {
				return i, nil
			}
		}
	}
}

// ExitStatus is wait(2)'s status word of the process behind pidfd, which must
// have been reaped by its parent. It works for every holder of the pidfd
// (ioctl PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15; ENOTTY or EINVAL
// before). ok is false while the status is not there.
func ExitStatus(pidfd int) (status syscall.WaitStatus, ok bool, err error) {
	const (
		getInfo  = 0xc040ff0b // _IOWR(PIDFS_IOCTL_MAGIC, 11, struct pidfd_info, 64 bytes)
		infoExit = 1 << 3
	)
	var info struct {
		mask, cgroupid                                           uint64
		pid, tgid, ppid                                          uint32
		ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid, status uint32
	}
	info.mask = infoExit
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(pidfd), getInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return 0, false, errno
	}
	return syscall.WaitStatus(info.status), info.mask&infoExit != 0, nil
}

// Hangup waits until the process behind pidfd has been reaped (POLLHUP, Linux
// 6.15); on an older kernel it returns once the process has exited.
func Hangup(pidfd int) error {
	set := []unix.PollFd{{Fd: int32(pidfd)}}
	if !hasHangup(pidfd) {
		set[0].Events = unix.POLLIN
	}
	return retry(func() error {
		_, err := unix.Poll(set, -1)
		return err
	})
}

func hasHangup(pidfd int) bool {
	_, _, err := ExitStatus(pidfd)
	return err == nil || err == unix.ESRCH
}

// SIGKILL ends a process without its consent.
const SIGKILL = unix.SIGKILL

// MaySignal says that there is a process pid, which the caller may signal (kill(2)).
func MaySignal(pid int) bool { return unix.Kill(pid, 0) == nil }

// KillGroup kills the process group that pid leads. It must be a child that has
// not been waited for, or the number could be somebody else's.
func KillGroup(pid int) error { return unix.Kill(-pid, unix.SIGKILL) }

// SetSubreaper makes orphaned descendants children of the caller
// (PR_SET_CHILD_SUBREAPER).
func SetSubreaper() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

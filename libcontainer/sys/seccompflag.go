package sys

import "golang.org/x/sys/unix"

// SeccompFlagAvailable says whether the kernel knows a SECCOMP_FILTER_FLAG_*.
// Nothing is installed: with a known flag the kernel goes on to read the
// filter and answers EFAULT, with an unknown one EINVAL (seccomp(2)).
func SeccompFlagAvailable(flag uintptr) bool {
	if flag == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
		flag |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // it is refused alone
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flag, 0)
	return errno == unix.EFAULT
}

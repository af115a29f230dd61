package sys

import "golang.org/x/sys/unix"

// Close closes fd. There is no error worth handling: on Linux the fd is gone
// in every case (close(2)).
func Close(fd int) { rawClose(fd) }

// CloseAll closes every fd of the list that is not negative.
func CloseAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			Close(fd)
		}
	}
}

// CloseOnExec sets FD_CLOEXEC on an inherited fd.
func CloseOnExec(fd int) { unix.CloseOnExec(fd) }

// IsInherited says whether fd is an open file that came with the caller's start:
// all that are opened later are close-on-exec.
func IsInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// DupCloexec is a second fd of the same open file.
func DupCloexec(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// IsOpen says whether fd is an open file of the caller.
func IsOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// OpenPath returns an O_PATH fd of the directory at path, for use as
// /proc/self/fd/N where a path would be too long for unix(7).
func OpenPath(path string) (int, error) {
	return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Writable says whether fd was opened for writing.
func Writable(fd int) (bool, error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY, err
}

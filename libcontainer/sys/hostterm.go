package sys

// hostterm.go: the user's terminal, as a foreground `run` meets it.

import "golang.org/x/sys/unix"

// Foreground says whether fd is a terminal and the caller belongs to its
// foreground process group: only then it may be read and set without a SIGTTIN
// or SIGTTOU (tty_ioctl(4)).
func Foreground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// DupNonblock returns a close-on-exec copy of fd and makes the open file
// behind both non-blocking.
func DupNonblock(fd int) (int, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(dup, true); err != nil {
		Close(dup)
		return -1, err
	}
	return dup, nil
}

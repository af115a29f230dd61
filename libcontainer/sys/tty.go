package sys

// tty.go: pseudo terminals, reached by fd only.

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenPty opens a new pair through the ptmx of the devpts that is mounted at
// pts, a directory below the root fd. The path is resolved inside the root
// without following any link, and nothing is opened that is not devpts' own: a
// container's image cannot put anything in its place.
func OpenPty(root int, pts string) (master, slave int, name string, err error) {
	dir, err := OpenIn(root, pts, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return -1, -1, "", err
	}
	defer Close(dir)
	fs, err := FileSystem(dir)
	if err != nil {
		return -1, -1, "", err
	}
	if fs != unix.DEVPTS_SUPER_MAGIC {
		return -1, -1, "", unix.ENODEV
	}
	master, err = OpenBelow(dir, "ptmx", unix.O_RDWR|unix.O_NOCTTY)
	if err != nil {
		return -1, -1, "", err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(master)
		}
	}()
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return -1, -1, "", err
	}
	if err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, -1, "", err
	}
	// TIOCGPTPEER (Linux 4.13) opens the other end without a path.
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER,
		unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		err = errno
		return -1, -1, "", err
	}
	return master, int(fd), "/dev/pts/" + strconv.Itoa(n), nil
}

// SetWindowSize sets the terminal's size in characters.
func SetWindowSize(fd int, width, height uint16) error {
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height})
}

// SetControllingTerminal makes the terminal that of the caller's session.
func SetControllingTerminal(fd int) error {
	return unix.IoctlSetInt(fd, unix.TIOCSCTTY, 0)
}

// Chown changes the owner of the file behind fd.
func Chown(fd int, uid, gid int) error { return unix.Fchown(fd, uid, gid) }

// Dup3 makes to a copy of fd that survives exec.
func Dup3(fd, to int) error { return retry(func() error { return unix.Dup3(fd, to, 0) }) }

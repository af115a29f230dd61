package libcontainer

// handover.go makes stdio the process's own: what the caller opened for itself
// is not always what another user in the container can use.

import (
	"errors"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/planner"
	"rt/libcontainer/sys"
)

// giveStdio gives stdio to uid, the process's user, so that it may open /dev/stdout
// and its like, which the kernel resolves to the file behind (a pipe, mostly).
// Output that goes to a null device opened for reading alone, as go-runc has it
// for a container without output, is opened anew for writing: programs take
// EBADF for a failure. A nil file is the calling process's; what is replaced
// here is closed by the function returned.
func (r *Runtime) giveStdio(stdio [3]**os.File, uid uint32, l *specs.Linux) (done func(), err error) {
	done = func() {}
	fds := [3]int{0, 1, 2}
	for i, f := range stdio {
		if *f != nil {
			fds[i] = int((*f).Fd())
		}
	}
	owner, needed := stdioOwner(uid, l)
	for _, fd := range fds {
		if !needed {
			break
		}
		if err := giveFile(fd, owner); err != nil {
			r.log.Debug("stdio stays its owner's", "fd", fd, "uid", owner, "error", err)
		}
	}
	var null *os.File
	for i, f := range stdio[1:] {
		if !isClosedNull(fds[1+i]) {
			continue
		}
		if null == nil {
			if null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
				return done, fault.New("init", os.DevNull, "open for writing", errors.Unwrap(err))
			}
			done = func() { null.Close() }
		}
		*f = null
	}
	return done, nil
}

// stdioOwner is the process's user as the host numbers it, and whether that can
// be another one than the files' owner is already: root's files are root's. With
// a user namespace of which l has no mapping nobody is the owner: the host has
// another user of that number.
func stdioOwner(uid uint32, l *specs.Linux) (outside int, needed bool) {
	if l == nil || len(l.UIDMappings) == 0 && planner.PlanNamespaces(l).Has&unix.CLONE_NEWUSER == 0 {
		return int(uid), uid != 0
	}
	return mappedID(l.UIDMappings, int(uid))
}

// giveFile makes uid the owner of a pipe, a socket or a plain file for output;
// the group stays. A file that is only read from may be anything of the host's
// and is open already. Devices keep their owner: a terminal is the caller's, and
// theirs again when the container is gone.
func giveFile(fd, uid int) error {
	st, err := sys.StatFd(fd)
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFIFO, unix.S_IFSOCK:
	case unix.S_IFREG:
		if writable, err := sys.Writable(fd); !writable || err != nil {
			return err
		}
	default:
		return nil
	}
	if int(st.Uid) == uid {
		return nil
	}
	return sys.Chown(fd, uid, -1)
}

// isClosedNull tells whether fd is a null device that cannot be written to.
func isClosedNull(fd int) bool {
	if writable, err := sys.Writable(fd); writable || err != nil {
		return false
	}
	st, err := sys.StatFd(fd)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev_major == 1 && st.Rdev_minor == 3
}

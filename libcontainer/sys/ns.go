package sys

// ns.go: what init does to its namespaces.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Setns moves the calling thread into the namespace fd (setns(2)).
func Setns(fd int, flag uint64) error { return unix.Setns(fd, int(flag)) }

// Unshare gives the calling thread new namespaces, or with CLONE_FS a root and
// working directory of its own (unshare(2)).
func Unshare(flags uint64) error { return unix.Unshare(int(flags)) }

// OpenNamespace opens the namespace at path for reading and returns with it
// its type, one CLONE_NEW* bit (ioctl_ns(2), NS_GET_NSTYPE). An fd of
// something else is closed again, with ENOTTY.
func OpenNamespace(path string) (fd int, flag uint64, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, 0, err
	}
	// The magic number first: an ioctl on any other file could do anything.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		_ = unix.Close(fd)
		return -1, 0, unix.ENOTTY
	}
	t, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil {
		_ = unix.Close(fd)
		return -1, 0, err
	}
	return fd, uint64(t), nil
}

// Sethostname sets the uts namespace's host name (at most 64 bytes).
func Sethostname(name string) error { return unix.Sethostname([]byte(name)) }

// Setdomainname sets the uts namespace's NIS domain name (at most 64 bytes).
func Setdomainname(name string) error { return unix.Setdomainname([]byte(name)) }

// Setsid makes the caller leader of a new session. A leader already is fine.
func Setsid() error {
	_, err := unix.Setsid()
	if err == unix.EPERM {
		return nil
	}
	return err
}

// NotDumpable forbids tracing and inspection of the caller by processes
// without CAP_SYS_PTRACE in the user namespace it was executed in
// (PR_SET_DUMPABLE, ptrace(2)).
func NotDumpable() error {
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// BecomeOwner makes the calling thread uid and gid of its user namespace,
// without supplementary groups where the namespace allows to drop them and
// keepGroups does not forbid it. The capabilities stay: the thread was none of
// the namespace's ids before.
func BecomeOwner(uid, gid uint32, keepGroups bool) error {
	if !keepGroups {
		if err := SetGroups(nil); err != nil && err != unix.EPERM { // EPERM: setgroups is denied
			return err
		}
	}
	if err := SetGID(gid); err != nil {
		return err
	}
	return SetUID(uid)
}

// LoopbackUp sets the interface "lo" of the network namespace up.
func LoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// struct ifreq of netdevice(7): name, flags. A fresh "lo" has no other
	// flag that could be lost.
	ifr := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK}
	copy(ifr.name[:], "lo")
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifr)))
	if errno != 0 {
		return errno
	}
	return nil
}

// NamespaceID is a namespace's number. It is another's once nobody is in the
// namespace, or in one below it, and nobody holds it open.
type NamespaceID struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// NamespaceAt is the namespace that path, a link of /proc, leads to. It takes
// the right to look into the process (ptrace(2), PTRACE_MODE_READ_FSCREDS).
func NamespaceAt(path string) (id NamespaceID, err error) {
	var st unix.Stat_t
	err = retry(func() error { return unix.Stat(path, &st) })
	return NamespaceID{st.Dev, st.Ino}, err
}

// NamespaceOf is the namespace behind fd.
func NamespaceOf(fd int) (NamespaceID, error) {
	st, err := Fstat(fd)
	return NamespaceID{st.Dev, st.Ino}, err
}

package sys

// live.go is what it takes to change the mounts of a container that runs: a
// thread in its mount namespace.

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// MountID names a mount. ID is mountinfo's, and is used again once the mount is
// gone; Unique never is, and 0 before Linux 6.8. Dev and Ino are the mount's
// root directory.
type MountID struct {
	ID     uint64 `json:"id"`
	Unique uint64 `json:"unique,omitempty"`
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
}

// MountOf is the mount that the file behind fd lies on. root says that the file
// is the root of it. Dev and Ino are the file's.
func MountOf(fd int) (id MountID, root bool, err error) {
	var st unix.Statx_t
	err = retry(func() error {
		return rawStatx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_INO|unix.STATX_MNT_ID, &st)
	})
	if err != nil {
		return id, false, err
	}
	id = MountID{ID: st.Mnt_id, Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino}
	root = st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	err = retry(func() error {
		return rawStatx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID_UNIQUE, &st)
	})
	if err == nil && st.Mask&unix.STATX_MNT_ID_UNIQUE != 0 {
		id.Unique = st.Mnt_id
	}
	return id, root, err
}

// ThreadDir opens the calling thread's directory in the /proc that it sees now,
// by which it is still reached from another mount namespace.
func ThreadDir() (int, error) { return OpenPath("/proc/thread-self") }

// UnmountFd lazily unmounts the mount that fd is the root of, and what is
// mounted below it. thread is ThreadDir's, whose link to fd is the only path
// there is that nobody can change. It moves the thread's working directory.
func UnmountFd(thread, fd int) error {
	links, err := OpenFileAt(thread, "fd", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer Close(links)
	if err := Fchdir(links); err != nil {
		return err
	}
	return retry(func() error { return unix.Unmount(strconv.Itoa(fd), unix.MNT_DETACH) })
}

// SetFSIDs makes the calling thread uid and gid for file systems (setfsuid(2)):
// what it makes is theirs. With another uid than 0 it has no right there but
// theirs, until it is 0 again.
func SetFSIDs(uid, gid uint32) error {
	for _, s := range [...]struct {
		call uintptr
		id   uint32
	}{{unix.SYS_SETFSGID, gid}, {unix.SYS_SETFSUID, uid}} {
		unix.RawSyscall(s.call, uintptr(s.id), 0, 0)
		// The call only says what was before; an invalid id changes nothing.
		if now, _, _ := unix.RawSyscall(s.call, uintptr(^uint32(0)), 0, 0); uint32(now) != s.id {
			return unix.EPERM
		}
	}
	return nil
}

// DropGroups takes the calling thread's supplementary groups away, and only the
// thread's (setgroups(2), "C library/kernel differences").
func DropGroups() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// SetMode sets the permission bits of the directory dir, which may be an O_PATH
// descriptor.
func SetMode(dir int, mode uint32) error {
	fd, err := OpenFileAt(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer Close(fd)
	return Fchmod(fd, mode)
}

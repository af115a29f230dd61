package sys

// mount.go: the fd-based mount calls (Linux 5.2 and later), pivot_root and
// what is left of mount(2). Mounts are fds here; only [MountOld] and [Unmount]
// take a path.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// ContextError is the answer of a file system to one of its options, with the
// text that it left in its context.
type ContextError struct {
	Errno error
	Log   string // e.g. "tmpfs: Bad value for 'size'", or ""
}

func (e *ContextError) Error() string {
	if e.Log == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + " (" + e.Log + ")"
}

func (e *ContextError) Unwrap() error { return e.Errno }

// OpenFS starts a new file system of the given type: fsopen(2).
func OpenFS(fstype string) (ctx int, err error) {
	return keepFd(func() (int, error) { return rawFsopen(fstype) })
}

// PickFS opens the superblock of the mount behind fd for reconfiguration:
// fspick(2).
func PickFS(fd int) (ctx int, err error) {
	return keepFd(func() (int, error) {
		return unix.Fspick(fd, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	})
}

// SetFlag gives the context an option without a value.
func SetFlag(ctx int, key string) error {
	k, err := unix.BytePtrFromString(key)
	if err != nil {
		return err
	}
	return logged(ctx, rawFsconfig(ctx, unix.FSCONFIG_SET_FLAG, k, nil))
}

// SetString gives the context an option with a value of at most 255 bytes.
func SetString(ctx int, key, value string) error {
	k, err := unix.BytePtrFromString(key)
	if err != nil {
		return err
	}
	v, err := unix.BytePtrFromString(value)
	if err != nil {
		return err
	}
	return logged(ctx, rawFsconfig(ctx, unix.FSCONFIG_SET_STRING, k, v))
}

// CreateFS makes or finds the superblock.
func CreateFS(ctx int) error {
	return logged(ctx, rawFsconfig(ctx, unix.FSCONFIG_CMD_CREATE, nil, nil))
}

// ReconfigureFS applies the options to a picked superblock.
func ReconfigureFS(ctx int) error { return logged(ctx, unix.FsconfigReconfigure(ctx)) }

// MountFS makes a detached mount with attributes MOUNT_ATTR_*: fsmount(2).
func MountFS(ctx int, attrs uint64) (mount int, err error) {
	mount, err = keepFd(func() (int, error) { return rawFsmount(ctx, attrs) })
	return mount, logged(ctx, err)
}

// logged adds to err what the file system has to say (fsopen(2): messages are
// read from the context, each with a letter for its weight in front).
func logged(ctx int, err error) error {
	if err == nil {
		return nil
	}
	var log []string
	var buf [512]byte
	for range 8 {
		n, rerr := unix.Read(ctx, buf[:])
		if rerr != nil || n <= 2 {
			break
		}
		if message := strings.TrimSpace(string(buf[2:n])); buf[0] != 'i' {
			log = append(log, message)
		}
	}
	return &ContextError{err, strings.Join(log, "; ")}
}

// CloneTree makes a detached copy of the mount at path below dir, or of dir
// itself when path is empty; recursive takes what is mounted below it along.
// nofollow does not follow a link at the end of path.
func CloneTree(dir int, path string, recursive, nofollow bool) (mount int, err error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_NO_AUTOMOUNT)
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	} else if !nofollow {
		// A bind source may be an automount point: follow it as mount(2) does.
		flags &^= unix.AT_NO_AUTOMOUNT
	}
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if nofollow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	return keepFd(func() (int, error) { return rawOpenTree(dir, path, flags) })
}

// AttachFd moves the mount behind mount onto the file behind fd. The fd of the
// mount stays valid and is from then on the way to it.
func AttachFd(mount, fd int) error {
	return retry(func() error {
		return rawMoveMount(mount, fd, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	})
}

// AttachAt is AttachFd onto a path below dir, links followed. The path must be
// one that no container can change.
func AttachAt(mount, dir int, path string) error {
	return retry(func() error {
		return rawMoveMount(mount, dir, path, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
	})
}

// MountAttr is what [SetMount] changes: MOUNT_ATTR_* to set and to clear,
// propagation MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, and the user
// namespace of an id-mapped mount when Set holds MOUNT_ATTR_IDMAP.
type MountAttr struct {
	Set, Clear, Propagation uint64
	UserNS                  int
}

// LockedAttrs are the MOUNT_ATTR_* of the mount behind fd that a user namespace
// cannot take away where they come from another (statfs(2), f_flags), but for
// those about times of access.
func LockedAttrs(fd int) (attrs uint64, err error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &st) }); err != nil {
		return 0, err
	}
	for flag, attr := range map[int64]uint64{
		unix.ST_RDONLY: unix.MOUNT_ATTR_RDONLY, unix.ST_NOSUID: unix.MOUNT_ATTR_NOSUID, unix.ST_NODEV: unix.MOUNT_ATTR_NODEV,
		unix.ST_NOEXEC: unix.MOUNT_ATTR_NOEXEC, unix.ST_NODIRATIME: unix.MOUNT_ATTR_NODIRATIME,
	} {
		if st.Flags&flag != 0 {
			attrs |= attr
		}
	}
	return attrs, nil
}

// SetMount is mount_setattr(2) on the mount whose root is behind fd, with
// recursive also on all below it.
func SetMount(fd int, a MountAttr, recursive bool) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Attr_set: a.Set, Attr_clr: a.Clear, Propagation: a.Propagation}
	if a.Set&unix.MOUNT_ATTR_IDMAP != 0 {
		attr.Userns_fd = uint64(a.UserNS)
	}
	return retry(func() error { return rawMountSetattr(fd, "", flags, &attr) })
}

// SetTreePropagation sets the propagation of "/" and of all below it if
// recursive.
func SetTreePropagation(propagation uint64, recursive bool) error {
	var flags uint
	if recursive {
		flags = unix.AT_RECURSIVE
	}
	attr := unix.MountAttr{Propagation: propagation}
	return retry(func() error { return rawMountSetattr(unix.AT_FDCWD, "/", flags, &attr) })
}

// MountOld is mount(2), for superblock options that the calls above do not
// take. target is a path that no container can change.
func MountOld(source, target, fstype string, flags uint64, data string) error {
	return retry(func() error { return unix.Mount(source, target, fstype, uintptr(flags), data) })
}

// PivotHere makes the working directory the root, with the old root mounted on
// top of it; DetachHere then removes that (pivot_root(2), NOTES).
func PivotHere() error { return unix.PivotRoot(".", ".") }

// DetachHere lazily unmounts what is mounted on the working directory.
func DetachHere() error {
	return retry(func() error { return unix.Unmount(".", unix.MNT_DETACH) })
}

// Unmount lazily unmounts what is mounted at path.
func Unmount(path string) error {
	return retry(func() error { return unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
}

func keepFd(open func() (int, error)) (fd int, err error) {
	for {
		if fd, err = open(); err == nil {
			return fd, nil
		} else if !errors.Is(err, unix.EINTR) {
			return -1, err
		}
	}
}

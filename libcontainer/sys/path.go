package sys

// path.go: the *at calls with which the container's tree is read and changed.
// Every one takes a directory fd; none follows a symbolic link at the end of a
// name. Names that may hold more than one component go through OpenIn only.

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Openat2 retries an answer of EAGAIN this often: somebody renames or mounts
// all the time while a path with ".." in it is resolved (openat2(2)).
const maxRaces = 256

// OpenIn opens unsafePath as if root were "/": links and ".." cannot lead out
// of it and magic links of procfs are refused with ELOOP. resolve adds more
// RESOLVE_* restrictions.
func OpenIn(root int, unsafePath string, flags, resolve uint64) (int, error) {
	return openat2(root, unsafePath, flags, resolve|unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
}

// OpenBelow opens a path below dir without following any link and without
// leaving dir's mount.
func OpenBelow(dir int, unsafePath string, flags uint64) (int, error) {
	return openat2(dir, unsafePath, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS|
		unix.RESOLVE_NO_MAGICLINKS|unix.RESOLVE_NO_XDEV)
}

func openat2(dir int, path string, flags, resolve uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for range maxRaces {
		fd, err = rawOpenat2(dir, path, &how)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	return -1, err
}

// MakeNodeAt is mknodat(2): mode holds the type, major and minor the device.
// The caller's umask counts.
func MakeNodeAt(dir int, name string, mode, major, minor uint32) error {
	return unix.Mknodat(dir, name, mode, int(unix.Mkdev(major, minor)))
}

// LinkAt makes the symbolic link name in dir.
func LinkAt(target string, dir int, name string) error { return unix.Symlinkat(target, dir, name) }

// ReadLinkAt reads the symbolic link name in dir (unix.AT_FDCWD: anywhere).
// EINVAL answers for what is not a link.
func ReadLinkAt(dir int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(dir, name, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// ChownFd sets the owner of the file behind fd, which may be an O_PATH one.
func ChownFd(fd int, uid, gid uint32) error {
	return unix.Fchownat(fd, "", int(uid), int(gid), unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
}

// ChownAt sets the owner of the file name in dir, of a link itself.
func ChownAt(dir int, name string, uid, gid uint32) error {
	return unix.Fchownat(dir, name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
}

// SetTimesAt sets access and modification time of the file name in dir, of a
// link itself.
func SetTimesAt(dir int, name string, atime, mtime unix.StatxTimestamp) error {
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{
		{Sec: atime.Sec, Nsec: int64(atime.Nsec)},
		{Sec: mtime.Sec, Nsec: int64(mtime.Nsec)},
	}, unix.AT_SYMLINK_NOFOLLOW)
}

// Exists says whether something is at path on the host.
func Exists(path string) bool { return unix.Faccessat(unix.AT_FDCWD, path, unix.F_OK, 0) == nil }

// StatFd describes the file behind fd: type, owner, device and mount id.
func StatFd(fd int) (st unix.Statx_t, err error) {
	err = retry(func() error {
		return rawStatx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT,
			unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	})
	return st, err
}

// StatAt is StatFd for the file name in dir, for a link itself.
func StatAt(dir int, name string) (st unix.Statx_t, err error) {
	err = retry(func() error {
		return rawStatx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT,
			unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st)
	})
	return st, err
}

// FileSystem is the magic number of the file system behind fd (statfs(2)).
func FileSystem(fd int) (int64, error) {
	var st unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(fd, &st) })
	return st.Type, err
}

// Chroot is chroot(2) to the working directory.
func Chroot() error { return unix.Chroot(".") }

// SwapUmask sets the umask and returns the one before.
func SwapUmask(mask int) (old int) { return unix.Umask(mask) }

// WriteFd writes text in one call: procfs and sysfs files want it whole.
func WriteFd(fd int, text string) error {
	return retry(func() error {
		n, err := unix.Write(fd, []byte(text))
		if err == nil && n != len(text) {
			return unix.EIO
		}
		return err
	})
}

// CopyXattrs copies the extended attributes of the open file from to the open
// file to. One that the target's file system does not take is left out.
func CopyXattrs(from, to int) error {
	var small [1024]byte
	n, err := unix.Flistxattr(from, small[:])
	list := small[:max(n, 0)]
	if errors.Is(err, unix.ERANGE) {
		list = make([]byte, unix.PathMax*16) // XATTR_LIST_MAX
		if n, err = unix.Flistxattr(from, list); err == nil {
			list = list[:n]
		}
	}
	if err != nil {
		if errors.Is(err, unix.ENOTSUP) {
			return nil
		}
		return err
	}
	var value []byte
	for start, i := 0, 0; i < len(list); i++ {
		if list[i] != 0 {
			continue
		}
		name := string(list[start:i])
		start = i + 1
		if value == nil {
			value = make([]byte, 65536) // XATTR_SIZE_MAX
		}
		n, err := unix.Fgetxattr(from, name, value)
		if err == nil {
			err = unix.Fsetxattr(to, name, value[:n], 0)
		}
		switch {
		case err == nil, errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM),
			errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENODATA):
		default:
			return err
		}
	}
	return nil
}

// SetLabel gives the directory behind dir, which may be an O_PATH descriptor,
// the SELinux label (selinux(8)).
func SetLabel(dir int, label string) error {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer Close(fd)
	return unix.Fsetxattr(fd, "security.selinux", []byte(label), 0)
}

package rootfs

// copyup.go is tmpcopyup: what a directory holds is copied into the tmpfs that
// will cover it. The directory is the image's, so nothing is followed and
// nothing but plain files and directories is ever opened.

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

// maxDepth bounds the recursion (and the fds it holds); the number of bytes
// and files is bounded by the tmpfs.
const maxDepth = 256

// copyUp copies the content of the directory behind from (O_PATH) and its
// owner to the root of the mount to.
func copyUp(from, to int, st unix.Statx_t) error {
	src, err := sys.OpenIn(from, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer sys.Close(src)
	dst, err := sys.OpenIn(to, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer sys.Close(dst)
	if err := copyEntries(src, dst, maxDepth); err != nil {
		return err
	}
	if err := sys.CopyXattrs(src, dst); err != nil {
		return err
	}
	return owner(sys.ChownFd(dst, st.Uid, st.Gid))
}

// owner forgives an owner that the user namespace does not map.
func owner(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

func copyEntries(src, dst, depth int) error {
	names, err := sys.ReadNames(src)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(src, dst, name, depth); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// copyEntry copies one name. The times are set last, since all else changes
// them.
func copyEntry(src, dst int, name string, depth int) error {
	st, err := sys.StatAt(src, name)
	if errors.Is(err, unix.ENOENT) {
		return nil // gone since we read the directory
	}
	if err != nil {
		return err
	}
	mode := uint32(st.Mode)
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = copyDir(src, dst, name, st, depth)
	case unix.S_IFREG:
		err = copyFile(src, dst, name, st)
	case unix.S_IFLNK:
		var text string
		if text, err = sys.ReadLinkAt(src, name); err == nil {
			err = sys.LinkAt(text, dst, name)
		}
		if err == nil {
			err = owner(sys.ChownAt(dst, name, st.Uid, st.Gid))
		}
	case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO:
		err = sys.MakeNodeAt(dst, name, mode, st.Rdev_major, st.Rdev_minor)
		if errors.Is(err, unix.EPERM) {
			return nil // a device, and mknod is not for us
		}
		if err == nil {
			err = owner(sys.ChownAt(dst, name, st.Uid, st.Gid))
		}
	default:
		return nil // a socket is nothing without its listener
	}
	if err != nil {
		return err
	}
	return sys.SetTimesAt(dst, name, st.Atime, st.Mtime)
}

func copyDir(src, dst int, name string, st unix.Statx_t, depth int) error {
	if depth == 0 {
		return unix.ELOOP
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NONBLOCK
	from, err := sys.OpenIn(src, name, flags, 0)
	if err != nil {
		return err
	}
	defer sys.Close(from)
	if err := sys.MakeDirAt(dst, name, 0o700); err != nil {
		return err
	}
	to, err := sys.OpenIn(dst, name, flags, 0)
	if err != nil {
		return err
	}
	defer sys.Close(to)
	if err := copyEntries(from, to, depth-1); err != nil {
		return err
	}
	return copyMetadata(from, to, st)
}

func copyFile(src, dst int, name string, st unix.Statx_t) error {
	// O_NONBLOCK: should it have become a fifo by now, we shall not hang.
	fd, err := sys.OpenIn(src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	from := os.NewFile(uintptr(fd), name)
	defer from.Close()
	if now, err := sys.StatFd(fd); err != nil {
		return err
	} else if now.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("is no plain file any more")
	}
	fd, err = sys.OpenFileAt(dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(fd), name)
	defer to.Close()
	if _, err := to.ReadFrom(from); err != nil {
		return err
	}
	return copyMetadata(int(from.Fd()), int(to.Fd()), st)
}

// copyMetadata: the owner before the mode and the attributes, because chown
// takes set-id bits and file capabilities away.
func copyMetadata(from, to int, st unix.Statx_t) error {
	if err := owner(sys.ChownFd(to, st.Uid, st.Gid)); err != nil {
		return err
	}
	if err := sys.CopyXattrs(from, to); err != nil {
		return err
	}
	return sys.Fchmod(to, uint32(st.Mode)&0o7777)
}

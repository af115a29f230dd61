package sys

// file.go: files and directories of rt's own state, each reached from a
// directory fd. Nothing here resolves a path that a container could have
// written; that is what openat2 is for.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// OpenDirAt opens the directory at path as seen from dirfd (unix.AT_FDCWD for
// the caller's cwd). A symbolic link as last component is not followed.
func OpenDirAt(dirfd int, path string) (int, error) {
	return OpenFileAt(dirfd, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// OpenDirHere is OpenDirAt for a directory that is not a mount point (openat2(2),
// RESOLVE_NO_XDEV): EXDEV.
func OpenDirHere(dirfd int, name string) (int, error) {
	return openat2(dirfd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_SYMLINKS)
}

// OpenFileAt is openat(2) with O_CLOEXEC.
func OpenFileAt(dirfd int, path string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// MakeDirAt is mkdirat(2).
func MakeDirAt(dirfd int, path string, mode uint32) error { return unix.Mkdirat(dirfd, path, mode) }

// RemoveFileAt is unlinkat(2) for everything that is not a directory.
func RemoveFileAt(dirfd int, name string) error { return unix.Unlinkat(dirfd, name, 0) }

// RemoveDirAt is unlinkat(2) for an empty directory.
func RemoveDirAt(dirfd int, name string) error {
	return unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR)
}

// RenameAt renames from to to, both below dirfd, replacing to.
func RenameAt(dirfd int, from, to string) error { return unix.Renameat(dirfd, from, dirfd, to) }

// Fchmod sets the permission bits of an open file.
func Fchmod(fd int, mode uint32) error { return unix.Fchmod(fd, mode) }

// Fstat describes an open file.
func Fstat(fd int) (st unix.Stat_t, err error) {
	err = unix.Fstat(fd, &st)
	return st, err
}

// Lstat describes the file name below dirfd, a symbolic link itself.
func Lstat(dirfd int, name string) (st unix.Stat_t, err error) {
	err = unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return st, err
}

// Flock is flock(2): how is unix.LOCK_*. With LOCK_NB a lock held elsewhere
// answers EWOULDBLOCK.
func Flock(fd, how int) error {
	return retry(func() error { return unix.Flock(fd, how) })
}

// WriteAll writes all of data to fd.
func WriteAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// ReadSmall returns the content of the file at path below dirfd without
// following a symbolic link, and EFBIG when it has more than limit bytes. It
// costs three or four syscalls where os.ReadFile costs six.
func ReadSmall(dirfd int, path string, limit int) ([]byte, error) {
	fd, err := openToRead(dirfd, path)
	if err != nil {
		return nil, err
	}
	defer Close(fd)
	return ReadAll(fd, 2048, limit)
}

// openToRead opens what should be a regular file, and does nothing but that
// where it is something else.
func openToRead(dirfd int, path string) (int, error) {
	return OpenFileAt(dirfd, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// ReadOnce fills room from the file at path below dirfd, as far as one read(2)
// does: of a regular file that nobody changes, all of it or as much as there is
// room for. No symbolic link is followed as last component.
func ReadOnce(dirfd int, path string, room []byte) (int, error) {
	fd, err := openToRead(dirfd, path)
	if err != nil {
		return 0, err
	}
	defer Close(fd)
	n := 0
	err = retry(func() error {
		n, err = unix.Read(fd, room)
		return err
	})
	return max(n, 0), err
}

// ReadAll reads fd to its end, and answers EFBIG when that is more than limit
// bytes away. It begins with room for hint bytes.
func ReadAll(fd, hint, limit int) ([]byte, error) {
	data := make([]byte, 0, min(limit, hint)+1)
	for {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(limit+1, 4*cap(data)))
			copy(grown, data)
			data = grown
		}
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		}
		data = data[:len(data)+n]
		if len(data) > limit {
			return nil, unix.EFBIG
		}
	}
}

// ReadRecord returns the content of a file of procfs that is one record: the
// kernel hands it out whole to a buffer that it fits into, here 2 KiB, so that
// there is no second read to find the end.
func ReadRecord(path string) ([]byte, error) {
	data := make([]byte, 2048)
	n, err := ReadOnce(unix.AT_FDCWD, path, data)
	if err != nil {
		return nil, err
	}
	return data[:n], nil
}

// ReadNames returns the names in the directory dirfd, in the kernel's order,
// without "." and "..". It moves the directory's offset.
func ReadNames(dirfd int) (names []string, err error) {
	err = readDir(dirfd, func(name string, _ byte) { names = append(names, name) })
	return names, err
}

// ReadDirs is ReadNames of the directories alone. The kernel says with each name
// what it is, as a rule; where the file system does not know it is looked at.
func ReadDirs(dirfd int) (names []string, err error) {
	err = readDir(dirfd, func(name string, kind byte) {
		if kind == unix.DT_UNKNOWN {
			if st, err := Lstat(dirfd, name); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
				kind = unix.DT_DIR
			}
		}
		if kind == unix.DT_DIR {
			names = append(names, name)
		}
	})
	return names, err
}

// readDir calls one for each entry with its type, DT_*.
func readDir(dirfd int, one func(name string, kind byte)) error {
	if _, err := unix.Seek(dirfd, 0, io.SeekStart); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retry(func() (err error) {
			n, err = unix.Getdents(dirfd, buf)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		// struct linux_dirent64, getdents64(2)
		const sizeAt, kindAt, nameAt = 16, 18, 19
		for rest := buf[:n]; len(rest) > nameAt; {
			size := int(binary.NativeEndian.Uint16(rest[sizeAt:]))
			if size <= nameAt || size > len(rest) {
				return unix.EIO
			}
			name, _, _ := bytes.Cut(rest[nameAt:size], []byte{0})
			if s := string(name); s != "." && s != ".." {
				one(s, rest[kindAt])
			}
			rest = rest[size:]
		}
	}
}

// OpenAppend opens a file of the host for appending and makes it where it is
// missing. A fifo that nobody reads is ENXIO instead of a wait.
func OpenAppend(path string, mode uint32) (int, error) {
	fd, err := OpenFileAt(unix.AT_FDCWD, path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, mode)
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}

package rootfs

// cwd.go makes the program's working directory where it is missing.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// MakeCwd makes the working directory if it is missing, below the caller's own
// root. Whether the program's user may go there is for init to see.
func MakeCwd(unsafeCwd string) error {
	fail := func(op string, err error) *fault.Error {
		return fault.New("process", "process.cwd "+unsafeCwd, op, err)
	}
	if !strings.HasPrefix(unsafeCwd, "/") {
		return fail("open", errors.New("must be an absolute path"))
	}
	if unsafeCwd == "/" {
		return nil
	}
	fd, err := sys.OpenDirPath(unsafeCwd)
	if errors.Is(err, unix.ENOENT) {
		if fd, err = MakeDirs(unsafeCwd); errors.Is(err, unix.EROFS) {
			return fail("make it", err).WithHint("make the directory in what is mounted there, or choose another")
		} else if err != nil {
			return fail("open", err)
		}
	}
	if err == nil {
		sys.Close(fd)
	}
	return nil
}

// MakeDirs makes the directory unsafePath and its missing parents, below the
// caller's own root, and opens it. Each one is made in an open directory, so no
// link can put it elsewhere.
func MakeDirs(unsafePath string) (fd int, err error) {
	fd, err = sys.OpenDirPath("/")
	if err != nil {
		return -1, err
	}
	for i, name := 1, ""; i <= len(unsafePath); i += len(name) + 1 {
		name, _, _ = strings.Cut(unsafePath[i:], "/")
		upTo := unsafePath[:i+len(name)]
		next, err := sys.OpenDirPath(upTo)
		if errors.Is(err, unix.ENOENT) && name != "" && name != "." && name != ".." {
			if err = sys.MakeDirAt(fd, name, 0o755); err == nil || errors.Is(err, unix.EEXIST) {
				next, err = sys.OpenDirPath(upTo)
			}
		}
		sys.Close(fd)
		if err != nil {
			return -1, err
		}
		fd = next
	}
	return fd, nil
}

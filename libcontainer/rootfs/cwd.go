package rootfs

// cwd.go makes the program's working directory where it is missing.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

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

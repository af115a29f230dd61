package rootfs

import (
	"bytes"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// maxMountInfo is far above the kernel's default limit of 100,000 mounts.
const maxMountInfo = 64 << 20

var errCovered = errors.New("something else is mounted over it, or it is being moved")

// Remove unmounts mounts of the container that runs, wherever they are by now,
// in the given order. It returns how many it is done with; of those gone names
// the ones that were not mounted any more.
func (l *Live) Remove(mounts []sys.MountID) (done int, gone []int, err error) {
	err = l.inside(func() error {
		for i, id := range mounts {
			was, err := l.remove(id)
			if err != nil {
				return err
			}
			if !was {
				gone = append(gone, i)
			}
			done++
		}
		return nil
	})
	if l.Abandoned() {
		return 0, nil, err
	}
	return done, gone, err
}

func (l *Live) remove(id sys.MountID) (was bool, err error) {
	place, err := l.find(id)
	if err != nil || place == "" {
		return false, err
	}
	fail := func(op string, err error) (bool, error) { return false, fault.New("mounts", place, op, err) }
	// The place is as seen from the namespace's root, which setns has made the
	// thread's own, whatever init's is.
	root, err := sys.OpenPath("/")
	if err != nil {
		return fail("open /", err)
	}
	defer sys.Close(root)
	fd, err := sys.OpenIn(root, place, unix.O_PATH|unix.O_NOFOLLOW, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return fail("open", err)
	}
	defer sys.Close(fd)
	there, isRoot, err := sys.MountOf(fd)
	switch {
	case err != nil:
		return fail("statx", err)
	case there.ID != id.ID || !isRoot:
		return fail("", errCovered)
	case there != id:
		return false, nil // the number is another mount's by now
	}
	if err := sys.UnmountFd(l.thread, fd); err != nil {
		return fail("umount", err)
	}
	return true, nil
}

// find is the path of the mount below the namespace's root, or "".
func (l *Live) find(id sys.MountID) (string, error) {
	fd, err := sys.OpenFileAt(l.thread, "mountinfo", unix.O_RDONLY, 0)
	if err != nil {
		return "", fault.New("mounts", "mountinfo", "open", err)
	}
	defer sys.Close(fd)
	table, err := sys.ReadAll(fd, 8192, maxMountInfo)
	if err != nil {
		return "", fault.New("mounts", "mountinfo", "read", err)
	}
	return mountPoint(table, id.ID), nil
}

// mountPoint is the fifth field of the line of the mount (proc_pid_mountinfo(5)).
func mountPoint(table []byte, id uint64) string {
	prefix := []byte(strconv.FormatUint(id, 10) + " ")
	for line := range bytes.Lines(table) {
		if !bytes.HasPrefix(line, prefix) {
			continue
		}
		if f := bytes.Fields(line); len(f) > 4 {
			return unescape(string(f[4]))
		}
	}
	return ""
}

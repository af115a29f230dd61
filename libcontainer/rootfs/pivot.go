package rootfs

// pivot.go makes the container's tree the root of everything init can reach.

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Pivot seals the tree (parameters, read-only and masked paths) and makes it
// the root; the working directory is "/" of the container afterwards.
func (r *Root) Pivot() error {
	if err := r.seal(); err != nil {
		return err
	}
	if err := sys.Fchdir(r.fd); err != nil {
		return pivotFault("chdir to the root", err)
	}
	switch {
	case !r.plan.NewMountNS:
		return r.chroot()
	case r.plan.NoPivot:
		return r.moveRoot()
	}
	if err := sys.PivotHere(); err != nil {
		e := pivotFault("pivot_root", err)
		if errors.Is(err, unix.EINVAL) {
			e.Hint = "pivot_root does not work where / is the initial ramdisk; there --no-pivot does"
		}
		return e
	}
	if r.host != plan.None {
		// Its mounts are still shared with the host: unmounting them here
		// must not unmount them there.
		if err := setPropagation(r.host, unix.MS_SLAVE|unix.MS_REC); err != nil {
			return pivotFault("make the old root a slave", err)
		}
	}
	if err := sys.DetachHere(); err != nil {
		return pivotFault("unmount the old root", err)
	}
	return nil
}

func pivotFault(op string, err error) *fault.Error { return fault.New("pivot", "", op, err) }

func (r *Root) chroot() error {
	if err := sys.Chroot(); err != nil {
		return pivotFault("chroot", err)
	}
	return nil
}

// moveRoot is --no-pivot, for hosts that run from their initial ramdisk: the
// tree is moved onto "/", and everything of the host that is mounted below is
// unmounted or covered before the chroot. A host's /proc or /sys in the
// namespace would allow a user namespace mounts of its own, and a process with
// CAP_SYS_ADMIN can unmount its root and come out in what lies beneath. That
// is then the bare ramdisk, which nothing can take away: pivot_root is the one
// way for containers with that capability.
func (r *Root) moveRoot() error {
	if r.host != plan.None {
		if err := setPropagation(r.host, unix.MS_SLAVE|unix.MS_REC); err != nil {
			return pivotFault("make the host's tree a slave", err)
		}
		// That takes the container's volumes along: with --no-pivot they
		// receive mounts of the host but send none.
	}
	if !r.onTop {
		if err := sys.AttachAt(r.fd, unix.AT_FDCWD, "/"); err != nil {
			return pivotFault("move the root onto /", err)
		}
	}
	// init's own root is still the host's: paths lead below the new one.
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return pivotFault("read the host's mounts", err)
	}
	for _, mountpoint := range foreignMounts(string(text), r.stat.Mnt_id) {
		if sys.Unmount(mountpoint) == nil {
			continue
		}
		if err := cover(mountpoint); err != nil && !errors.Is(err, unix.ENOENT) {
			return pivotFault("cover the host's "+mountpoint, err)
		}
	}
	return r.chroot()
}

// cover mounts an empty directory over one that cannot be unmounted: in a user
// namespace all of the host's mounts are locked in place.
func cover(mountpoint string) error {
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, mountpoint, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	st, err := sys.StatFd(fd)
	if err != nil || !isDir(st) {
		return err
	}
	mount, err := newFileSystem("tmpfs", "tmpfs", []string{"ro"}, []string{"nr_blocks=1", "nr_inodes=1"}, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	defer sys.Close(mount)
	return sys.AttachFd(mount, fd)
}

// foreignMounts lists the mount points of all mounts in mountinfo
// (proc_pid_mountinfo(5)) that are neither the mount with id root nor below
// it, nor the root of the namespace, the last mounted first.
func foreignMounts(mountinfo string, root uint64) []string {
	type entry struct {
		id, parent uint64
		point      string
	}
	var entries []entry
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		id, err1 := strconv.ParseUint(f[0], 10, 64)
		parent, err2 := strconv.ParseUint(f[1], 10, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		entries = append(entries, entry{id, parent, unescape(f[4])})
	}
	own := map[uint64]bool{root: true}
	for grown := true; grown; { // parents may stand after their children
		grown = false
		for _, e := range entries {
			if own[e.parent] && !own[e.id] {
				own[e.id], grown = true, true
			}
		}
	}
	var points []string
	for _, e := range slices.Backward(entries) {
		if !own[e.id] && e.point != "/" {
			points = append(points, e.point)
		}
	}
	return points
}

// unescape undoes the kernel's octal escapes: \040 for a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

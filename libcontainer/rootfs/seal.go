package rootfs

// seal.go writes the kernel parameters, makes paths read-only and masks
// others. It works while the host's tree is still there, because an image may
// have no null device to mask files with.

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// seal: parameters first, since /proc/sys is mostly among the read-only paths;
// masks last, to lie on top.
func (r *Root) seal() error {
	if err := r.sysctls(); err != nil {
		return err
	}
	for _, unsafePath := range r.plan.ReadOnly {
		if err := r.readOnly(unsafePath); err != nil {
			return fault.New("mounts", "linux.readonlyPaths "+unsafePath, "", err)
		}
	}
	for _, unsafePath := range r.plan.Masked {
		if err := r.mask(unsafePath); err != nil {
			return fault.New("mounts", "linux.maskedPaths "+unsafePath, "", err)
		}
	}
	return nil
}

// openThere opens what is at unsafePath; nothing there (ok false) is nothing
// to protect.
func (r *Root) openThere(unsafePath string) (fd int, ok bool, err error) {
	fd, err = sys.OpenIn(r.fd, unsafePath, unix.O_PATH, 0)
	switch {
	case err == nil:
		return fd, true, nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return plan.None, false, nil
	}
	return plan.None, false, fmt.Errorf("open: %w", err)
}

// readOnly mounts a read-only copy of the path and of all below it over it.
func (r *Root) readOnly(unsafePath string) error {
	fd, ok, err := r.openThere(unsafePath)
	if !ok {
		return err
	}
	defer sys.Close(fd)
	tree, err := sys.CloneTree(fd, "", true, false)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer sys.Close(tree)
	if err := sys.SetMount(tree, sys.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, true); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	if err := sys.AttachFd(tree, fd); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// mask hides a file under a null device and a directory under an empty one.
func (r *Root) mask(unsafePath string) error {
	fd, ok, err := r.openThere(unsafePath)
	if !ok {
		return err
	}
	defer sys.Close(fd)
	st, err := sys.StatFd(fd)
	if err != nil {
		return fmt.Errorf("statx: %w", err)
	}
	if st.Ino == r.stat.Ino && st.Mnt_id == r.stat.Mnt_id {
		return errors.New("is the container's root")
	}
	if isDir(st) {
		return r.maskDir(fd)
	}
	if r.null == plan.None {
		if r.null, err = r.openNull(); err != nil {
			return fmt.Errorf("/dev/null: %w", err)
		}
	}
	return copyOnto(r.null, fd)
}

func copyOnto(from, to int) error {
	tree, err := sys.CloneTree(from, "", false, false)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer sys.Close(tree)
	if err := sys.AttachFd(tree, to); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// maskDir: the first masked directory gets a new file system, the others
// copies of that mount. (A detached mount cannot be copied before Linux 6.15.)
func (r *Root) maskDir(fd int) error {
	if r.hide != plan.None {
		return copyOnto(r.hide, fd)
	}
	data := []string{"nr_blocks=1", "nr_inodes=1", "mode=555"}
	if r.plan.MountLabel != "" {
		data = append(data, "context="+r.plan.MountLabel)
	}
	const attrs = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	mount, err := newFileSystem("tmpfs", "tmpfs", []string{"ro"}, data, attrs)
	if err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	if err := sys.AttachFd(mount, fd); err != nil {
		sys.Close(mount)
		return fmt.Errorf("move_mount: %w", err)
	}
	r.hide = mount
	return nil
}

// openNull opens the null device of the container's /dev, or else the host's,
// and believes neither before it has seen 1:3 on the fd. The container's comes
// first because the host's devtmpfs has no business in a container: one with
// CAP_SYS_ADMIN could remount it read-only, for everybody.
func (r *Root) openNull() (int, error) {
	if r.dev != plan.None {
		if fd, err := sys.OpenIn(r.dev, "null", unix.O_PATH|unix.O_NOFOLLOW, 0); err == nil && isNull(fd) {
			return fd, nil
		} else if err == nil {
			sys.Close(fd)
		}
	}
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, "/dev/null", unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return plan.None, err
	}
	if !isNull(fd) {
		sys.Close(fd)
		return plan.None, errors.New("the host's is not the device 1:3")
	}
	return fd, nil
}

func isNull(fd int) bool {
	st, err := sys.StatFd(fd)
	return err == nil && isNode(st, &plan.Device{Type: unix.S_IFCHR, Major: 1, Minor: 3})
}

func (r *Root) sysctls() error {
	if len(r.plan.Sysctl) == 0 {
		return nil
	}
	proc, err := r.writableProc()
	if err != nil {
		return fault.New("sysctl", "/proc", "", err)
	}
	defer sys.Close(proc)
	for i := range r.plan.Sysctl {
		s := &r.plan.Sysctl[i]
		if err := writeSysctl(proc, s); err != nil {
			e := fault.New("sysctl", fmt.Sprintf("linux.sysctl[%q]", s.Key), fmt.Sprintf("write %q to /proc/sys/%s", s.Value, s.Path), err)
			if errors.Is(err, unix.ENOENT) {
				e.Hint = "this kernel has no such parameter, or not in a namespace of a container"
			}
			return e
		}
	}
	return nil
}

// writableProc is a procfs with nothing mounted in it. The container's own
// may be read-only or covered in part, so a new one is made that is never
// attached; where a user namespace may not, it is the container's.
func (r *Root) writableProc() (int, error) {
	fd, err := r.newProc("", nil, nil, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err == nil {
		return fd, nil
	}
	if r.proc == plan.None {
		return plan.None, err
	}
	fs, ferr := sys.FileSystem(r.proc)
	if ferr != nil || fs != unix.PROC_SUPER_MAGIC {
		return plan.None, err
	}
	return sys.OpenIn(r.proc, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
}

func writeSysctl(proc int, s *plan.Sysctl) error {
	fd, err := sys.OpenBelow(proc, "sys/"+s.Path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	return sys.WriteFd(fd, s.Value)
}

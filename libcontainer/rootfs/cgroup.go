package rootfs

// cgroup.go makes a mount of type cgroup. On pure v2 that is one file system.
// Else it is a tmpfs with a directory for each hierarchy of the host, so that
// the container finds the layout its programs expect. Without a cgroup
// namespace of its own it gets to see its own directories only.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

func (r *Root) cgroup(i int, m *plan.Mount, t *target) error {
	attrs := (m.AttrSet &^ m.RecClr) | m.RecSet
	if m.Cgroup.V2 {
		h := plan.CgroupHierarchy{BindSource: m.Cgroup.BindSource}
		mount, err := hierarchy(&h, m.Cgroup.Bind, attrs)
		if err != nil {
			return refused(m, err)
		}
		return r.place(i, m, mount, t.fd)
	}
	dir, err := newFileSystem("tmpfs", "tmpfs", nil, []string{"mode=755"}, attrs&^unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return refused(m, err)
	}
	// It must be attached before anything can be mounted in it.
	if err := sys.AttachFd(dir, t.fd); err != nil {
		sys.Close(dir)
		return refused(m, err)
	}
	defer sys.Close(dir)
	for j := range m.Cgroup.Hierarchies {
		h := &m.Cgroup.Hierarchies[j]
		if err := r.subsystem(m, dir, h, attrs); err != nil {
			return mountFault(m, "error mounting cgroup "+h.Name, err)
		}
	}
	for _, link := range m.Cgroup.Links {
		if err := sys.LinkAt(link.Target, dir, link.Name); err != nil {
			return mountFault(m, "symlink "+link.Name, err)
		}
	}
	if attrs&unix.MOUNT_ATTR_RDONLY != 0 {
		if err := sys.SetMount(dir, sys.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, false); err != nil {
			return attrFault(m, err)
		}
	}
	for _, flags := range m.Propagation {
		if err := setPropagation(dir, flags); err != nil {
			return attrFault(m, err)
		}
	}
	return nil
}

// subsystem mounts one hierarchy in the tmpfs dir. That is new and nobody
// else's, so a name in it can be used as a path.
func (r *Root) subsystem(m *plan.Mount, dir int, h *plan.CgroupHierarchy, attrs uint64) error {
	mount, err := hierarchy(h, m.Cgroup.Bind, attrs)
	if err != nil {
		return err
	}
	defer sys.Close(mount)
	if err := sys.MakeDirAt(dir, h.Name, 0o755); err != nil {
		return err
	}
	return sys.AttachAt(mount, dir, h.Name)
}

// hierarchy is a detached mount of one hierarchy, or of the container's
// directory in it: also where the kernel refuses a mount to a user namespace.
//
// A v1 hierarchy is always taken as the directory when the container has one.
// In its cgroup namespace that is the same mount as a new one (the same
// superblock, the same root) for half of the system calls, and there are ten.
func hierarchy(h *plan.CgroupHierarchy, bind bool, attrs uint64) (mount int, err error) {
	v1 := h.Options != ""
	if bind || v1 && h.BindSource != "" {
		mount, err = ownDirectory(h, attrs)
		if err == nil || bind {
			return mount, err
		}
		// Without privilege the container has no directory of its own.
	}
	fstype, data := "cgroup2", []string(nil)
	if v1 {
		fstype, data = "cgroup", strings.Split(h.Options, ",")
	}
	mount, err = newFileSystem(fstype, "cgroup", nil, data, attrs)
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY)
	if refused && h.BindSource != "" {
		return ownDirectory(h, attrs)
	}
	return mount, err
}

// ownDirectory is a clone of the container's directory in the hierarchy.
func ownDirectory(h *plan.CgroupHierarchy, attrs uint64) (mount int, err error) {
	if h.BindSource == "" {
		return plan.None, unix.ENOENT
	}
	if mount, err = sys.CloneTree(unix.AT_FDCWD, h.BindSource, true, false); err != nil {
		return plan.None, err
	}
	attr := sys.MountAttr{Set: attrs, Propagation: unix.MS_PRIVATE}
	if attrs&unix.MOUNT_ATTR__ATIME != 0 {
		attr.Clear = unix.MOUNT_ATTR__ATIME
	}
	if err := sys.SetMount(mount, attr, true); err != nil {
		sys.Close(mount)
		return plan.None, err
	}
	return mount, nil
}

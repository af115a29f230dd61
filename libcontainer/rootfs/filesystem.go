package rootfs

// filesystem.go makes new file systems: proc, tmpfs, devpts, overlay, ext4,
// whatever the kernel knows. cgroup is in cgroup.go.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// maxValue is what fsconfig(2) takes as one value.
const maxValue = 255

// fileSystem returns the detached mount, filled if it is to be.
func (r *Root) fileSystem(m *plan.Mount, t *target) (mount int, err error) {
	data := m.Data
	if m.DirMode && !t.made {
		data = append([]string{"mode=" + strconv.FormatUint(uint64(t.stat.Mode&0o7777), 8)}, data...)
	}
	switch {
	case m.SourceFd != plan.None:
		mount, err = r.take(m.SourceFd)
	case m.IDMap:
		return plan.None, mountFault(m, "idmap", unix.EPERM).WithHint(idmapHint)
	case m.LegacyFlags != 0 || len(m.Source) > maxValue || hasLong(data):
		mount, err = r.oldFileSystem(m, data)
	case m.Type == "proc":
		mount, err = r.newProc(m.Source, m.SBFlags, data, (m.AttrSet&^m.RecClr)|m.RecSet)
	default:
		mount, err = newFileSystem(m.Type, m.Source, m.SBFlags, data, (m.AttrSet&^m.RecClr)|m.RecSet)
	}
	if r.plan.UserNS && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY)) {
		if host := hostMount(m.Type); host != "" {
			return r.bindHost(m, host)
		}
	}
	if err != nil {
		return plan.None, refused(m, err)
	}
	if m.RootLabel != "" {
		if err := sys.SetLabel(mount, m.RootLabel); err != nil {
			sys.Close(mount)
			return plan.None, mountFault(m, "set its SELinux label", err)
		}
	}
	if m.CopyUp {
		if err := copyUp(t.fd, mount, t.stat); err != nil {
			sys.Close(mount)
			return plan.None, mountFault(m, "tmpcopyup", err)
		}
	}
	return mount, nil
}

// newFileSystem is fsopen, one fsconfig an option, fsmount.
func newFileSystem(fstype, source string, flags, data []string, attrs uint64) (mount int, err error) {
	ctx, err := sys.OpenFS(fstype)
	if err != nil {
		return plan.None, err
	}
	return makeFileSystem(ctx, source, flags, data, attrs)
}

// newProc is newFileSystem for the procfs of init's pid namespace.
func (r *Root) newProc(source string, flags, data []string, attrs uint64) (mount int, err error) {
	ctx, err := r.openProc()
	if err != nil {
		return plan.None, err
	}
	return makeFileSystem(ctx, source, flags, data, attrs)
}

// makeFileSystem closes ctx.
func makeFileSystem(ctx int, source string, flags, data []string, attrs uint64) (mount int, err error) {
	defer sys.Close(ctx)
	if source != "" {
		if err := sys.SetString(ctx, "source", source); err != nil {
			return plan.None, err
		}
	}
	if err := configure(ctx, flags, data); err != nil {
		return plan.None, err
	}
	if err := sys.CreateFS(ctx); err != nil {
		return plan.None, err
	}
	return sys.MountFS(ctx, attrs)
}

func configure(ctx int, flags, data []string) (err error) {
	for _, f := range flags {
		if err := sys.SetFlag(ctx, f); err != nil {
			return option(f, err)
		}
	}
	for _, d := range data {
		if key, value, ok := strings.Cut(d, "="); ok {
			err = sys.SetString(ctx, key, value)
		} else {
			err = sys.SetFlag(ctx, d)
		}
		if err != nil {
			return option(d, err)
		}
	}
	return nil
}

func option(o string, err error) error { return fmt.Errorf("option %q: %w", o, err) }

func hasLong(data []string) bool {
	for _, d := range data {
		if _, value, _ := strings.Cut(d, "="); len(value) > maxValue {
			return true
		}
	}
	return false
}

// reconfigure is the superblock's half of a remount.
func reconfigure(m *plan.Mount, fd int) error {
	ctx, err := sys.PickFS(fd)
	if err != nil {
		return mountFault(m, "fspick", err)
	}
	defer sys.Close(ctx)
	if err := configure(ctx, m.SBFlags, m.Data); err != nil {
		return mountFault(m, "remount", err)
	}
	if err := sys.ReconfigureFS(ctx); err != nil {
		return mountFault(m, "remount", err)
	}
	return nil
}

// hostMount is what stands in for a file system that the kernel refuses to a
// user namespace: it wants the namespace that the file system shows (pid,
// network, ipc) to be the user namespace's own, and the host's own mount of it
// to be fully visible.
func hostMount(fstype string) string {
	switch fstype {
	case "proc":
		return "/proc"
	case "sysfs":
		return "/sys"
	case "mqueue":
		return "/dev/mqueue"
	}
	return ""
}

func (r *Root) bindHost(m *plan.Mount, host string) (int, error) {
	tree, err := sys.CloneTree(unix.AT_FDCWD, host, true, false)
	if err != nil {
		e := mountFault(m, "open "+host, err)
		if errors.Is(err, unix.ENOENT) {
			e.Hint = "in the host's namespace " + m.Type + " can only be bound from the host, which has none mounted; give the container a namespace of its own or leave the mount out"
		}
		return plan.None, e
	}
	// What lies below is the host's as well: it gets no more rights than
	// the mount that was asked for.
	attr := sys.MountAttr{Set: (m.AttrSet &^ m.RecClr) | m.RecSet}
	if attr.Set&unix.MOUNT_ATTR__ATIME != 0 {
		attr.Set &^= unix.MOUNT_ATTR__ATIME // locked by the host
	}
	if attr.Set == 0 {
		return tree, nil
	}
	if err := sys.SetMount(tree, attr, true); err != nil {
		sys.Close(tree)
		return plan.None, attrFault(m, err)
	}
	return tree, nil
}

// oldFileSystem is mount(2): for superblock flags that fsconfig has no name
// for, and for values too long for it (overlay's lowerdir on kernels without
// lowerdir+). mount(2) lands at once, so it is let land in a directory of our
// own, on top of the host's "/" where no path leads; a clone of it goes on
// like any other mount.
func (r *Root) oldFileSystem(m *plan.Mount, data []string) (int, error) {
	if m.Type == "proc" && r.outside != nil {
		return plan.None, fmt.Errorf("an option needs mount(2), which would show the host's processes: %w", unix.EOPNOTSUPP)
	}
	if !r.plan.NewMountNS {
		return plan.None, fmt.Errorf("an option needs mount(2), and that a mount namespace of the container's own: %w", unix.EOPNOTSUPP)
	}
	stage, err := newFileSystem("tmpfs", "", nil, []string{"mode=700"}, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return plan.None, err
	}
	defer sys.Close(stage)
	if err := sys.MakeDirAt(stage, "mount", 0o700); err != nil {
		return plan.None, err
	}
	if err := sys.AttachAt(stage, unix.AT_FDCWD, "/"); err != nil {
		return plan.None, err
	}
	here := "/proc/self/fd/" + strconv.Itoa(stage) + "/"
	defer func() { _ = sys.Unmount(here + ".") }()
	if err := sys.MountOld(m.Source, here+"mount", m.Type, oldFlags(m), strings.Join(data, ",")); err != nil {
		return plan.None, err
	}
	return sys.CloneTree(stage, "mount", false, true)
}

// oldFlags are mount(2)'s names for what the plan says in the new calls'.
func oldFlags(m *plan.Mount) uint64 {
	flags := m.LegacyFlags
	attrs := (m.AttrSet &^ m.RecClr) | m.RecSet
	for _, f := range [...]struct{ attr, old uint64 }{
		{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY}, {unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
		{unix.MOUNT_ATTR_NODEV, unix.MS_NODEV}, {unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC},
		{unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME}, {unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME},
		{unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME}, {unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW},
	} {
		if attrs&f.attr != 0 {
			flags |= f.old
		}
	}
	for _, name := range m.SBFlags {
		switch name {
		case "sync":
			flags |= unix.MS_SYNCHRONOUS
		case "dirsync":
			flags |= unix.MS_DIRSYNC
		case "lazytime":
			flags |= unix.MS_LAZYTIME
		case "mand":
			flags |= unix.MS_MANDLOCK
		}
	}
	return flags
}

package rootfs

// mount.go makes one entry of the plan's mounts: a bind, a change of what is
// there, or (filesystem.go, cgroup.go) a file system of its own.

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

func (r *Root) mount(i int) error {
	m := &r.plan.Mounts[i]
	switch {
	case m.Remount:
		return r.remount(m)
	case m.Bind:
		return r.bind(i, m)
	}
	if r.outside != nil && (m.Cgroup != nil || m.Type == "cgroup2") {
		if err := r.outside.Cgroups(); err != nil {
			return err
		}
	}
	t, err := r.target(m, func() (kind, error) { return directory, nil })
	if err != nil {
		return err
	}
	defer sys.Close(t.fd)
	var mount int
	if m.Cgroup != nil {
		return r.cgroup(i, m, &t)
	}
	if mount, err = r.fileSystem(m, &t); err != nil {
		return err
	}
	return r.place(i, m, mount, t.fd)
}

func object(m *plan.Mount) string { return fmt.Sprintf("mounts[%d] %s", m.Index, m.Destination) }

func mountFault(m *plan.Mount, op string, err error) *fault.Error {
	return fault.New("mounts", object(m), op, err)
}

// refused is what the kernel says to a mount itself; the words are those that
// clients look for.
func refused(m *plan.Mount, err error) *fault.Error {
	e := mountFault(m, "error mounting "+m.Type, err)
	switch {
	case errors.Is(err, unix.ENODEV):
		e.Hint = "this kernel has no such file system: see /proc/filesystems"
	case errors.Is(err, unix.ENOTDIR):
		e.Hint = "a directory can only be mounted on a directory, a file only on a file"
	}
	return e
}

// place gives the detached mount its propagation, moves it onto fd, and keeps
// or closes it.
func (r *Root) place(i int, m *plan.Mount, mount, fd int) error {
	if err := propagate(m, mount); err != nil {
		sys.Close(mount)
		return err
	}
	return r.attachAndKeep(i, m, mount, fd)
}

func propagate(m *plan.Mount, mount int) error {
	for _, flags := range m.Propagation {
		if err := setPropagation(mount, flags); err != nil {
			return mountFault(m, "set its propagation", err)
		}
	}
	return nil
}

func (r *Root) attachAndKeep(i int, m *plan.Mount, mount, fd int) error {
	if err := attach(m, mount, fd); err != nil {
		sys.Close(mount)
		return err
	}
	return r.keep(i, m, mount)
}

// attach moves the detached mount onto fd.
func attach(m *plan.Mount, mount, fd int) error {
	err := sys.AttachFd(mount, fd)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EINVAL) && !sameKind(mount, fd) {
		err = unix.ENOTDIR // move_mount has one word for everything
	}
	return refused(m, err)
}

func sameKind(a, b int) bool {
	sa, erra := sys.StatFd(a)
	sb, errb := sys.StatFd(b)
	return erra != nil || errb != nil || isDir(sa) == isDir(sb)
}

// keep holds on to the mounts that later steps work in and closes the others.
func (r *Root) keep(i int, m *plan.Mount, mount int) (err error) {
	if m.LateReadOnly {
		fd := mount
		if i == r.plan.DevMount {
			if fd, err = sys.OpenIn(mount, ".", unix.O_PATH, 0); err != nil {
				sys.Close(mount)
				return mountFault(m, "open", err)
			}
		}
		r.late = append(r.late, lateMount{fd, object(m)})
	}
	switch i {
	case r.plan.DevMount:
		r.dev = mount
		if r.devs, err = sys.StatFd(mount); err != nil {
			return mountFault(m, "statx", err)
		}
	case r.plan.ProcMount:
		r.proc = mount
	default:
		if !m.LateReadOnly {
			sys.Close(mount)
		}
	}
	return nil
}

func (r *Root) bind(i int, m *plan.Mount) error {
	if m.CopySymlink {
		if done, err := r.copyLink(m); done || err != nil {
			return err
		}
	}
	tree, sent, err := r.source(m)
	if err != nil {
		return err
	}
	t, err := r.target(m, func() (kind, error) {
		st, err := sys.StatFd(tree)
		if err != nil || isDir(st) {
			return directory, err
		}
		return file, nil
	})
	if err == nil {
		defer sys.Close(t.fd)
		err = r.dressBind(m, tree, sent)
	}
	if err != nil {
		sys.Close(tree)
		return err
	}
	return r.attachAndKeep(i, m, tree, t.fd)
}

// source is a detached clone of m.Source. sent says that it comes from the
// parent's mount namespace. The parent's is taken where it must be, see
// [Root.rootTree]; only the parent can map ids.
func (r *Root) source(m *plan.Mount) (tree int, sent bool, err error) {
	if m.InRoot != "" {
		tree, err = r.inner(m)
		return tree, false, err
	}
	if m.SourceFd != plan.None && (m.IDMap || !r.plan.UserNS) {
		tree, err = r.take(m.SourceFd)
		return tree, true, err
	}
	if m.IDMap {
		return plan.None, false, mountFault(m, "idmap", unix.EPERM).WithHint(idmapHint)
	}
	tree, err = sys.CloneTree(unix.AT_FDCWD, m.Source, m.Recursive, m.SrcNoFollow)
	if err == nil {
		return tree, false, nil
	}
	if m.SourceFd != plan.None {
		tree, err = r.take(m.SourceFd)
		return tree, true, err
	}
	return plan.None, false, sourceFault(m, err)
}

// inner is a clone of what the mounts before this one have put there.
func (r *Root) inner(m *plan.Mount) (int, error) {
	flags := uint64(unix.O_PATH)
	if m.SrcNoFollow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := sys.OpenIn(r.fd, m.InRoot, flags, 0)
	if err != nil {
		return plan.None, sourceFault(m, err)
	}
	defer sys.Close(fd)
	tree, err := sys.CloneTree(fd, "", m.Recursive, false)
	if err != nil {
		return plan.None, sourceFault(m, err)
	}
	if !m.IDMap {
		return tree, nil
	}
	ns, err := r.take(m.SourceFd)
	if err == nil {
		err = mapIDs(m, tree, ns)
		sys.Close(ns)
	}
	if err != nil {
		sys.Close(tree)
		return plan.None, err
	}
	return tree, nil
}

func sourceFault(m *plan.Mount, err error) error {
	e := mountFault(m, "open "+m.Source, err)
	switch {
	case errors.Is(err, unix.ENOENT):
		e.Hint = fmt.Sprintf("bind sources are opened on the host; create it or fix mounts[%d].source", m.Index)
	case errors.Is(err, unix.EINVAL):
		e.Hint = "an unbindable mount cannot be bound; in a user namespace neither can a part of a tree with mounts below it: use rbind"
	case errors.Is(err, unix.EACCES):
		e.Hint = "the container's user must be able to enter every directory on the way to it"
	}
	return e
}

// dressBind gives the detached tree its attributes and propagation. Without an
// option about attributes it has those of its source.
func (r *Root) dressBind(m *plan.Mount, tree int, sent bool) error {
	if path.Clean("/"+m.Destination) == "/proc" {
		fs, err := sys.FileSystem(tree)
		if err != nil {
			return mountFault(m, "statfs "+m.Source, err)
		}
		if fs != unix.PROC_SUPER_MAGIC {
			return mountFault(m, "", fmt.Errorf("%s cannot be mounted on /proc: it is no procfs", m.Source))
		}
	}
	top := sys.MountAttr{Set: m.AttrSet, Clear: m.AttrClr}
	rec := sys.MountAttr{Set: m.RecSet, Clear: m.RecClr}
	if !m.Recursive { // one mount: one call
		top = merge(top, rec)
		rec = sys.MountAttr{}
	}
	props := m.Propagation
	if sent && r.plan.NewMountNS && r.plan.HostPropagation != 0 && !leavesPeers(props) {
		// A tree cloned in the host's namespace is in the host's peer
		// groups; one cloned here would be as separate has made them.
		props = append([]uint64{r.plan.HostPropagation}, props...)
	}
	if len(props) > 0 {
		// The first goes along with the attributes.
		if first := &top; props[0]&unix.MS_REC != 0 && m.Recursive {
			first = &rec
			first.Propagation = props[0] &^ unix.MS_REC
		} else {
			first.Propagation = props[0] &^ unix.MS_REC
		}
		props = props[1:]
	}
	if top != (sys.MountAttr{}) || m.AttrRest != 0 {
		if err := setTop(tree, top, m.AttrRest, sent && r.plan.UserNS); err != nil {
			return attrFault(m, err)
		}
	}
	if rec != (sys.MountAttr{}) {
		if err := sys.SetMount(tree, rec, true); err != nil {
			return attrFault(m, err)
		}
	}
	for _, flags := range props {
		if err := setPropagation(tree, flags); err != nil {
			return attrFault(m, err)
		}
	}
	return nil
}

// setTop sets the attributes of the one mount, and takes away rest. What a user
// namespace may not take away (mount_namespaces(7), "locked") stays when it is
// of the rest: where the kernel refuses, and, locked, in a tree that was cloned
// outside and has no locks.
func setTop(tree int, top sys.MountAttr, rest uint64, locked bool) error {
	if !locked {
		all := top
		all.Clear |= rest
		if err := sys.SetMount(tree, all, false); !errors.Is(err, unix.EPERM) || rest == 0 {
			return err
		}
	}
	there, err := sys.LockedAttrs(tree)
	if err != nil {
		return err
	}
	top.Clear |= rest &^ there
	return sys.SetMount(tree, top, false)
}

// leavesPeers says that the first propagation option takes the whole tree out
// of its peer groups.
func leavesPeers(props []uint64) bool {
	return len(props) > 0 && props[0]&unix.MS_REC != 0 && props[0]&unix.MS_SHARED == 0
}

// merge lets b win where both speak of the same attribute.
func merge(a, b sys.MountAttr) sys.MountAttr {
	return sys.MountAttr{Set: a.Set&^b.Clear | b.Set, Clear: a.Clear&^b.Set | b.Clear}
}

func attrFault(m *plan.Mount, err error) error {
	e := mountFault(m, "set its attributes", err)
	if errors.Is(err, unix.EPERM) {
		e.Hint = "a user namespace cannot take away ro, nosuid, nodev, noexec or noatime of a mount of the host"
	}
	return e
}

// copyLink makes the symbolic link at the source anew at the destination. done
// is false when the source is something else.
func (r *Root) copyLink(m *plan.Mount) (done bool, err error) {
	text, err := sys.ReadLinkAt(unix.AT_FDCWD, m.Source)
	if errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	if err != nil {
		return false, sourceFault(m, err)
	}
	dir, name := path.Split(path.Clean("/" + m.Destination))
	parent, err := makeIn(r.fd, dir, directory, false)
	if err != nil {
		return false, mountFault(m, "destination", err)
	}
	defer sys.Close(parent)
	if err := makeLink(parent, name, text); err != nil {
		return false, mountFault(m, "symlink", err)
	}
	return true, nil
}

// makeLink makes a symbolic link; one with the same text may be there.
func makeLink(dir int, name, text string) error {
	err := sys.LinkAt(text, dir, name)
	if errors.Is(err, unix.EEXIST) {
		if there, rerr := sys.ReadLinkAt(dir, name); rerr == nil && there == text {
			return nil
		}
	}
	return err
}

// remount changes what is mounted at the destination (mount(8), "remount"):
// with bind the mount alone, else its file system too.
func (r *Root) remount(m *plan.Mount) error {
	fd, err := sys.OpenIn(r.fd, m.Destination, unix.O_PATH, 0)
	if err != nil {
		return mountFault(m, "destination", err)
	}
	defer sys.Close(fd)
	top := merge(sys.MountAttr{Set: m.AttrSet, Clear: m.AttrClr}, sys.MountAttr{})
	if err := sys.SetMount(fd, top, false); err != nil {
		e := mountFault(m, "remount", err)
		if errors.Is(err, unix.EINVAL) {
			e.Hint = "nothing is mounted there"
		}
		return e
	}
	if m.RecSet|m.RecClr != 0 {
		if err := sys.SetMount(fd, sys.MountAttr{Set: m.RecSet, Clear: m.RecClr}, true); err != nil {
			return attrFault(m, err)
		}
	}
	for _, flags := range m.Propagation {
		if err := setPropagation(fd, flags); err != nil {
			return attrFault(m, err)
		}
	}
	if m.Bind {
		return nil
	}
	return reconfigure(m, fd)
}

package rootfs

// source.go is the parent's half: it opens the root and such bind sources as
// init may be unable to open. Nothing is mounted; what is opened are detached
// clones, which vanish with their last fd.

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Open opens the root and bind sources of p, appends them to fds and writes
// their indexes into p. initPid is the container's init, whose user namespace
// maps the ids of mounts that name no mapping. What the caller may not clone
// (it lacks CAP_SYS_ADMIN in its mount namespace) is left to init, and so are
// sources that init can open just as well: mountinfo lists mounts in the order
// in which they were cloned, and that is to be the spec's. The fds returned are
// the caller's to close, also with an error.
func Open(p *plan.Rootfs, fds []int, initPid int) ([]int, error) {
	if !p.NewMountNS {
		return fds, nil
	}
	root, err := sys.CloneTree(unix.AT_FDCWD, p.Path, true, false)
	switch {
	case err == nil:
		p.Fd = len(fds)
		fds = append(fds, root)
	case !isInits(err):
		return fds, rootFault(p, "open", err)
	}
	maps := userNamespaces{own: func() (int, error) {
		return sys.OpenFileAt(unix.AT_FDCWD, fmt.Sprintf("/proc/%d/ns/user", initPid), unix.O_RDONLY, 0)
	}}
	defer maps.close()
	for i := range p.Mounts {
		m := &p.Mounts[i]
		if m.Remount || m.CopySymlink || !(m.IDMap || m.Bind && parents(p)) {
			continue
		}
		if m.InRoot != "" {
			// It does not exist yet: init gets the mapping.
			if !m.IDMap {
				continue
			}
			ns, err := maps.mapping(m)
			if err != nil {
				return fds, err
			}
			m.SourceFd = len(fds)
			fds = append(fds, ns)
			continue
		}
		fd, err := detached(m)
		if isInits(err) && m.Bind {
			continue
		}
		if err != nil {
			return fds, err
		}
		m.SourceFd = len(fds)
		fds = append(fds, fd)
		if !m.IDMap {
			continue
		}
		if err := maps.apply(m, fd); err != nil {
			return fds, err
		}
	}
	return fds, nil
}

// detached is a clone of a bind's source, or the file system that is to be
// id-mapped: made in a container's user namespace it would have ids of its own.
func detached(m *plan.Mount) (int, error) {
	if m.Bind {
		fd, err := sys.CloneTree(unix.AT_FDCWD, m.Source, m.Recursive, m.SrcNoFollow)
		if err != nil {
			return plan.None, sourceFault(m, err)
		}
		return fd, nil
	}
	fd, err := newFileSystem(m.Type, m.Source, m.SBFlags, m.Data, (m.AttrSet&^m.RecClr)|m.RecSet)
	switch {
	case errors.Is(err, unix.EPERM):
		return plan.None, mountFault(m, "idmap", unix.EPERM).WithHint(idmapHint)
	case err != nil:
		return plan.None, refused(m, err)
	}
	return fd, nil
}

const idmapHint = "id-mapped mounts can only be made by the host's root"

// parents says that the sources are better opened here: init may lack the
// right to go there, sees other paths, or (for volumes shared with the host)
// has to make the mount that the root lies on private first.
func parents(p *plan.Rootfs) bool { return p.UserNS || p.JoinedMountNS || p.HostPropagation == 0 }

// isInits: EPERM is the missing capability, EACCES a directory that only the
// container's user may enter, EINVAL a mount of another namespace than ours.
func isInits(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES)
}

// userNamespaces are the id mappings in use, one namespace each. Most
// containers have one or none.
type userNamespaces struct {
	// own opens the container's.
	own func() (int, error)
	key []string
	fd  []int
}

func (u *userNamespaces) close() { sys.CloseAll(u.fd) }

// apply maps the ids of the detached tree. It must happen here: the kernel
// asks for CAP_SYS_ADMIN over the file system, which a container's root has
// not (mount_setattr(2)).
func (u *userNamespaces) apply(m *plan.Mount, tree int) error {
	ns, err := u.get(m)
	if err != nil {
		return mountFault(m, "user namespace for its id mapping", err)
	}
	return mapIDs(m, tree, ns)
}

func mapIDs(m *plan.Mount, tree, ns int) error {
	attr := sys.MountAttr{Set: unix.MOUNT_ATTR_IDMAP, UserNS: ns}
	if err := sys.SetMount(tree, attr, m.IDMapRec); err != nil {
		e := mountFault(m, "map its ids", err)
		switch {
		case errors.Is(err, unix.EINVAL):
			e.Hint = "the file system does not support id-mapped mounts, or part of it is mapped already"
		case errors.Is(err, unix.EPERM):
			e.Hint = idmapHint
		}
		return e
	}
	return nil
}

// mapping is an fd of the caller's for the mount's user namespace.
func (u *userNamespaces) mapping(m *plan.Mount) (int, error) {
	ns, err := u.get(m)
	if err == nil {
		ns, err = sys.DupCloexec(ns)
	}
	if err != nil {
		return plan.None, mountFault(m, "user namespace for its id mapping", err)
	}
	return ns, nil
}

func (u *userNamespaces) get(m *plan.Mount) (int, error) {
	key := fmt.Sprint(m.IDMapUID, m.IDMapGID)
	for i, k := range u.key {
		if k == key {
			return u.fd[i], nil
		}
	}
	var fd int
	var err error
	if len(m.IDMapUID) == 0 {
		fd, err = u.own()
	} else {
		fd, err = newUserNamespace(m.IDMapUID, m.IDMapGID)
	}
	if err != nil {
		return plan.None, err
	}
	u.key, u.fd = append(u.key, key), append(u.fd, fd)
	return fd, nil
}

// newUserNamespace returns a user namespace with these mappings and nobody in
// it. A child is born in it and stopped by its own ptrace request before it
// executes anything; its namespace outlives it by the fd.
func newUserNamespace(uids, gids []plan.IDMapping) (int, error) {
	runtime.LockOSThread() // the tracer is the thread that forked
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess("/proc/self/exe", []string{"rt"}, &os.ProcAttr{Env: []string{}, Sys: &syscall.SysProcAttr{
		Cloneflags:                 unix.CLONE_NEWUSER,
		UidMappings:                sysMappings(uids),
		GidMappings:                sysMappings(gids),
		GidMappingsEnableSetgroups: true,
		Ptrace:                     true,
		Pdeathsig:                  syscall.SIGKILL,
	}})
	if err != nil {
		return plan.None, err
	}
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, fmt.Sprintf("/proc/%d/ns/user", child.Pid), unix.O_RDONLY, 0)
	_ = child.Kill()
	_, _ = child.Wait()
	return fd, err
}

func sysMappings(list []plan.IDMapping) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, len(list))
	for i, m := range list {
		out[i] = syscall.SysProcIDMap{ContainerID: int(m.Container), HostID: int(m.Host), Size: int(m.Size)}
	}
	return out
}

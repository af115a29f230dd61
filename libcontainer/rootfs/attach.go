package rootfs

// attach.go puts the container's root tree into the mount namespace, so that
// mounts can be made in it.

import (
	"errors"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

func (r *Root) attach() error {
	p := r.plan
	if !p.NewMountNS {
		fd, err := sys.OpenFileAt(unix.AT_FDCWD, p.Path, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return rootFault(p, "open", err)
		}
		return r.setRoot(fd)
	}
	if err := r.separate(); err != nil {
		return err
	}
	tree, err := r.rootTree()
	if err != nil {
		return err
	}
	if err := r.setRoot(tree); err != nil {
		return err
	}
	// A clone of a shared mount is a member of the host's peer group: what
	// would be mounted in it would appear there.
	own := p.HostPropagation
	if own == 0 {
		own = unix.MS_PRIVATE
	}
	if err := setPropagation(tree, own); err != nil {
		return rootFault(p, "mount_setattr", err)
	}
	return r.land()
}

func (r *Root) setRoot(fd int) (err error) {
	r.fd = fd
	if r.stat, err = sys.StatFd(fd); err != nil {
		return rootFault(r.plan, "statx", err)
	}
	if !isDir(r.stat) {
		return rootFault(r.plan, "open", unix.ENOTDIR)
	}
	return nil
}

// separate cuts the namespace's mounts off from the host's, or, for a root
// that is to be shared, keeps what Pivot needs to do that late.
func (r *Root) separate() (err error) {
	if f := r.plan.HostPropagation; f != 0 {
		if err := sys.SetTreePropagation(f&^unix.MS_REC, f&unix.MS_REC != 0); err != nil {
			e := fault.New("mounts", "/", "set the propagation of the host's tree", err)
			if errors.Is(err, unix.EINVAL) {
				e.Hint = "rt runs in a chroot that is no mount point: bind-mount the directory on itself before the chroot"
			}
			return e
		}
		return nil
	}
	if r.host, err = sys.OpenFileAt(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
		return fault.New("mounts", "/", "open", err)
	}
	return nil
}

// rootTree is a detached clone of the root. The parent's is of use where init
// may not go; in a user namespace init's own is better, because the kernel
// then locks what was read-only or nosuid on the host.
func (r *Root) rootTree() (int, error) {
	p := r.plan
	if p.Fd != plan.None && !p.UserNS {
		return r.take(p.Fd)
	}
	tree, err := sys.CloneTree(unix.AT_FDCWD, p.Path, true, false)
	if err == nil {
		return tree, nil
	}
	if p.Fd != plan.None {
		return r.take(p.Fd)
	}
	return plan.None, rootFault(p, "open", err)
}

// take returns the received fd and leaves plan.None in its place: who takes it
// closes it.
func (r *Root) take(index int) (int, error) {
	if index < 0 || index >= len(r.fds) || r.fds[index] < 0 {
		return plan.None, fault.New("mounts", "", "receive a mount from the parent", unix.EBADF)
	}
	fd := r.fds[index]
	r.fds[index] = plan.None
	return fd, nil
}

// land moves the tree to its own path, where hooks expect it (a hook that
// enters the mount namespace before the pivot works below root.path). Where
// that path is out of init's reach it goes on top of the host's "/", which no
// path leads into.
func (r *Root) land() error {
	p := r.plan
	if p.HostPropagation == 0 {
		if err := makeHolderPrivate(p.Path); err != nil {
			return rootFault(p, "make the mount it lies on private", err)
		}
	}
	err := sys.AttachAt(r.fd, unix.AT_FDCWD, p.Path)
	if err == nil {
		return nil
	}
	if p.HostPropagation == 0 {
		if err := sys.SetTreePropagation(unix.MS_PRIVATE, false); err != nil {
			return rootFault(p, "make / private", err)
		}
	}
	if sys.AttachAt(r.fd, unix.AT_FDCWD, "/") == nil {
		r.onTop = true
		return nil
	}
	return rootFault(p, "move_mount", err)
}

// makeHolderPrivate makes the one mount private that path lies on: where it is
// shared, the root would be mounted on the host too. The root of that mount is
// found by going up, because mount_setattr takes nothing else.
func makeHolderPrivate(path string) error {
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil // out of reach: land takes the other way
	}
	for range unix.PathMax / 2 {
		err = setPropagation(fd, unix.MS_PRIVATE)
		if !errors.Is(err, unix.EINVAL) {
			break
		}
		up, uerr := sys.OpenFileAt(fd, "..", unix.O_PATH|unix.O_DIRECTORY, 0)
		sys.Close(fd)
		if uerr != nil {
			return uerr
		}
		fd = up
	}
	sys.Close(fd)
	return err
}

func rootFault(p *plan.Rootfs, op string, err error) error {
	e := fault.New("mounts", "root.path "+p.Path, op, err)
	switch {
	case errors.Is(err, unix.ENOENT):
		e.Hint = "unpack the image there or fix root.path"
	case errors.Is(err, unix.EACCES):
		e.Hint = "the container's user must be able to enter every directory on the way to it"
	}
	return e
}

func isDir(st unix.Statx_t) bool  { return st.Mode&unix.S_IFMT == unix.S_IFDIR }
func isLink(st unix.Statx_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFLNK }

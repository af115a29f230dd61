package rootfs

// live_device.go makes and removes device nodes in a container that runs: in its
// root's own mount or in the tmpfs on its /dev, as at create.

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Node is a device to make or to remove.
type Node struct {
	plan.Device
	// Tree is a detached bind of the host's node, for where none can be made.
	Tree int
	// Made says that there is something to be taken back.
	Made bool
	// Bound: Tree has been bound.
	Bound bool
}

// HostNode opens the device at path on the host: what it is, and a detached bind
// of it, plan.None where the caller may make none.
func HostNode(hostPath string) (d plan.Device, tree int, err error) {
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, hostPath, unix.O_PATH, 0)
	if err != nil {
		return d, plan.None, err
	}
	defer sys.Close(fd)
	st, err := sys.StatFd(fd)
	if err != nil {
		return d, plan.None, err
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	if kind != unix.S_IFCHR && kind != unix.S_IFBLK {
		return d, plan.None, errors.New("is neither a character nor a block device")
	}
	d = plan.Device{
		Index: plan.None, Type: kind, Major: st.Rdev_major, Minor: st.Rdev_minor,
		Mode: uint32(st.Mode) & 0o777, UID: st.Uid, GID: st.Gid,
	}
	if tree, err = sys.CloneTree(fd, "", false, false); err != nil {
		return d, plan.None, nil //nolint:nilerr // mknod is the other way
	}
	return d, tree, nil
}

// AddNodes makes the nodes: all, or with an error none.
func (l *Live) AddNodes(nodes []Node) error {
	return l.inside(func() error {
		r, err := l.devRoot()
		if err != nil {
			return err
		}
		defer r.close()
		for i := range nodes {
			err := l.asOwner(func() error { return r.addNode(&nodes[i]) })
			if err == nil {
				continue
			}
			err = deviceFault(&nodes[i].Device, err)
			for i--; i >= 0; i-- {
				if uerr := l.undo(r, &nodes[i]); uerr != nil {
					err = fmt.Errorf("%w; and %s stays: %w", err, nodes[i].Path, uerr)
				}
			}
			return err
		}
		return nil
	})
}

// devRoot is the root for work in /dev. r.close closes its copies.
func (l *Live) devRoot() (*Root, error) {
	r := &Root{plan: l.Plan, fd: plan.None, host: plan.None, dev: plan.None, null: plan.None, hide: plan.None, proc: plan.None}
	var err error
	if r.fd, err = sys.OpenIn(l.Root, ".", unix.O_PATH, 0); err != nil {
		return nil, err
	}
	if r.stat, err = sys.StatFd(r.fd); err != nil {
		r.close()
		return nil, err
	}
	// A tmpfs on /dev is the container's own. Anything else may be a directory
	// of the host.
	dev, err := sys.OpenIn(r.fd, "/dev", unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return r, nil //nolint:nilerr // makeDir has the words
	}
	_, isRoot, err1 := sys.MountOf(dev)
	fs, err2 := sys.FileSystem(dev)
	st, err3 := sys.StatFd(dev)
	if errors.Join(err1, err2, err3) != nil || !isRoot || fs != unix.TMPFS_MAGIC {
		sys.Close(dev)
		return r, nil
	}
	r.dev, r.devs = dev, st
	return r, nil
}

// asOwner runs do with the container's root as owner of what it makes.
func (l *Live) asOwner(do func() error) error {
	if l.UID == 0 {
		return do()
	}
	err := sys.SetFSIDs(l.UID, l.GID)
	if err == nil {
		err = do()
	}
	return fault.Join(err, sys.SetFSIDs(0, 0))
}

func (r *Root) addNode(n *Node) error {
	d := &n.Device
	dir, name := path.Split(d.Path)
	parent, err := r.makeDir(dir)
	if err != nil {
		return err
	}
	defer sys.Close(parent)
	if !r.plan.UserNS {
		err := sys.MakeNodeAt(parent, name, d.Type|d.Mode, d.Major, d.Minor)
		switch {
		case err == nil:
			n.Made = true
			if err := chown(d, parent, name); err != nil {
				return fault.Join(err, removeNode(d, parent, name))
			}
			return nil
		case errors.Is(err, unix.EEXIST):
		case errors.Is(err, unix.EPERM):
		default:
			return fmt.Errorf("mknod: %w", err)
		}
	}
	st, err := sys.StatAt(parent, name)
	switch {
	case err == nil && isNode(st, d):
		return nil
	case err == nil && (!r.plan.UserNS || !isPlaceholder(st)):
		return errors.New("another file is there already, and it is not that device")
	case err != nil && !errors.Is(err, unix.ENOENT):
		return err
	case n.Tree == plan.None:
		return fmt.Errorf("mknod is not allowed, and the host's node cannot be bound: %w", unix.EPERM)
	}
	was, err := coverNode(d, n.Tree, parent, name)
	n.Bound = err == nil && !was
	n.Made = n.Bound
	return err
}

// removeNode removes the name if it is that device.
func removeNode(d *plan.Device, parent int, name string) error {
	st, err := sys.StatAt(parent, name)
	if err != nil {
		return err
	}
	if !isNode(st, d) {
		return unix.ENOENT
	}
	return sys.RemoveFileAt(parent, name)
}

// undo takes back what addNode has made. ENOENT: it is not there any more.
func (l *Live) undo(r *Root, n *Node) error {
	if !n.Made {
		return nil
	}
	if n.Bound {
		if err := sys.UnmountFd(l.thread, n.Tree); err != nil {
			return err
		}
	}
	return l.clear(r, n)
}

// clear removes the node, or the file that the host's was bound on.
func (l *Live) clear(r *Root, n *Node) error {
	dir, name := path.Split(n.Path)
	parent, err := sys.OpenIn(r.fd, dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer sys.Close(parent)
	if err := r.own(parent); err != nil {
		return unix.ENOENT // moved away: it is in no mount of rt's making
	}
	return l.asOwner(func() error {
		if !n.Bound {
			return removeNode(&n.Device, parent, name)
		}
		st, err := sys.StatAt(parent, name)
		if err != nil || !isPlaceholder(st) {
			return unix.ENOENT
		}
		return sys.RemoveFileAt(parent, name)
	})
}

// RemoveNode removes one node, or the bind of the given name. was says that it
// was there. What add has not made, as far as is known, stays.
func (l *Live) RemoveNode(n *Node, name *sys.MountID) (was bool, err error) {
	err = l.inside(func() error {
		r, err := l.devRoot()
		if err != nil {
			return err
		}
		defer r.close()
		if name != nil {
			if n.Bound, err = l.remove(*name); err != nil || !n.Bound {
				return err
			}
		} else if !n.Made {
			return nil
		}
		err = l.clear(r, n)
		was = err == nil
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			return nil
		}
		return err
	})
	if l.Abandoned() {
		return false, err
	}
	return was, err
}

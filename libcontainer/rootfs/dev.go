package rootfs

// dev.go fills the container's /dev: nodes, links, the console. Everything
// goes through the fd of the directory or of the mount on it, so that an image
// whose /dev is a link has no say in where things land, and nothing is made in
// a mount that the container shares with the host: only in its root's own mount
// and in the one on /dev.

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

func (r *Root) fillDev() (err error) {
	p := r.plan
	if r.dev == plan.None && p.DevSetup {
		if r.dev, err = r.makeDir("/dev"); err != nil {
			return fault.New("devices", "/dev", "", err)
		}
	}
	for i := range p.Devices {
		if err := r.device(&p.Devices[i]); err != nil {
			return deviceFault(&p.Devices[i], err)
		}
	}
	if !p.DevSetup {
		return nil
	}
	for _, l := range [...]plan.Link{
		{Name: "fd", Target: "/proc/self/fd"}, {Name: "stdin", Target: "/proc/self/fd/0"},
		{Name: "stdout", Target: "/proc/self/fd/1"}, {Name: "stderr", Target: "/proc/self/fd/2"},
	} {
		if err := r.devLink(l); err != nil {
			return err
		}
	}
	if sys.Exists("/proc/kcore") {
		if err := r.devLink(plan.Link{Name: "core", Target: "/proc/kcore"}); err != nil {
			return err
		}
	}
	return r.ptmx()
}

// makeDir opens the directory at unsafePath, made if missing. It is one in
// which devices may be made.
func (r *Root) makeDir(unsafePath string) (int, error) {
	fd, err := sys.OpenIn(r.fd, unsafePath, unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		w := walk{root: r.fd, at: r.fd, rest: components(unsafePath), may: r.own}
		fd, err = w.end(directory)
	}
	if err != nil {
		return plan.None, err
	}
	if err := r.own(fd); err != nil {
		sys.Close(fd)
		return plan.None, err
	}
	return fd, nil
}

// own says whether the directory lies on a mount in which rt may make files of
// its own accord. Where a link of the image leads into any other mount, which
// may be a directory of the host, the configuration has not asked for them.
// Mount ids tell, with or without a mount namespace of the container's own: an
// id is not used again while an fd holds its mount.
func (r *Root) own(dir int) error {
	st, err := sys.StatFd(dir)
	if err != nil {
		return fmt.Errorf("statx: %w", err)
	}
	if st.Mnt_id == r.stat.Mnt_id || r.plan.DevMount != plan.None && r.dev != plan.None && st.Mnt_id == r.devs.Mnt_id {
		return nil
	}
	return fault.New("", "", "", errors.New("leads to another mount")).
		WithHint("mount a tmpfs on /dev, or remove the link from the image; rt makes devices only in the root's own mount and in the one on /dev")
}

// devLink makes a link in /dev. Whatever an image has there instead stays:
// these links are a convenience.
func (r *Root) devLink(l plan.Link) error {
	if err := sys.LinkAt(l.Target, r.dev, l.Name); err != nil && !errors.Is(err, unix.EEXIST) {
		return fault.New("devices", "/dev/"+l.Name, "symlink", err)
	}
	return nil
}

// ptmx: a device node or link of the image would lead to the host's terminals
// or anywhere; it gives way to a link to the container's own (devpts: "the
// ptmx of the instance").
func (r *Root) ptmx() error {
	const target = "pts/ptmx"
	err := makeLink(r.dev, "ptmx", target)
	if errors.Is(err, unix.EEXIST) {
		if err = sys.RemoveFileAt(r.dev, "ptmx"); err == nil {
			err = sys.LinkAt(target, r.dev, "ptmx")
		}
	}
	if err != nil {
		return fault.New("devices", "/dev/ptmx", "symlink", err)
	}
	return nil
}

func deviceFault(d *plan.Device, err error) error {
	object := d.Path
	if d.Index != plan.None {
		object = fmt.Sprintf("linux.devices[%d] %s", d.Index, d.Path)
	}
	return fault.New("devices", object, "", err)
}

// device makes one node, or binds the host's where mknod is not allowed.
func (r *Root) device(d *plan.Device) error {
	dir, name := path.Split(d.Path)
	parent := r.dev
	if dir != "/dev/" || parent == plan.None {
		fd, err := r.makeDir(dir)
		if err != nil {
			return err
		}
		defer sys.Close(fd)
		parent = fd
	}
	if r.plan.UserNS && d.Type != unix.S_IFIFO {
		if st, err := sys.StatAt(parent, name); err == nil && isMounted(st, d) {
			return nil
		}
		return r.bindNode(d, parent, name)
	}
	err := sys.MakeNodeAt(parent, name, d.Type|d.Mode, d.Major, d.Minor)
	switch {
	case err == nil:
		return chown(d, parent, name)
	case errors.Is(err, unix.EEXIST):
		return r.existing(d, parent, name)
	case errors.Is(err, unix.EPERM) && d.Type != unix.S_IFIFO:
		return r.bindNode(d, parent, name)
	}
	return fmt.Errorf("mknod: %w", err)
}

// chown gives the new node its owner, once the name is known to lead to it.
func chown(d *plan.Device, parent int, name string) error {
	if d.UID == 0 && d.GID == 0 {
		return nil
	}
	fd, err := sys.OpenIn(parent, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	st, err := sys.StatFd(fd)
	if err != nil {
		return err
	}
	if !isNode(st, d) {
		return errors.New("was replaced while it was made")
	}
	if err := sys.ChownFd(fd, d.UID, d.GID); err != nil {
		return fmt.Errorf("chown to %d:%d: %w", d.UID, d.GID, err)
	}
	return nil
}

// existing: config-linux.md, "Devices": a file that does not match is an error.
// But where nodes are bound, an empty regular file is what an earlier start
// has left as the place to bind on; and an image may have one for a default
// device, which the configuration does not ask for.
func (r *Root) existing(d *plan.Device, parent int, name string) error {
	st, err := sys.StatAt(parent, name)
	if err != nil {
		return err
	}
	switch {
	case isNode(st, d), isMounted(st, d):
		return nil
	case isPlaceholder(st) && d.Index == plan.None:
		return r.bindNode(d, parent, name)
	}
	return errors.New("another file is there already, and it is not that device")
}

func isNode(st unix.Statx_t, d *plan.Device) bool {
	if uint32(st.Mode)&unix.S_IFMT != d.Type {
		return false
	}
	return d.Type == unix.S_IFIFO || st.Rdev_major == d.Major && st.Rdev_minor == d.Minor
}

// isMounted says that something is mounted in a default device's place.
func isMounted(st unix.Statx_t, d *plan.Device) bool {
	return d.Index == plan.None && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

func isPlaceholder(st unix.Statx_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0
}

// bindNode binds the host's node of the same path, if it is that device.
func (r *Root) bindNode(d *plan.Device, parent int, name string) error {
	tree, err := sys.CloneTree(unix.AT_FDCWD, d.Path, false, true)
	if err != nil {
		return fmt.Errorf("bind the host's %s: %w", d.Path, err)
	}
	defer sys.Close(tree)
	st, err := sys.StatFd(tree)
	if err != nil {
		return err
	}
	if !isNode(st, d) {
		return fmt.Errorf("mknod is not allowed here, and the host's %s is another device", d.Path)
	}
	_, err = coverNode(d, tree, parent, name)
	return err
}

// coverNode binds the node that tree is on the file name, made if missing. was says
// that the device is there already, and nothing is bound.
func coverNode(d *plan.Device, tree, parent int, name string) (was bool, err error) {
	if err := sys.MakeNodeAt(parent, name, unix.S_IFREG|0o644, 0, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return false, fmt.Errorf("make the file to bind on: %w", err)
	}
	fd, err := sys.OpenIn(parent, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	defer sys.Close(fd)
	there, err := sys.StatFd(fd)
	if err != nil {
		return false, err
	}
	if isNode(there, d) {
		return true, nil
	}
	if !isPlaceholder(there) {
		return false, errors.New("another file is there already, and it is not that device")
	}
	return false, sys.AttachFd(tree, fd)
}

// Console binds the terminal's slave on /dev/console. The image's own
// /dev/console may be any file but a link or a directory; it is never opened.
func (r *Root) Console(slave int) error {
	const object = "/dev/console"
	dev := r.dev
	if dev == plan.None {
		fd, err := r.makeDir("/dev")
		if err != nil {
			return fault.New("terminal", object, "", err)
		}
		defer sys.Close(fd)
		dev = fd
	}
	if err := sys.MakeNodeAt(dev, "console", unix.S_IFREG|0o600, 0, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fault.New("terminal", object, "create", err)
	}
	fd, err := sys.OpenIn(dev, "console", unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fault.New("terminal", object, "open", err)
	}
	defer sys.Close(fd)
	st, err := sys.StatFd(fd)
	if err != nil {
		return fault.New("terminal", object, "statx", err)
	}
	if isLink(st) || isDir(st) {
		return fault.New("terminal", object, "", errors.New("is a symbolic link or a directory in the image")).
			WithHint("a container's /dev/console must be a plain file or missing, or /dev a tmpfs")
	}
	tree, err := sys.CloneTree(slave, "", false, false)
	if err != nil {
		return fault.New("terminal", object, "clone the terminal's mount", err)
	}
	defer sys.Close(tree)
	if err := sys.AttachFd(tree, fd); err != nil {
		return fault.New("terminal", object, "move_mount", err)
	}
	return nil
}

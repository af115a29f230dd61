package rootfs

// resolve.go finds the place of a mount or a device in the container's tree
// and makes it when it is missing. Everything stays inside the root, whatever
// the image's links say and however often they change meanwhile.

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// maxLinks is the kernel's own limit of links in one path (path_resolution(7)).
const maxLinks = 40

// kind is what to make where nothing is.
type kind uint8

const (
	directory kind = iota
	file
)

// walk is a resolution component by component, for paths of which the end is
// missing. Links are read and resolved as text, inside the root.
type walk struct {
	root  int
	at    int    // where we are: an O_PATH directory fd, or root itself
	done  string // the same as a path below root, without any link in it
	rest  []string
	links int
	plain bool // refuse links
	// may says whether something may be made in the directory; nil: always.
	may func(dir int) error
}

// makeIn opens unsafePath inside root (O_PATH) and makes what is missing:
// directories on the way, want at the end, all with mode 0755. With plain a
// link anywhere is refused with ELOOP.
func makeIn(root int, unsafePath string, want kind, plain bool) (int, error) {
	w := walk{root: root, at: root, rest: components(unsafePath), plain: plain}
	return w.end(want)
}

// end walks to the end.
func (w *walk) end(want kind) (int, error) {
	root := w.root
	for range 1024 { // each round takes one component, or loses one race
		if len(w.rest) == 0 {
			break
		}
		if err := w.step(want); err != nil {
			w.leave(root)
			return -1, err
		}
	}
	if len(w.rest) > 0 {
		w.leave(root)
		return -1, unix.ELOOP
	}
	if w.at == root {
		return sys.OpenIn(root, ".", unix.O_PATH, 0)
	}
	return w.at, nil
}

func components(unsafePath string) []string {
	var list []string
	for _, c := range strings.Split(unsafePath, "/") {
		if c != "" && c != "." {
			list = append(list, c)
		}
	}
	return list
}

func (w *walk) leave(to int) {
	if w.at != w.root {
		sys.Close(w.at)
	}
	w.at = to
}

func (w *walk) step(want kind) error {
	name := w.rest[0]
	if name == ".." {
		return w.up()
	}
	last := len(w.rest) == 1
	if !last {
		want = directory
	}
	// The whole path has been tried before: its end is likely to be missing,
	// what leads to it is not.
	fd, err := -1, error(unix.ENOENT)
	if !last {
		fd, err = w.open(name, want)
	}
	if errors.Is(err, unix.ENOENT) {
		if err := w.create(name, want); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		if fd, err = w.open(name, want); errors.Is(err, unix.ENOENT) {
			return nil // somebody removed it: again
		}
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return w.follow(name)
	}
	if err != nil {
		return err
	}
	w.leave(fd)
	w.done = path.Join(w.done, name)
	w.rest = w.rest[1:]
	return nil
}

// open opens one name below the current directory and answers ENOTDIR or ELOOP
// for a link.
func (w *walk) open(name string, want kind) (int, error) {
	flags := uint64(unix.O_PATH | unix.O_NOFOLLOW)
	if want == directory {
		return sys.OpenIn(w.at, name, flags|unix.O_DIRECTORY, 0)
	}
	fd, err := sys.OpenIn(w.at, name, flags, 0)
	if err != nil {
		return -1, err
	}
	st, err := sys.StatFd(fd)
	if err == nil && isLink(st) {
		err = unix.ELOOP
	}
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (w *walk) create(name string, want kind) error {
	if w.may != nil {
		if err := w.may(w.at); err != nil {
			return err
		}
	}
	if want == directory {
		return sys.MakeDirAt(w.at, name, 0o755)
	}
	return sys.MakeNodeAt(w.at, name, unix.S_IFREG|0o755, 0, 0)
}

// follow replaces the link name by its text.
func (w *walk) follow(name string) error {
	target, err := sys.ReadLinkAt(w.at, name)
	if errors.Is(err, unix.EINVAL) {
		return unix.ENOTDIR // no link at all
	}
	if errors.Is(err, unix.ENOENT) {
		return nil // gone again
	}
	if err != nil {
		return err
	}
	if w.links++; w.plain || w.links > maxLinks {
		return unix.ELOOP
	}
	w.rest = append(components(target), w.rest[1:]...)
	if strings.HasPrefix(target, "/") {
		w.leave(w.root)
		w.done = ""
	}
	return nil
}

// up goes to the parent by its path from the root: ".." of a held directory
// could lead anywhere once somebody has moved it.
func (w *walk) up() error {
	parent := path.Dir("/" + w.done)
	fd, err := sys.OpenIn(w.root, parent, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return err
	}
	w.leave(fd)
	w.done = strings.TrimPrefix(parent, "/")
	w.rest = w.rest[1:]
	return nil
}

// target is the place of a mount.
type target struct {
	fd   int
	stat unix.Statx_t
	made bool // it was missing
}

// errNotOrdinary: the text is runc's, clients match on it.
type errNotOrdinary string

func (e errNotOrdinary) Error() string {
	return `filesystem "` + string(e) + `" must be mounted on ordinary directory`
}

// errInProc answers a destination that turns out to lie in a procfs.
var errInProc = errors.New("cannot be mounted because it is inside /proc")

// target opens m's destination, made as want() says when it is missing.
func (r *Root) target(m *plan.Mount, want func() (kind, error)) (t target, err error) {
	// proc and sysfs are what later steps and the container's own tools rely
	// on; an image that bends the way to them has nothing good in mind.
	plain := m.Type == "proc" || m.Type == "sysfs"
	flags, resolve := uint64(unix.O_PATH), uint64(0)
	if plain {
		resolve = unix.RESOLVE_NO_SYMLINKS
	}
	if m.DstNoFollow {
		flags |= unix.O_NOFOLLOW
	}
	t.fd, err = sys.OpenIn(r.fd, m.Destination, flags, resolve)
	if errors.Is(err, unix.ENOENT) {
		var k kind
		if k, err = want(); err != nil {
			return t, err
		}
		t.made = true
		t.fd, err = makeIn(r.fd, m.Destination, k, plain)
	}
	if err != nil {
		if plain && (errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR)) {
			err = errNotOrdinary(m.Type)
		}
		return t, mountFault(m, "destination", err)
	}
	if err := r.check(m, &t, plain); err != nil {
		sys.Close(t.fd)
		return t, err
	}
	return t, nil
}

// check looks at what the destination has led to.
func (r *Root) check(m *plan.Mount, t *target, plain bool) (err error) {
	if t.stat, err = sys.StatFd(t.fd); err != nil {
		return mountFault(m, "statx destination", err)
	}
	switch {
	case plain && !isDir(t.stat):
		return mountFault(m, "", errNotOrdinary(m.Type))
	case t.stat.Ino == r.stat.Ino && t.stat.Mnt_id == r.stat.Mnt_id:
		return mountFault(m, "", errors.New("leads to the container's root, on which nothing can be mounted"))
	case sameDevice(t.stat, r.stat), sameDevice(t.stat, r.devs):
		return nil // the image's own files, or /dev: no procfs
	}
	dest := path.Clean("/" + m.Destination)
	if dest == "/proc" || strings.HasPrefix(dest, "/proc/") {
		return nil // the planner has looked at these
	}
	fs, err := sys.FileSystem(t.fd)
	if err != nil {
		return mountFault(m, "statfs destination", err)
	}
	if fs == unix.PROC_SUPER_MAGIC {
		return mountFault(m, "", errInProc)
	}
	return nil
}

func sameDevice(a, b unix.Statx_t) bool {
	return a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}

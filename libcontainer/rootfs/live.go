package rootfs

// live.go makes and removes mounts in a container that runs. The mounts are
// made detached in the host's namespace, whose paths the sources are. Then a
// thread of its own enters the container's mount namespace, and there goes on by
// descriptors alone: the container has everything else in its hands.

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Live is the way into a running container. The fds are the caller's.
type Live struct {
	Plan *plan.Rootfs
	// NS is the container's mount namespace. Root is its "/", an O_PATH fd, or
	// plan.None where that is the namespace's.
	NS, Root int
	// UID and GID are the container's root as the caller sees it, who is to
	// own what has to be made.
	UID, GID uint32

	thread    int // sys.ThreadDir
	abandoned atomic.Bool
}

// liveDeadline is how long a file system of the container's, which may be a
// program of its own, may keep us waiting.
const liveDeadline = 10 * time.Second

// Abandoned says that a thread is still at work, with the fds of the Live: it
// waits for a file system that does not answer. What it waits for it will not
// go on from, but the fds must stay open.
func (l *Live) Abandoned() bool { return l.abandoned.Load() }

var errNoAnswer = errors.New("a file system in the container does not answer")

func noAnswer() error {
	return fault.New("mounts", "", "", fmt.Errorf("%w in %v", errNoAnswer, liveDeadline)).
		WithHint("a path of the container leads to a network file system that is away, or to a FUSE program that is stopped")
}

// Detached makes the plan's mounts, detached, with their attributes and ids
// mapped. userNS is the container's user namespace, which maps the ids of those
// that name no mapping. The fds are the caller's to close, also with an error.
func Detached(p *plan.Rootfs, userNS int) (fds []int, err error) {
	maps := userNamespaces{own: func() (int, error) { return sys.DupCloexec(userNS) }}
	defer maps.close()
	r := Root{plan: p}
	for i := range p.Mounts {
		m := &p.Mounts[i]
		if !m.Bind && (m.LegacyFlags != 0 || len(m.Source) > maxValue || hasLong(m.Data)) {
			return fds, mountFault(m, "", fmt.Errorf("an option needs mount(2), which makes no detached mounts: %w", unix.EOPNOTSUPP)).
				WithHint("a value may have 255 bytes; overlay takes lowerdir+ once for each layer")
		}
		fd, err := detached(m)
		if err != nil {
			if errors.Is(err, unix.EPERM) {
				return fds, fault.New("", "", "", err).WithHint(privilegeHint)
			}
			return fds, err
		}
		fds = append(fds, fd)
		if m.IDMap {
			if err := maps.apply(m, fd); err != nil {
				return fds, err
			}
		}
		if m.Bind {
			err = r.dressBind(m, fd, true)
		} else {
			err = propagate(m, fd)
		}
		if err != nil {
			return fds, err
		}
	}
	return fds, nil
}

const privilegeHint = "it takes CAP_SYS_ADMIN here and over the container's mount namespace: be the host's root"

// inside runs do on a thread in the container's mount namespace, with a working
// directory and umask of its own. Paths mean the container's there. After
// liveDeadline it comes back without the thread, which is then [Live.Abandoned].
func (l *Live) inside(do func() error) error {
	var err error
	if sys.Within(liveDeadline, func() { err = l.onThread(do) }) {
		return err
	}
	l.abandoned.Store(true)
	return noAnswer()
}

func (l *Live) onThread(do func() error) (err error) {
	sys.OnOwnThread(func() {
		if l.thread, err = sys.ThreadDir(); err != nil {
			err = fault.New("mounts", "/proc/thread-self", "open", err)
			return
		}
		defer sys.Close(l.thread)
		if err = sys.Unshare(unix.CLONE_FS); err == nil {
			err = sys.Setns(l.NS, unix.CLONE_NEWNS)
		}
		if err != nil {
			e := fault.New("mounts", "the container's mount namespace", "setns", err)
			if errors.Is(err, unix.EPERM) {
				e.Hint = privilegeHint
			}
			err = e
			return
		}
		sys.SwapUmask(0)
		// The groups of rt's caller are not the container's: the thread ends
		// without them.
		if l.UID != 0 {
			if err = sys.DropGroups(); err != nil {
				err = fault.New("mounts", "", "setgroups", err)
				return
			}
		}
		if l.Root == plan.None {
			if l.Root, err = sys.OpenPath("/"); err != nil {
				err = fault.New("mounts", "/ of the container", "open", err)
				return
			}
			defer func() {
				sys.Close(l.Root)
				l.Root = plan.None
			}()
		}
		err = do()
	})
	return err
}

// Land moves the plan's mounts, of which fds are the detached ones, to their
// destinations: all, or with an error none. left says that some could not be
// taken back.
func (l *Live) Land(fds []int) (left bool, err error) {
	err = l.inside(func() error {
		r := Root{plan: l.Plan, fd: l.Root, dev: plan.None}
		var err error
		if r.stat, err = sys.StatFd(l.Root); err != nil {
			return fault.New("mounts", "root of init", "statx", err)
		}
		for i := range fds {
			if err = l.land(&r, &l.Plan.Mounts[i], fds[i]); err == nil {
				continue
			}
			for i--; i >= 0; i-- {
				if uerr := sys.UnmountFd(l.thread, fds[i]); uerr != nil {
					left = true
					err = fmt.Errorf("%w; and %s stays: %w", err, object(&l.Plan.Mounts[i]), uerr)
				}
			}
			return err
		}
		return nil
	})
	if l.Abandoned() {
		return true, err // nobody knows
	}
	return left, err
}

func (l *Live) land(r *Root, m *plan.Mount, mount int) error {
	changed := false
	t, err := r.target(m, func() (kind, error) {
		st, err := sys.StatFd(mount)
		if err == nil && l.UID != 0 {
			changed = true
			err = sys.SetFSIDs(l.UID, l.GID)
		}
		if err != nil || isDir(st) {
			return directory, err
		}
		return file, nil
	})
	if changed {
		if back := sys.SetFSIDs(0, 0); err == nil && back != nil {
			sys.Close(t.fd)
			return mountFault(m, "setfsuid", back)
		}
	}
	if err != nil {
		if errors.Is(err, unix.EROFS) {
			return fault.New("", "", "", err).WithHint("what is not there cannot be made on a read-only root: choose a path that exists")
		}
		return err
	}
	defer sys.Close(t.fd)
	if m.DirMode && !t.made {
		if err := sys.SetMode(mount, uint32(t.stat.Mode&0o7777)); err != nil {
			return mountFault(m, "chmod", err)
		}
	}
	if m.LateReadOnly {
		if err := sys.SetMount(mount, sys.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, false); err != nil {
			return mountFault(m, "make it read-only", err)
		}
	}
	if l.Abandoned() {
		return errNoAnswer
	}
	return attach(m, mount, t.fd)
}

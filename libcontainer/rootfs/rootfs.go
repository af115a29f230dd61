// Package rootfs executes plan.Rootfs inside init, or on a thread in its
// namespaces: it attaches the container's tree, mounts into it, fills /dev,
// hides what is to be hidden, and pivots. It decides nothing; what to do is in
// the plan.
//
// The rule of the package: the tree belongs to the container's image, and
// others may be changing it at this moment. So every path in it is resolved
// once, by openat2 inside the root's fd, and everything after is done on the
// fd that came out. New mounts are made detached, get their attributes there
// and land by move_mount on a held fd; from then on the mount's own fd is the
// way to it. Only paths of the host are used as paths.
package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Root is a container's file system under construction. The calls, in order:
// [Prepare], [Root.Console], [Root.Pivot], [Root.Finish]. All of them must run
// on the one thread that is in the container's namespaces.
type Root struct {
	plan    *plan.Rootfs
	outside *Outside // nil in init
	fds     []int    // sent with the plan; the plan's Fd fields are indexes into it

	fd    int          // "/" of the container, O_PATH
	stat  unix.Statx_t // of fd
	host  int          // "/" of the host where Pivot needs it, or plan.None
	onTop bool         // the tree is mounted on the host's "/", not on its own path
	dev   int          // /dev of the container, or plan.None
	null  int          // a checked null device, or plan.None
	hide  int          // the empty directory that masks directories, or plan.None
	proc  int          // the mount on /proc, or plan.None
	late  []lateMount  // to be made read-only at the end
	devs  unix.Statx_t // of the mount on /dev
}

// lateMount is a mount that becomes read-only once everything is in it.
type lateMount struct {
	fd     int
	object string
}

// Outside is what the caller of [PrepareOutside] has that init has by itself.
type Outside struct {
	// Procs are new procfs of init's pid namespace, as fsopen(2) gives them.
	// Those that are used are closed, and plan.None in their place.
	Procs []int
	// Cgroups is called before the first mount of type cgroup: the calling
	// thread must be in init's cgroup namespace afterwards.
	Cgroups func() error
}

// openProc is fsopen(2) of a procfs.
func (r *Root) openProc() (int, error) {
	if r.outside == nil {
		return sys.OpenFS("proc")
	}
	for i, fd := range r.outside.Procs {
		if fd != plan.None {
			r.outside.Procs[i] = plan.None
			return fd, nil
		}
	}
	// One of the caller's own would show the host's processes.
	return plan.None, fmt.Errorf("no procfs is left: %w", unix.EBADF)
}

// PrepareOutside is Prepare on a thread of another process: it is in all of
// init's namespaces that a thread can be in, but not in that of its pids, and
// has a root, working directory and umask of its own.
func PrepareOutside(p *plan.Rootfs, fds []int, o *Outside) (*Root, error) { return prepare(p, fds, o) }

// Prepare attaches the root, makes the mounts in the plan's order and fills
// /dev. fds are those that came with the plan; of the mounts among them Prepare
// takes ownership, and puts plan.None in their place.
func Prepare(p *plan.Rootfs, fds []int) (*Root, error) { return prepare(p, fds, nil) }

func prepare(p *plan.Rootfs, fds []int, outside *Outside) (_ *Root, err error) {
	// Modes below are meant as they are written.
	defer sys.SwapUmask(sys.SwapUmask(0))
	r := &Root{
		plan: p, fds: fds, outside: outside,
		fd: plan.None, host: plan.None, dev: plan.None, null: plan.None, hide: plan.None, proc: plan.None,
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if err := r.attach(); err != nil {
		return nil, err
	}
	for i := range p.Mounts {
		if err := r.mount(i); err != nil {
			return nil, err
		}
	}
	if err := r.fillDev(); err != nil {
		return nil, err
	}
	r.dropSources()
	return r, nil
}

// dropSources closes the mounts that the parent sent in vain, because init
// could open them itself.
func (r *Root) dropSources() {
	drop := func(index int) {
		if index >= 0 && index < len(r.fds) {
			sys.CloseAll(r.fds[index : index+1])
			r.fds[index] = plan.None
		}
	}
	drop(r.plan.Fd)
	for i := range r.plan.Mounts {
		drop(r.plan.Mounts[i].SourceFd)
	}
}

// Fd is the container's "/": an O_PATH fd that stays Root's own and is open
// until Finish.
func (r *Root) Fd() int { return r.fd }

// Finish sets what must come last: the root's propagation (pivot_root refuses
// a shared one), read-only tmpfs mounts and the read-only root. It closes all
// fds; Root is of no use afterwards.
func (r *Root) Finish() error {
	defer r.close()
	p := r.plan
	for _, m := range r.late {
		if err := sys.SetMount(m.fd, sys.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, false); err != nil {
			return fault.New("mounts", m.object, "make it read-only", err)
		}
	}
	if !p.NewMountNS {
		return nil
	}
	if p.RootPropagation != 0 {
		if err := setPropagation(r.fd, p.RootPropagation); err != nil {
			return fault.New("mounts", "linux.rootfsPropagation", "mount_setattr", err)
		}
	}
	if p.Readonly {
		if err := sys.SetMount(r.fd, sys.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, false); err != nil {
			return fault.New("mounts", "root.readonly", "mount_setattr", err)
		}
	}
	return nil
}

// Close closes all fds of a Root that will not be finished. It may be nil.
func (r *Root) Close() {
	if r != nil {
		r.close()
	}
}

func (r *Root) close() {
	sys.CloseAll([]int{r.fd, r.host, r.dev, r.null, r.hide, r.proc})
	for _, m := range r.late {
		sys.Close(m.fd)
	}
	r.fd, r.host, r.dev, r.null, r.hide, r.proc, r.late =
		plan.None, plan.None, plan.None, plan.None, plan.None, plan.None, nil
}

// setPropagation takes MS_* with MS_REC as mount(2) does.
func setPropagation(fd int, flags uint64) error {
	return sys.SetMount(fd, sys.MountAttr{Propagation: flags &^ unix.MS_REC}, flags&unix.MS_REC != 0)
}

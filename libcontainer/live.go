package libcontainer

// live.go: mounts that come and go while a container runs.

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/spec"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

// live is a container that has not ended, locked, and the way into its mounts.
type live struct {
	*container
	spec *specs.Spec
	ns   int // its mount namespace
	// root is the container's, where it is not that of ns, or plan.None.
	root int
	// user is its user namespace and maps are the mappings, plan.None and nil
	// without one.
	user int
	maps *specs.Linux
	// at is what has the fds in use.
	at *rootfs.Live
}

// openLive locks a created, running or paused container.
func (r *Runtime) openLive(id string) (_ *live, err error) {
	c, err := r.load(id)
	if err != nil {
		return nil, err
	}
	l := &live{container: c, root: plan.None, ns: plan.None, user: plan.None}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := c.hasNotEnded(); err != nil {
		return nil, err
	}
	store, err := r.store(id)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	raw, err := store.ReadConfig(id)
	if err != nil {
		return nil, err
	}
	if l.spec, err = spec.Decode(raw, c.path+"/config.json"); err != nil {
		return nil, err
	}
	return l, l.enter()
}

func (l *live) close() {
	l.closeAll([]int{l.root, l.ns, l.user})
	l.dir.Close()
}

// closeAll closes fds that a thread may have been given, unless it is still
// there.
func (l *live) closeAll(fds []int) {
	if l.at == nil || !l.at.Abandoned() {
		sys.CloseAll(fds)
	}
}

// enter opens init's namespaces. What was opened by its pid is the container's
// if init is alive afterwards and where it was created. Its root is not: it may
// have changed that, so it is taken only where there is no other way.
func (l *live) enter() (err error) {
	init := l.rec.Init
	proc := "/proc/" + strconv.Itoa(init.Pid)
	fail := func(what string, err error) error {
		e := fault.New("mounts", proc+"/"+what, "open", err)
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			e.Hint = "it takes the rights of ptrace(2) over the container's init: be the host's root"
		}
		return e
	}
	namespaces := planner.PlanNamespaces(l.spec.Linux)
	if namespaces.New&unix.CLONE_NEWNS == 0 {
		if l.root, err = sys.OpenPath(proc + "/root"); err != nil {
			return fail("root", err)
		}
	}
	if l.ns, _, err = sys.OpenNamespace(proc + "/ns/mnt"); err != nil {
		return fail("ns/mnt", err)
	}
	own, err := sys.NamespaceAt("/proc/self/ns/mnt")
	if err != nil {
		return fault.New("mounts", "/proc/self/ns/mnt", "stat", err)
	}
	if ns, err := sys.NamespaceOf(l.ns); err != nil || ns == own {
		if err == nil {
			err = errors.New("the container is in the caller's mount namespace: mounts would be the host's")
		}
		return fault.New("mounts", "", "", err)
	}
	if namespaces.Has&unix.CLONE_NEWUSER != 0 {
		if l.user, _, err = sys.OpenNamespace(userNSPath(init.Pid)); err != nil {
			return fail("ns/user", err)
		}
		l.maps = new(specs.Linux)
		if err := readIDMaps(init.Pid, l.maps); err != nil {
			return err
		}
	}
	if err := l.notStrayed(); err != nil {
		return err
	}
	if !init.Alive() {
		return fault.New("", l.rec.ID, "", fault.ErrNotRunning)
	}
	return nil
}

// owner are the ids of the container's root as the host sees them.
func (l *live) owner() (uid, gid uint32, err error) {
	if l.maps == nil {
		return 0, 0, nil
	}
	u, ok1 := mappedID(l.maps.UIDMappings, 0)
	g, ok2 := mappedID(l.maps.GIDMappings, 0)
	if !ok1 || !ok2 {
		return 0, 0, fault.New("mounts", "linux.uidMappings", "", errors.New("the container has no root (id 0), who would own what is made"))
	}
	return uint32(u), uint32(g), nil
}

func (l *live) way(p *plan.Rootfs) (*rootfs.Live, error) {
	uid, gid, err := l.owner()
	l.at = &rootfs.Live{Plan: p, Root: l.root, NS: l.ns, UID: uid, GID: gid}
	return l.at, err
}

// AddMounts mounts in a created, running or paused container what in its
// config.json would be mounts: binds and file systems that show no namespace.
// Sources are paths of the host, relative ones from the bundle. All are mounted
// or, with an error, none. Errors: fault.ErrNotExist, fault.ErrNotRunning,
// spec.Errors; a container without a mount namespace of its own.
func (r *Runtime) AddMounts(id string, mounts []specs.Mount) error {
	l, err := r.openLive(id)
	if err != nil {
		return err
	}
	defer l.close()
	p, err := l.plan(mounts)
	if err != nil || len(p.Mounts) == 0 {
		return err
	}
	way, err := l.way(p)
	if err != nil {
		return err
	}
	fds, err := rootfs.Detached(p, l.user)
	defer func() { l.closeAll(fds) }()
	if err != nil {
		return err
	}
	before := l.rec.Mounts
	added := make([]state.Mount, len(fds))
	for i, fd := range fds {
		added[i].Mount = mounts[i]
		if added[i].Name, _, err = sys.MountOf(fd); err != nil {
			return fault.New("mounts", fmt.Sprintf("mounts[%d]", i), "statx", err)
		}
	}
	// Recorded first: what is not there can be removed, what nobody knows of
	// can not.
	l.rec.Mounts = append(before[:len(before):len(before)], added...)
	if err := l.dir.Save(l.rec); err != nil {
		return err
	}
	left, err := way.Land(fds)
	if err != nil && !left {
		l.rec.Mounts = before
		if serr := l.dir.Save(l.rec); serr != nil {
			r.log.Warn(serr.Error())
		}
	}
	return err
}

// plan validates and plans mounts as if they were the configuration's.
func (l *live) plan(mounts []specs.Mount) (*plan.Rootfs, error) {
	s := *l.spec
	s.Mounts = mounts
	warnings, err := spec.ValidateMounts(&s)
	l.rt.warn(warnings)
	if err != nil {
		return nil, err
	}
	f := planner.Facts{Rootless: l.rt.rootless(), SELinux: wantsSELinux(&s) && seLinuxEnabled()}
	p, err := planner.LiveMounts(&s, f, planner.Options{ContainerID: l.rec.ID, Bundle: l.rec.Bundle})
	if err != nil || l.maps == nil {
		return p, err
	}
	for i := range p.Mounts {
		if m := &p.Mounts[i]; m.Type == "tmpfs" {
			if m.Data, err = mappedOwner(m.Data, l.maps); err != nil {
				return nil, fault.New("mounts", fmt.Sprintf("mounts[%d].options", i), "", err)
			}
		}
	}
	return p, nil
}

// mappedOwner turns the owner of a tmpfs, which is the container's root unless
// uid= and gid= say otherwise, into ids of the host, where it is made.
func mappedOwner(data []string, maps *specs.Linux) ([]string, error) {
	ids := []struct {
		key      string
		mappings []specs.LinuxIDMapping
		id       int
	}{{"uid", maps.UIDMappings, 0}, {"gid", maps.GIDMappings, 0}}
	var rest []string
	for _, d := range data {
		key, value, _ := strings.Cut(d, "=")
		switch i := 0; key {
		case "gid":
			i = 1
			fallthrough
		case "uid":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%q is no id", d)
			}
			ids[i].id = int(n)
		default:
			rest = append(rest, d)
		}
	}
	for _, o := range ids {
		outside, ok := mappedID(o.mappings, o.id)
		if !ok {
			return nil, fmt.Errorf("%s %d is not mapped in the container's user namespace", o.key, o.id)
		}
		rest = append(rest, o.key+"="+strconv.Itoa(outside))
	}
	return rest, nil
}

// RemoveMounts unmounts what AddMounts has mounted at these destinations, the
// last one first. One that is not mounted any more is a warning; one that was
// not added is an error, and nothing is removed. Errors: fault.ErrNotExist,
// fault.ErrNotRunning; something else is mounted over one.
func (r *Runtime) RemoveMounts(id string, destinations []string) error {
	l, err := r.openLive(id)
	if err != nil {
		return err
	}
	defer l.close()
	indexes, err := chosen(l.rec.Mounts, destinations)
	if err != nil || len(indexes) == 0 {
		return err
	}
	names := make([]sys.MountID, len(indexes))
	for i, index := range indexes {
		names[i] = l.rec.Mounts[index].Name
	}
	l.at = &rootfs.Live{NS: l.ns, Root: l.root}
	done, gone, err := l.at.Remove(names)
	for _, i := range gone {
		r.log.Warn("mounts: " + l.rec.Mounts[indexes[i]].Destination + " was not mounted any more")
	}
	remove := map[int]bool{}
	for _, index := range indexes[:done] {
		remove[index] = true
	}
	var rest []state.Mount
	for i, m := range l.rec.Mounts {
		if !remove[i] {
			rest = append(rest, m)
		}
	}
	l.rec.Mounts = rest
	return fault.Join(err, l.dir.Save(l.rec))
}

// chosen are the indexes of the last mounts added at these destinations, in the
// reverse order of these: the last one lies below or on top of the first.
func chosen(added []state.Mount, destinations []string) ([]int, error) {
	taken := map[int]bool{}
	var indexes []int
next:
	for i := len(destinations) - 1; i >= 0; i-- {
		want := path.Clean("/" + destinations[i])
		for k := len(added) - 1; k >= 0; k-- {
			if path.Clean("/"+added[k].Destination) == want && !taken[k] {
				taken[k] = true
				indexes = append(indexes, k)
				continue next
			}
		}
		return nil, fault.New("mounts", fmt.Sprintf("mounts[%d].destination", i), "", fmt.Errorf("%q was not added to the container", destinations[i])).
			WithHint("only what rt mounts add has mounted can be removed")
	}
	return indexes, nil
}

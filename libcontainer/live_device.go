package libcontainer

// live_device.go: devices that come and go while a container runs: a node and a
// rule of its cgroup each.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

// Device is a device of the host for a container.
type Device struct {
	Host   string // path of its node on the host
	Path   string // in the container, absolute; "" is Host
	Access string // of the letters r, w and m; "" is rwm
}

// withDevices are the rules and on top those of the devices.
func withDevices(rules []specs.LinuxDeviceCgroup, devices []state.Device) []specs.LinuxDeviceCgroup {
	all := append([]specs.LinuxDeviceCgroup{}, rules...) // never nil: that would change nothing
	for _, d := range devices {
		kind := "c"
		if d.Type == unix.S_IFBLK {
			kind = "b"
		}
		major, minor := int64(d.Major), int64(d.Minor)
		all = append(all, specs.LinuxDeviceCgroup{Allow: true, Type: kind, Major: &major, Minor: &minor, Access: d.Access})
	}
	return all
}

// setRules puts the rules in force that the record names.
func (l *live) setRules(cg cgroups.Manager) error {
	base := l.rec.DeviceRules
	if base == nil && l.spec.Linux != nil && l.spec.Linux.Resources != nil {
		base = l.spec.Linux.Resources.Devices
	}
	err := cg.Set(&specs.LinuxResources{Devices: withDevices(base, l.rec.Devices)})
	l.rt.warn(cg.Warnings())
	return err
}

// openDevices is openLive for a container that can be given devices.
func (r *Runtime) openDevices(id string) (*live, cgroups.Manager, *rootfs.Live, error) {
	l, err := r.openLive(id)
	if err != nil {
		return nil, nil, nil, err
	}
	fail := func(err error) (*live, cgroups.Manager, *rootfs.Live, error) {
		l.close()
		return nil, nil, nil, err
	}
	cg, err := l.cgroup()
	if err != nil {
		return fail(err)
	}
	if rec := cg.Record(); rec.Rootless || rec.Manager == cgroups.ManagerNone {
		return fail(fault.New("devices", "", "", errors.New("the container's cgroup takes no device rules, which are the host's root's to set")))
	}
	// The start's plan, for what stands on /dev and whose namespaces these are.
	p, err := planner.Rootfs(l.spec, planner.Facts{Rootless: r.rootless()}, planner.Options{ContainerID: id, Bundle: l.rec.Bundle})
	if err == nil && (p == nil || !p.NewMountNS) {
		err = fault.New("devices", "", "", errors.New("the container has no mount namespace of its own: they would be the host's"))
	}
	if err != nil {
		return fail(err)
	}
	p.UserNS = l.maps != nil
	way, err := l.way(p)
	if err != nil {
		return fail(err)
	}
	if !p.DevSetup {
		p.DevMount = plan.None // a directory of the host: nothing is made there
	}
	return l, cg, way, nil
}

// AddDevices gives a created, running or paused container devices of the host:
// all or, with an error, none. Errors: fault.ErrNotExist, fault.ErrNotRunning;
// another file is in the place of a node; a container of a rootless user.
func (r *Runtime) AddDevices(id string, devices []Device) error {
	l, cg, way, err := r.openDevices(id)
	if err != nil {
		return err
	}
	defer l.close()
	before := l.rec.Devices
	nodes := make([]rootfs.Node, len(devices))
	added := make([]state.Device, len(devices))
	defer func() {
		for _, n := range nodes {
			l.closeAll([]int{n.Tree})
		}
	}()
	for i := range nodes {
		nodes[i].Tree = plan.None
	}
	for i, d := range devices {
		if added[i], err = openDevice(d, &nodes[i]); err != nil {
			return err
		}
		if slices.ContainsFunc(append(slices.Clone(before), added[:i]...), func(o state.Device) bool { return o.Path == added[i].Path }) {
			return fault.New("devices", added[i].Path, "", errors.New("was added before"))
		}
	}
	l.rec.Devices = append(slices.Clip(before), added...)
	if err := l.dir.Save(l.rec); err != nil {
		return err
	}
	takeBack := func() {
		l.rec.Devices = before
		if uerr := fault.Join(l.setRules(cg), l.dir.Save(l.rec)); uerr != nil {
			r.log.Warn("devices: take it back: " + uerr.Error())
		}
	}
	if err = l.setRules(cg); err == nil {
		err = way.AddNodes(nodes)
	}
	if err != nil {
		takeBack()
		return err
	}
	for i, n := range nodes {
		a := &l.rec.Devices[len(before)+i]
		if a.Made = n.Made; !n.Bound {
			a.Name = nil
		}
	}
	if err := l.dir.Save(l.rec); err != nil {
		for _, d := range l.rec.Devices[len(before):] {
			if uerr := l.removeDevice(way, d); uerr != nil {
				r.log.Warn("devices: take it back: " + uerr.Error())
			}
		}
		takeBack()
		return err
	}
	return nil
}

// openDevice looks at one device on the host.
func openDevice(d Device, n *rootfs.Node) (_ state.Device, err error) {
	inside := d.Path
	if inside == "" {
		inside = d.Host
	}
	access := d.Access
	if access == "" {
		access = "rwm"
	}
	fail := func(err error) (state.Device, error) { return state.Device{}, fault.New("devices", d.Host, "", err) }
	switch {
	case !path.IsAbs(d.Host) || !path.IsAbs(inside) || path.Clean(inside) == "/" || strings.ContainsRune(inside+d.Host, 0):
		return fail(fmt.Errorf("%q and %q must be absolute paths of files", d.Host, inside))
	case strings.Trim(access, "rwm") != "":
		return fail(fmt.Errorf("access %q has other letters than r, w, m", access))
	}
	if n.Device, n.Tree, err = rootfs.HostNode(d.Host); err != nil {
		return fail(err)
	}
	n.Path = path.Clean(inside)
	s := state.Device{Path: n.Path, Type: n.Type, Major: n.Major, Minor: n.Minor, Access: access}
	if n.Tree == plan.None {
		return s, nil
	}
	name, _, err := sys.MountOf(n.Tree)
	if err != nil {
		return fail(err)
	}
	s.Name = &name
	return s, nil
}

// RemoveDevices takes devices away that AddDevices has given, by their paths in
// the container: the node, if it is still that device, and the rule. What is
// open stays open. Errors: fault.ErrNotExist, fault.ErrNotRunning; a device that
// was not added, and then nothing is removed.
func (r *Runtime) RemoveDevices(id string, paths []string) error {
	l, cg, way, err := r.openDevices(id)
	if err != nil {
		return err
	}
	defer l.close()
	paths = slices.Clone(paths)
	for i, p := range paths {
		paths[i] = path.Clean(p)
		if !slices.ContainsFunc(l.rec.Devices, func(d state.Device) bool { return d.Path == paths[i] }) {
			return fault.New("devices", p, "", errors.New("was not added to the container")).
				WithHint("only what rt device add has given can be taken")
		}
	}
	for _, d := range slices.Clone(l.rec.Devices) {
		if !slices.Contains(paths, d.Path) {
			continue
		}
		// The rule first: what is done to the node, the container can hinder.
		all := l.rec.Devices
		l.rec.Devices = slices.DeleteFunc(slices.Clone(all), func(o state.Device) bool { return o.Path == d.Path })
		if err := l.setRules(cg); err != nil {
			l.rec.Devices = all
			return err
		}
		if err := l.dir.Save(l.rec); err != nil {
			return err
		}
		if err := l.removeDevice(way, d); err != nil {
			return fault.New("devices", d.Path, "remove the node", err).WithHint("the container may not open it any more")
		}
	}
	return nil
}

func (l *live) removeDevice(way *rootfs.Live, d state.Device) error {
	if !d.Made && d.Name == nil {
		return nil // the node is not rt's
	}
	n := rootfs.Node{Tree: plan.None, Made: d.Made, Device: plan.Device{Index: plan.None, Path: d.Path, Type: d.Type, Major: d.Major, Minor: d.Minor}}
	was, err := way.RemoveNode(&n, d.Name)
	if err == nil && !was {
		l.rt.log.Warn("devices: " + d.Path + " was not there any more")
	}
	return err
}

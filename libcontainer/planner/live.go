package planner

// live.go plans mounts that are added to a container that runs.

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
)

// LiveMounts plans s.Mounts, valid ones, to be added to the running container of
// s, whose own are not among them.
func LiveMounts(s *specs.Spec, f Facts, o Options) (*plan.Rootfs, error) {
	linux := s.Linux
	if s.Root == nil || linux == nil || hasNamespaces(linux)&unix.CLONE_NEWNS == 0 {
		return nil, fault.New("mounts", "", "", errors.New("the container has no mount namespace of its own: they would be the host's"))
	}
	r := &plan.Rootfs{
		NewMountNS: true, Fd: plan.None, DevMount: plan.None, ProcMount: plan.None,
		UserNS: hasNamespaces(linux)&unix.CLONE_NEWUSER != 0,
	}
	if err := rootPropagation(r, linux.RootfsPropagation); err != nil {
		return nil, err
	}
	if r.HostPropagation == 0 {
		// Volumes of the configuration are shared with the host; what comes
		// later must ask for it.
		r.HostPropagation = unix.MS_SLAVE | unix.MS_REC
	}
	for i := range s.Mounts {
		m, err := planMount(i, &s.Mounts[i], linux, f, o)
		if err != nil {
			return nil, err
		}
		if err := liveMount(&m); err != nil {
			return nil, err
		}
		if !m.Bind && r.UserNS {
			// The file system is not of the container's user namespace, in
			// which the kernel would take no device for one.
			m.AttrSet |= unix.MOUNT_ATTR_NODEV
			m.RecClr &^= unix.MOUNT_ATTR_NODEV
		}
		r.Mounts = append(r.Mounts, m)
	}
	return r, nil
}

// liveMount refuses what belongs to a container's start.
func liveMount(m *plan.Mount) error {
	wrong := func(field, text, hint string) error { return wrongMount(m.Index, field, text, hint) }
	switch {
	case m.Remount:
		return wrong("options", "what is mounted cannot be changed in a running container", "remove the mount and add another")
	case m.CopyUp:
		return wrong("options", "tmpcopyup is not for a running container, whose files may change meanwhile", "")
	case m.CopySymlink:
		return wrong("options", "copy-symlink is not for a running container: it mounts nothing", "")
	}
	switch m.Type {
	case "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts":
		return wrong("type", m.Type+" cannot be added to a running container: it shows the namespaces of its maker", "name it in config.json")
	}
	// What a start makes and covers in these is not made again.
	switch d := cleanDestination(m); d {
	case "/proc", "/sys", "/dev":
		return wrong("destination", "nothing can be mounted over "+d+" of a running container", "name it in config.json")
	}
	return nil
}

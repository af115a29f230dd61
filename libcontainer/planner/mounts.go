package planner

// mounts.go plans the container's file system: the root, the mounts with
// their options resolved, and what is hidden or made read-only at the end.
// Which nodes stand in /dev is in devices.go.

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
)

// Rootfs plans the container's file system from a valid spec. It is nil when
// the spec has no root. Fds are [plan.None] until the parent has opened them.
func Rootfs(s *specs.Spec, f Facts, o Options) (*plan.Rootfs, error) {
	if s.Root == nil {
		return nil, nil
	}
	linux := s.Linux
	if linux == nil {
		linux = new(specs.Linux)
	}
	has := hasNamespaces(linux)
	r := &plan.Rootfs{
		NewMountNS: has&unix.CLONE_NEWNS != 0,
		Path:       inBundle(s.Root.Path, o),
		Fd:         plan.None,
		NoPivot:    o.NoPivot,
		Readonly:   s.Root.Readonly,
		UserNS:     has&unix.CLONE_NEWUSER != 0 || f.Rootless,
		DevMount:   plan.None, ProcMount: plan.None,
		Masked: once(linux.MaskedPaths), ReadOnly: once(linux.ReadonlyPaths),
	}
	for _, ns := range linux.Namespaces {
		r.JoinedMountNS = r.JoinedMountNS || ns.Type == specs.MountNamespace && ns.Path != ""
	}
	if f.SELinux {
		r.MountLabel = linux.MountLabel
	}
	if r.Readonly && !r.NewMountNS {
		return nil, fault.New("mounts", "root.readonly", "", errors.New("needs a mount namespace in linux.namespaces"))
	}
	if err := rootPropagation(r, linux.RootfsPropagation); err != nil {
		return nil, err
	}
	systemd := spec.SystemdV1(s.Annotations)
	for i := range s.Mounts {
		mount := s.Mounts[i]
		// The host's path of a place in the root means that place, as with runc.
		if below, ok := belowRoot(r, mount.Destination); ok {
			mount.Destination = below
		}
		m, err := planMount(i, &mount, linux, f, o)
		if systemd != "" && s.Mounts[i].Destination == systemd {
			m, err = systemdV1Mount(i, s.Mounts[i], linux, f, o)
		}
		if err != nil {
			return nil, err
		}
		fromRoot(r, &m)
		r.Mounts = append(r.Mounts, m)
	}
	wellKnown(r)
	if err := planDevices(r, linux); err != nil {
		return nil, err
	}
	return r, sysctls(r, linux.Sysctl)
}

// belowRoot is the path inside the container of a path of the host.
func belowRoot(r *plan.Rootfs, host string) (inside string, ok bool) {
	if r.Path == "/" {
		return "", false
	}
	inside, ok = strings.CutPrefix(path.Clean(host), r.Path+"/")
	return "/" + inside, ok
}

// fromRoot finds the binds whose source an earlier mount of the list has put into
// the container's tree: there is nothing of it on the host.
func fromRoot(r *plan.Rootfs, m *plan.Mount) {
	source, ok := belowRoot(r, m.Source)
	if !ok || !m.Bind || m.Remount || !r.NewMountNS {
		return
	}
	for i := range r.Mounts {
		if dest := cleanDestination(&r.Mounts[i]); source == dest || strings.HasPrefix(source, dest+"/") {
			m.InRoot = source
		}
	}
}

// once leaves out what stands in the list before: a path is hidden by one mount.
func once(paths []string) []string {
	var list []string
	for _, p := range paths {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func hasNamespaces(l *specs.Linux) (flags uintptr) {
	for _, ns := range l.Namespaces {
		flags |= NamespaceFlag(ns.Type)
	}
	return flags
}

func inBundle(p string, o Options) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(o.Bundle, p)
}

// rootPropagation: whatever the spec asks for the container's root, nothing
// that is mounted in the container may reach the host, unless it is "shared"
// that is asked for. Then the peer groups of the host's mounts are kept, so
// that volumes can be shared both ways.
func rootPropagation(r *plan.Rootfs, name string) error {
	if !r.NewMountNS {
		return nil
	}
	r.HostPropagation = unix.MS_SLAVE | unix.MS_REC
	switch name {
	case "":
	case "slave", "rslave":
		r.RootPropagation = unix.MS_SLAVE
	case "private":
		r.RootPropagation = unix.MS_PRIVATE
	case "rprivate":
		r.HostPropagation = unix.MS_PRIVATE | unix.MS_REC
		r.RootPropagation = unix.MS_PRIVATE
	case "shared", "rshared":
		r.HostPropagation = 0
		r.RootPropagation = unix.MS_SHARED
	case "unbindable", "runbindable":
		r.RootPropagation = unix.MS_UNBINDABLE
	default:
		return fault.New("mounts", "linux.rootfsPropagation", "", fmt.Errorf("%q is none of shared, slave, private, unbindable and their recursive forms", name))
	}
	if strings.HasPrefix(name, "r") {
		r.RootPropagation |= unix.MS_REC
	}
	return nil
}

func planMount(i int, s *specs.Mount, linux *specs.Linux, f Facts, o Options) (plan.Mount, error) {
	p := parseOptions(s.Options)
	m := plan.Mount{
		Index: i, Destination: s.Destination, Source: s.Source, Type: s.Type,
		SourceFd: plan.None,
		Bind:     p.bind || s.Type == "bind",
		Remount:  p.remount,
	}
	if m.Bind {
		if j := strayOfBind(s.Options); j >= 0 {
			return m, strayOption(i, j, s.Options[j])
		}
		m.Type = "bind"
		m.Recursive = p.rbind
		if !m.Remount {
			m.Source = inBundle(s.Source, o)
		}
	}
	p.fill(&m)
	if err := checkDestination(&m); err != nil {
		return m, err
	}
	if err := idMapped(&m, s, &p, hasNamespaces(linux)&unix.CLONE_NEWUSER != 0); err != nil {
		return m, err
	}
	if m.Bind || m.Remount {
		return m, nil
	}
	switch m.Type {
	case "":
		return m, wrongMount(i, "type", "must be set", `for a bind mount, add "bind" or "rbind" to its options`)
	case "cgroup":
		m.Cgroup = cgroupMount(hasNamespaces(linux)&unix.CLONE_NEWCGROUP != 0, f.Cgroup)
	case "cgroup2":
		// Mounted in the host's cgroup namespace, it would take nsdelegate and
		// the host's other options from the whole hierarchy (cgroups(7)).
		if f.Cgroup.V2 && hasNamespaces(linux)&unix.CLONE_NEWCGROUP == 0 {
			m.Cgroup = cgroupMount(false, f.Cgroup)
		}
	case "devpts":
		m.Data = mappedGid(m.Data, linux)
	}
	if f.SELinux && linux.MountLabel != "" {
		m.Data = labelled(m.Type, m.Data, linux.MountLabel)
		// Message queues take no context option. Without an IPC namespace of
		// the container's own they are the host's, and keep their label.
		if m.Type == "mqueue" && hasNamespaces(linux)&unix.CLONE_NEWIPC != 0 {
			m.RootLabel = linux.MountLabel
		}
	}
	return m, nil
}

func strayOption(i, j int, option string) error {
	hint := "mount options are written as in mount(8), in lower case: ro, nosuid, noexec"
	if strings.Contains(option, ",") {
		hint = "each option is an entry of its own"
	}
	return wrongMount(i, fmt.Sprintf("options[%d]", j), fmt.Sprintf("%q is no option of a bind mount", option), hint)
}

func wrongMount(i int, field, text, hint string) error {
	return fault.New("mounts", fmt.Sprintf("mounts[%d].%s", i, field), "", errors.New(text)).WithHint(hint)
}

// procFiles are the files of /proc that may be covered. Everything else there
// is what the runtime and the container's tools rely on to be the kernel's.
func procFiles() []string {
	return []string{
		"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev",
		"/proc/slabinfo", "/proc/stat", "/proc/swaps", "/proc/sys/crypto/fips_enabled",
		"/proc/sys/kernel/ns_last_pid", "/proc/uptime",
	}
}

func cleanDestination(m *plan.Mount) string { return path.Clean("/" + m.Destination) }

func checkDestination(m *plan.Mount) error {
	dest := cleanDestination(m)
	switch {
	case m.Destination == "":
		return wrongMount(m.Index, "destination", "must be set", "")
	case dest == "/" && !m.Remount:
		return wrongMount(m.Index, "destination", fmt.Sprintf("%q: nothing can be mounted on the container's root", m.Destination),
			"the root file system is root.path")
	case m.Remount:
	case dest == "/proc" && m.Type != "proc" && !m.Bind:
		return wrongMount(m.Index, "type", fmt.Sprintf("%q cannot be mounted on /proc: it must be of type proc", m.Type), "")
	case strings.HasPrefix(dest, "/proc/") && !slices.Contains(procFiles(), dest):
		return wrongMount(m.Index, "destination", fmt.Sprintf("%q cannot be mounted because it is inside /proc", m.Destination),
			"only "+strings.Join(procFiles(), ", ")+" may be covered")
	}
	return nil
}

func idMapped(m *plan.Mount, s *specs.Mount, p *parsed, userNS bool) error {
	m.IDMap = p.idmap || len(s.UIDMappings) > 0 || len(s.GIDMappings) > 0
	if !m.IDMap {
		return nil
	}
	m.IDMapRec = p.ridmap
	m.IDMapUID, m.IDMapGID = idMappings(s.UIDMappings), idMappings(s.GIDMappings)
	switch {
	case m.Remount:
		return wrongMount(m.Index, "options", "the ids of a mount that is there already cannot be mapped", "")
	case !m.Bind && m.Type == "cgroup":
		return wrongMount(m.Index, "options", "a mount of type cgroup cannot be id-mapped", "")
	case (m.IDMapUID == nil) != (m.IDMapGID == nil):
		return wrongMount(m.Index, "uidMappings", "uidMappings and gidMappings must be set together", "")
	case m.IDMapUID == nil && !userNS:
		return wrongMount(m.Index, "options", "idmap needs uidMappings and gidMappings, or a user namespace to take them from", "")
	}
	return nil
}

func idMappings(list []specs.LinuxIDMapping) []plan.IDMapping {
	var out []plan.IDMapping
	for _, m := range list {
		out = append(out, plan.IDMapping{Container: m.ContainerID, Host: m.HostID, Size: m.Size})
	}
	return out
}

// mappedGid drops gid= of a devpts when the container's user namespace does
// not map that group: the kernel would refuse the mount, and the terminal
// works without. Every engine writes gid=5, also rootless ones.
func mappedGid(data []string, linux *specs.Linux) []string {
	if len(linux.GIDMappings) == 0 || hasNamespaces(linux)&unix.CLONE_NEWUSER == 0 {
		return data
	}
	return slices.DeleteFunc(slices.Clone(data), func(d string) bool {
		var gid uint32
		if n, _ := fmt.Sscanf(d, "gid=%d", &gid); n != 1 {
			return false
		}
		return !slices.ContainsFunc(linux.GIDMappings, func(m specs.LinuxIDMapping) bool {
			return gid >= m.ContainerID && gid-m.ContainerID < m.Size
		})
	})
}

// labelled adds the SELinux context to file systems that take one and have
// none yet.
func labelled(fstype string, data []string, label string) []string {
	switch fstype {
	case "proc", "sysfs", "mqueue", "cgroup", "cgroup2":
		return data
	}
	for _, d := range data {
		if key, _, _ := strings.Cut(d, "="); strings.HasSuffix(key, "context") {
			return data
		}
	}
	return append(slices.Clip(data), "context="+label)
}

// systemdV1Mount makes a mount, whatever it was to be, one of systemd's named v1
// hierarchy alone: what a systemd from before v2 needs to start.
func systemdV1Mount(i int, s specs.Mount, linux *specs.Linux, f Facts, o Options) (plan.Mount, error) {
	s.Type, s.Source = "cgroup", "cgroup"
	s.Options = slices.DeleteFunc(slices.Clone(s.Options), func(o string) bool { return o == "bind" || o == "rbind" })
	m, err := planMount(i, &s, linux, f, o)
	h := plan.CgroupHierarchy{Name: "systemd", Options: "none,name=systemd,xattr"}
	for _, known := range f.Cgroup.Hierarchies {
		if known.Name == h.Name {
			h.BindSource = known.Own
		}
	}
	m.Cgroup = &plan.CgroupMount{Hierarchies: []plan.CgroupHierarchy{h}}
	return m, err
}

func cgroupMount(private bool, f CgroupFacts) *plan.CgroupMount {
	c := &plan.CgroupMount{V2: f.V2, Bind: !private}
	if f.V2 {
		c.BindSource = f.Own
		if c.BindSource == "" {
			c.BindSource = f.Unified
		}
		return c
	}
	for _, h := range f.Hierarchies {
		if c.Bind && h.Own == "" {
			continue // the container has no cgroup of its own there
		}
		c.Hierarchies = append(c.Hierarchies, plan.CgroupHierarchy{Name: h.Name, Options: h.Options, BindSource: h.Own})
		for _, link := range h.Links {
			if link != h.Name {
				c.Links = append(c.Links, plan.Link{Name: link, Target: h.Name})
			}
		}
	}
	return c
}

// wellKnown finds the mounts that later steps work in.
func wellKnown(r *plan.Rootfs) {
	r.DevSetup = true
	for i := range r.Mounts {
		m := &r.Mounts[i]
		if m.Remount {
			continue
		}
		switch cleanDestination(m) {
		case "/dev":
			r.DevMount = i
			if m.Bind {
				r.DevSetup = false
			}
		case "/proc":
			r.ProcMount = i
		}
	}
}

func sysctls(r *plan.Rootfs, values map[string]string) error {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		file := sysctlPath(key)
		if file == "" || path.Clean("/"+file) != "/"+file {
			return fault.New("sysctl", fmt.Sprintf("linux.sysctl[%q]", key), "", errors.New("is not the name of a kernel parameter"))
		}
		r.Sysctl = append(r.Sysctl, plan.Sysctl{Key: key, Path: file, Value: values[key]})
	}
	return nil
}

// sysctlPath turns a key into a path as sysctl(8) does: the separator that
// comes first is the separator, and the other character stands for itself, so
// that net.ipv4.conf.eth0/100.forwarding means interface eth0.100.
func sysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(c rune) rune {
		switch c {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return c
	}, key)
}

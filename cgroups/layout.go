package cgroups

// Layout: which cgroup hierarchies this host has, where they are mounted, and
// where in them the calling process is. Parsing is pure; Host reads once.

import (
	"errors"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// Layout is the host's cgroup set-up as this process sees it.
type Layout struct {
	// Mode is ManagerV1, ManagerHybrid or ManagerV2.
	Mode string
	// Hierarchies has the mounted v1 hierarchies in the order of
	// /proc/self/cgroup, and cgroup2 last.
	Hierarchies []Hierarchy
	// Unified is cgroup2's mount point, "" without one.
	Unified string
}

// Hierarchy is one mounted hierarchy.
type Hierarchy struct {
	// Name is the last part of the mount point, e.g. "cpu,cpuacct".
	Name string
	// Controllers are the v1 controllers in it, or "name=systemd" for a named
	// one. Nil for cgroup2, whose set differs from cgroup to cgroup.
	Controllers []string
	// Options is the mount data that gives this hierarchy, e.g. "cpu,cpuacct"
	// or "none,name=systemd"; "" for cgroup2.
	Options    string
	Mountpoint string
	// OwnPath is this process's cgroup, relative to Mountpoint, beginning
	// with "/".
	OwnPath string
	V2      bool
}

const defaultMount = "/sys/fs/cgroup"

var host = sync.OnceValues(detect)

// Host returns the host's layout, read once in a process.
func Host() (*Layout, error) { return host() }

func detect() (*Layout, error) {
	own, err := readFile("/proc/self/cgroup")
	if err != nil {
		return nil, fault.New(step, "/proc/self/cgroup", "read", err)
	}
	var fs unix.Statfs_t
	if unix.Statfs(defaultMount, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		if l := pureV2(string(own)); l != nil {
			return l, nil
		}
	}
	mounts, err := readLines("/proc/self/mountinfo", 4096)
	if err != nil {
		return nil, fault.New(step, "/proc/self/mountinfo", "read", err)
	}
	l := parseLayout(string(own), string(mounts))
	if len(l.Hierarchies) == 0 {
		return nil, fault.New(step, "", "detect", errors.New("no cgroup file system is mounted")).
			WithHint("mount -t cgroup2 none /sys/fs/cgroup")
	}
	return l, nil
}

// pureV2 saves reading mountinfo on a pure v2 host. It returns nil where the
// mount does not begin at the namespace's root (a container that sees only its
// own part of the host's tree): then the caller's directory is elsewhere.
func pureV2(own string) *Layout {
	for line := range strings.Lines(own) {
		p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		if p != "/" && unix.Access(defaultMount+p, unix.F_OK) != nil {
			return nil
		}
		return &Layout{
			Mode:        ManagerV2,
			Hierarchies: []Hierarchy{{Mountpoint: defaultMount, OwnPath: p, V2: true}},
			Unified:     defaultMount,
		}
	}
	return nil
}

// parseLayout joins /proc/self/cgroup (which hierarchies there are, where we
// are) with /proc/self/mountinfo (where they are mounted). See cgroups(7) and
// proc_pid_mountinfo(5).
func parseLayout(own, mountinfo string) *Layout {
	mounts := cgroupMounts(mountinfo)
	l := &Layout{Mode: ManagerV1}
	var unified *Hierarchy
	for line := range strings.Lines(own) {
		// hierarchy-ID:controller-list:cgroup-path; the path may hold ':'.
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") {
			continue
		}
		i := slices.IndexFunc(mounts, func(c cgroupMount) bool { return c.carries(f[1]) })
		if i < 0 {
			continue
		}
		// Of several, the one that shows our own cgroup: with a cgroup namespace,
		// another may have its root outside ("/..", cgroup_namespaces(7)).
		if shows := slices.IndexFunc(mounts, func(c cgroupMount) bool { return c.carries(f[1]) && c.shows(f[2]) }); shows >= 0 {
			i = shows
		}
		h := Hierarchy{Name: path.Base(mounts[i].point), Mountpoint: mounts[i].point, OwnPath: below(mounts[i].root, f[2])}
		if f[1] == "" {
			h.V2 = true
			unified = &h
			continue
		}
		h.Controllers = strings.Split(f[1], ",")
		h.Options = f[1]
		if strings.HasPrefix(f[1], "name=") {
			h.Options = "none," + f[1]
		}
		l.Hierarchies = append(l.Hierarchies, h)
	}
	if unified == nil {
		return l
	}
	l.Unified = unified.Mountpoint
	if len(l.Hierarchies) == 0 {
		l.Mode, unified.Name = ManagerV2, ""
	} else {
		l.Mode = ManagerHybrid
	}
	l.Hierarchies = append(l.Hierarchies, *unified)
	return l
}

type cgroupMount struct {
	root, point string
	options     []string // of the superblock; nil for cgroup2
}

// carries tells whether the mount shows the hierarchy with this controller
// list of /proc/PID/cgroup.
func (c cgroupMount) carries(list string) bool {
	if list == "" {
		return c.options == nil
	}
	first, _, _ := strings.Cut(list, ",")
	return slices.Contains(c.options, first)
}

// shows tells whether a cgroup is on or below the mount's root.
func (c cgroupMount) shows(own string) bool {
	return c.root == "/" || own == c.root || strings.HasPrefix(own, c.root+"/")
}

// cgroupMounts returns the cgroup mounts that a path can reach. A mount that
// another one covers would take writes meant for cgroups into a plain tmpfs.
func cgroupMounts(mountinfo string) []cgroupMount {
	var all []mountLine
	for line := range strings.Lines(mountinfo) {
		// ID parent major:minor root point options tags... - type source super
		f := strings.Fields(line)
		if dash := slices.Index(f, "-"); dash >= 6 && len(f) >= dash+4 {
			all = append(all, mountLine{f[0], f[1], unescape(f[3]), unescape(f[4]), f[dash+1], f[dash+3]})
		}
	}
	var found []cgroupMount
	for _, m := range all {
		if (m.fs != "cgroup" && m.fs != "cgroup2") || m.hidden(all) {
			continue
		}
		c := cgroupMount{root: m.root, point: m.point}
		if m.fs == "cgroup" {
			c.options = strings.Split(m.super, ",")
		}
		found = append(found, c)
	}
	return found
}

type mountLine struct{ id, parent, root, point, fs, super string }

// hidden walks from m up to the root mount and looks at each step for a mount
// that lies over the way.
func (m mountLine) hidden(all []mountLine) bool {
	next := "" // the mount one step down the way
	for range all {
		for _, x := range all {
			over := x.parent == m.id && x.point == m.point && x.id != next
			before := x.parent == m.parent && x.id != m.id && strings.HasPrefix(m.point, x.point+"/")
			if x.id != m.id && (over || before) {
				return true
			}
		}
		i := slices.IndexFunc(all, func(x mountLine) bool { return x.id == m.parent && x.id != m.id })
		if i < 0 {
			return false
		}
		next, m = m.id, all[i]
	}
	return false
}

// below returns own relative to root, the cgroup that a mount shows as its
// "/". An own cgroup outside of it counts as the mount's top.
func below(root, own string) string {
	switch {
	case root == "/":
		return path.Clean(own)
	case strings.HasPrefix(own, root+"/"):
		return path.Clean(own[len(root):])
	}
	return "/"
}

// unescape undoes mountinfo's octal \040 for space, tab, newline and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '7' {
			return false
		}
	}
	return true
}

// containerDir resolves o.Path in one hierarchy. Any ".." stays inside.
func containerDir(h *Hierarchy, mode string, o Options) (string, error) {
	unsafePath := o.Path
	if unsafePath == "" {
		unsafePath = o.ID
	}
	clean := path.Clean("/" + unsafePath)
	if clean == "/" || strings.ContainsAny(clean, "\x00\n") {
		return "", fault.New(step, "linux.cgroupsPath", "", errors.New("names no cgroup of its own")).
			WithHint("give a path with at least one name")
	}
	base := "/"
	if !strings.HasPrefix(unsafePath, "/") {
		base = path.Clean("/" + h.OwnPath) // "/.." in a cgroup namespace one was not moved into
		if mode == ManagerV2 {
			base = path.Dir(base)
		}
	}
	return path.Join(h.Mountpoint, base, clean), nil
}

// Controllers names, sorted, the controllers a container can get here, on pure
// v2 by their names there and else by those of v1: the mounted v1 ones, and those of cgroup2, whose device and
// freezer control is always there. It reads one file where there is a cgroup2.
func (l *Layout) Controllers() []string {
	var names []string
	for _, h := range l.Hierarchies {
		names = append(names, h.Controllers...)
	}
	if l.Unified != "" {
		v2, _ := readList(l.Unified, "cgroup.controllers")
		for _, c := range append(v2, "devices", "freezer") {
			if c == "io" && l.Mode != ManagerV2 {
				c = "blkio"
			}
			names = append(names, c)
		}
	}
	names = slices.DeleteFunc(names, func(c string) bool { return strings.HasPrefix(c, "name=") })
	slices.Sort(names)
	return slices.Compact(names)
}

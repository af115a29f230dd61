package cgroups

// Controllers on the way down a cgroup2 tree: enabled level by level in
// cgroup.subtree_control, and what to do where a level refuses. See
// Documentation/admin-guide/cgroup-v2.rst, "Top-down Constraint", "No Internal
// Process Constraint" and "Threads".

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// wantedV2 are the controllers that a container's cgroup gets even without a
// limit: their statistics are asked for.
func wantedV2() []string { return []string{"cpuset", "cpu", "io", "memory", "pids"} }

// enable makes sure that g has the controllers in need, and on a pure v2 host
// all there are, by enabling them level by level in cgroup.subtree_control. It
// returns those of need that g cannot have.
func (m *manager) enable(g *group, need []string, fresh bool) (missing []string, err error) {
	have, err := readList(g.dir, "cgroup.controllers")
	if err != nil {
		return nil, err
	}
	want := need
	if m.rec.Manager == ManagerV2 && fresh {
		want = append(wantedV2(), need...)
	}
	if contains(have, want) {
		return nil, nil
	}
	mount := m.mountV2()
	avail, err := readList(mount, "cgroup.controllers")
	if err != nil {
		return nil, err
	}
	if m.rec.Manager == ManagerV2 && fresh {
		want = avail
	}
	want = slices.DeleteFunc(slices.Clone(want), func(c string) bool {
		return !slices.Contains(avail, c)
	})
	if !contains(have, want) {
		if err := m.enableAlong(mount, g.dir, want, need); err != nil && !m.rec.Rootless {
			return nil, err
		}
		if err := m.makeThreaded(g, need); err != nil {
			return nil, err
		}
		if have, err = readList(g.dir, "cgroup.controllers"); err != nil {
			return nil, err
		}
	}
	for _, c := range need {
		if !slices.Contains(have, c) {
			missing = append(missing, c)
		}
	}
	return missing, nil
}

// mountV2 is where cgroup2 is mounted.
func (m *manager) mountV2() string {
	l := m.layout
	if l == nil {
		var err error
		if l, err = Host(); err != nil {
			return defaultMount
		}
	}
	return l.Unified
}

// threadedController: works in threaded cgroups, and beside processes.
func threadedController(c string) bool {
	return c == "cpu" || c == "cpuset" || c == "pids" || c == "perf_event"
}

// enableAlong enables want in every cgroup from mount down to dir's parent, by
// one write a level. Only what is in need must succeed.
func (m *manager) enableAlong(mount, dir string, want, need []string) error {
	level := mount
	for name := range strings.SplitSeq(strings.TrimPrefix(dir, mount+"/"), "/") {
		if err := m.enableIn(level, want, need); err != nil {
			return err
		}
		level = path.Join(level, name)
	}
	return nil
}

// enableIn enables want in one cgroup, or as much as it can give.
func (m *manager) enableIn(level string, want, need []string) error {
	file := path.Join(level, "cgroup.subtree_control")
	give := func(list []string) error {
		if len(list) == 0 {
			return nil
		}
		return writeFile(file, "+"+strings.Join(list, " +"))
	}
	err := give(want)
	if err == nil {
		return nil
	}
	have, lerr := readList(level, "cgroup.controllers")
	if lerr != nil {
		return lerr
	}
	given, lerr := readList(level, "cgroup.subtree_control")
	if lerr != nil {
		return lerr
	}
	// What is given already may be in a cgroup that one may not write to. A
	// controller that the level does not have is found missing later.
	idle := func(c string) bool { return slices.Contains(given, c) || !slices.Contains(have, c) }
	want, need = slices.DeleteFunc(slices.Clone(want), idle), slices.DeleteFunc(slices.Clone(need), idle)
	if err = give(want); err == unix.EBUSY && m.evacuate(level) == nil {
		err = give(want)
	}
	switch err {
	case nil:
		return nil
	case unix.EBUSY:
		// The level has processes. Giving what can be given all the same
		// makes its children threaded: not without need.
		want = need
	case unix.EOPNOTSUPP:
		want = slices.DeleteFunc(want, func(c string) bool { return !threadedController(c) })
	}
	if i := slices.IndexFunc(need, func(c string) bool { return !threadedController(c) }); i >= 0 && (err == unix.EBUSY || err == unix.EOPNOTSUPP) {
		return notGiven(file, need[i], err)
	}
	if give(want) == nil {
		return nil
	}
	for _, c := range want { // one of them is the culprit
		if err := give([]string{c}); err != nil && slices.Contains(need, c) {
			return notGiven(file, c, err)
		}
	}
	return nil
}

func notGiven(file, controller string, err error) error {
	e := fault.New(step, file, "write +"+controller, err)
	switch err {
	case unix.EBUSY:
		e.Hint = "a cgroup with processes of its own cannot hand controllers to its children; give linux.cgroupsPath elsewhere, or move its processes into a sub-cgroup"
	case unix.EOPNOTSUPP:
		e.Hint = "cgroup.type there is threaded or domain threaded: only cpu, cpuset, pids and perf_event can be limited below; give linux.cgroupsPath elsewhere"
	case unix.EACCES, unix.EPERM, unix.EROFS:
		e.Hint = "this cgroup is not delegated to you"
	}
	return e
}

// initialCgroupNS is the inode of the host's cgroup namespace
// (PROC_CGROUP_INIT_INO of linux/proc_ns.h).
const initialCgroupNS = 0xEFFFFFFB

// leafName is where a container's first processes go, so that its root cgroup
// can have controllers for others; Podman and Docker in containers do the same.
const leafName = "init"

// evacuate moves the processes at the root of this cgroup namespace into a
// leaf below. That is a container in which rt runs: its processes were put
// there, and block everything. On a host, or anywhere else in the tree, the
// processes are others' and stay.
func (m *manager) evacuate(level string) error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/cgroup", &st); err != nil {
		return err
	}
	if level != m.mountV2() || st.Ino == initialCgroupNS {
		return unix.EPERM
	}
	leaf := path.Join(level, leafName)
	if err := unix.Mkdir(leaf, 0o755); err != nil && err != unix.EEXIST {
		return err
	}
	const turns = 20 // what forks meanwhile is found by the next
	for range turns {
		data, err := readFile(path.Join(level, "cgroup.procs"))
		if err != nil {
			return err
		}
		pids := appendPids(nil, string(data))
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			err := writeFile(path.Join(leaf, "cgroup.procs"), strconv.Itoa(pid))
			if err != nil && err != unix.ESRCH {
				return err
			}
		}
	}
	m.ownDir = leaf
	return nil
}

// makeThreaded makes a cgroup usable that was made below processes or threads,
// where it is a "domain invalid": as a threaded one. That is no place for the
// controllers that are not.
func (m *manager) makeThreaded(g *group, need []string) error {
	file := path.Join(g.dir, "cgroup.type")
	kind, err := readValue(file)
	if err == unix.ENOENT {
		return nil // a root
	}
	if err != nil {
		return fault.New(step, file, "read", err)
	}
	if kind != "domain invalid" && kind != "threaded" {
		return nil
	}
	for _, c := range need {
		if !threadedController(c) {
			return fault.New(step, file, "", errors.New(strconv.Quote(kind)+" cannot have the controller "+c)).
				WithHint("a cgroup above has threads or processes of its own; give linux.cgroupsPath elsewhere, or leave out all limits but cpu, cpuset and pids")
		}
	}
	mount := m.mountV2()
	level := mount
	for name := range strings.SplitSeq(strings.TrimPrefix(g.dir, mount+"/"), "/") {
		level = path.Join(level, name)
		file := path.Join(level, "cgroup.type")
		if kind, err := readValue(file); err != nil || kind != "domain invalid" {
			continue
		}
		if err := writeFile(file, "threaded"); err != nil {
			return fault.New(step, file, "write threaded", err).WithHint("give linux.cgroupsPath elsewhere")
		}
	}
	return nil
}

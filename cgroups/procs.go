package cgroups

// Finding processes: those of a cgroup with its sub-cgroups, and what they
// are called.

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

func (m *manager) Procs() ([]int, error) {
	g := m.lead()
	if g == nil {
		return nil, nil
	}
	pids, err := procs(g.dir)
	if err != nil {
		return nil, fault.New(step, g.dir, "list processes", err)
	}
	return pids, nil
}

// lead is the group by which processes are found: cgroup2 where there is one,
// since cgroup.kill works on it, else the freezer, for the same reason.
func (m *manager) lead() *group {
	if g := m.v2Group(); g != nil {
		return g
	}
	for _, c := range []string{"freezer", "pids", "devices"} {
		if g := m.v1Group(c); g != nil {
			return g
		}
	}
	if len(m.groups) > 0 {
		return &m.groups[0]
	}
	return nil
}

// procs lists the processes of dir and all below it, sorted. What vanishes
// meanwhile has none.
func procs(dir string) ([]int, error) {
	var pids []int
	threaded := false // dir itself is
	err := walk(dir, func(sub string) error {
		data, err := readFile(path.Join(sub, "cgroup.procs"))
		switch err {
		case nil:
			pids = appendPids(pids, string(data))
		case unix.ENOENT, unix.ENODEV:
		case unix.EOPNOTSUPP:
			// A threaded cgroup: its domain lists its processes. Where that
			// lies above dir they must be found by their threads.
			if threaded = threaded || sub == dir; threaded {
				pids, err = appendOwners(pids, sub)
				return err
			}
		default:
			return err
		}
		return nil
	})
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// walk calls f for dir and every cgroup below it, top down.
func walk(dir string, f func(dir string) error) error {
	if err := f(dir); err != nil {
		return err
	}
	names, err := subdirs(dir)
	if err != nil && err != unix.ENOENT && err != unix.ENODEV {
		return err
	}
	return eachBelow(dir, names, func(sub string) error { return walk(sub, f) })
}

// longPath leaves room in PATH_MAX for a name and a file's below it.
const longPath = 3500

// eachBelow calls f for these sub-cgroups of dir. A container that makes cgroups can
// nest them deeper than the paths that a system call takes, so a long one is
// made short.
func eachBelow(dir string, names []string, f func(sub string) error) error {
	if len(names) > 0 && len(dir) >= longPath {
		fd, err := open(dir, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return ignoreGone(err)
		}
		defer unix.Close(fd)
		dir = "/proc/self/fd/" + strconv.Itoa(fd)
	}
	for _, name := range names {
		if err := f(dir + "/" + name); err != nil {
			return err
		}
	}
	return nil
}

// appendOwners adds the processes of a threaded cgroup's threads. One that is
// "domain invalid" has none.
func appendOwners(pids []int, dir string) ([]int, error) {
	data, err := readFile(path.Join(dir, "cgroup.threads"))
	switch err {
	case nil:
	case unix.ENOENT, unix.ENODEV, unix.EOPNOTSUPP:
		return pids, nil
	default:
		return pids, err
	}
	for _, tid := range appendPids(nil, string(data)) {
		status, err := readFile("/proc/" + strconv.Itoa(tid) + "/status")
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(status)) {
			if owner, ok := strings.CutPrefix(line, "Tgid:"); ok {
				pids = appendPids(pids, strings.TrimSpace(owner))
			}
		}
	}
	return pids, nil
}

// appendPids parses a cgroup.procs file. A 0 stands for a process outside of
// the caller's pid namespace.
func appendPids(pids []int, data string) []int {
	for line := range strings.Lines(data) {
		pid, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// describe names up to five processes: "12 (sleep), 13 (nginx) and 4 more".
func describe(pids []int) string {
	const most = 5
	var b strings.Builder
	for i, pid := range pids {
		if i == most {
			b.WriteString(" and " + strconv.Itoa(len(pids)-most) + " more")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(pid))
		if comm, err := readValue("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil {
			b.WriteString(" (" + strings.Map(printable, comm) + ")")
		}
	}
	return b.String()
}

// printable keeps a name that the container chose from writing to a terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
		return '?'
	}
	return r
}

// OOMKills: v2 counts for the whole subtree, v1 for each cgroup alone.
func (m *manager) OOMKills() (uint64, error) {
	g, file := m.v1Group("memory"), "memory.oom_control"
	if g == nil {
		g, file = m.v2Group(), "memory.events"
	}
	if g == nil {
		return 0, nil
	}
	var sum uint64
	err := walk(g.dir, func(dir string) error {
		v, err := readValue(path.Join(dir, file))
		if err == unix.ENOENT || err == unix.ENODEV || (g.v2 && dir != g.dir) {
			return nil
		}
		n, _ := keyed(v, "oom_kill")
		sum += n
		return err
	})
	if err != nil {
		return 0, fault.New(step, path.Join(g.dir, file), "read", err)
	}
	return sum, nil
}

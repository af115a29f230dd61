package harness

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Snapshot is what the world looked like before a container was made.
type Snapshot struct {
	mounts map[string]bool
	pids   map[int]bool
}

// Snap takes a snapshot.
func Snap(t testing.TB) Snapshot {
	t.Helper()
	s := Snapshot{mounts: map[string]bool{}, pids: map[int]bool{}}
	for _, line := range Mounts(t) {
		s.mounts[line] = true
	}
	for _, pid := range processes() {
		s.pids[pid] = true
	}
	return s
}

// Mounts returns the lines of this process's mount table without the ids that
// differ between two looks at the same tree.
func Mounts(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// Leaks names what is in the world now and was not before: mounts, processes
// (the tests have a pid namespace of their own), and cgroups at path or with
// the id in their name. Processes get a moment to die.
func (s Snapshot) Leaks(t testing.TB, id, path string) []string {
	t.Helper()
	var leaks []string
	end := time.Now().Add(Slow(3 * time.Second))
	for {
		leaks = s.look(t, id, path)
		if len(leaks) == 0 || time.Now().After(end) {
			return leaks
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s Snapshot) look(t testing.TB, id, path string) []string {
	t.Helper()
	var leaks []string
	now := Mounts(t)
	for _, line := range now {
		if !s.mounts[line] {
			leaks = append(leaks, "mount "+line)
		}
	}
	for line := range s.mounts {
		if !slices.Contains(now, line) {
			leaks = append(leaks, "a mount that is gone: "+line)
		}
	}
	if os.Getenv(worldEnv) != "" {
		for _, pid := range processes() {
			if !s.pids[pid] {
				cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				leaks = append(leaks, fmt.Sprintf("process %d %s", pid, strings.ReplaceAll(string(cmdline), "\x00", " ")))
			}
		}
	}
	for _, dir := range CgroupMounts(t) {
		found := named(dir, id)
		if path != "" && path != "/"+id {
			more, _ := filepath.Glob(filepath.Join(dir, path))
			found = append(found, more...)
		}
		for _, cgroup := range found {
			leaks = append(leaks, "cgroup "+cgroup)
		}
	}
	return leaks
}

// named are the cgroups below dir that have id in their name: systemd puts a
// container's scope into a slice, and a user's is below the user's own.
func named(dir, id string) []string {
	var found []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
			found = append(found, path)
			return filepath.SkipDir
		}
		return nil // what went while we looked is not there
	})
	return found
}

// CgroupMounts returns the mount points of all cgroup hierarchies.
func CgroupMounts(t testing.TB) []string {
	t.Helper()
	var dirs []string
	for _, line := range Mounts(t) {
		left, right, _ := strings.Cut(line, " - ")
		fields, fs := strings.Fields(left), strings.Fields(right)
		if len(fields) > 4 && len(fs) > 0 && strings.HasPrefix(fs[0], "cgroup") && strings.HasPrefix(fields[4], "/sys/fs/cgroup") {
			dirs = append(dirs, fields[4])
		}
	}
	return dirs
}

// CgroupFile finds the first of the files (cgroup v1 and v2 names of one
// thing) below the container's cgroup and returns its path.
func (c *Container) CgroupFile(names ...string) string {
	c.t.Helper()
	for _, name := range names {
		for _, dir := range CgroupMounts(c.t) {
			path := filepath.Join(dir, c.cgroup(), name)
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	c.t.Fatalf("none of %v in the container's cgroups", names)
	return ""
}

// Cgroup reads one of the files as CgroupFile finds them, trimmed.
func (c *Container) Cgroup(names ...string) string {
	c.t.Helper()
	data, err := os.ReadFile(c.CgroupFile(names...))
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// Children are the processes that live in the pid namespace of process init,
// init itself left out.
func Children(t testing.TB, init int) []int {
	t.Helper()
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", init))
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for _, pid := range processes() {
		if other, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid)); err == nil && other == ns && pid != init {
			found = append(found, pid)
		}
	}
	return found
}

func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

//go:build clients

package world

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupTop = "/sys/fs/cgroup"

// hierarchy is a mounted cgroup hierarchy: where, of which type, and with which
// options it can be mounted again.
type hierarchy struct{ dir, fstype, options string }

func hierarchies() ([]hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []hierarchy
	for line := range strings.Lines(string(data)) {
		left, right, _ := strings.Cut(line, " - ")
		f, fs := strings.Fields(left), strings.Fields(right)
		if len(f) < 5 || len(fs) < 3 || !strings.HasPrefix(f[4], cgroupTop) {
			continue
		}
		switch fs[0] {
		case "cgroup2":
			found = append(found, hierarchy{dir: f[4], fstype: fs[0]})
		case "cgroup":
			options := slices.DeleteFunc(strings.Split(fs[2], ","), func(o string) bool {
				return o == "rw" || o == "ro" || strings.HasPrefix(o, "release_agent=")
			})
			if strings.Contains(fs[2], "name=") {
				options = append(options, "none")
			}
			found = append(found, hierarchy{f[4], fs[0], strings.Join(options, ",")})
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no cgroup hierarchy is mounted below " + cgroupTop)
	}
	return found, nil
}

// makeCgroups makes the cgroup name at the root of every hierarchy.
func makeCgroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		dir := filepath.Join(h.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if h.fstype == "cgroup2" {
			continue
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // empty in a new cgroup
			value, err := os.ReadFile(filepath.Join(h.dir, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), value, 0o644)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// enterCgroups moves this process into its cgroups and the calling thread into
// a cgroup namespace that has them as its roots.
func enterCgroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := os.WriteFile(filepath.Join(h.dir, name, "cgroup.procs"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("enter the cgroup of the tests: %w", err)
		}
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a cgroup namespace: %w", err)
	}
	if len(all) > 1 || all[0].fstype != "cgroup2" {
		return nil
	}
	// v2 alone: controllers are for cgroups whose parent has no process.
	dir := filepath.Join(all[0].dir, name)
	leaf := filepath.Join(dir, leafDir)
	if err := os.Mkdir(leaf, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644); err != nil {
			return fmt.Errorf("controller %s: %w", c, err)
		}
	}
	return nil
}

// mountCgroups mounts the hierarchies anew, with the namespace's roots.
func mountCgroups(all []hierarchy) error {
	if len(all) == 1 && all[0].dir == cgroupTop {
		return mount("cgroup", cgroupTop, all[0].fstype, 0, all[0].options)
	}
	if err := mount("tmpfs", cgroupTop, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	for _, h := range all {
		if err := os.Mkdir(h.dir, 0o755); err != nil {
			return err
		}
		if err := mount("cgroup", h.dir, h.fstype, 0, h.options); err != nil {
			return err
		}
		// cpu,cpuacct has cpu and cpuacct beside it.
		if names := strings.Split(filepath.Base(h.dir), ","); len(names) > 1 {
			for _, n := range names {
				if err := os.Symlink(filepath.Base(h.dir), filepath.Join(cgroupTop, n)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cgroups are those below the roots of the tests' namespace, v2's leaf aside.
func cgroups() []string {
	var found []string
	all, err := hierarchies()
	if err != nil {
		return []string{err.Error()}
	}
	for _, h := range all {
		_ = filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != h.dir && d.Name() != leafDir {
				found = append(found, path)
			}
			return nil // what went while we looked is not there
		})
	}
	return found
}

// removeCgroups removes the cgroup name and all below it from every hierarchy;
// their processes are dead and need a moment to go.
func removeCgroups(name string) error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	var failed error
	for _, h := range all {
		for range 100 {
			if failed = removeTree(filepath.Join(h.dir, name)); failed == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}

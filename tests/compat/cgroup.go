package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hierarchy is one mounted cgroup hierarchy of the host.
type hierarchy struct {
	At      string // mount point
	Options string // of the mount: controllers or name; "" on v2
	Path    string // where this process is in it
}

// hierarchies reads mountinfo's and /proc/self/cgroup's text. On a host with
// cgroup v2 alone there are none: the suite runs in the one that is there.
func hierarchies(mountinfo, own string) []hierarchy {
	paths := map[string]string{}
	for line := range strings.Lines(own) {
		if _, rest, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			names, path, _ := strings.Cut(rest, ":")
			paths[names] = path
		}
	}
	var found []hierarchy
	legacy := false
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) < 3 {
			continue
		}
		switch kind[0] {
		case "cgroup":
			legacy = true
			var names []string
			for _, o := range strings.Split(kind[2], ",") {
				if _, ok := paths[o]; ok || o != "rw" && o != "ro" && o != "xattr" && o != "clone_children" {
					names = append(names, o)
				}
			}
			options := strings.Join(names, ",")
			found = append(found, hierarchy{fields[4], options, paths[options]})
		case "cgroup2":
			found = append(found, hierarchy{fields[4], "", paths[""]})
		}
	}
	if !legacy {
		return nil
	}
	return found
}

// mountOptions are those that mount the hierarchy again.
func (h hierarchy) mountOptions() string {
	if strings.HasPrefix(h.Options, "name=") {
		return "none," + h.Options
	}
	return h.Options
}

// dir is the directory of a new cgroup below this process's own.
func (h hierarchy) dir(name string) string { return filepath.Join(h.At, h.Path, name) }

// make creates the cgroup. A cpuset starts without processors on v1, and cpu
// without time for real-time tasks, which only one cgroup can be given whole.
func (h hierarchy) make(name string, realtime bool) error {
	dir := h.dir(name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if h.Options == "" {
		return nil
	}
	if realtime {
		_ = inherit(dir, []string{"cpu.rt_runtime_us"}) // another may have it: then its test says so
	}
	return inherit(dir, []string{"cpuset.cpus", "cpuset.mems"})
}

// inherit copies the files of the parent cgroup that are there.
func inherit(dir string, files []string) error {
	for _, file := range files {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the cgroup and what containers left below it, once the
// processes are gone.
func (h hierarchy) remove(name string) error {
	var dirs []string
	err := filepath.WalkDir(h.dir(name), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- {
		// The last process may still be on its way out.
		for attempt := 0; ; attempt++ {
			err := os.Remove(dirs[i])
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				break
			}
			if !errors.Is(err, syscall.EBUSY) || attempt == 100 {
				return fmt.Errorf("a cgroup stays: %w", err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// Package hierarchy gives a program under test cgroups of its own: one in every
// hierarchy of the host, which a cgroup namespace shows as the roots.
package hierarchy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	top = "/sys/fs/cgroup"
	// Leaf is where a program is that has descended: a cgroup with processes
	// cannot hand controllers to its children.
	Leaf = "program"
	// settle is how long dead processes may take to leave their cgroup.
	settle = 5 * time.Second
)

// Hierarchy is one mounted cgroup hierarchy.
type Hierarchy struct {
	Dir     string // where it is mounted
	Type    string // cgroup or cgroup2
	Options string // those that mount it again: controllers, or a name
}

// Set is the hierarchies of a host.
type Set []Hierarchy

// Mounted returns the hierarchies that this process sees.
func Mounted() (Set, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	found := parse(string(text))
	if len(found) == 0 {
		return nil, errors.New("no cgroup hierarchy is mounted")
	}
	return found, nil
}

func parse(mountinfo string) Set {
	var found Set
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		h := Hierarchy{Dir: place[4], Type: kind[0]}
		switch h.Type {
		case "cgroup":
			options := slices.DeleteFunc(strings.Split(kind[2], ","), func(o string) bool {
				return o == "rw" || o == "ro" || strings.HasPrefix(o, "release_agent=")
			})
			if slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "name=") }) {
				options = append(options, "none")
			}
			h.Options = strings.Join(options, ",")
		case "cgroup2":
		default:
			continue
		}
		if !slices.ContainsFunc(found, func(f Hierarchy) bool { return f.Type == h.Type && f.Options == h.Options }) {
			found = append(found, h)
		}
	}
	return found
}

// V1 is the set without the unified hierarchy.
func (s Set) V1() Set {
	return slices.DeleteFunc(slices.Clone(s), func(h Hierarchy) bool { return h.Type != "cgroup" })
}

// Has tells whether a v1 hierarchy has the controller.
func (s Set) Has(controller string) bool {
	return slices.ContainsFunc(s.V1(), func(h Hierarchy) bool {
		return slices.Contains(strings.Split(h.Options, ","), controller)
	})
}

// Make makes the cgroup name, a path below the roots, in every hierarchy. A
// cpuset begins without processors and memory on v1.
func (s Set) Make(name string) error {
	for _, h := range s {
		dir := filepath.Join(h.Dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if h.Type == "cgroup2" {
			continue
		}
		if err := Inherit(dir, "cpuset.cpus", "cpuset.mems"); err != nil {
			return err
		}
	}
	return nil
}

// Inherit copies the files that the parent of the cgroup at dir has to it.
func Inherit(dir string, files ...string) error {
	for _, file := range files {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), value, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// handOn lets a cgroup's children have all its controllers.
func handOn(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, c := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0); err != nil {
			return fmt.Errorf("controller %s: %w", c, err)
		}
	}
	return nil
}

// Enter moves this process into its cgroups, and the calling thread into a
// namespace that has them as the roots of the hierarchies.
func (s Set) Enter(name string) error {
	for _, h := range s {
		if err := join(filepath.Join(h.Dir, name)); err != nil {
			return err
		}
	}
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("a cgroup namespace: %w", err)
	}
	return nil
}

// Descend moves this process, which has entered them, one further down in its
// cgroups of v2, so that these can hand their controllers on.
func (s Set) Descend(name string) error {
	for _, h := range s {
		if h.Type != "cgroup2" {
			continue
		}
		root := filepath.Join(h.Dir, name)
		leaf := filepath.Join(root, Leaf)
		if err := os.Mkdir(leaf, 0o755); err != nil {
			return err
		}
		if err := join(leaf); err != nil {
			return err
		}
		if err := handOn(root); err != nil {
			return err
		}
	}
	return nil
}

func join(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
}

// Mount mounts the hierarchies at the usual places, with the namespace's roots
// as their own, and nothing else beside them.
func (s Set) Mount() error {
	// One that is mounted elsewhere would show a program the way out.
	for _, h := range s {
		if rel, err := filepath.Rel(top, h.Dir); err == nil && filepath.IsLocal(rel) {
			continue
		}
		if err := syscall.Unmount(h.Dir, syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", h.Dir, err)
		}
	}
	if len(s) == 1 && s[0].Type == "cgroup2" {
		return Unified()
	}
	if err := syscall.Mount("tmpfs", top, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", top, err)
	}
	for _, h := range s {
		names := h.names()
		dir := filepath.Join(top, strings.Join(names, ","))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := mount(h, dir); err != nil {
			return err
		}
		for _, name := range names {
			if len(names) == 1 {
				break
			}
			if err := os.Symlink(filepath.Base(dir), filepath.Join(top, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unified mounts the unified hierarchy in the place of whatever is there, as on
// a host with cgroup v2 alone. That is for a private mount namespace.
func Unified() error {
	// The kernel does not mount a file system over itself.
	if err := syscall.Unmount(top, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("unmount %s: %w", top, err)
	}
	return mount(Hierarchy{Type: "cgroup2"}, top)
}

// names are those of the directories that a hierarchy is found by.
func (h Hierarchy) names() []string {
	if h.Type == "cgroup2" {
		return []string{"unified"}
	}
	var names []string
	for _, o := range strings.Split(h.Options, ",") {
		switch name, found := strings.CutPrefix(o, "name="); {
		case found:
			return []string{name}
		case o != "none" && o != "xattr" && o != "noprefix" && o != "clone_children":
			names = append(names, o)
		}
	}
	return names
}

func mount(h Hierarchy, dir string) error {
	if err := syscall.Mount("cgroup", dir, h.Type, 0, h.Options); err != nil {
		return fmt.Errorf("mount %s %s: %w", dir, h.Options, err)
	}
	return nil
}

// Thaw thaws the cgroup name and all below it. What was killed in a frozen
// cgroup of v1 dies only then.
func (s Set) Thaw(name string) error {
	var failed []error
	for _, h := range s {
		file, thawed := "freezer.state", "THAWED"
		if h.Type == "cgroup2" {
			file, thawed = "cgroup.freeze", "0"
		}
		failed = append(failed, filepath.WalkDir(filepath.Join(h.Dir, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == file {
				err = os.WriteFile(path, []byte(thawed), 0)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed meanwhile
			}
			return err
		}))
	}
	return errors.Join(failed...)
}

// Remove removes the cgroup name and all below it from every hierarchy. Its
// processes must be dead; they may need a moment to be gone.
func (s Set) Remove(name string) error {
	var failed []error
	for _, h := range s {
		end := time.Now().Add(settle)
		err := removeTree(filepath.Join(h.Dir, name))
		for ; err != nil && time.Now().Before(end); err = removeTree(filepath.Join(h.Dir, name)) {
			time.Sleep(20 * time.Millisecond)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
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
		if !e.IsDir() {
			continue
		}
		if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Names are the cgroups right below the roots whose names begin with prefix.
func (s Set) Names(prefix string) ([]string, error) {
	var names []string
	for _, h := range s {
		entries, err := os.ReadDir(h.Dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), prefix) && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}

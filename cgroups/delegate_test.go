package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDelegated(t *testing.T) {
	fallback := []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
	for list, want := range map[string][]string{
		"":                                     fallback,
		"cgroup.procs\nmemory.reclaim\n":       {"cgroup.procs", "memory.reclaim"},
		"../../etc/passwd\ncgroup.threads\n\n": {"cgroup.threads"},
	} {
		if d := cmp.Diff(want, delegated(list)); d != "" {
			t.Errorf("%q: %s", list, d)
		}
	}
}

func TestDelegate(t *testing.T) {
	needRoot(t)
	root, _ := tree(t, map[string]string{"x/cgroup.procs": "", "x/memory.max": "", "x/cgroup.threads": ""})
	dir := filepath.Join(root, "x")
	must(t, delegate(dir, 4711, []string{"cgroup.procs", "memory.reclaim", "cgroup.threads"}))
	owner := func(file string) uint32 {
		st, err := os.Stat(filepath.Join(dir, file))
		must(t, err)
		return st.Sys().(*syscall.Stat_t).Uid
	}
	for file, want := range map[string]uint32{"": 4711, "cgroup.procs": 4711, "cgroup.threads": 4711, "memory.max": 0} {
		if got := owner(file); got != want {
			t.Errorf("%q belongs to %d, want %d", file, got, want)
		}
	}
	if err := delegate(filepath.Join(root, "none"), 1, nil); err == nil || !strings.Contains(err.Error(), "none: chown to uid 1: no such file") {
		t.Error(err)
	}
}

func FuzzDelegated(f *testing.F) {
	f.Add("cgroup.procs\ncgroup.threads\n")
	f.Fuzz(func(t *testing.T, list string) {
		for _, name := range delegated(list) {
			if name == "" || strings.ContainsAny(name, "/\n") {
				t.Errorf("%q gives the name %q", list, name)
			}
		}
	})
}

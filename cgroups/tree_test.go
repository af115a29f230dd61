package cgroups

// Tests of what is written where, on a made-up cgroup2 tree of plain files:
// the host may have few controllers in cgroup2.

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// tree makes files below a temporary directory and returns a function that
// reads all of them back as "path: content".
func tree(t *testing.T, files map[string]string) (root string, read func() map[string]string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(root, name), []byte(content), 0o600))
	}
	return root, func() map[string]string {
		got := map[string]string{}
		for name := range files {
			b, err := os.ReadFile(filepath.Join(root, name))
			must(t, err)
			if string(b) != files[name] {
				got[name] = string(b)
			}
		}
		return got
	}
}

func treeManager(t *testing.T, root string, o Options) *manager {
	t.Helper()
	m, err := newOn(&Layout{Mode: ManagerV2, Unified: root,
		Hierarchies: []Hierarchy{{Mountpoint: root, OwnPath: "/", V2: true}}}, o)
	must(t, err)
	return m.(*manager)
}

func TestTreeV2(t *testing.T) {
	root, read := tree(t, map[string]string{
		"cgroup.controllers": "cpuset cpu io memory hugetlb pids\n", "cgroup.subtree_control": "",
		"a/cgroup.subtree_control": "", "a/x/cgroup.controllers": "cpu pids memory io cpuset\n",
		"a/x/memory.max": "", "a/x/memory.swap.max": "", "a/x/pids.max": "", "a/x/cpu.weight": "", "a/x/cpu.max": "",
		"a/x/io.weight": "", "a/x/io.max": "", "a/x/cpuset.cpus": "", "a/x/memory.high": "",
	})
	m := treeManager(t, root, Options{ID: "x", Path: "/a/x"})
	disk := specs.LinuxThrottleDevice{Rate: 5}
	disk.Major = 8
	must(t, m.limit(&specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(1 << 20))},
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(1024)), Cpus: "0-1", Quota: ptr(int64(5000))},
		Pids:    &specs.LinuxPids{Limit: ptr(int64(9))},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(1000)), ThrottleWriteBpsDevice: []specs.LinuxThrottleDevice{disk}},
		Unified: map[string]string{"memory.high": "77"},
	}, true, nil))
	// Nothing has to be enabled: the five usual controllers are there.
	want := map[string]string{
		"a/x/memory.max": "1048576", "a/x/memory.swap.max": "0", "a/x/pids.max": "9", "a/x/cpu.weight": "100", "a/x/cpu.max": "5000",
		"a/x/io.weight": "10000", "a/x/io.max": "8:0 wbps=5", "a/x/cpuset.cpus": "0-1", "a/x/memory.high": "77",
	}
	if d := cmp.Diff(want, read()); d != "" {
		t.Error(d)
	}
}

func TestTreeEnables(t *testing.T) {
	files := map[string]string{
		"cgroup.controllers": "cpu memory hugetlb\n", "cgroup.subtree_control": "",
		"a/cgroup.subtree_control": "", "a/b/cgroup.subtree_control": "", "a/b/x/cgroup.subtree_control": "",
		"a/b/x/cgroup.controllers": "cpu\n", "a/b/x/memory.max": "",
	}
	root, read := tree(t, files)
	m := treeManager(t, root, Options{ID: "x", Path: "/a/b/x"})
	err := m.limit(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(5))}}, true, nil)
	// A plain file does not make the controller appear.
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "controller memory") {
		t.Error(err)
	}
	all := "+cpu +memory +hugetlb"
	want := map[string]string{"cgroup.subtree_control": all, "a/cgroup.subtree_control": all, "a/b/cgroup.subtree_control": all}
	if d := cmp.Diff(want, read()); d != "" {
		t.Error(d)
	}

	root, read = tree(t, files)
	m = treeManager(t, root, Options{ID: "x", Path: "/a/b/x", Rootless: true})
	must(t, m.limit(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(5))}}, true, nil))
	if w := m.Warnings(); len(w) != 1 || !strings.Contains(w[0], "controller memory") {
		t.Errorf("warnings: %q", w)
	}
	if got := read()["a/b/x/memory.max"]; got != "" {
		t.Errorf("memory.max = %q without the controller", got)
	}
}

func TestTreeApply(t *testing.T) {
	root, read := tree(t, map[string]string{"there": "", "edited": "old value"})
	warnings, err := apply(root, []write{
		{file: "missing", value: "1", alt: &write{file: "there", value: "alt"}},
		{file: "gone", value: "1", optional: true},
		{file: "quiet", value: "1", optional: true, quiet: true},
		{file: "edited", edit: func(cur string) (string, error) { return "new" + cur[3:], nil }},
	}, nil)
	must(t, err)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "gone") {
		t.Errorf("warnings: %q", warnings)
	}
	if d := cmp.Diff(map[string]string{"there": "alt", "edited": "new value"}, read()); d != "" {
		t.Error(d)
	}
	if _, err := apply(root, []write{{file: "none", value: "7"}}, nil); !errors.Is(err, errNoEnt) || !strings.HasSuffix(err.Error(), "none: write 7: no such file or directory") {
		t.Error(err)
	}
}

func TestProcsOfATree(t *testing.T) {
	root, _ := tree(t, map[string]string{"cgroup.procs": "30\n0\n10\n", "a/cgroup.procs": "20\n10\n", "b/c/cgroup.procs": strings.Repeat("4194304\n", 3000)})
	got, err := procs(root)
	must(t, err)
	if d := cmp.Diff([]int{10, 20, 30, 4194304}, got); d != "" {
		t.Error(d)
	}
}

func TestControllers(t *testing.T) {
	root, _ := tree(t, map[string]string{"cgroup.controllers": "io hugetlb\n"})
	l := &Layout{Unified: root, Hierarchies: []Hierarchy{{Controllers: []string{"pids"}}, {Controllers: []string{"name=systemd"}}, {V2: true}}}
	if d := cmp.Diff([]string{"blkio", "devices", "freezer", "hugetlb", "pids"}, l.Controllers()); d != "" {
		t.Error(d)
	}
	l = &Layout{Mode: ManagerV2, Unified: root, Hierarchies: []Hierarchy{{V2: true}}}
	if d := cmp.Diff([]string{"devices", "freezer", "hugetlb", "io"}, l.Controllers()); d != "" {
		t.Error(d)
	}
}

package cgroups

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestRestoring(t *testing.T) {
	for _, tc := range []struct{ file, value, old, want string }{
		{"memory.max", "5", "max", "max"},
		{"cpuset.cpus", "0", "", "\n"},
		{"cpu.max", "50 100", "max 100000", "max 100000"},
		{"memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 1\noom_kill 3", "0"},
		{"io.max", "8:16 rbps=5", "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=9 wbps=max riops=max wiops=max", "8:16 rbps=9 wbps=max riops=max wiops=max"},
		{"io.max", "8:16 rbps=5", "8:0 rbps=1 wbps=max riops=max wiops=max", "8:16 rbps=max wbps=max riops=max wiops=max"},
		{"io.max", "8:16 rbps=5", "", "8:16 rbps=max wbps=max riops=max wiops=max"},
		{"io.bfq.weight", "500", "default 100\n8:0 300", "default 100"},
		{"io.bfq.weight", "8:16 500", "default 100\n8:0 300", "8:16 default"},
		{"blkio.bfq.weight", "500", "100", "100"},
		{"blkio.throttle.read_bps_device", "8:0 7", "", "8:0 0"},
		{"blkio.throttle.read_bps_device", "8:0 7", "8:0 9", "8:0 9"},
		{"rdma.max", "mlx4_0 hca_handle=2", "mlx4_0 hca_handle=3 hca_object=max\nocrdma1 hca_handle=max hca_object=max", "mlx4_0 hca_handle=3 hca_object=max"},
		{"net_prio.ifpriomap", "lo 5", "lo 0\neth0 3", "lo 0"},
		{"memory.stat", "5", "anon 1\nfile 2", "impossible"},
	} {
		got, ok := restoring(tc.file, tc.value, tc.old)
		if !ok {
			got = "impossible"
		}
		if got != tc.want {
			t.Errorf("restoring(%q, %q, %q) = %q, want %q", tc.file, tc.value, tc.old, got, tc.want)
		}
	}
}

// An update of which the third write is refused leaves everything as it was.
func TestTreeRollback(t *testing.T) {
	files := map[string]string{
		"cgroup.controllers": "cpuset cpu io memory hugetlb pids\n", "cgroup.subtree_control": "",
		"a/x/cgroup.controllers": "cpu pids memory io cpuset\n",
		"a/x/memory.max":         "max\n", "a/x/memory.swap.max": "7\n", "a/x/cpuset.cpus": "\n", "a/x/io.max": "8:0 rbps=1 wbps=max riops=max wiops=max\n",
		"a/x/memory.current": "0\n",
	}
	root, read := tree(t, files)
	m := treeManager(t, root, Options{ID: "x", Path: "/a/x"})
	res := &specs.LinuxResources{
		CPU:    &specs.LinuxCPU{Cpus: "0-1"},
		Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(2 << 20))},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(9))}, // there is no pids.max
	}
	if err := m.Set(res); !errors.Is(err, errNoEnt) || !strings.Contains(err.Error(), "pids.max: write 9") {
		t.Error(err)
	}
	// Plain files keep the tail of what a shorter write covers, so compare beginnings.
	for file, got := range read() {
		if want := strings.TrimRight(files[file], "\n"); !strings.HasPrefix(got, want) || file == "a/x/cpuset.cpus" && got[0] != '\n' {
			t.Errorf("%s = %q, before %q", file, got, files[file])
		}
	}
	if w := m.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	// A wrong device rule is found before anything is written.
	root, read = tree(t, files)
	m = treeManager(t, root, Options{ID: "x", Path: "/a/x"})
	res.Pids, res.Devices = nil, []specs.LinuxDeviceCgroup{{Type: "x"}}
	if err := m.Set(res); err == nil || !strings.Contains(err.Error(), "devices[0]") {
		t.Error(err)
	}
	if d := cmp.Diff(map[string]string{}, read()); d != "" {
		t.Error(d)
	}
}

func FuzzRestoring(f *testing.F) {
	f.Add("io.max", "8:16 rbps=5", "8:0 rbps=1\n8:16 rbps=9")
	f.Add("memory.oom_control", "1", "oom_kill_disable 0")
	f.Fuzz(func(t *testing.T, file, value, old string) {
		if strings.Contains(value, "\n") {
			t.Skip("values are lines")
		}
		back, ok := restoring(file, value, old)
		if ok && strings.Contains(back, "\n") && back != "\n" {
			t.Errorf("restoring(%q, %q, %q) = %q: more than a line", file, value, old, back)
		}
	})
}

package intelrdt

// Tests on a made-up resctrl tree: few machines have one.

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

const defaultSchemata = "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n"

// resctrl makes a tree as the kernel shows it: two caches, monitoring.
func resctrl(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	fill(t, root)
	for file, content := range map[string]string{
		"info/L3/cbm_mask": "fffff\n", "info/L3/min_cbm_bits": "2\n", "info/L3/num_closids": "16\n",
		"info/MB/bandwidth_gran": "10\n", "info/MB/delay_linear": "1\n", "info/MB/min_bandwidth": "10\n", "info/MB/num_closids": "8\n",
		"info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n", "info/last_cmd_status": "ok\n",
	} {
		put(t, filepath.Join(root, file), content)
	}
	return root
}

// fill makes the files of a group.
func fill(t *testing.T, dir string) {
	t.Helper()
	put(t, filepath.Join(dir, "schemata"), defaultSchemata)
	put(t, filepath.Join(dir, "tasks"), "")
	if filepath.Base(filepath.Dir(dir)) != "mon_groups" {
		if err := os.MkdirAll(filepath.Join(dir, "mon_groups"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, cache := range []string{"mon_L3_00", "mon_L3_01"} {
		put(t, filepath.Join(dir, "mon_data", cache, "mbm_total_bytes"), []string{"100\n", "Unavailable\n"}[i])
		put(t, filepath.Join(dir, "mon_data", cache, "mbm_local_bytes"), []string{"10\n", "20\n"}[i])
		put(t, filepath.Join(dir, "mon_data", cache, "llc_occupancy"), []string{"4096\n", "8192\n"}[i])
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// likeKernel gives g a mkdir and rmdir that fill and empty groups.
func likeKernel(t *testing.T, g *Group) *Group {
	g.mkdir = func(dir string, mode fs.FileMode) error {
		err := os.Mkdir(dir, mode)
		if err == nil {
			fill(t, dir)
		}
		return err
	}
	g.rmdir = func(dir string) error {
		if _, err := os.Stat(dir); err != nil {
			return syscall.ENOENT
		}
		return os.RemoveAll(dir)
	}
	return g
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestLife(t *testing.T) {
	for _, tc := range []struct {
		name     string
		config   specs.LinuxIntelRdt
		existing string // a group that is there before
		dir      string
		schemata string // "" is the default: nothing was written
		monitor  string
		stays    bool // dir outlives the container
	}{
		{name: "own group", config: specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=20"}, dir: "box", schemata: "L3:0=f\nMB:0=20\n"},
		{name: "order", config: specs.LinuxIntelRdt{MemBwSchema: "MB:0=20", Schemata: []string{"L3:0=3", "L2:0=f"}}, dir: "box", schemata: "MB:0=20\nL3:0=3\nL2:0=f\n"},
		{name: "empty", config: specs.LinuxIntelRdt{}, dir: "box"},
		{name: "own name taken", config: specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}, existing: "box", dir: "box", schemata: "L3:0=f\n", stays: true},
		{name: "closID made", config: specs.LinuxIntelRdt{ClosID: "gold", Schemata: []string{"L3:0=f"}}, dir: "gold", schemata: "L3:0=f\n", stays: true},
		{name: "closID joined", config: specs.LinuxIntelRdt{ClosID: "gold"}, existing: "gold", dir: "gold", stays: true},
		{name: "closID matches", config: specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:1=0FFFFF", MemBwSchema: "MB:0=100; 1=100"},
			existing: "gold", dir: "gold", schemata: "L3:1=0FFFFF\nMB:0=100; 1=100\n", stays: true},
		{name: "default class", config: specs.LinuxIntelRdt{ClosID: "/"}, dir: "", stays: true},
		{name: "monitored", config: specs.LinuxIntelRdt{EnableMonitoring: true}, dir: "box", monitor: "box/mon_groups/box"},
		{name: "default class, monitored", config: specs.LinuxIntelRdt{ClosID: "/", EnableMonitoring: true}, dir: "", monitor: "mon_groups/box", stays: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := resctrl(t)
			dir := filepath.Join(root, tc.dir)
			if tc.existing != "" {
				fill(t, filepath.Join(root, tc.existing))
			}
			g, err := newIn(root, "box", &tc.config)
			if err != nil {
				t.Fatal(err)
			}
			if tc.existing == "" && tc.dir != "" && exists(dir) {
				t.Error("New has made the group")
			}
			if err := likeKernel(t, g).Apply(4711); err != nil {
				t.Fatal(err)
			}
			if tc.schemata == "" {
				tc.schemata = defaultSchemata
			}
			// A plain file keeps the tail of what a shorter write covers.
			if got := read(t, filepath.Join(dir, "schemata")); !strings.HasPrefix(got, tc.schemata) {
				t.Errorf("schemata %q, want %q", got, tc.schemata)
			}
			if got := read(t, filepath.Join(dir, "tasks")); got != "4711" {
				t.Errorf("tasks %q", got)
			}
			if tc.monitor != "" {
				if got := read(t, filepath.Join(root, tc.monitor, "tasks")); got != "4711" {
					t.Errorf("monitored tasks %q", got)
				}
			}
			raw, err := json.Marshal(g.Record())
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := Load(raw)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // a second time is no error
				if err := likeKernel(t, loaded).Remove(); err != nil {
					t.Fatal(err)
				}
			}
			if exists(dir) != tc.stays {
				t.Errorf("the group is there: %v, want %v", exists(dir), tc.stays)
			}
			if tc.monitor != "" && exists(filepath.Join(root, tc.monitor)) {
				t.Error("the monitoring group is left")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config specs.LinuxIntelRdt
		want   string
	}{
		{"no such closID", specs.LinuxIntelRdt{ClosID: "none"}, "none: file does not exist"},
		{"other cache", specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:0=f"}, "closID exists with other schemata"},
		{"other bandwidth", specs.LinuxIntelRdt{ClosID: "gold", MemBwSchema: "MB:1=50"}, "closID exists with other schemata"},
		{"a cache it does not have", specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:7=fffff"}, "closID exists with other schemata"},
		{"escape", specs.LinuxIntelRdt{ClosID: "../x"}, `linux.intelRdt.closID: "../x" is no name`},
		{"resctrl's own", specs.LinuxIntelRdt{ClosID: "info"}, `"info" is no name`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := resctrl(t)
			fill(t, filepath.Join(root, "gold"))
			if _, err := newIn(root, "box", &tc.config); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// What the kernel refuses comes back with its own words, and nothing is left.
func TestKernelRefuses(t *testing.T) {
	root := resctrl(t)
	put(t, filepath.Join(root, "info/last_cmd_status"), "Unknown or unsupported resource name 'L2'\n")
	g, err := newIn(root, "box", &specs.LinuxIntelRdt{Schemata: []string{"L2:0=f"}})
	if err != nil {
		t.Fatal(err)
	}
	likeKernel(t, g)
	mkdir := g.mkdir
	g.mkdir = func(dir string, mode fs.FileMode) error {
		err := mkdir(dir, mode)
		_ = os.Remove(filepath.Join(dir, "schemata"))
		return err
	}
	err = g.Apply(1)
	if err == nil || !strings.Contains(err.Error(), "box/schemata: write L2:0=f: no such file or directory") ||
		fault.Hint(err) != "the kernel says: Unknown or unsupported resource name 'L2'" {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
	if exists(filepath.Join(root, "box")) {
		t.Error("a refused group is left behind")
	}

	g, err = newIn(root, "box", &specs.LinuxIntelRdt{EnableMonitoring: true})
	if err != nil {
		t.Fatal(err)
	}
	likeKernel(t, g)
	mkdir = g.mkdir
	g.mkdir = func(dir string, mode fs.FileMode) error {
		if strings.Contains(dir, "mon_groups") {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOSPC}
		}
		return mkdir(dir, mode)
	}
	if err := g.Apply(1); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(fault.Hint(err), "num_rmids") {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
	if exists(filepath.Join(root, "box")) {
		t.Error("a group without its monitor is left behind")
	}
}

// Who is quicker than us to make a group keeps it.
func TestMadeMeanwhile(t *testing.T) {
	root := resctrl(t)
	g, err := newIn(root, "box", &specs.LinuxIntelRdt{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(root, "box"))
	if err := likeKernel(t, g).Apply(1); err != nil {
		t.Fatal(err)
	}
	if g.Record().Remove {
		t.Error("somebody else's group would be removed")
	}
}

// monitored is a group that is in use.
func monitored(t *testing.T) (root string, g *Group) {
	t.Helper()
	root = resctrl(t)
	g, err := newIn(root, "box", &specs.LinuxIntelRdt{EnableMonitoring: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := likeKernel(t, g).Apply(1); err != nil {
		t.Fatal(err)
	}
	return root, g
}

func TestSetAndAdd(t *testing.T) {
	root, g := monitored(t)
	file := filepath.Join(root, "box/schemata")
	put(t, file, "")
	for _, set := range []struct{ l3, mb, want string }{
		{"", "", ""}, {"L3:0=3", "", "L3:0=3\n"}, {"L3:0=7", "MB:0=30", "L3:0=7\nMB:0=30\n"},
	} {
		if err := g.Set(set.l3, set.mb); err != nil {
			t.Fatal(err)
		}
		if got := read(t, file); got != set.want {
			t.Errorf("Set(%q, %q): %q, want %q", set.l3, set.mb, got, set.want)
		}
	}
	if err := g.Add(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"box", "box/mon_groups/box"} {
		if got := read(t, filepath.Join(root, dir, "tasks")); got == "1" || got == "" {
			t.Errorf("tasks of %s after Add: %q", dir, got)
		}
	}
	if err := g.Add(1 << 22); err != nil {
		t.Error("a process that has ended:", err)
	}
}

func TestStats(t *testing.T) {
	root, g := monitored(t)
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":2,"num_closids":16},"l3_cache_schema_root":"L3:0=fffff;1=fffff","l3_cache_schema":"L3:0=fffff;1=fffff",` +
		`"mem_bw_info":{"bandwidth_gran":10,"delay_linear":1,"min_bandwidth":10,"num_closids":8},"mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0=100;1=100",` +
		`"mbm_stats":[{"mbm_total_bytes":100,"mbm_local_bytes":10},{"mbm_total_bytes":0,"mbm_local_bytes":20}],"cmt_stats":[{"llc_occupancy":4096},{"llc_occupancy":8192}]}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	// A processor without all of it.
	for _, gone := range []string{"info/L3", "info/MB", "info/L3_MON"} {
		if err := os.RemoveAll(filepath.Join(root, gone)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(root, "box/schemata"), "L2:0=f\n")
	put(t, filepath.Join(root, "schemata"), "L2:0=f\n")
	if s, err = g.Stats(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Stats{}, s); d != "" {
		t.Error(d)
	}
}

func TestFind(t *testing.T) {
	const mounts = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n" +
		"31 24 0:27 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n" +
		"32 24 0:27 /gold /srv/part rw - resctrl resctrl rw\n"
	if got := find(mounts); got != "/sys/fs/resctrl" {
		t.Errorf("found %q", got)
	}
	if got := find("30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\nnonsense\n"); got != "" {
		t.Errorf("found %q", got)
	}
	for filesystems, hint := range map[string]string{"nodev\tresctrl\n": "mount -t resctrl", "nodev\tproc\n": "CONFIG_X86_CPU_RESCTRL"} {
		if err := missing(filesystems); !strings.Contains(fault.Hint(err), hint) || !strings.Contains(err.Error(), "no resctrl file system is mounted") {
			t.Errorf("%v (%s)", err, fault.Hint(err))
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, raw := range []string{"", "{}", `{"dir":"x"}`, `{"dir":"/a/../b"}`, `{"dir":"/a","monitor":"b"}`} {
		if _, err := Load([]byte(raw)); err == nil {
			t.Errorf("%q is accepted", raw)
		}
	}
}

func FuzzParseSchemata(f *testing.F) {
	f.Add(defaultSchemata)
	f.Add("L3:0=f;;1\n:=;\nL3CODE:0=1")
	f.Fuzz(func(t *testing.T, text string) {
		all := parseSchemata(text)
		if !covers(all, all) {
			t.Errorf("%q does not cover itself: %v", text, all)
		}
	})
}

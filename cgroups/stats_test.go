package cgroups

import (
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/stats/*.golden")

const fixtures = "testdata/stats/"

// on is a manager whose cgroups are the fixtures' directories.
func on(t *testing.T, mode string, groups ...group) *manager {
	t.Helper()
	m := &manager{rec: Record{Manager: mode}, loaded: true}
	for _, g := range groups {
		dir, err := filepath.Abs(fixtures + g.dir)
		must(t, err)
		g.dir = dir
		m.groups = append(m.groups, g)
	}
	return m
}

func fixturesV1() []group {
	var groups []group
	for _, c := range []string{"pids", "cpu", "cpuacct", "cpuset", "memory", "blkio", "hugetlb", "rdma"} {
		groups = append(groups, group{dir: "v1/" + c, controllers: []string{c}})
	}
	return groups
}

// The files are written in the kernel documentation's form; the golden files
// are the JSON that events prints.
func TestStatsGolden(t *testing.T) {
	for name, m := range map[string]*manager{
		"v1":     on(t, ManagerV1, fixturesV1()...),
		"v2":     on(t, ManagerV2, group{dir: "v2", v2: true}),
		"hybrid": on(t, ManagerHybrid, append(fixturesV1(), group{dir: "hybrid", v2: true})...),
		"bare":   on(t, ManagerV2, group{dir: "bare", v2: true}),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := m.Stats()
			must(t, err)
			if w := m.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %q", w)
			}
			got, err := json.MarshalIndent(s, "", "  ")
			must(t, err)
			file := fixtures + name + ".golden"
			if *updateGolden {
				must(t, os.WriteFile(file, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(file)
			must(t, err)
			if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
				t.Error(d)
			}
		})
	}
}

// One file that is garbage costs its own numbers only, and is named.
func TestStatsSurviveGarbage(t *testing.T) {
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(fixtures+"v2")))
	m := &manager{rec: Record{Manager: ManagerV2}, groups: []group{{dir: dir, v2: true}}}
	for _, file := range []string{"cpu.stat", "memory.current", "io.stat", "memory.pressure", "rdma.max", "cpuset.cpus.effective"} {
		must(t, os.WriteFile(filepath.Join(dir, file), []byte("x\ny z\n"), 0o600))
	}
	s, err := m.Stats()
	must(t, err)
	if s.Pids.Current != 7 || s.Memory.Raw["anon"] != 20971520 || s.CPU.PSI == nil || s.CPU.PSI.Some.Avg10 != 12.34 {
		t.Errorf("the other files are lost: %+v", s)
	}
	if s.CPU.Usage.Total != 0 || s.Memory.Usage.Usage != 0 || s.BlkIO.Serviced != nil || s.Memory.PSI != nil || s.CPUSet.CPUs != nil {
		t.Errorf("numbers from garbage: %+v", s)
	}
	w := strings.Join(m.Warnings(), "\n")
	for _, file := range []string{"cpu.stat", "memory.current", "io.stat", "memory.pressure", "rdma.max", "cpuset.cpus.effective"} {
		if !strings.Contains(w, file+": read: unexpected line") {
			t.Errorf("%s is not named in\n%s", file, w)
		}
	}
}

func TestStatsOfNothing(t *testing.T) {
	gone := &manager{rec: Record{Manager: ManagerV2}, groups: []group{{dir: "/sys/fs/cgroup/rt-test-nothing-here", v2: true}}}
	if s, err := gone.Stats(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a cgroup that is gone: %+v, %v", s, err)
	}
	none := &manager{rec: Record{Manager: ManagerNone}}
	if s, err := none.Stats(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no cgroup: %+v, %v", s, err)
	}
	if w, err := none.WatchOOM(); w != nil || !errors.Is(err, ErrUnavailable) {
		t.Errorf("watch without a cgroup: %+v, %v", w, err)
	}
	if w, err := gone.WatchOOM(); w != nil || !errors.Is(err, ErrUnavailable) {
		t.Errorf("watch of a cgroup that is gone: %+v, %v", w, err)
	}
	var nobody *OOMWatch
	if nobody.Fd() != -1 || nobody.Happened() {
		t.Error("a nil watch has something to tell")
	}
	nobody.Close()
}

func TestParsers(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		parse    func(string) (any, error)
		want     any // nil: an error
	}{
		{"number", "42\n", anyOf(parseNumber64), uint64(42)},
		{"number of 20 digits", "18446744073709551615\n", anyOf(parseNumber64), uint64(math.MaxUint64)},
		{"max", "max\n", anyOf(parseNumber64), uint64(math.MaxUint64)},
		{"no number", "x\n", anyOf(parseNumber64), nil},
		{"empty number", "", anyOf(parseNumber64), nil},
		{"level", "-1\n", anyOf(parseLevel), int64(-1)},
		{"flat", "a 1\nb.c_d 2\nnegative -3\n", anyOf(parseFlat), map[string]uint64{"a": 1, "b.c_d": 2}},
		{"flat, empty", "", anyOf(parseFlat), map[string]uint64{}},
		{"flat, no value", "a\n", anyOf(parseFlat), nil},
		{"psi without full", "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n", anyOf(parsePSI), &PSI{Some: PSIData{Avg10: 1.5, Total: 7}}},
		{"psi of tomorrow", "some avg10=1.00 avg600=x total=7\nmost avg10=x\n", anyOf(parsePSI), &PSI{Some: PSIData{Avg10: 1, Total: 7}}},
		{"psi, NaN", "some avg10=NaN avg60=0.00 avg300=0.00 total=7\n", anyOf(parsePSI), nil},
		{"psi, garbage", "some avg10\n", anyOf(parsePSI), nil},
		{"set", "0-2,5,7-7\n", anyOf(parseSet), []uint16{0, 1, 2, 5, 7}},
		{"set, empty", "\n", anyOf(parseSet), []uint16(nil)},
		{"set, backwards", "3-1\n", anyOf(parseSet), nil},
		{"set, far too large", "0-65535,0-65535\n", anyOf(parseSet), nil},
		{"set, whole", "0-65535", func(s string) (any, error) { l, err := parseSet(s); return len(l), err }, 65536},
		{"numbers", "1 2 \n", anyOf(parseNumbers), []uint64{1, 2}},
		{"blkio", "8:0 Read 5\n8:0 7\nTotal 5\n", anyOf(parseBlkIO), []BlkIOEntry{{8, 0, "Read", 5}, {8, 0, "", 7}}},
		{"blkio, Total alone", "Total 0\n", anyOf(parseBlkIO), []BlkIOEntry(nil)},
		{"blkio, no device", "sda Read 5\n", anyOf(parseBlkIO), nil},
		{"blkio, too much", "8:0 Read 5 6\n", anyOf(parseBlkIO), nil},
	} {
		got, err := tc.parse(tc.in)
		if tc.want == nil {
			if err == nil {
				t.Errorf("%s: %q is taken for %v", tc.name, tc.in, got)
			}
			continue
		}
		if d := cmp.Diff(tc.want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.name, err, d)
		}
	}
	// A device without statistics yet has a line of its name alone (since
	// Linux 5.14, with blk-iocost).
	bytes, ops, err := parseIOStat("259:0 \n8:0 rbytes=1 wbytes=2 rios=3 wios=4\n")
	if d := cmp.Diff([][]BlkIOEntry{{{8, 0, "Read", 1}, {8, 0, "Write", 2}}, {{8, 0, "Read", 3}, {8, 0, "Write", 4}}}, [][]BlkIOEntry{bytes, ops}); d != "" || err != nil {
		t.Error(err, d)
	}
	if user, kernel, err := parseUsageAll("cpu user system\n0 1 2\n"); err != nil || user[0] != 1 || kernel[0] != 2 {
		t.Error(user, kernel, err)
	}
	if _, _, err := parseUsageAll("cpu user system\n0 1\n"); err == nil {
		t.Error("a row of two columns is taken")
	}
}

func anyOf[T any](f func(string) (T, error)) func(string) (any, error) {
	return func(s string) (any, error) { return f(s) }
}

// Whatever is in a file, the answer can be written as JSON.
func FuzzStatsParsers(f *testing.F) {
	for _, seed := range []string{
		"", "max\n", "0-3,7\n", "a 1\nb 2\n", "some avg10=0.12 avg60=1e999 avg300=nan total=5\n", "1 2 3\n",
		"8:0 rbytes=1 wios=2\n", "8:0 Read 4096\n8:0 Total 1\nTotal 1\n", "cpu user system\n0 1 2\n", "mlx4_0 hca_handle=max hca_object=2\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s := Stats{RDMA: map[string]RDMAStats{}}
		s.Memory.Usage.Usage, _ = parseNumber64(in)
		s.CPUSet.SchedRelaxDomainLevel, _ = parseLevel(in)
		s.Memory.Raw, _ = parseFlat(in)
		s.CPU.PSI, _ = parsePSI(in)
		s.BlkIO.ServiceBytes, s.BlkIO.Serviced, _ = parseIOStat(in)
		s.BlkIO.Time, _ = parseBlkIO(in)
		s.CPUSet.CPUs, _ = parseSet(in)
		s.CPU.Usage.PerCPU, _ = parseNumbers(in)
		s.CPU.Usage.PerCPUUser, s.CPU.Usage.PerCPUKernel, _ = parseUsageAll(in)
		_ = parseRDMA(in, true, s.RDMA)
		if _, err := json.Marshal(s); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if len(s.CPUSet.CPUs) > math.MaxUint16+1 {
			t.Errorf("%q: %d CPUs", in, len(s.CPUSet.CPUs))
		}
	})
}

// On v2 the limit on memory and swap stays when only memory gets a new one, as
// the kernel has it on v1.
func TestKeptTotal(t *testing.T) {
	for _, tc := range []struct {
		name                string
		wanted, limit, swap uint64
		want                int64
		refused             bool
	}{
		{"swap unlimited", 50, 64, noLimit, 0, false},
		{"nothing limited", 50, noLimit, noLimit, 0, false},
		{"it shrinks", 50, 64, 32, 96, false},
		{"it grows within", 80, 64, 32, 96, false},
		{"it grows to the end", 96, 64, 32, 96, false},
		{"it grows beyond", 97, 64, 32, 0, true},
		{"no swap at all", 32, 64, 0, 64, false},
		{"huge", 50, 1 << 63, 5, math.MaxInt64, false},
	} {
		got, err := keptTotal(tc.wanted, tc.limit, tc.swap)
		if got != tc.want || (err != nil) != tc.refused || err != nil && !strings.Contains(err.Error(), "linux.resources.memory.limit") {
			t.Errorf("%s: %d, %v", tc.name, got, err)
		}
	}
}

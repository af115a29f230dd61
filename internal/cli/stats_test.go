package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rt/cgroups"
	"rt/libcontainer"
)

func sampleAt(id string, seconds int, cpu uint64) sample {
	s := &libcontainer.Stats{}
	s.CPU.Usage.Total = cpu
	return sample{id: id, at: time.Unix(int64(seconds), 0), stats: s}
}

func TestCompare(t *testing.T) {
	before := []sample{sampleAt("again", 0, 9e9), sampleAt("busy", 0, 1e9), sampleAt("gone", 0, 1)}
	now := []sample{sampleAt("again", 2, 1e9), sampleAt("busy", 2, 4e9), sampleAt("new", 2, 5e9)}
	busy := now[1].stats
	busy.Memory = cgroups.MemoryStats{
		Usage: cgroups.MemoryEntry{Usage: 50 << 20, Limit: 64 << 20}, PSI: &cgroups.PSI{Some: cgroups.PSIData{Avg10: 1.5}},
		Raw: map[string]uint64{"inactive_file": 1 << 20, "total_inactive_file": 18 << 20},
	}
	busy.Pids.Current = 7
	busy.BlkIO.ServiceBytes = []cgroups.BlkIOEntry{
		{Major: 8, Op: "Read", Value: 1000}, {Major: 8, Op: "Write", Value: 2000}, {Major: 8, Op: "Total", Value: 3000}, {Major: 9, Op: "Read", Value: 5},
	}
	fresh := now[2].stats
	fresh.Memory = cgroups.MemoryStats{Usage: cgroups.MemoryEntry{Usage: 1 << 20, Limit: 1 << 62}, Raw: map[string]uint64{"inactive_file": 2 << 20}}

	cpu := 150.0
	at := time.Unix(2, 0).UTC()
	want := []statsLine{
		{Time: at, ID: "again", MemoryLimit: 1 << 30},
		{Time: at, ID: "busy", CPUPercent: &cpu, MemoryUsage: 32 << 20, MemoryLimit: 64 << 20, MemoryPercent: 50, Pids: 7,
			IORead: 1005, IOWrite: 2000, Pressure: &pressure{Memory: 1.5}},
		{Time: at, ID: "new", MemoryUsage: 1 << 20, MemoryLimit: 1 << 30, MemoryPercent: 0.1},
	}
	got := compare(before, now, 1<<30)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	const table = `ID      CPU %    MEMORY / LIMIT      MEM %   PIDS   READ / WRITE      PRESSURE CPU MEM I/O %
again   -        0B / 1.00GiB        0.00    0      0B / 0B           -
busy    150.00   32.0MiB / 64.0MiB   50.00   7      1005B / 1.95KiB   0.00 1.50 0.00
new     -        1.00MiB / 1.00GiB   0.10    0      0B / 0B           -
`
	if d := cmp.Diff(table, statsTable(got)); d != "" {
		t.Error(d)
	}
	line, err := json.Marshal(got[0])
	if want := `{"time":"1970-01-01T00:00:02Z","id":"again","cpuPercent":null,"memoryUsage":0,"memoryLimit":1073741824,"memoryPercent":0,"pids":0,"ioRead":0,"ioWrite":0}`; string(line) != want || err != nil {
		t.Errorf("%s, %v", line, err)
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0B", 1023: "1023B", 1024: "1.00KiB", 10 << 10: "10.0KiB", 99<<10 + 1000: "100KiB", 999 << 10: "999KiB", 1000 << 10: "0.98MiB",
		1 << 20: "1.00MiB", 3 << 29: "1.50GiB", 1<<64 - 1: "16.0EiB",
	} {
		if got := formatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestShortID(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for id, want := range map[string]string{"web1": "web1", hex: "0123456789ab", hex[1:] + "z": hex[1:] + "z"} {
		if got := shortID(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

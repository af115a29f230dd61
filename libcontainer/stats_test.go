package libcontainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups"
)

// The names and their order are runc's; programs read them.
func TestEventJSON(t *testing.T) {
	s := &Stats{}
	s.HugeTLB = map[string]cgroups.HugeTLBStats{}
	for want, e := range map[string]Event{
		`{"type":"oom","id":"x"}`: {Type: EventOOM, ID: "x"},
		`{"type":"stats","id":"x","data":{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},` +
			`"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,` +
			`"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,"sched_relax_domain_level":0},` +
			`"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},` +
			`"pids":{},"blkio":{},"hugetlb":{},"intel_rdt":{},"network_interfaces":null}}`: {Type: EventStats, ID: "x", Data: s},
	} {
		got, err := json.Marshal(e)
		if string(got) != want || err != nil {
			t.Errorf("%v\n got %s\nwant %s", err, got, want)
		}
	}
}

func TestRdtStats(t *testing.T) {
	c, dir := rdtContainer(t, true)
	if s := c.rdtStats(); s.L3CacheSchema != "" {
		t.Errorf("a group that is gone: %+v", s)
	}
	if err := os.WriteFile(filepath.Join(dir, "schemata"), []byte("    L3:0=f\n    MB:0=20\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := c.rdtStats(); s.L3CacheSchema != "L3:0=f" || s.MemBwSchema != "MB:0=20" {
		t.Errorf("schemata: %+v", s)
	}
	c.rec.IntelRdt = json.RawMessage(`{"dir":"x"}`)
	if s := c.rdtStats(); s.L3CacheSchema != "" {
		t.Errorf("a garbled record: %+v", s)
	}
	c.rec.IntelRdt = nil
	if s := c.rdtStats(); s.L3CacheSchema != "" {
		t.Errorf("no group: %+v", s)
	}
}

// What engines send for "no value" is no change.
func TestChanges(t *testing.T) {
	zero, ten := int64(0), int64(10)
	res := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &zero}, Devices: []specs.LinuxDeviceCgroup{}}
	if got := changes(res); got.Pids != nil || got.Devices != nil {
		t.Errorf("%+v", got)
	}
	if res.Pids == nil || res.Devices == nil {
		t.Error("the caller's value was changed")
	}
	res = &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &ten}, Devices: []specs.LinuxDeviceCgroup{{Allow: true}}}
	if got := changes(res); got.Pids == nil || len(got.Devices) != 1 {
		t.Errorf("%+v", got)
	}
	if changes(nil) != nil {
		t.Error("changes of nothing")
	}
}

package libcontainer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestLittleMemory(t *testing.T) {
	memory := func(limit int64) *specs.LinuxResources {
		return &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	}
	unified := func(file, limit string) *specs.LinuxResources {
		return &specs.LinuxResources{Unified: map[string]string{file: limit}}
	}
	for name, tc := range map[string]struct {
		res  *specs.LinuxResources
		want bool
	}{
		"none": {nil, false}, "empty": {&specs.LinuxResources{}, false}, "no limit": {&specs.LinuxResources{Memory: &specs.LinuxMemory{}}, false},
		"left": {memory(0), false}, "unlimited": {memory(-1), false}, "1 MiB": {memory(1 << 20), true}, "much": {memory(initMemory), false},
		"memory.max": {unified("memory.max", "1048576\n"), true}, "memory.high": {unified("memory.high", "4194304"), true},
		"max": {unified("memory.max", "max"), false}, "another file": {unified("memory.low", "1"), false},
	} {
		if got := littleMemory(tc.res); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestSplitPids(t *testing.T) {
	limit := func(n int64) *specs.LinuxPids { return &specs.LinuxPids{Limit: &n} }
	unified := func(v string) map[string]string { return map[string]string{"pids.max": v, "cpu.weight": "9"} }
	rest := map[string]string{"cpu.weight": "9"}
	for name, tc := range map[string]struct{ res, early, late *specs.LinuxResources }{
		"none":        {nil, nil, nil},
		"many":        {&specs.LinuxResources{Pids: limit(100)}, &specs.LinuxResources{Pids: limit(100)}, nil},
		"unlimited":   {&specs.LinuxResources{Pids: limit(-1)}, &specs.LinuxResources{Pids: limit(-1)}, nil},
		"few":         {&specs.LinuxResources{Pids: limit(3)}, &specs.LinuxResources{}, &specs.LinuxResources{Pids: limit(3)}},
		"unified":     {&specs.LinuxResources{Unified: unified("3")}, &specs.LinuxResources{Unified: rest}, &specs.LinuxResources{Unified: map[string]string{"pids.max": "3"}}},
		"unified max": {&specs.LinuxResources{Unified: unified("max"), Pids: limit(3)}, &specs.LinuxResources{Unified: unified("max"), Pids: limit(3)}, nil},
		"both":        {&specs.LinuxResources{Unified: unified("3"), Pids: limit(100)}, &specs.LinuxResources{Unified: rest}, &specs.LinuxResources{Unified: map[string]string{"pids.max": "3"}}},
	} {
		early, late := splitPids(tc.res)
		if d := cmp.Diff([]*specs.LinuxResources{tc.early, tc.late}, []*specs.LinuxResources{early, late}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

package libcontainer

import (
	"testing"

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

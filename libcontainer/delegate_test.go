package libcontainer

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/planner"
)

func TestDelegates(t *testing.T) {
	private := []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.CgroupNamespace}}
	mount := func(source, destination string, options ...string) specs.Mount {
		return specs.Mount{Type: "cgroup", Source: source, Destination: destination, Options: options}
	}
	for name, tc := range map[string]struct {
		mounts     []specs.Mount
		namespaces []specs.LinuxNamespace
		want       bool
	}{
		"writable":         {[]specs.Mount{mount("cgroup", "/sys/fs/cgroup", "rw", "nosuid")}, private, true},
		"no options":       {[]specs.Mount{mount("cgroup", "/sys/fs/cgroup/")}, private, true},
		"read-only":        {[]specs.Mount{mount("cgroup", "/sys/fs/cgroup", "nosuid", "ro")}, private, false},
		"elsewhere":        {[]specs.Mount{mount("cgroup", "/cgroup")}, private, false},
		"other source":     {[]specs.Mount{mount("cgroup2", "/sys/fs/cgroup")}, private, false},
		"no mount":         {nil, private, false},
		"host's namespace": {[]specs.Mount{mount("cgroup", "/sys/fs/cgroup")}, private[:1], false},
		"joined namespace": {[]specs.Mount{mount("cgroup", "/sys/fs/cgroup")}, []specs.LinuxNamespace{{Type: specs.CgroupNamespace, Path: "/proc/1/ns/cgroup"}}, false},
	} {
		s := &specs.Spec{Mounts: tc.mounts, Linux: &specs.Linux{Namespaces: tc.namespaces}}
		if got := delegates(s, planner.PlanNamespaces(s.Linux)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestMappedID(t *testing.T) {
	mappings := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65536}}
	for id, want := range map[int]int{0: 1000, 1: 100000, 1000: 100999, 65536: 165535, 65537: -1, -1: -1} {
		got, ok := mappedID(mappings, id)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%d is %d outside, want %d", id, got, want)
		}
	}
}

package cgroups

import (
	"strings"
	"testing"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups/dbus"
)

func TestLimitProperties(t *testing.T) {
	const inf = uint64(infinity)
	type props = map[string]any
	disk := specs.LinuxThrottleDevice{Rate: 5}
	disk.Major, disk.Minor = 8, 16
	free := disk
	free.Rate = 0
	for _, test := range []struct {
		name    string
		res     specs.LinuxResources
		v1      bool
		version int
		want    props
		err     string
	}{
		{name: "nothing"},
		{name: "memory", res: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(150)), Reservation: ptr(int64(50))}},
			want: props{"MemoryMax": uint64(100), "MemorySwapMax": uint64(50), "MemoryLow": uint64(50)}},
		{name: "no memory limit", res: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(-1))}},
			want: props{"MemoryMax": inf, "MemorySwapMax": inf}},
		{name: "swap less than memory", res: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(50))}},
			err: "linux.resources.memory.swap"},
		{name: "memory v1", v1: true, res: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(150)), Reservation: ptr(int64(50))}},
			want: props{"MemoryLimit": uint64(100)}},
		{name: "shares", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024))}}, want: props{"CPUWeight": uint64(100)}},
		{name: "shares v1", v1: true, res: specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024)), Cpus: "0"}}, want: props{"CPUShares": uint64(1024)}},
		{name: "idle", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1024)), Idle: ptr(int64(1))}}, want: props{"CPUWeight": uint64(0)}},
		{name: "not idle", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(0))}}, want: props{"CPUWeight": inf}},
		{name: "idle, old systemd", version: 251, res: specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: ptr(int64(1))}}},
		{name: "quota", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(50000))}}, want: props{"CPUQuotaPerSecUSec": uint64(500000)}},
		{name: "quota of a period, rounded up", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(1001)), Period: ptr(uint64(30000))}},
			want: props{"CPUQuotaPeriodUSec": uint64(30000), "CPUQuotaPerSecUSec": uint64(40000)}},
		{name: "period, old systemd", version: 241, res: specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(30000)), Period: ptr(uint64(30000))}},
			want: props{"CPUQuotaPerSecUSec": uint64(1000000)}},
		{name: "no quota", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(-1))}}, want: props{"CPUQuotaPerSecUSec": inf}},
		{name: "cpuset", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-1,9", Mems: "0"}},
			want: props{"AllowedCPUs": []byte{3, 2}, "AllowedMemoryNodes": []byte{1}}},
		{name: "cpuset, old systemd", version: 243, res: specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-1,9"}}},
		{name: "no cpuset", res: specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-"}}, err: `linux.resources.cpu.cpus: "0-" is no list`},
		{name: "pids", res: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(7))}}, want: props{"TasksMax": uint64(7)}},
		{name: "pids 0", res: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, want: props{"TasksMax": uint64(1)}},
		{name: "pids -1", v1: true, res: specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}, want: props{"TasksMax": inf}},
		{name: "io", res: specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(10)),
			ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{disk}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{disk, free}}},
			want: props{"IOWeight": uint64(1), "IOReadBandwidthMax": []dbus.Limit{{Name: "/dev/block/8:16", Value: 5}},
				"IOWriteIOPSMax": []dbus.Limit{{Name: "/dev/block/8:16", Value: 5}, {Name: "/dev/block/8:16", Value: inf}}}},
		{name: "io v1", v1: true, res: specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(500))}}, want: props{"BlockIOWeight": uint64(500)}},
		{name: "unified", res: specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(5))}, Unified: map[string]string{
			"memory.max": "max", "memory.high": " 9\n", "memory.low": "1", "memory.min": "2", "memory.swap.max": "3", "pids.max": "4",
			"cpu.weight": "200", "cpu.max": "20000 40000", "cpuset.cpus": "1", "cpuset.mems": "0", "hugetlb.2MB.max": "0", "memory.oom.group": "1"}},
			want: props{"MemoryMax": inf, "MemoryHigh": uint64(9), "MemoryLow": uint64(1), "MemoryMin": uint64(2), "MemorySwapMax": uint64(3),
				"TasksMax": uint64(4), "CPUWeight": uint64(200), "CPUQuotaPeriodUSec": uint64(40000), "CPUQuotaPerSecUSec": uint64(500000),
				"AllowedCPUs": []byte{2}, "AllowedMemoryNodes": []byte{1}, "OOMPolicy": "kill"}},
		{name: "unified, old systemd", version: 240, res: specs.LinuxResources{Unified: map[string]string{
			"cpu.max": "max 40000", "cpuset.cpus": "1", "cpu.idle": "1", "memory.oom.group": "1"}}, want: props{"CPUQuotaPerSecUSec": inf}},
		{name: "unified idle", res: specs.LinuxResources{Unified: map[string]string{"cpu.idle": "1", "cpu.weight": "5"}}, want: props{"CPUWeight": uint64(0)}},
		{name: "unified, left to the kernel", res: specs.LinuxResources{Unified: map[string]string{
			"cpu.max": "x", "memory.max": "1G", "cpu.weight": "default 5", "cpuset.cpus": ""}}},
		{name: "unified, no cpuset", res: specs.LinuxResources{Unified: map[string]string{"cpuset.cpus": "x"}}, err: `unified["cpuset.cpus"]`},
	} {
		if test.version == 0 {
			test.version = 255
		}
		p, err := limitProperties(&test.res, !test.v1, test.version, true)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v, want %q", test.name, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		got := props{}
		for _, one := range p {
			got[one.Name] = one.Value
			if godbus.SignatureOf(one.Value).String() == "" {
				t.Errorf("%s: %s has no type on the bus: %T", test.name, one.Name, one.Value)
			}
		}
		if test.want == nil {
			test.want = props{}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// The policy must never deny what the rules allow: each device and access is
// tried against both.
func TestDevicePolicy(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	allow := func(kind, acc string, major, minor *int64) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: true, Type: kind, Access: acc, Major: major, Minor: minor}
	}
	deny := func(kind, acc string, major, minor *int64) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Type: kind, Access: acc, Major: major, Minor: minor}
	}
	for _, test := range []struct {
		name   string
		list   []specs.LinuxDeviceCgroup
		policy string
		first  []dbus.Pair // before those of the default rules
	}{
		{name: "none", policy: "strict"},
		{name: "deny all", list: []specs.LinuxDeviceCgroup{deny("a", "rwm", nil, nil)}, policy: "strict"},
		{name: "allow all", list: []specs.LinuxDeviceCgroup{allow("a", "rwm", nil, nil)}, policy: "auto"},
		{name: "allow all but one", list: []specs.LinuxDeviceCgroup{allow("", "", nil, nil), deny("c", "w", n(1), n(11))}, policy: "auto"},
		{name: "one", list: []specs.LinuxDeviceCgroup{deny("a", "", nil, nil), allow("b", "rw", n(8), n(0))}, policy: "strict",
			first: []dbus.Pair{{A: "/dev/block/8:0", B: "rw"}}},
		{name: "a major", list: []specs.LinuxDeviceCgroup{allow("c", "r", n(13), nil)}, policy: "strict", first: []dbus.Pair{{A: "char-13", B: "r"}}},
		{name: "both kinds", list: []specs.LinuxDeviceCgroup{allow("a", "r", n(7), n(7))}, policy: "strict",
			first: []dbus.Pair{{A: "/dev/block/7:7", B: "r"}, {A: "/dev/char/7:7", B: "r"}}},
		{name: "reads of everything", list: []specs.LinuxDeviceCgroup{allow("a", "r", nil, nil)}, policy: "strict",
			first: []dbus.Pair{{A: "block-*", B: "r"}, {A: "char-*", B: "r"}}},
		{name: "a minor of any major", list: []specs.LinuxDeviceCgroup{allow("c", "w", nil, n(3))}, policy: "strict", first: []dbus.Pair{{A: "char-*", B: "w"}}},
		{name: "taken back", list: []specs.LinuxDeviceCgroup{allow("b", "rw", n(8), n(0)), deny("b", "w", n(8), nil)}, policy: "strict",
			first: []dbus.Pair{{A: "/dev/block/8:0", B: "r"}}},
		{name: "a hole that systemd cannot make", list: []specs.LinuxDeviceCgroup{allow("b", "r", n(8), nil), deny("b", "r", n(8), n(1))}, policy: "strict",
			first: []dbus.Pair{{A: "block-8", B: "r"}}},
	} {
		rules, err := deviceRules(test.list)
		must(t, err)
		policy, pairs := devicePolicy(rules)
		if policy != test.policy {
			t.Errorf("%s: policy %s, want %s", test.name, policy, test.policy)
			continue
		}
		if policy == "auto" {
			if pairs != nil {
				t.Errorf("%s: a list: %v", test.name, pairs)
			}
			continue
		}
		if diff := cmp.Diff(test.first, pairs[:min(len(test.first), len(pairs))], cmp.Transformer("", func(p []dbus.Pair) []dbus.Pair {
			return append([]dbus.Pair{}, p...)
		})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		for _, d := range []device{{'c', 1, 3}, {'c', 136, 4}, {'b', 8, 0}, {'b', 8, 1}, {'b', 7, 7}, {'c', 7, 7}, {'c', 13, 63}, {'c', 99, 3}, {'c', 1, 11}} {
			for _, acc := range []access{accRead, accWrite, accMknod} {
				if rulesAllow(rules, d, acc) && !pairsAllow(pairs, d, acc) {
					t.Errorf("%s: systemd would deny %s %s", test.name, d, acc)
				}
			}
		}
	}
}

func rulesAllow(rules []rule, d device, acc access) bool {
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i].covers(d) && rules[i].access&acc != 0 {
			return rules[i].allow
		}
	}
	return false
}

func pairsAllow(pairs []dbus.Pair, d device, acc access) bool {
	kind := map[byte]string{'c': "char", 'b': "block"}[d.kind]
	for _, p := range pairs {
		switch p.A {
		case kind + "-*", kind + "-" + num(d.major), "/dev/" + kind + "/" + num(d.major) + ":" + num(d.minor):
			if strings.Contains(p.B, acc.String()) {
				return true
			}
		}
	}
	return false
}

func TestListMask(t *testing.T) {
	for list, want := range map[string][]byte{
		"0": {1}, "0-3,7": {0x8f}, "8": {0, 1}, " 1, 3": {0x0a}, "1-1": {2},
		"": nil, "a": nil, "3-1": nil, "0-": nil, "-1": nil, "0,": nil, "65536": nil, "0-99999999999": nil,
	} {
		got, ok := listMask(list)
		if ok != (want != nil) || !cmp.Equal(want, got) {
			t.Errorf("%q: %v, %v", list, got, ok)
		}
	}
}

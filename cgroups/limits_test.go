//lint:file-ignore SA1019 memory.kernel is tested as long as it is applied

package cgroups

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func ptr[T any](v T) *T { return &v }

// show renders writes as "file=value"; "~" marks one that may be tried again,
// "?" an optional one, "|" the alternative.
func show(list []write) []string {
	var out []string
	for _, w := range list {
		s := w.file + "=" + w.value
		if w.edit != nil {
			v, err := w.edit("7000 100000")
			if w.from == "memory.max" {
				v, err = w.edit("4")
			}
			if err != nil {
				v = err.Error()
			}
			s = w.file + "=edit(" + v + ")"
		}
		if w.again {
			s = "~" + s
		}
		if w.optional {
			s = "?" + s
		}
		if w.alt != nil {
			s += " | " + w.alt.file + "=" + w.alt.value
		}
		out = append(out, s)
	}
	return out
}

func TestLimits(t *testing.T) {
	mem := func(m specs.LinuxMemory) *specs.LinuxResources { return &specs.LinuxResources{Memory: &m} }
	cpu := func(c specs.LinuxCPU) *specs.LinuxResources { return &specs.LinuxResources{CPU: &c} }
	disk := specs.LinuxThrottleDevice{Rate: 1048576}
	disk.Major, disk.Minor = 8, 16
	unlimited := disk
	unlimited.Rate = 0
	weighted := specs.LinuxWeightDevice{Weight: ptr(uint16(300))}
	weighted.Major, weighted.Minor = 8, 0
	io := &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{
		Weight: ptr(uint16(500)), WeightDevice: []specs.LinuxWeightDevice{weighted},
		ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{disk}, ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{unlimited},
	}}
	// What Docker and containerd send for an update that changes nothing.
	zero := &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(0)), Swap: ptr(int64(0)), Reservation: ptr(int64(0)), Kernel: ptr(int64(0))},
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(0)), Quota: ptr(int64(0)), Period: ptr(uint64(0)), RealtimeRuntime: ptr(int64(0))},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(0))},
	}
	for _, tc := range []struct {
		name   string
		f      limiter
		res    *specs.LinuxResources
		update bool
		want   []string
		err    string
	}{
		{"memory v1 all", memoryV1, mem(specs.LinuxMemory{
			Limit: ptr(int64(100)), Swap: ptr(int64(300)), Reservation: ptr(int64(50)), Kernel: ptr(int64(60)), KernelTCP: ptr(int64(70)),
			Swappiness: ptr(uint64(0)), DisableOOMKiller: ptr(true), UseHierarchy: ptr(true),
		}), false, []string{"?memory.use_hierarchy=1", "~memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=300", "memory.soft_limit_in_bytes=50",
			"?memory.kmem.limit_in_bytes=60", "?memory.kmem.tcp.limit_in_bytes=70", "memory.swappiness=0", "memory.oom_control=1"}, ""},
		{"memory v1 false", memoryV1, mem(specs.LinuxMemory{DisableOOMKiller: ptr(false), UseHierarchy: ptr(false)}), false, nil, ""},
		{"memory v1 OOM killer on again", memoryV1, mem(specs.LinuxMemory{DisableOOMKiller: ptr(false)}), true, []string{"memory.oom_control=0"}, ""},
		{"memory v1 lift", memoryV1, mem(specs.LinuxMemory{Limit: ptr(int64(-1))}), true,
			[]string{"~memory.limit_in_bytes=-1", "?memory.memsw.limit_in_bytes=-1"}, ""},
		{"memory v1 swap only", memoryV1, mem(specs.LinuxMemory{Swap: ptr(int64(9))}), true, []string{"memory.memsw.limit_in_bytes=9"}, ""},
		{"memory swap too small", memoryV1, mem(specs.LinuxMemory{Limit: ptr(int64(10)), Swap: ptr(int64(9))}), false, nil,
			"cgroup: linux.resources.memory.swap: is memory and swap together, so not less than memory.limit"},
		{"memory v2", memoryV2, mem(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(300)), Reservation: ptr(int64(50)), Kernel: ptr(int64(1))}), false,
			[]string{"memory.swap.max=200", "memory.max=100", "memory.low=50"}, ""},
		{"memory v2 no swap", memoryV2, mem(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(100))}), false,
			[]string{"?memory.swap.max=0", "memory.max=100"}, ""},
		{"memory v2 all swap", memoryV2, mem(specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(-1))}), true,
			[]string{"?memory.swap.max=max", "memory.max=100"}, ""},
		{"memory v2 lift", memoryV2, mem(specs.LinuxMemory{Limit: ptr(int64(-1))}), true, []string{"?memory.swap.max=max", "memory.max=max"}, ""},
		{"memory v2 swap alone", memoryV2, mem(specs.LinuxMemory{Swap: ptr(int64(9))}), true, []string{"memory.swap.max=edit(5)"}, ""},
		{"memory v2 swap below memory", memoryV2, mem(specs.LinuxMemory{Swap: ptr(int64(3))}), true,
			[]string{"memory.swap.max=edit(cgroup: linux.resources.memory.swap: is memory and swap together, so not less than the memory limit of 4)"}, ""},
		{"memory v2 swap alone, new", memoryV2, mem(specs.LinuxMemory{Swap: ptr(int64(9))}), false, nil,
			"cgroup: linux.resources.memory.swap: cgroup v2 limits swap by itself: give memory.limit too"},
		{"memory v2 swap lifted alone", memoryV2, mem(specs.LinuxMemory{Swap: ptr(int64(-1))}), true, []string{"?memory.swap.max=max"}, ""},
		{"memory v1 swap lifted alone", memoryV1, mem(specs.LinuxMemory{Swap: ptr(int64(-1))}), true, []string{"?memory.memsw.limit_in_bytes=-1"}, ""},
		{"memory v2 swappiness", memoryV2, mem(specs.LinuxMemory{Swappiness: ptr(uint64(1))}), false, nil,
			"cgroup: linux.resources.memory.swappiness: cgroup v2 cannot do this"},
		{"cpu v1", cpuV1, cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Burst: ptr(uint64(1000)),
			RealtimePeriod: ptr(uint64(1000000)), RealtimeRuntime: ptr(int64(950000)), Idle: ptr(int64(0))}), false,
			[]string{"~cpu.rt_period_us=1000000", "cpu.rt_runtime_us=950000", "~cpu.shares=512", "~cpu.cfs_period_us=100000", "~cpu.cfs_burst_us=1000", "~cpu.cfs_quota_us=50000"}, ""},
		{"cpu v1 idle", cpuV1, cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(1))}), false, []string{"cpu.idle=1"}, ""},
		{"cpu v1 no longer idle", cpuV1, cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(0)), Burst: ptr(uint64(0))}), true,
			[]string{"~cpu.shares=512", "~cpu.cfs_burst_us=0", "cpu.idle=0"}, ""},
		{"cpu v1 no quota", cpuV1, cpu(specs.LinuxCPU{Quota: ptr(int64(-1))}), true, []string{"~cpu.cfs_quota_us=-1"}, ""},
		{"cpu v1 shares", cpuV1, cpu(specs.LinuxCPU{Shares: ptr(uint64(1))}), false, nil,
			"cgroup: linux.resources.cpu.shares: the minimum allowed cpu-shares is 2, the maximum allowed cpu-shares is 262144"},
		{"cpu v2", cpuV2, cpu(specs.LinuxCPU{Shares: ptr(uint64(1024)), Quota: ptr(int64(50000)), Period: ptr(uint64(200000)), Burst: ptr(uint64(1000))}), false,
			[]string{"~cpu.weight=100", "~cpu.max.burst=1000", "cpu.max=50000 200000"}, ""},
		{"cpu v2 quota", cpuV2, cpu(specs.LinuxCPU{Quota: ptr(int64(-1))}), true, []string{"cpu.max=max"}, ""},
		{"cpu v2 period, new", cpuV2, cpu(specs.LinuxCPU{Period: ptr(uint64(200000))}), false, []string{"cpu.max=max 200000"}, ""},
		{"cpu v2 period, update", cpuV2, cpu(specs.LinuxCPU{Period: ptr(uint64(200000))}), true, []string{"cpu.max=edit(7000 200000)"}, ""},
		{"cpu v2 real-time", cpuV2, cpu(specs.LinuxCPU{RealtimeRuntime: ptr(int64(1))}), false, nil,
			"cgroup: linux.resources.cpu.realtimeRuntime: cgroup v2 cannot limit real-time scheduling"},
		{"cpuset", cpuset, cpu(specs.LinuxCPU{Cpus: "0-1", Mems: "0"}), false, []string{"cpuset.cpus=0-1", "cpuset.mems=0"}, ""},
		{"pids", pids, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(20))}}, false, []string{"pids.max=20"}, ""},
		{"pids 0", pids, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(0))}}, false, []string{"pids.max=1"}, ""},
		{"pids -1", pids, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}, false, []string{"pids.max=max"}, ""},
		{"pids unset", pids, &specs.LinuxResources{Pids: &specs.LinuxPids{}}, false, nil, ""},
		{"io v1", ioV1, io, false, []string{"blkio.bfq.weight=500", "blkio.bfq.weight_device=8:0 300",
			"blkio.throttle.read_bps_device=8:16 1048576", "blkio.throttle.write_iops_device=8:16 0"}, ""},
		{"io v2", ioV2, io, false, []string{"io.bfq.weight=500 | io.weight=4950", "io.bfq.weight=8:0 300 | io.weight=8:0 2930",
			"io.max=8:16 rbps=1048576", "io.max=8:16 wiops=max"}, ""},
		{"io v2 leaf", ioV2, &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr(uint16(10))}}, false, nil,
			"cgroup: linux.resources.blockIO.leafWeight: cgroup v2 cannot do this"},
		{"hugetlb v1", hugetlbV1, &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4194304}}}, false,
			[]string{"?hugetlb.2MB.rsvd.limit_in_bytes=4194304", "hugetlb.2MB.limit_in_bytes=4194304"}, ""},
		{"hugetlb v2", hugetlbV2, &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "1GB", Limit: 0}}}, false,
			[]string{"?hugetlb.1GB.rsvd.max=0", "hugetlb.1GB.max=0"}, ""},
		{"hugetlb escape", hugetlbV2, &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "/../../x"}}}, false, nil,
			`cgroup: linux.resources.hugepageLimits[0].pageSize: "/../../x" is no page size`},
		{"rdma", rdma, &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{
			"mlx5_1": {HcaHandles: ptr(uint32(3)), HcaObjects: ptr(uint32(1000))}, "mlx4_0": {HcaObjects: ptr(uint32(5))}, "none": {}}}, false,
			[]string{"rdma.max=mlx4_0 hca_object=5", "rdma.max=mlx5_1 hca_handle=3 hca_object=1000"}, ""},
		{"net_cls", netClass, &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1048577))}}, false, []string{"net_cls.classid=1048577"}, ""},
		{"net_prio", netPriority, &specs.LinuxResources{Network: &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}}, false,
			[]string{"net_prio.ifpriomap=lo 5"}, ""},
		{"zeros memory v1", memoryV1, zero, true, nil, ""},
		{"zeros memory v2", memoryV2, zero, true, nil, ""},
		{"zeros cpu v1", cpuV1, zero, true, nil, ""},
		{"zeros cpu v2", cpuV2, zero, true, nil, ""},
		{"zeros io v1", ioV1, zero, true, nil, ""},
		{"zeros io v2", ioV2, zero, true, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.f(tc.res, !tc.update)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if d := cmp.Diff(tc.err, text); d != "" {
				t.Error("error:", d)
			}
			if d := cmp.Diff(tc.want, show(got)); d != "" {
				t.Error("writes:", d)
			}
		})
	}
}

// Every limiter answers empty resources with nothing.
func TestLimitsEmpty(t *testing.T) {
	for _, c := range controllers() {
		for _, f := range []limiter{c.v1, c.v2} {
			if f == nil {
				continue
			}
			for _, res := range []*specs.LinuxResources{{}, {Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, Pids: &specs.LinuxPids{},
				BlockIO: &specs.LinuxBlockIO{}, Network: &specs.LinuxNetwork{}}} {
				if w, err := f(res, true); len(w) > 0 || err != nil {
					t.Errorf("%s: %v %v", c.v1Name, show(w), err)
				}
			}
		}
	}
}

func TestUnified(t *testing.T) {
	w, need, err := unified(&specs.LinuxResources{Unified: map[string]string{
		"memory.high": "1000", "io.max": "8:0 rbps=1\n8:16 rbps=2\n", "cgroup.max.depth": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"cgroup.max.depth=3", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.high=1000"}, show(w)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"io", "memory"}, need); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"../cgroup.procs", "memory/x.max", "nodot", ".x"} {
		if _, _, err := unified(&specs.LinuxResources{Unified: map[string]string{bad: "1"}}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWeights(t *testing.T) {
	for shares, want := range map[uint64]uint64{0: 0, 1: 1, 2: 1, 512: 59, 1024: 100, 2048: 174, 262143: 10000, 262144: 10000, 1 << 40: 10000} {
		if got := cpuWeight(shares); got != want {
			t.Errorf("cpuWeight(%d) = %d, want %d", shares, got, want)
		}
	}
	last := uint64(0)
	for s := uint64(1); s < 300000; s += 7 {
		w := cpuWeight(s)
		if w < last || w < 1 || w > 10000 {
			t.Fatalf("cpuWeight(%d) = %d after %d", s, w, last)
		}
		last = w
	}
	for weight, want := range map[uint16]uint64{1: 1, 10: 1, 500: 4950, 1000: 10000, 65535: 10000} {
		if got := ioWeight(weight); got != want {
			t.Errorf("ioWeight(%d) = %d, want %d", weight, got, want)
		}
	}
}

func TestHints(t *testing.T) {
	if !strings.Contains(refusal("/x", "memory.memsw.limit_in_bytes", "5", errNoEnt).Error(), "cgroup: /x/memory.memsw.limit_in_bytes: write 5: no such file or directory") {
		t.Error(refusal("/x", "memory.memsw.limit_in_bytes", "5", errNoEnt))
	}
	if h := hint("memory.memsw.limit_in_bytes", errNoEnt); !strings.Contains(h, "swapaccount=1") {
		t.Error(h)
	}
	if h := hint("net_prio.ifpriomap", errNoDev); !strings.Contains(h, "first network namespace") {
		t.Error(h)
	}
}

func TestBelowUsage(t *testing.T) {
	for _, test := range []struct {
		limit, swap int64
		want        string
	}{
		{limit: 100},
		{limit: 100, swap: 100},
		{limit: -1, swap: -1},
		{limit: 99, want: "rejecting memory limit 99: it is below the present usage of 100"},
		{limit: 50, swap: 99, want: "rejecting memory+swap limit 99: it is below the present usage of 100"},
		{limit: 99, swap: 100, want: "rejecting memory limit 99"},
		{swap: 99, want: "rejecting memory+swap limit 99"},
	} {
		err := belowUsage(&specs.LinuxMemory{Limit: &test.limit, Swap: &test.swap}, 100)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d, %d: %v, want %q", test.limit, test.swap, err, test.want)
		}
	}
}

package e2e

//lint:file-ignore SA1019 kernel memory limits are tested as long as rt applies them

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// onV2: cgroup2 is all there is.
func onV2(t *testing.T) bool { return len(cgroup2Mounts(t)) == len(harness.CgroupMounts(t)) }

// controllers are those that containers can have here: those of the mounted v1
// hierarchies, and of cgroup2.
func controllers(t *testing.T) []string {
	t.Helper()
	list := inCgroup2(t)
	for _, line := range harness.Mounts(t) {
		if _, super, ok := strings.Cut(line, " - cgroup "); ok {
			f := strings.Fields(super)
			list = append(list, strings.Split(f[len(f)-1], ",")...)
		}
	}
	return list
}

// disk is the number of a whole disk, to limit.
func disk(t *testing.T) (major, minor int64) {
	t.Helper()
	all, _ := filepath.Glob("/sys/block/*/dev")
	for _, file := range all {
		data, err := os.ReadFile(file)
		if err != nil || strings.Contains(file, "/loop") || strings.Contains(file, "/zram") || strings.Contains(file, "/ram") {
			continue
		}
		if _, err := fmt.Sscanf(string(data), "%d:%d", &major, &minor); err == nil {
			return major, minor
		}
	}
	t.Skip("a disk is missing")
	return 0, 0
}

// TestResources is every resource of the specification on whatever kind of host
// this is: the file and the value, or what the refusal says.
func TestResources(t *testing.T) {
	const mib = int64(1 << 20)
	throttle := func(rate uint64) []specs.LinuxThrottleDevice {
		major, minor := disk(t)
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = major, minor
		return []specs.LinuxThrottleDevice{d}
	}
	weights := func() []specs.LinuxWeightDevice {
		major, minor := disk(t)
		d := specs.LinuxWeightDevice{Weight: ptr(uint16(300))}
		d.Major, d.Minor = major, minor
		return []specs.LinuxWeightDevice{d}
	}
	device := func(format string) string {
		major, minor := disk(t)
		return fmt.Sprintf("%d:%d ", major, minor) + format
	}
	for _, row := range []struct {
		name       string
		controller string // v1's name
		set        func(*specs.LinuxResources)
		v1, v2     []string // "file=value", "|" what takes its place; a value may be a line of a file; "!text" a refusal
	}{
		{"memory", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(64 * mib), Swap: ptr(96 * mib), Reservation: ptr(32 * mib)}
		}, []string{"memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=100663296", "memory.soft_limit_in_bytes=33554432"},
			[]string{"memory.max=67108864", "memory.swap.max=33554432", "memory.low=33554432"}},
		{"memory without swap", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(64 * mib), Swap: ptr(64 * mib)}
		}, []string{"memory.memsw.limit_in_bytes=67108864"}, []string{"memory.swap.max=0"}},
		{"unlimited", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(int64(-1)), Swap: ptr(int64(-1))}
			r.Pids = &specs.LinuxPids{Limit: ptr(int64(-1))}
			r.CPU = &specs.LinuxCPU{Quota: ptr(int64(-1))}
		}, []string{"memory.limit_in_bytes=9223372036854771712", "pids.max=max", "cpu.cfs_quota_us=-1"}, []string{"memory.max=max", "memory.swap.max=max", "pids.max=max", "cpu.max=max 100000"}},
		{"swappiness", "memory", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: ptr(uint64(7))} },
			[]string{"memory.swappiness=7"}, []string{"!memory.swappiness"}},
		{"disableOOMKiller", "memory", func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{DisableOOMKiller: ptr(true)} },
			[]string{"memory.oom_control=oom_kill_disable 1"}, []string{"!memory.disableOOMKiller"}},
		{"kernel memory", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: ptr(64 * mib), Kernel: ptr(48 * mib), KernelTCP: ptr(16 * mib), UseHierarchy: ptr(true)}
		}, []string{"memory.limit_in_bytes=67108864", "memory.use_hierarchy=1"}, []string{"memory.max=67108864"}}, // the kernel has dropped the rest
		{"cpu", "cpu", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(20000)), Period: ptr(uint64(50000)), Burst: ptr(uint64(1000))}
		}, []string{"cpu.shares=512", "cpu.cfs_quota_us=20000", "cpu.cfs_period_us=50000", "cpu.cfs_burst_us=1000"},
			[]string{"cpu.weight=59", "cpu.max=20000 50000", "cpu.max.burst=1000"}},
		{"cpu period", "cpu", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Period: ptr(uint64(50000))} },
			[]string{"cpu.cfs_period_us=50000"}, []string{"cpu.max=max 50000"}},
		{"cpu idle", "cpu", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Idle: ptr(int64(1)), Shares: ptr(uint64(512))}
		}, []string{"cpu.idle=1"}, []string{"cpu.idle=1"}},
		{"cpu real-time", "cpu", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{RealtimePeriod: ptr(uint64(2000000)), RealtimeRuntime: ptr(int64(1000))}
		}, []string{"cpu.rt_period_us=2000000", "cpu.rt_runtime_us=1000"}, []string{"!cpu.realtime"}},
		{"cpuset", "cpuset", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} },
			[]string{"cpuset.cpus=0", "cpuset.mems=0"}, []string{"cpuset.cpus=0", "cpuset.mems=0"}},
		{"no such CPU", "cpuset", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "4095"} },
			[]string{"!cpuset.cpus: write 4095"}, nil}, // v2 takes it and uses what there is
		{"pids", "pids", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(77))} }, []string{"pids.max=77"}, []string{"pids.max=77"}},
		{"few pids", "pids", func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: ptr(int64(3))} }, []string{"pids.max=3"}, []string{"pids.max=3"}},
		{"io throttles", "blkio", func(r *specs.LinuxResources) {
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: throttle(1048576), ThrottleWriteBpsDevice: throttle(2097152), ThrottleReadIOPSDevice: throttle(100), ThrottleWriteIOPSDevice: throttle(200)}
		}, []string{"blkio.throttle.read_bps_device=" + device("1048576"), "blkio.throttle.write_bps_device=" + device("2097152"),
			"blkio.throttle.read_iops_device=" + device("100"), "blkio.throttle.write_iops_device=" + device("200")},
			[]string{"io.max=" + device("rbps=1048576 wbps=2097152 riops=100 wiops=200")}},
		{"io weight", "blkio", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{Weight: ptr(uint16(300))} },
			[]string{"blkio.bfq.weight=300", "!load the module bfq"}, []string{"io.bfq.weight=default 300|io.weight=default 2930", "!load the module bfq"}},
		{"io device weight", "blkio", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{WeightDevice: weights()} },
			[]string{"blkio.bfq.weight_device=" + device("300"), "!blkio.bfq.weight_device"}, []string{"io.bfq.weight=" + device("300"), "!weight"}},
		{"io leaf weight", "blkio", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{LeafWeight: ptr(uint16(300))} },
			[]string{"!leaf weights went with the CFQ scheduler"}, []string{"!blockIO.leafWeight"}},
		{"no such disk", "blkio", func(r *specs.LinuxResources) {
			d := specs.LinuxThrottleDevice{Rate: 1}
			d.Major, d.Minor = 4000, 4000
			r.BlockIO = &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{d}}
		}, []string{"!no such block device"}, []string{"!no such block device"}},
		{"hugetlb", "hugetlb", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
		}, []string{"hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304"}, []string{"hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"}},
		{"no such huge page", "hugetlb", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "3MB", Limit: 0}}
		},
			[]string{"!huge pages of this size"}, []string{"!huge pages of this size"}},
		{"rdma", "rdma", func(r *specs.LinuxResources) {
			r.Rdma = map[string]specs.LinuxRdma{"rt_none0": {HcaHandles: ptr(uint32(3))}}
		},
			[]string{"!/sys/class/infiniband"}, []string{"!/sys/class/infiniband"}},
		{"unified", "memory", func(r *specs.LinuxResources) {
			r.Unified = map[string]string{"memory.high": "33554432", "pids.max": "55"}
		}, []string{"!linux.resources.unified"}, []string{"memory.high=33554432", "pids.max=55"}},
		{"unified few pids", "pids", func(r *specs.LinuxResources) { r.Unified = map[string]string{"pids.max": "3"} }, []string{"!linux.resources.unified"}, []string{"pids.max=3"}},
		{"net_cls", "net_cls", func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: ptr(uint32(0x100001))} }, []string{"net_cls.classid=1048577"}, nil},
		{"net_prio", "net_prio", func(r *specs.LinuxResources) {
			r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}
		}, []string{"net_prio.ifpriomap=lo 5"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := harness.New(t, sh("sleep 100"))
			c.Runtime.Only(t, "differs in what it refuses")
			row.set(c.Spec.Linux.Resources)
			want, name := row.v1, row.controller
			if onV2(t) || slices.Contains(inCgroup2(t), v2Name(name)) {
				want, name = row.v2, v2Name(name)
			}
			if !slices.Contains(controllers(t), name) {
				c.TryCreate().WantFailure(t, `needs the cgroup controller "`+name)
				return
			}
			if want == nil {
				t.Skip("cgroup v2 has nothing of the kind")
			}
			checkResources(t, c, want)
		})
	}
}

// A pids.limit of 0 was no limit before 1.3.0, and is a limit since.
func TestPidsZero(t *testing.T) {
	for version, want := range map[string]string{"1.0.2-dev": "pids.max=max", "1.3.0": "pids.max=1"} {
		t.Run(version, func(t *testing.T) {
			c := harness.New(t, sh("sleep 100"))
			c.Runtime.Only(t, "differs in what it takes for no limit")
			if !slices.Contains(controllers(t), "pids") {
				t.Skip("the controller pids is missing")
			}
			c.Spec.Version = version
			c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(0))}
			checkResources(t, c, []string{want})
		})
	}
}

// checkResources creates c and looks for one of the values of each file that
// is there, or for the refusal.
func checkResources(t *testing.T, c *harness.Container, want []string) {
	t.Helper()
	r := c.TryCreate()
	var refusals []string
	found := false
	for _, w := range want {
		if text, ok := strings.CutPrefix(w, "!"); ok {
			refusals = append(refusals, text)
			continue
		}
		file, value, path := firstThere(t, c, w)
		if r.Code != 0 || path == "" {
			continue
		}
		found = true
		data, err := os.ReadFile(path)
		if got := strings.TrimSpace(string(data)); err != nil || got != value && !slices.Contains(strings.Split(got, "\n"), value) {
			t.Errorf("%s is %q, want %q (%v)", file, got, value, err)
		}
	}
	switch {
	case r.Code != 0 && len(refusals) > 0:
		if !strings.Contains(r.Stderr, refusals[0]) {
			t.Errorf("%q wanted: %v", refusals[0], r)
		}
	case r.Code != 0:
		t.Errorf("it is refused: %v", r)
	case !found:
		t.Errorf("none of %q is there, and it is not refused", want)
	}
}

// firstThere is the first of "file=value|file=value" whose file is there.
func firstThere(t *testing.T, c *harness.Container, choice string) (file, value, path string) {
	t.Helper()
	for w := range strings.SplitSeq(choice, "|") {
		file, value, _ = strings.Cut(w, "=")
		if path = findCgroupFile(t, c, file); path != "" {
			break
		}
	}
	return file, value, path
}

func findCgroupFile(t *testing.T, c *harness.Container, name string) string {
	t.Helper()
	for _, dir := range harness.CgroupMounts(t) {
		path := filepath.Join(dir, c.Spec.Linux.CgroupsPath, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// v2Name is cgroup2's name of a v1 controller.
func v2Name(controller string) string {
	if controller == "blkio" {
		return "io"
	}
	return controller
}

// inCgroup2 are the controllers of cgroup2.
func inCgroup2(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, dir := range cgroup2Mounts(t) {
		data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.Fields(string(data))...)
	}
	return list
}

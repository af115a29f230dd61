package cgroups

// The writes of the controllers that differ between the versions, for v1.
// Pure. Files and units: Documentation/admin-guide/cgroup-v1/ and
// Documentation/scheduler/ of the kernel.

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// memoryV1: memory <= memory+swap must hold after every write. Lowering both,
// memory goes first; raising both, the kernel refuses that with EINVAL and
// memory is written again after memory+swap.
func memoryV1(r *specs.LinuxResources, fresh bool) ([]write, error) {
	m := r.Memory
	if m == nil {
		return nil, nil
	}
	limit, swap := set(m.Limit), set(m.Swap)
	if err := checkSwap(limit, swap); err != nil {
		return nil, err
	}
	var w []write
	if m.UseHierarchy != nil && *m.UseHierarchy {
		// Since Linux 5.11 the only value, but the file still takes it.
		w = append(w, write{file: "memory.use_hierarchy", value: "1", optional: true, quiet: true})
	}
	if limit != 0 {
		w = append(w, write{file: "memory.limit_in_bytes", value: num(limit), again: true})
	}
	switch {
	case swap != 0:
		// Without swap accounting there is no limit to lift.
		none := swap == -1
		w = append(w, write{file: "memory.memsw.limit_in_bytes", value: num(swap), optional: none, quiet: none})
	case limit == -1 && !fresh:
		// No limit on memory means none on memory+swap.
		w = append(w, write{file: "memory.memsw.limit_in_bytes", value: "-1", optional: true, quiet: true})
	}
	if v := set(m.Reservation); v != 0 {
		w = append(w, write{file: "memory.soft_limit_in_bytes", value: num(v)})
	}
	//lint:ignore SA1019 deprecated, but applied where the kernel still can
	if v := set(m.Kernel); v != 0 {
		w = append(w, write{file: "memory.kmem.limit_in_bytes", value: num(v), optional: true})
	}
	if v := set(m.KernelTCP); v != 0 {
		w = append(w, write{file: "memory.kmem.tcp.limit_in_bytes", value: num(v), optional: true})
	}
	if m.Swappiness != nil {
		w = append(w, write{file: "memory.swappiness", value: num(*m.Swappiness)})
	}
	if m.DisableOOMKiller != nil && (*m.DisableOOMKiller || !fresh) {
		value := "0"
		if *m.DisableOOMKiller {
			value = "1"
		}
		w = append(w, write{file: "memory.oom_control", value: value})
	}
	return w, nil
}

// checkSwap: swap is memory+swap, so it cannot be less than memory.
func checkSwap(limit, swap int64) error {
	if limit < -1 {
		return refuse("memory.limit", "is negative; -1 means no limit")
	}
	if swap < -1 {
		return refuse("memory.swap", "is negative; -1 means no limit")
	}
	if swap > 0 && (limit > swap || limit == -1) {
		return refuse("memory.swap", "is memory and swap together, so not less than memory.limit")
	}
	return nil
}

const minShares, maxShares = 2, 262144

// cpuV1: quota/period may not exceed the parent's, burst may not exceed quota;
// what is refused because its partner is still the old one is tried again.
func cpuV1(r *specs.LinuxResources, fresh bool) ([]write, error) {
	c := r.CPU
	if c == nil {
		return nil, nil
	}
	var w []write
	// Real-time first: a real-time process cannot enter a cgroup without.
	if v := set(c.RealtimePeriod); v != 0 {
		w = append(w, write{file: "cpu.rt_period_us", value: num(v), again: true})
	}
	if v := set(c.RealtimeRuntime); v != 0 {
		w = append(w, write{file: "cpu.rt_runtime_us", value: num(v)})
	}
	shares := set(c.Shares)
	// The kernel would silently take the nearest possible value.
	if shares != 0 && (shares < minShares || shares > maxShares) {
		return nil, refuse("cpu.shares", fmt.Sprintf("the minimum allowed cpu-shares is %d, the maximum allowed cpu-shares is %d", minShares, maxShares))
	}
	// An idle cgroup has a fixed weight and refuses another.
	if shares != 0 && set(c.Idle) != 1 {
		w = append(w, write{file: "cpu.shares", value: num(shares), again: true})
	}
	if v := set(c.Period); v != 0 {
		w = append(w, write{file: "cpu.cfs_period_us", value: num(v), again: true})
	}
	if c.Burst != nil && (*c.Burst != 0 || !fresh) {
		w = append(w, write{file: "cpu.cfs_burst_us", value: num(*c.Burst), again: true})
	}
	if v := set(c.Quota); v != 0 {
		w = append(w, write{file: "cpu.cfs_quota_us", value: num(max(v, -1)), again: true})
	}
	if c.Idle != nil && (*c.Idle != 0 || !fresh) {
		w = append(w, write{file: "cpu.idle", value: num(*c.Idle)})
	}
	return w, nil
}

// ioV1: since CFQ went in Linux 5.0, weights are those of BFQ.
func ioV1(r *specs.LinuxResources, _ bool) ([]write, error) {
	b := r.BlockIO
	if b == nil {
		return nil, nil
	}
	var w []write
	if v := set(b.Weight); v != 0 {
		w = append(w, write{file: "blkio.bfq.weight", value: num(v)})
	}
	if v := set(b.LeafWeight); v != 0 {
		w = append(w, write{file: "blkio.leaf_weight", value: num(v)})
	}
	for _, d := range b.WeightDevice {
		if v := set(d.Weight); v != 0 {
			w = append(w, write{file: "blkio.bfq.weight_device", value: deviceValue(d.Major, d.Minor, num(v))})
		}
		if v := set(d.LeafWeight); v != 0 {
			w = append(w, write{file: "blkio.leaf_weight_device", value: deviceValue(d.Major, d.Minor, num(v))})
		}
	}
	for _, t := range []struct {
		file string
		list []specs.LinuxThrottleDevice
	}{
		{"blkio.throttle.read_bps_device", b.ThrottleReadBpsDevice},
		{"blkio.throttle.write_bps_device", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", b.ThrottleReadIOPSDevice},
		{"blkio.throttle.write_iops_device", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.list {
			w = append(w, write{file: t.file, value: deviceValue(d.Major, d.Minor, num(d.Rate))})
		}
	}
	return w, nil
}

func deviceValue(major, minor int64, value string) string {
	return num(major) + ":" + num(minor) + " " + value
}

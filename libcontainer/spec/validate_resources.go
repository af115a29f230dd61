package spec

// validate_resources.go checks linux.resources as far as the kernel would
// answer with nothing better than EINVAL, or, for names that become file
// names, would take the value somewhere else. Ranges that differ between
// kernels are left to the kernel.

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const resources = "linux.resources"

func (c *checker) resources(r *specs.LinuxResources) {
	if r == nil {
		return
	}
	c.deviceRules(r.Devices)
	c.memory(r.Memory)
	c.cpu(r.CPU)
	if r.Pids != nil && isLimit(r.Pids.Limit) {
		c.controller("pids", "pids")
	}
	c.blockIO(r.BlockIO)
	c.hugepages(r.HugepageLimits)
	c.network(r.Network)
	c.rdma(r.Rdma)
	c.unified(r.Unified)
}

// controller says that the field needs a cgroup controller, and fails if the
// host does not have it.
func (c *checker) controller(field, name string) {
	if !c.cgroups() || slices.Contains(c.host.Controllers, name) {
		return
	}
	have := strings.Join(c.host.Controllers, ", ")
	if have == "" {
		have = "none"
	}
	c.failHint("usable here: "+have, at(resources, field),
		"needs the cgroup controller %q, which this host does not offer", name)
}

// isLimit says that a value asks for something: absent asks for nothing, and
// -1 for no limit, which is what no controller gives.
func isLimit(v *int64) bool { return v != nil && *v != -1 }

// isSet is isLimit for the values of which 0 means "leave it", as Docker sends
// them.
func isSet[T int64 | uint64 | uint16 | uint32](v *T) bool { return v != nil && *v != 0 }

func (c *checker) memory(m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	limits := []struct {
		name  string
		value *int64
	}{
		{"limit", m.Limit}, {"reservation", m.Reservation}, {"swap", m.Swap},
		//lint:ignore SA1019 still in the specification, and cgroup v1 has it
		{"kernel", m.Kernel}, {"kernelTCP", m.KernelTCP},
	}
	needed := m.Swappiness != nil || m.DisableOOMKiller != nil && *m.DisableOOMKiller
	for _, l := range limits {
		needed = needed || isLimit(l.value) && isSet(l.value)
	}
	if needed {
		c.controller("memory", "memory")
	}
	for _, l := range limits {
		if l.value != nil && *l.value < -1 {
			c.fail(at(resources, "memory", l.name), "must be a number of bytes, or -1 for no limit, got %d", *l.value)
		}
		if l.name == "swap" && m.Swap != nil && m.Limit != nil && *m.Swap > 0 && *m.Swap < *m.Limit {
			c.fail(at(resources, "memory", "swap"),
				"is the limit of memory and swap together and must be at least memory.limit %d, got %d", *m.Limit, *m.Swap)
		}
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		c.fail(at(resources, "memory", "swappiness"), "must be 0..100, got %d", *m.Swappiness)
	}
}

func (c *checker) cpu(p *specs.LinuxCPU) {
	if p == nil {
		return
	}
	if isSet(p.Shares) || isLimit(p.Quota) && isSet(p.Quota) || isSet(p.Burst) || isSet(p.Period) ||
		isSet(p.RealtimeRuntime) || isSet(p.RealtimePeriod) || isSet(p.Idle) {
		c.controller("cpu", "cpu")
	}
	if p.Cpus != "" || p.Mems != "" {
		c.controller("cpu", "cpuset")
	}
	if p.Burst != nil && p.Quota != nil && *p.Quota > 0 && *p.Burst > uint64(*p.Quota) {
		c.fail(at(resources, "cpu", "burst"), "must be at most cpu.quota %d, got %d", *p.Quota, *p.Burst)
	}
	c.noNUL(p.Cpus, resources, "cpu", "cpus")
	c.noNUL(p.Mems, resources, "cpu", "mems")
	if p.Idle != nil && *p.Idle != 0 && *p.Idle != 1 {
		c.fail(at(resources, "cpu", "idle"), "must be 0 or 1, got %d", *p.Idle)
	}
}

func (c *checker) blockIO(b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	throttles := []struct {
		name string
		list []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice}, {"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice}, {"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	}
	needed := isSet(b.Weight) || isSet(b.LeafWeight) || len(b.WeightDevice) > 0
	for _, t := range throttles {
		needed = needed || len(t.list) > 0
	}
	if needed {
		c.controller("blockIO", c.ioController())
	}
	for i, d := range b.WeightDevice {
		c.number(d.Major, maxMajor, resources, "blockIO.weightDevice", i, "major")
		c.number(d.Minor, maxMinor, resources, "blockIO.weightDevice", i, "minor")
		if d.Weight == nil && d.LeafWeight == nil {
			c.fail(at(resources, "blockIO.weightDevice", i), "must have weight, leafWeight or both")
		}
	}
	for _, t := range throttles {
		for i, d := range t.list {
			c.number(d.Major, maxMajor, resources, "blockIO", t.name, i, "major")
			c.number(d.Minor, maxMinor, resources, "blockIO", t.name, i, "minor")
		}
	}
}

// ioController is the name of the controller for block devices on this host.
func (c *checker) ioController() string {
	if c.host != nil && c.host.CgroupV2 {
		return "io"
	}
	return "blkio"
}

// hugepages: the page size is part of a file's name in the cgroup.
func (c *checker) hugepages(limits []specs.LinuxHugepageLimit) {
	if len(limits) > 0 {
		c.controller("hugepageLimits", "hugetlb")
	}
	for i, l := range limits {
		n, ok := strings.CutSuffix(l.Pagesize, "B")
		if n = strings.TrimRight(n, "KMG"); !ok || !decimal(n) || n[0] == '0' || len(l.Pagesize) != len(n)+2 {
			c.fail(at(resources, "hugepageLimits", i, "pageSize"), "must be a number and KB, MB or GB, such as 2MB, got %q", l.Pagesize)
		}
	}
}

func (c *checker) network(n *specs.LinuxNetwork) {
	if n == nil {
		return
	}
	if isSet(n.ClassID) {
		c.controller("network.classID", "net_cls")
	}
	if len(n.Priorities) > 0 {
		c.controller("network.priorities", "net_prio")
	}
	for i, p := range n.Priorities {
		if !interfaceName(p.Name) {
			c.fail(at(resources, "network.priorities", i, "name"), "%q is not the name of a network interface", p.Name)
		}
	}
}

func (c *checker) rdma(devices map[string]specs.LinuxRdma) {
	if len(devices) > 0 {
		c.controller("rdma", "rdma")
	}
	for _, name := range sortedKeys(devices) {
		if name == "" || strings.ContainsAny(name, " \t\n\x00") {
			c.fail(at(resources, "rdma", key(name)), "%q is not the name of a device", name)
		}
		if d := devices[name]; d.HcaHandles == nil && d.HcaObjects == nil {
			c.fail(at(resources, "rdma", key(name)), "must have hcaHandles, hcaObjects or both")
		}
	}
}

// unified: each key is the name of a file in the container's cgroup, and must
// stay there.
func (c *checker) unified(files map[string]string) {
	if len(files) > 0 && c.cgroups() && !c.host.CgroupV2 {
		c.failHint("use memory, cpu and the other fields of linux.resources, or boot with cgroup v2 alone",
			at(resources, "unified"), "cannot be used on cgroup v1, which this host has")
	}
	for _, name := range sortedKeys(files) {
		controller, _, ok := strings.Cut(name, ".")
		switch {
		case !ok || controller == "" || strings.ContainsAny(name, "/\x00"):
			c.fail(at(resources, "unified", key(name)), "must be the name of a cgroup file such as memory.high (no slashes)")
		case controller != "cgroup" && c.cgroups() && c.host.CgroupV2:
			c.controller(at("unified", key(name)), controller)
		}
	}
}

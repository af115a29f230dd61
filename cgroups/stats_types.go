package cgroups

// What the statistics look like. The JSON is that of `runc events` (its package
// types), which containerd, cAdvisor and scripts read; so v2's numbers stand
// under v1's names and in v1's units.

// Stats is what a container's cgroup has used. What this host does not count is
// zero, nil or missing in JSON.
type Stats struct {
	CPU    CPUStats    `json:"cpu"`
	CPUSet CPUSetStats `json:"cpuset"`
	Memory MemoryStats `json:"memory"`
	Pids   PidsStats   `json:"pids"`
	BlkIO  BlkIOStats  `json:"blkio"`
	// HugeTLB is by page size, as the kernel writes it: "2MB".
	HugeTLB map[string]HugeTLBStats `json:"hugetlb"`
	// RDMA is by device. runc does not report it.
	RDMA map[string]RDMAStats `json:"rdma,omitempty"`
}

// CPUStats is time on CPUs and time kept from them.
type CPUStats struct {
	Usage      CPUUsage   `json:"usage"`
	Throttling Throttling `json:"throttling"`
	PSI        *PSI       `json:"psi,omitempty"`
}

// CPUUsage is in nanoseconds since the cgroup was made. The lists have an entry
// for each CPU and exist on v1 only.
type CPUUsage struct {
	Total        uint64   `json:"total,omitempty"`
	PerCPU       []uint64 `json:"percpu,omitempty"`
	PerCPUKernel []uint64 `json:"percpu_kernel,omitempty"`
	PerCPUUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

// Throttling counts the periods in which the CPU quota mattered; the time is in
// nanoseconds.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// CPUSetStats are the CPUs and memory nodes in force, and v1's flags
// (Documentation/admin-guide/cgroup-v1/cpusets.rst).
type CPUSetStats struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

// MemoryStats is in bytes.
type MemoryStats struct {
	// Cache is the page cache: memory.stat's "cache" (v1), "file" (v2).
	Cache uint64      `json:"cache,omitempty"`
	Usage MemoryEntry `json:"usage"`
	// Swap is memory and swap together, on v2 as well.
	Swap MemoryEntry `json:"swap"`
	// Kernel and KernelTCP are v1 only.
	Kernel    MemoryEntry `json:"kernel"`
	KernelTCP MemoryEntry `json:"kernelTCP"`
	// Raw is memory.stat.
	Raw map[string]uint64 `json:"raw,omitempty"`
	PSI *PSI              `json:"psi,omitempty"`
}

// MemoryEntry is one kind of memory, in bytes. Without a limit Limit is v1's or
// v2's own largest number; Failcnt counts how often the limit was met.
type MemoryEntry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// PidsStats counts tasks (threads), not processes. Limit 0: none.
type PidsStats struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// BlkIOStats has one list for each of v1's files; v2 fills the first two. Bytes,
// operations, and nanoseconds.
type BlkIOStats struct {
	ServiceBytes []BlkIOEntry `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []BlkIOEntry `json:"ioServicedRecursive,omitempty"`
	Queued       []BlkIOEntry `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []BlkIOEntry `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []BlkIOEntry `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []BlkIOEntry `json:"ioMergedRecursive,omitempty"`
	Time         []BlkIOEntry `json:"ioTimeRecursive,omitempty"`
	Sectors      []BlkIOEntry `json:"sectorsRecursive,omitempty"`
	PSI          *PSI         `json:"psi,omitempty"`
}

// BlkIOEntry is one number of one block device. Op is "Read", "Write", on v1
// also "Sync", "Async", "Discard" and "Total", or "" where there is no such
// distinction.
type BlkIOEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// HugeTLBStats is of one page size, in bytes. Max is v1 only.
type HugeTLBStats struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// RDMAStats is of one device; a limit of 0 is none.
type RDMAStats struct {
	Handles     uint64 `json:"hcaHandles"`
	Objects     uint64 `json:"hcaObjects"`
	HandleLimit uint64 `json:"hcaHandlesLimit,omitempty"`
	ObjectLimit uint64 `json:"hcaObjectsLimit,omitempty"`
}

// PSI says how much of the time tasks waited for a resource
// (Documentation/accounting/psi.rst): some of them, or all at once. It is there
// where the container has a cgroup in cgroup2.
type PSI struct {
	Some PSIData `json:"some"`
	Full PSIData `json:"full"`
}

// PSIData are percentages of the last 10, 60 and 300 seconds, and the total in
// microseconds.
type PSIData struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

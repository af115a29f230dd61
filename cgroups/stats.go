package cgroups

// Gathering the statistics. Which files there are differs from kernel to kernel
// and from configuration to configuration, so a missing one is never an error.

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// Stats reads cgroup2 first, then v1: on a hybrid host both know something, and
// of the same thing the hierarchy with the controller knows more.
func (m *manager) Stats() (*Stats, error) {
	lead := m.lead()
	if lead == nil {
		return nil, fault.New(step, "", "statistics", ErrUnavailable).
			WithHint("this container has no cgroup that could count")
	}
	if err := unix.Access(lead.dir, unix.F_OK); err != nil {
		return nil, fault.New(step, lead.dir, "statistics", err)
	}
	s := &Stats{HugeTLB: map[string]HugeTLBStats{}}
	if g := m.v2Group(); g != nil {
		r := statReader{dir: g.dir, warn: m.warn}
		for _, read := range []func(statReader, *Stats){
			cpuStatV2, cpusetStatV2, memoryStatV2, pidsStat, ioStatV2, hugetlbStatV2, rdmaStat,
		} {
			read(r, s)
		}
	}
	for _, c := range []struct {
		controller string
		read       func(statReader, *Stats)
	}{
		{"cpu", throttlingStat}, {"cpuacct", cpuacctStat}, {"cpuset", cpusetStatV1}, {"memory", memoryStatV1},
		{"pids", pidsStat}, {"blkio", blkioStatV1}, {"hugetlb", hugetlbStatV1}, {"rdma", rdmaStat},
	} {
		if g := m.v1Group(c.controller); g != nil {
			c.read(statReader{dir: g.dir, warn: m.warn}, s)
		}
	}
	if s.Pids.Current == 0 { // no pids controller: count processes
		if pids, err := procs(lead.dir); err == nil {
			s.Pids.Current = uint64(len(pids))
		}
	}
	return s, nil
}

// statReader reads files of one directory. What cannot be read or understood is
// as if it were not there; what is strange about it is a warning.
type statReader struct {
	dir  string
	warn func(string)
}

// text is a file's content; ok says that there is such a file. EOPNOTSUPP:
// pressure is not accounted (psi=0).
func (r statReader) text(file string) (content string, ok bool) {
	b, err := readFile(path.Join(r.dir, file))
	switch err {
	case nil:
		return string(b), true
	case unix.ENOENT, unix.ENODEV, unix.EOPNOTSUPP:
	default:
		r.strange(file, err)
	}
	return "", false
}

func (r statReader) strange(file string, err error) {
	r.warn(fault.New(step, path.Join(r.dir, file), "read", err).Error())
}

// parsed reads a file with one of the parsers of stats_parse.go.
func parsed[T any](r statReader, file string, parse func(string) (T, error)) (value T, ok bool) {
	content, ok := r.text(file)
	if !ok {
		return value, false
	}
	value, err := parse(content)
	if err != nil {
		r.strange(file, err)
		return value, false
	}
	return value, true
}

// number is a file of one number; 0 when there is none.
func (r statReader) number(file string) uint64 {
	n, _ := parsed(r, file, parseNumber64)
	return n
}

func (r statReader) psi(file string) *PSI {
	p, _ := parsed(r, file, parsePSI)
	return p
}

func cpuStatV2(r statReader, s *Stats) {
	m, _ := parsed(r, "cpu.stat", parseFlat)
	s.CPU.Usage.Total = m["usage_usec"] * 1000
	s.CPU.Usage.User = m["user_usec"] * 1000
	s.CPU.Usage.Kernel = m["system_usec"] * 1000
	s.CPU.Throttling = Throttling{m["nr_periods"], m["nr_throttled"], m["throttled_usec"] * 1000}
	s.CPU.PSI = r.psi("cpu.pressure")
}

// throttlingStat is v1's cpu.stat, whose time is in nanoseconds.
func throttlingStat(r statReader, s *Stats) {
	if m, ok := parsed(r, "cpu.stat", parseFlat); ok {
		s.CPU.Throttling = Throttling{m["nr_periods"], m["nr_throttled"], m["throttled_time"]}
	}
}

// tick is the unit of cpuacct.stat in nanoseconds: USER_HZ is 100 on every
// architecture that rt runs on.
const tick = 1e9 / 100

func cpuacctStat(r statReader, s *Stats) {
	u := &s.CPU.Usage
	u.Total = r.number("cpuacct.usage")
	if m, ok := parsed(r, "cpuacct.stat", parseFlat); ok {
		u.User, u.Kernel = m["user"]*tick, m["system"]*tick
	}
	u.PerCPU, _ = parsed(r, "cpuacct.usage_percpu", parseNumbers)
	if all, ok := r.text("cpuacct.usage_all"); ok {
		var err error
		if u.PerCPUUser, u.PerCPUKernel, err = parseUsageAll(all); err != nil {
			r.strange("cpuacct.usage_all", err)
		}
	}
}

func cpusetStatV2(r statReader, s *Stats) {
	s.CPUSet.CPUs, _ = parsed(r, "cpuset.cpus.effective", parseSet)
	s.CPUSet.Mems, _ = parsed(r, "cpuset.mems.effective", parseSet)
}

func cpusetStatV1(r statReader, s *Stats) {
	c := &s.CPUSet
	c.CPUs, _ = parsed(r, "cpuset.cpus", parseSet)
	c.Mems, _ = parsed(r, "cpuset.mems", parseSet)
	for _, f := range []struct {
		file string
		to   *uint64
	}{
		{"cpu_exclusive", &c.CPUExclusive}, {"mem_hardwall", &c.MemHardwall}, {"mem_exclusive", &c.MemExclusive},
		{"memory_migrate", &c.MemoryMigrate}, {"memory_spread_page", &c.MemorySpreadPage},
		{"memory_spread_slab", &c.MemorySpreadSlab}, {"memory_pressure", &c.MemoryPressure},
		{"sched_load_balance", &c.SchedLoadBalance},
	} {
		*f.to = r.number("cpuset." + f.file)
	}
	c.SchedRelaxDomainLevel, _ = parsed(r, "cpuset.sched_relax_domain_level", parseLevel)
}

func memoryStatV2(r statReader, s *Stats) {
	m := &s.Memory
	m.PSI = r.psi("memory.pressure")
	var ok bool
	if m.Raw, ok = parsed(r, "memory.stat", parseFlat); !ok {
		return
	}
	m.Cache = m.Raw["file"]
	events, _ := parsed(r, "memory.events", parseFlat)
	m.Usage = MemoryEntry{r.number("memory.max"), r.number("memory.current"), r.number("memory.peak"), events["max"]}
	// v1 counts memory and swap together. Their common peak cannot be known.
	m.Swap = MemoryEntry{Limit: m.Usage.Limit, Usage: m.Usage.Usage + r.number("memory.swap.current")}
	if limit, ok := parsed(r, "memory.swap.max", parseNumber64); ok {
		m.Swap.Limit = add(m.Usage.Limit, limit)
	}
	swapEvents, _ := parsed(r, "memory.swap.events", parseFlat)
	m.Swap.Failcnt = swapEvents["max"]
}

// add adds limits: with one that is none there is none.
func add(a, b uint64) uint64 {
	if a > noLimit-b {
		return noLimit
	}
	return a + b
}

func memoryStatV1(r statReader, s *Stats) {
	m := &s.Memory
	m.Raw, _ = parsed(r, "memory.stat", parseFlat)
	m.Cache = m.Raw["cache"]
	for _, k := range []struct {
		prefix string
		to     *MemoryEntry
	}{{"memory.", &m.Usage}, {"memory.memsw.", &m.Swap}, {"memory.kmem.", &m.Kernel}, {"memory.kmem.tcp.", &m.KernelTCP}} {
		*k.to = MemoryEntry{
			Limit:   r.number(k.prefix + "limit_in_bytes"),
			Usage:   r.number(k.prefix + "usage_in_bytes"),
			Max:     r.number(k.prefix + "max_usage_in_bytes"),
			Failcnt: r.number(k.prefix + "failcnt"),
		}
	}
}

// pidsStat is the same in both versions.
func pidsStat(r statReader, s *Stats) {
	s.Pids = PidsStats{Current: r.number("pids.current"), Limit: r.number("pids.max")}
	if s.Pids.Limit == noLimit {
		s.Pids.Limit = 0
	}
}

func ioStatV2(r statReader, s *Stats) {
	s.BlkIO.PSI = r.psi("io.pressure")
	content, ok := r.text("io.stat")
	if !ok {
		return
	}
	var err error
	if s.BlkIO.ServiceBytes, s.BlkIO.Serviced, err = parseIOStat(content); err != nil {
		r.strange("io.stat", err)
	}
}

// blkioStatV1: bytes and operations come from the bfq scheduler where it runs,
// else from the throttling layer; the rest is bfq's, with
// CONFIG_BFQ_CGROUP_DEBUG. ("recursive" counts sub-cgroups too.)
func blkioStatV1(r statReader, s *Stats) {
	b := &s.BlkIO
	for _, f := range []struct {
		name string
		to   *[]BlkIOEntry
	}{
		{"io_service_bytes_recursive", &b.ServiceBytes}, {"io_serviced_recursive", &b.Serviced},
		{"io_queued_recursive", &b.Queued}, {"io_service_time_recursive", &b.ServiceTime},
		{"io_wait_time_recursive", &b.WaitTime}, {"io_merged_recursive", &b.Merged},
		{"time_recursive", &b.Time}, {"sectors_recursive", &b.Sectors},
	} {
		*f.to, _ = parsed(r, "blkio.bfq."+f.name, parseBlkIO)
	}
	if len(b.ServiceBytes) == 0 {
		b.ServiceBytes, _ = parsed(r, "blkio.throttle.io_service_bytes_recursive", parseBlkIO)
		b.Serviced, _ = parsed(r, "blkio.throttle.io_serviced_recursive", parseBlkIO)
	}
}

// hugetlbStatV2: usage is what is reserved, where that is counted.
func hugetlbStatV2(r statReader, s *Stats) {
	for _, size := range pageSizes(r.dir, ".current") {
		prefix := "hugetlb." + size
		usage, ok := parsed(r, prefix+".rsvd.current", parseNumber64)
		if !ok {
			usage = r.number(prefix + ".current")
		}
		events, _ := parsed(r, prefix+".events", parseFlat)
		s.HugeTLB[size] = HugeTLBStats{Usage: usage, Failcnt: events["max"]}
	}
}

func hugetlbStatV1(r statReader, s *Stats) {
	for _, size := range pageSizes(r.dir, ".usage_in_bytes") {
		prefix := "hugetlb." + size + ".rsvd."
		usage, ok := parsed(r, prefix+"usage_in_bytes", parseNumber64)
		if !ok {
			prefix = "hugetlb." + size + "."
			usage = r.number(prefix + "usage_in_bytes")
		}
		s.HugeTLB[size] = HugeTLBStats{Usage: usage, Max: r.number(prefix + "max_usage_in_bytes"), Failcnt: r.number(prefix + "failcnt")}
	}
}

// pageSizes are the sizes of huge pages that are counted in dir, by the names of
// the files: "hugetlb.2MB.current".
func pageSizes(dir, suffix string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var sizes []string
	for _, e := range entries {
		name, ok1 := strings.CutPrefix(e.Name(), "hugetlb.")
		size, ok2 := strings.CutSuffix(name, suffix)
		if ok1 && ok2 && !strings.Contains(size, ".") {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

func rdmaStat(r statReader, s *Stats) {
	for _, f := range []struct {
		file   string
		limits bool
	}{{"rdma.current", false}, {"rdma.max", true}} {
		content, ok := r.text(f.file)
		if !ok || strings.TrimSpace(content) == "" {
			continue
		}
		if s.RDMA == nil {
			s.RDMA = map[string]RDMAStats{}
		}
		if err := parseRDMA(content, f.limits, s.RDMA); err != nil {
			r.strange(f.file, err)
		}
	}
}

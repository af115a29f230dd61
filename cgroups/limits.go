package cgroups

// The table of controllers: who makes the writes of each, and the parts that
// v1 and v2 share. Pure.
//
// A 0 where it cannot be a limit means "leave as it is": that is how Docker
// and containerd send fields they have no value for.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

// limiter makes the writes of one controller. fresh: the cgroup is new, so a
// value that is the kernel's default may be left out and nothing has to be
// kept.
type limiter func(r *specs.LinuxResources, fresh bool) ([]write, error)

// controller is a row: its names, and its writes in each version; a nil
// limiter: the version has no such controller.
type controller struct {
	v1Name, v2Name string
	v1, v2         limiter
}

func controllers() []controller {
	return []controller{
		{"cpuset", "cpuset", cpuset, cpuset},
		{"cpu", "cpu", cpuV1, cpuV2},
		{"memory", "memory", memoryV1, memoryV2},
		{"pids", "pids", pids, pids},
		{"blkio", "io", ioV1, ioV2},
		{"hugetlb", "hugetlb", hugetlbV1, hugetlbV2},
		{"rdma", "rdma", rdma, rdma},
		{"net_cls", "", netClass, nil},
		{"net_prio", "", netPriority, nil},
	}
}

// refuse is an error about the configuration, at its JSON path.
func refuse(field, text string) error {
	return fault.New(step, "linux.resources."+field, "", errors.New(text))
}

// set returns *p, or 0 for nil: both mean "not given".
func set[T int64 | uint64 | uint16](p *T) T {
	if p == nil {
		return 0
	}
	return *p
}

func num[T int64 | uint64 | uint32 | uint16](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// numMax is num with v2's word for no limit.
func numMax(n int64) string {
	if n < 0 {
		return "max"
	}
	return num(n)
}

func cpuset(r *specs.LinuxResources, _ bool) ([]write, error) {
	if r.CPU == nil {
		return nil, nil
	}
	var w []write
	if r.CPU.Cpus != "" {
		w = append(w, write{file: "cpuset.cpus", value: r.CPU.Cpus})
	}
	if r.CPU.Mems != "" {
		w = append(w, write{file: "cpuset.mems", value: r.CPU.Mems})
	}
	return w, nil
}

// pids: 0 becomes 1, since a container cannot have less than its init and the
// kernel's 0 would only stop forks; runc does the same.
func pids(r *specs.LinuxResources, _ bool) ([]write, error) {
	if r.Pids == nil || r.Pids.Limit == nil {
		return nil, nil
	}
	value := numMax(*r.Pids.Limit)
	if value == "0" {
		value = "1"
	}
	return []write{{file: "pids.max", value: value}}, nil
}

func hugetlbV1(r *specs.LinuxResources, _ bool) ([]write, error) {
	return hugetlb(r, "limit_in_bytes")
}

func hugetlbV2(r *specs.LinuxResources, _ bool) ([]write, error) {
	return hugetlb(r, "max")
}

// hugetlb limits reservations, and usage as well: that is the file older
// tools read, and the whole limit where reservations are not accounted
// (runtime-spec, "Huge page limits").
func hugetlb(r *specs.LinuxResources, suffix string) ([]write, error) {
	var w []write
	for i, l := range r.HugepageLimits {
		if l.Pagesize == "" || strings.ContainsAny(l.Pagesize, "/. \n") {
			return nil, refuse(fmt.Sprintf("hugepageLimits[%d].pageSize", i), strconv.Quote(l.Pagesize)+" is no page size")
		}
		prefix := "hugetlb." + l.Pagesize + "."
		w = append(w,
			write{file: prefix + "rsvd." + suffix, value: num(l.Limit), optional: true, quiet: true},
			write{file: prefix + suffix, value: num(l.Limit)})
	}
	return w, nil
}

func rdma(r *specs.LinuxResources, _ bool) ([]write, error) {
	var w []write
	for _, dev := range sortedKeys(r.Rdma) {
		if strings.ContainsAny(dev, " \n") {
			return nil, refuse("rdma", strconv.Quote(dev)+" is no device name")
		}
		value := dev
		if l := r.Rdma[dev].HcaHandles; l != nil {
			value += " hca_handle=" + num(*l)
		}
		if l := r.Rdma[dev].HcaObjects; l != nil {
			value += " hca_object=" + num(*l)
		}
		if value != dev {
			w = append(w, write{file: "rdma.max", value: value})
		}
	}
	return w, nil
}

func netClass(r *specs.LinuxResources, _ bool) ([]write, error) {
	if r.Network == nil || r.Network.ClassID == nil || *r.Network.ClassID == 0 {
		return nil, nil
	}
	return []write{{file: "net_cls.classid", value: num(*r.Network.ClassID)}}, nil
}

func netPriority(r *specs.LinuxResources, _ bool) ([]write, error) {
	if r.Network == nil {
		return nil, nil
	}
	var w []write
	for _, p := range r.Network.Priorities {
		w = append(w, write{file: "net_prio.ifpriomap", value: p.Name + " " + num(p.Priority)})
	}
	return w, nil
}

// unified makes the writes of linux.resources.unified and names the
// controllers they need. A value of several lines becomes one write a line,
// as nested-keyed files want it.
func unified(r *specs.LinuxResources) (w []write, need []string, err error) {
	for _, file := range sortedKeys(r.Unified) {
		c, _, ok := strings.Cut(file, ".")
		if !ok || strings.ContainsAny(file, "/\x00") || strings.HasPrefix(file, ".") {
			return nil, nil, refuse("unified["+strconv.Quote(file)+"]", "is no file of a cgroup")
		}
		if c != "cgroup" && !slices.Contains(need, c) {
			need = append(need, c)
		}
		if file == "cpu.weight" && idles(r) {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(r.Unified[file], "\n"), "\n") {
			w = append(w, write{file: file, value: line})
		}
	}
	return w, need, nil
}

// idles: the cgroup is to run only when nothing else wants to. The kernel gives it
// a fixed weight and refuses another.
func idles(r *specs.LinuxResources) bool {
	return r.CPU != nil && set(r.CPU.Idle) == 1 || strings.TrimSpace(r.Unified["cpu.idle"]) == "1"
}

// weighs: a share of the processors' time is given.
func weighs(r *specs.LinuxResources) bool {
	return r.CPU != nil && set(r.CPU.Shares) != 0 || r.Unified["cpu.weight"] != ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

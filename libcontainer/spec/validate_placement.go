package spec

// validate_placement.go checks what places a process on CPUs, in front of
// disks and on memory nodes: scheduler, ioPriority, execCPUAffinity,
// memoryPolicy.

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	maxCPU  = 8191 // the kernel's largest CONFIG_NR_CPUS is 8192
	maxNode = 1023 // MAX_NUMNODES is at most 1024
)

func (c *checker) scheduler(s *specs.Scheduler) {
	if s == nil {
		return
	}
	const path = "process.scheduler"
	policies := []specs.LinuxSchedulerPolicy{
		specs.SchedOther, specs.SchedFIFO, specs.SchedRR, specs.SchedBatch, specs.SchedISO, specs.SchedIdle, specs.SchedDeadline,
	}
	known := oneOf(c, s.Policy, policies, path, "policy")
	if s.Nice < -20 || s.Nice > 19 {
		c.fail(at(path, "nice"), "must be -20..19, got %d", s.Nice)
	}
	realtime := s.Policy == specs.SchedFIFO || s.Policy == specs.SchedRR
	switch {
	case realtime && (s.Priority < 1 || s.Priority > 99):
		c.fail(at(path, "priority"), "must be 1..99 with %s, got %d", s.Policy, s.Priority)
	case known && !realtime && s.Priority != 0:
		c.fail(at(path, "priority"), "is for SCHED_FIFO and SCHED_RR only, and the policy is %s", s.Policy)
	}
	flags := []specs.LinuxSchedulerFlag{
		specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy,
		specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
	}
	for i, f := range s.Flags {
		oneOf(c, f, flags, path, "flags", i)
	}
	if known {
		c.deadline(path, s)
	}
}

// deadline: sched(7), and __checkparam_dl of the kernel.
func (c *checker) deadline(path string, s *specs.Scheduler) {
	times := []struct {
		name string
		ns   uint64
	}{{"runtime", s.Runtime}, {"deadline", s.Deadline}, {"period", s.Period}}
	if s.Policy != specs.SchedDeadline {
		for _, t := range times {
			if t.ns != 0 {
				c.fail(at(path, t.name), "is for SCHED_DEADLINE only, and the policy is %s", s.Policy)
			}
		}
		return
	}
	if s.Runtime < 1024 {
		c.fail(at(path, "runtime"), "must be at least 1024 ns with SCHED_DEADLINE, got %d", s.Runtime)
	}
	if s.Deadline < s.Runtime {
		c.fail(at(path, "deadline"), "must be at least the runtime %d, got %d", s.Runtime, s.Deadline)
	}
	if s.Period != 0 && s.Period < s.Deadline {
		c.fail(at(path, "period"), "must be at least the deadline %d, got %d", s.Deadline, s.Period)
	}
}

func (c *checker) ioPriority(p *specs.LinuxIOPriority) {
	if p == nil {
		return
	}
	classes := []specs.IOPriorityClass{specs.IOPRIO_CLASS_RT, specs.IOPRIO_CLASS_BE, specs.IOPRIO_CLASS_IDLE}
	oneOf(c, p.Class, classes, "process.ioPriority.class")
	if p.Priority < 0 || p.Priority > 7 {
		c.fail("process.ioPriority.priority", "must be 0..7, got %d", p.Priority)
	}
}

func (c *checker) cpuList(path, list string) {
	if list == "" {
		return
	}
	if _, bad := countList(list, maxCPU); bad != "" {
		c.fail(path, "%q is not a list of CPUs such as 0-3,7: %s", list, bad)
	}
}

// countList parses a list of numbers and ranges, "0-3,7", and returns how many
// numbers are in it, or what is wrong with it. The largest allowed is limit.
func countList(list string, limit int) (n int, bad string) {
	seen := make([]bool, limit+1)
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		if !decimal(low) || !decimal(high) {
			return 0, strconv.Quote(part) + " is not a number or range"
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		switch {
		case err1 != nil || err2 != nil || from > limit || to > limit:
			return 0, strconv.Quote(part) + " is beyond " + strconv.Itoa(limit)
		case from > to:
			return 0, strconv.Quote(part) + " runs backwards"
		}
		for i := from; i <= to; i++ {
			if !seen[i] {
				seen[i] = true
				n++
			}
		}
	}
	return n, ""
}

// MemoryPolicyModes returns the known values of linux.memoryPolicy.mode.
func MemoryPolicyModes() []specs.MemoryPolicyModeType {
	return []specs.MemoryPolicyModeType{
		specs.MpolDefault, specs.MpolBind, specs.MpolInterleave, specs.MpolWeightedInterleave, specs.MpolPreferred,
		specs.MpolPreferredMany, specs.MpolLocal,
	}
}

// MemoryPolicyFlags returns the known values of linux.memoryPolicy.flags.
func MemoryPolicyFlags() []specs.MemoryPolicyFlagType {
	return []specs.MemoryPolicyFlagType{specs.MpolFNumaBalancing, specs.MpolFRelativeNodes, specs.MpolFStaticNodes}
}

// memoryPolicy: set_mempolicy(2). The texts "invalid memory policy …" and
// "mode requires 0 nodes but got" are runc's, and its test suite looks for them.
func (c *checker) memoryPolicy(p *specs.LinuxMemoryPolicy) {
	if p == nil {
		return
	}
	const path = "linux.memoryPolicy"
	if !contains(MemoryPolicyModes(), p.Mode) {
		c.fail(at(path, "mode"), "invalid memory policy mode %q; want one of %s", p.Mode, join(MemoryPolicyModes()))
	}
	c.policyNodes(path, p)
	for i, f := range p.Flags {
		if !contains(MemoryPolicyFlags(), f) {
			c.fail(at(path, "flags", i), "invalid memory policy flag %q; want one of %s", f, join(MemoryPolicyFlags()))
		}
	}
	if contains(p.Flags, specs.MpolFStaticNodes) && contains(p.Flags, specs.MpolFRelativeNodes) {
		c.fail(at(path, "flags"), "invalid memory policy flag: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
	}
}

func (c *checker) policyNodes(path string, p *specs.LinuxMemoryPolicy) {
	n, bad := 0, ""
	if p.Nodes != "" {
		n, bad = countList(p.Nodes, maxNode)
	}
	if bad != "" {
		c.fail(at(path, "nodes"), "invalid memory policy node in %q: %s", p.Nodes, bad)
		return
	}
	switch p.Mode {
	case specs.MpolDefault, specs.MpolLocal:
		if n > 0 {
			c.fail(at(path, "nodes"), "invalid memory policy: %s mode requires 0 nodes but got %d", p.Mode, n)
		}
	case specs.MpolBind, specs.MpolInterleave, specs.MpolWeightedInterleave, specs.MpolPreferredMany:
		if n == 0 {
			c.fail(at(path, "nodes"), "invalid memory policy: %s mode requires at least 1 node", p.Mode)
		}
	}
}

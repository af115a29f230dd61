package planner

// sched.go translates what decides when and where the process runs: scheduler,
// I/O priority, CPU lists and memory policy.

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// scheduler translates process.scheduler. Numbers that the policy does not use
// are refused: the kernel would ignore some of them in silence.
func scheduler(s *specs.Scheduler, cpuset bool) (*plan.Scheduler, error) {
	if s == nil {
		return nil, nil
	}
	policy, ok := schedPolicy(s.Policy)
	if !ok {
		return nil, bad("process.scheduler.policy", "unknown policy %q", s.Policy)
	}
	realtime := policy == unix.SCHED_FIFO || policy == unix.SCHED_RR
	switch {
	case s.Nice < -20 || s.Nice > 19:
		return nil, bad("process.scheduler.nice", "must be from -20 to 19, is %d", s.Nice)
	case s.Priority != 0 && !realtime:
		return nil, bad("process.scheduler.priority", "is for SCHED_FIFO and SCHED_RR only")
	case s.Priority < 0:
		return nil, bad("process.scheduler.priority", "must not be negative, is %d", s.Priority)
	case policy != unix.SCHED_DEADLINE && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		return nil, bad("process.scheduler", "runtime, deadline and period are for SCHED_DEADLINE only")
	}
	out := &plan.Scheduler{
		Policy: policy, Nice: s.Nice, Priority: uint32(s.Priority),
		Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period, Cpuset: cpuset,
	}
	for i, name := range s.Flags {
		bit, ok := schedFlag(name)
		if !ok {
			return nil, bad("process.scheduler.flags["+strconv.Itoa(i)+"]", "unknown flag %q", name)
		}
		out.Flags |= bit
	}
	return out, nil
}

func schedPolicy(name specs.LinuxSchedulerPolicy) (uint32, bool) {
	switch name {
	case specs.SchedOther:
		return unix.SCHED_NORMAL, true
	case specs.SchedFIFO:
		return unix.SCHED_FIFO, true
	case specs.SchedRR:
		return unix.SCHED_RR, true
	case specs.SchedBatch:
		return unix.SCHED_BATCH, true
	case specs.SchedISO: // reserved: the kernel answers EINVAL until it is there
		return 4, true
	case specs.SchedIdle:
		return unix.SCHED_IDLE, true
	case specs.SchedDeadline:
		return unix.SCHED_DEADLINE, true
	}
	return 0, false
}

func schedFlag(name specs.LinuxSchedulerFlag) (uint64, bool) {
	switch name {
	case specs.SchedFlagResetOnFork:
		return unix.SCHED_FLAG_RESET_ON_FORK, true
	case specs.SchedFlagReclaim:
		return unix.SCHED_FLAG_RECLAIM, true
	case specs.SchedFlagDLOverrun:
		return unix.SCHED_FLAG_DL_OVERRUN, true
	case specs.SchedFlagKeepPolicy:
		return unix.SCHED_FLAG_KEEP_POLICY, true
	case specs.SchedFlagKeepParams:
		return unix.SCHED_FLAG_KEEP_PARAMS, true
	case specs.SchedFlagUtilClampMin:
		return unix.SCHED_FLAG_UTIL_CLAMP_MIN, true
	case specs.SchedFlagUtilClampMax:
		return unix.SCHED_FLAG_UTIL_CLAMP_MAX, true
	}
	return 0, false
}

// ioPriority is the value of ioprio_set(2): class<<13 | level.
func ioPriority(p *specs.LinuxIOPriority) (*int, error) {
	if p == nil {
		return nil, nil
	}
	var class int
	switch p.Class {
	case specs.IOPRIO_CLASS_RT:
		class = 1
	case specs.IOPRIO_CLASS_BE:
		class = 2
	case specs.IOPRIO_CLASS_IDLE:
		class = 3
	default:
		return nil, bad("process.ioPriority.class", "unknown class %q", p.Class)
	}
	if p.Priority < 0 || p.Priority > 7 {
		return nil, bad("process.ioPriority.priority", "must be from 0 to 7, is %d", p.Priority)
	}
	value := class<<13 | p.Priority
	return &value, nil
}

// maxList is the highest CPU or node number that a list may name; the kernel's
// own ceilings are 8192 CPUs and 1024 nodes.
const maxList = 8191

// CPUMask parses a list such as "0-3,7" (cpuset(7), "List format") into a mask
// for sched_setaffinity(2): bit n, lowest byte first, is CPU n. Spaces around
// numbers are fine, an empty list is not.
func CPUMask(list string) ([]byte, error) {
	words, err := parseList(list)
	if err != nil {
		return nil, err
	}
	mask := make([]byte, 0, len(words)*8)
	for _, w := range words {
		for range 8 {
			mask = append(mask, byte(w))
			w >>= 8
		}
	}
	return mask, nil
}

// parseList parses a list of numbers and ranges into a bit mask without
// trailing zero words.
func parseList(list string) ([]uint64, error) {
	var words []uint64
	for part := range strings.SplitSeq(list, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		first, err := listNumber(lo)
		if err != nil {
			return nil, err
		}
		last := first
		if isRange {
			if last, err = listNumber(hi); err != nil {
				return nil, err
			}
		}
		if last < first {
			return nil, fmt.Errorf("range %q runs backwards", part)
		}
		if need := last/64 + 1; need > len(words) {
			words = slices.Concat(words, make([]uint64, need-len(words)))
		}
		for n := first; n <= last; n++ {
			words[n/64] |= 1 << (n % 64)
		}
	}
	return words, nil
}

func listNumber(s string) (int, error) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || s[0] == '+' {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	if n > maxList {
		return 0, fmt.Errorf("%d is above %d", n, maxList)
	}
	return int(n), nil
}

// Modes and flags of set_mempolicy(2), linux/mempolicy.h.
const (
	mpolDefault            = 0
	mpolPreferred          = 1
	mpolBind               = 2
	mpolInterleave         = 3
	mpolLocal              = 4
	mpolPreferredMany      = 5
	mpolWeightedInterleave = 6

	mpolFStaticNodes   = 1 << 15
	mpolFRelativeNodes = 1 << 14
	mpolFNumaBalancing = 1 << 13
)

func memoryPolicy(m *specs.LinuxMemoryPolicy) (*plan.MemPolicy, error) {
	const object = "linux.memoryPolicy"
	if m == nil {
		return nil, nil
	}
	mode, ok := memMode(m.Mode)
	if !ok {
		return nil, bad(object+".mode", "invalid memory policy mode %q", m.Mode)
	}
	out := &plan.MemPolicy{Mode: mode}
	for _, name := range m.Flags {
		bit, ok := memFlag(name)
		if !ok {
			return nil, bad(object+".flags", "invalid memory policy flag %q", name)
		}
		out.Mode |= bit
	}
	const both = mpolFStaticNodes | mpolFRelativeNodes
	if out.Mode&both == both {
		return nil, bad(object+".flags", "invalid memory policy flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
	}
	if m.Nodes != "" {
		var err error
		if out.Nodes, err = parseList(m.Nodes); err != nil {
			return nil, bad(object+".nodes", "invalid memory policy node: %w", err)
		}
	}
	count := 0
	for _, w := range out.Nodes {
		count += bits.OnesCount64(w)
	}
	switch mode {
	case mpolDefault, mpolLocal:
		if count != 0 {
			return nil, bad(object+".nodes", "invalid memory policy: mode requires 0 nodes but got %d", count)
		}
	case mpolPreferred: // without nodes it is local allocation
	default:
		if count == 0 {
			return nil, bad(object+".nodes", "invalid memory policy: mode requires at least one node but got 0")
		}
	}
	return out, nil
}

func memMode(name specs.MemoryPolicyModeType) (int, bool) {
	switch name {
	case specs.MpolDefault:
		return mpolDefault, true
	case specs.MpolPreferred:
		return mpolPreferred, true
	case specs.MpolBind:
		return mpolBind, true
	case specs.MpolInterleave:
		return mpolInterleave, true
	case specs.MpolLocal:
		return mpolLocal, true
	case specs.MpolPreferredMany:
		return mpolPreferredMany, true
	case specs.MpolWeightedInterleave:
		return mpolWeightedInterleave, true
	}
	return 0, false
}

func memFlag(name specs.MemoryPolicyFlagType) (int, bool) {
	switch name {
	case specs.MpolFStaticNodes:
		return mpolFStaticNodes, true
	case specs.MpolFRelativeNodes:
		return mpolFRelativeNodes, true
	case specs.MpolFNumaBalancing:
		return mpolFNumaBalancing, true
	}
	return 0, false
}

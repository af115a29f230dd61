package cgroups

// What an update must know of the limits in force. The spec's memory.swap is
// memory and swap together, as v1 has it; v2 limits swap alone. So a new
// memory.limit by itself must move v2's limit on swap: together they stay what
// they were. (For a new memory.swap by itself see limits_v2.go.)

import (
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// completed is res with the limit on memory and swap that a new one on memory
// leaves as it is.
func (m *manager) completed(res *specs.LinuxResources) (*specs.LinuxResources, error) {
	mem, g := res.Memory, m.v2Group()
	if mem == nil || g == nil || m.v1Group("memory") != nil || set(mem.Limit) <= 0 || set(mem.Swap) != 0 {
		return res, nil
	}
	limit, err := g.present("memory.max")
	if err != nil {
		return nil, err
	}
	swap, err := g.present("memory.swap.max")
	if err != nil {
		return nil, err
	}
	total, err := keptTotal(uint64(*mem.Limit), limit, swap)
	if err != nil || total == 0 {
		return res, err
	}
	r, full := *res, *mem
	full.Swap, r.Memory = &total, &full
	return &r, nil
}

// present is a limit in force; noLimit also where nothing is accounted.
func (g *group) present(file string) (uint64, error) {
	content, err := readValue(path.Join(g.dir, file))
	if err == unix.ENOENT {
		return noLimit, nil
	}
	if err != nil {
		return 0, fault.New(step, path.Join(g.dir, file), "read", err)
	}
	n, err := parseNumber64(content)
	if err != nil {
		return 0, fault.New(step, path.Join(g.dir, file), "read", err)
	}
	return n, nil
}

// keptTotal is the limit on memory and swap in force, 0 for none. limit and swap
// are v2's values.
func keptTotal(wanted, limit, swap uint64) (int64, error) {
	total := add(limit, swap)
	switch {
	case total == noLimit:
		return 0, nil
	case wanted > total:
		return 0, refuse("memory.limit", "is more than memory and swap together may use, which is "+num(total)+"; give memory.swap too")
	}
	return int64(min(total, noLimit/2)), nil
}

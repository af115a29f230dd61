package cli

// update.go: rt update. Its flags are turned into linux.resources, or these are
// read as they are; what they mean is libcontainer's business.

import (
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/spec"
)

func (a *app) updateCommand() *cli.Command {
	return &cli.Command{
		Name:      "update",
		Usage:     "change the limits of a container",
		ArgsUsage: "<container-id>",
		Description: `Changes limits of a created, running or paused container. What is not named
stays as it is. Sizes are bytes, or have a unit: 50M, 1.5GiB; -1 is no limit.

With --resources limits are read as JSON in the form of linux.resources in
config.json, and all other flags but those for schemata are left out of account:

    {"memory": {"limit": 52428800}, "cpu": {"quota": 50000}, "pids": {"limit": 100}}

A 0 there means "as it is". A list "devices" takes the place of all device rules
that are in force; devices that every container needs, like /dev/null, stay.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "resources", Aliases: []string{"r"}, Usage: "read the limits from `FILE`; - is stdin"},
			&cli.StringFlag{Name: "l3-cache-schema", Usage: "use the L3 cache as `SCHEMA` says (Intel RDT)"},
			&cli.StringFlag{Name: "mem-bw-schema", Usage: "use memory bandwidth as `SCHEMA` says (Intel RDT)"},
		}, updateFlags()...),
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			id := c.Args().First()
			return about("update", id, a.update(c, id))
		},
	}
}

func updateFlags() []cli.Flag {
	var flags []cli.Flag
	for _, f := range limitFlags(noLimits()) {
		flags = append(flags, &cli.StringFlag{Name: f.name, Usage: f.usage, Hidden: f.usage == ""})
	}
	return flags
}

func (a *app) update(c *cli.Context, id string) error {
	o := libcontainer.UpdateOptions{L3CacheSchema: c.String("l3-cache-schema"), MemBwSchema: c.String("mem-bw-schema")}
	if file := c.String("resources"); file != "" {
		data, name, err := readInput("--resources", file)
		if err != nil {
			return err
		}
		res, err := spec.DecodeResources(data, name)
		if err != nil {
			return err
		}
		o.Resources = res
		return a.rt.Update(id, o)
	}
	res := noLimits()
	for _, f := range limitFlags(res) {
		value := c.String(f.name)
		switch {
		case value == "":
			continue
		case f.set == nil:
			a.log.Warn("--" + f.name + " has no effect: the kernel has dropped this limit")
			continue
		}
		if err := f.set(value); err != nil {
			return &usage{command: "update", err: fmt.Errorf("invalid value for %s: %q: %w", f.name, value, err)}
		}
	}
	o.Resources = res
	return a.rt.Update(id, o)
}

// limitFlag is a flag that sets one limit. Without a usage it is hidden, without
// set it is there for old command lines only.
type limitFlag struct {
	name, usage string
	set         func(string) error
}

// noLimits has room for what limitFlags set.
func noLimits() *specs.LinuxResources {
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{}, CPU: &specs.LinuxCPU{}, Pids: &specs.LinuxPids{}, BlockIO: &specs.LinuxBlockIO{},
	}
}

// limitFlags are the flags, writing into r, which is from noLimits.
func limitFlags(r *specs.LinuxResources) []limitFlag {
	return []limitFlag{
		{"blkio-weight", "give block I/O this `WEIGHT` among others, 10 to 1000", weight(&r.BlockIO.Weight)},
		{"cpu-period", "measure the CPU quota over `TIME` in µs", unsigned(&r.CPU.Period)},
		{"cpu-quota", "allow `TIME` in µs on CPUs in each period; -1 is no limit", signed(&r.CPU.Quota)},
		{"cpu-burst", "allow `TIME` in µs beyond the quota, saved up before", unsigned(&r.CPU.Burst)},
		{"cpu-share", "give CPU time this `WEIGHT` among others, 2 to 262144", unsigned(&r.CPU.Shares)},
		{"cpu-rt-period", "measure real-time CPU time over `TIME` in µs", unsigned(&r.CPU.RealtimePeriod)},
		{"cpu-rt-runtime", "allow `TIME` in µs for real-time tasks in each period", signed(&r.CPU.RealtimeRuntime)},
		{"cpu-idle", "run only when nobody else wants to: `WHEN` is 1 or 0", signed(&r.CPU.Idle)},
		{"cpuset-cpus", "use these `CPUS` only, like 0-3,7", text(&r.CPU.Cpus)},
		{"cpuset-mems", "use memory of these `NODES` only", text(&r.CPU.Mems)},
		{"memory", "limit memory to `SIZE`", size(&r.Memory.Limit)},
		{"memory-reservation", "protect memory up to `SIZE` when there is little", size(&r.Memory.Reservation)},
		{"memory-swap", "limit memory and swap together to `SIZE`", size(&r.Memory.Swap)},
		{"pids-limit", "allow `NUMBER` processes and threads; -1 is no limit", atLeastOne(&r.Pids.Limit)},
		{"kernel-memory", "", nil},
		{"kernel-memory-tcp", "", nil},
	}
}

func text(to *string) func(string) error {
	return func(s string) error {
		*to = s
		return nil
	}
}

func unsigned(to **uint64) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		*to = &n
		return plain(err)
	}
}

func signed(to **int64) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseInt(s, 10, 64)
		*to = &n
		return plain(err)
	}
}

// atLeastOne makes 0 a 1: a container has its init.
func atLeastOne(to **int64) func(string) error {
	set := signed(to)
	return func(s string) error {
		err := set(s)
		if **to == 0 {
			**to = 1
		}
		return err
	}
}

func weight(to **uint16) func(string) error {
	return func(s string) error {
		n, err := strconv.ParseUint(s, 10, 16)
		w := uint16(n)
		*to = &w
		return plain(err)
	}
}

func size(to **int64) func(string) error {
	return func(s string) error {
		n, err := parseSize(s)
		*to = &n
		return err
	}
}

// plain is strconv's error without the function and the text.
func plain(err error) error {
	if e, ok := err.(*strconv.NumError); ok { //nolint:errorlint // straight from strconv
		return e.Err
	}
	return err
}

package libcontainer

// launch_park.go: a memory limit that init itself would not fit into. Until it
// is ready, init's memory is charged to rt's caller; before the container can
// be started it is in its cgroup, so nothing of the program runs outside. A
// parent that is killed takes init with it: init's socket ends.
//
// It costs two messages and four writes, so it is done for small limits only.

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/wire"
)

// initMemory is more than init has used, with any plan, when it is ready.
const initMemory = 8 << 20

// parked: init is kept out of the cgroup where memory is charged. Not one that
// is C, which needs next to nothing, and not when it
// runs hooks: what these start must be in the container's cgroup.
func (l *launch) parked() bool {
	if l.isDirect || !littleMemory(l.resources()) {
		return false
	}
	if h := l.spec.Hooks; h != nil && len(h.CreateContainer) > 0 {
		return false
	}
	return l.cg.CanPark()
}

// littleMemory: there is a limit that init would not fit into.
func littleMemory(res *specs.LinuxResources) bool {
	if res == nil {
		return false
	}
	little := func(limit int64) bool { return limit > 0 && limit < initMemory }
	if res.Memory != nil && res.Memory.Limit != nil && little(*res.Memory.Limit) {
		return true
	}
	for _, file := range []string{"memory.max", "memory.high"} {
		if limit, err := strconv.ParseInt(strings.TrimSpace(res.Unified[file]), 10, 64); err == nil && little(limit) {
			return true
		}
	}
	return false
}

func (l *launch) park() error {
	if !l.parked() {
		return nil
	}
	return l.cg.Park(l.init.pid)
}

func (l *launch) unpark() error {
	if !l.parked() {
		return nil
	}
	return l.cg.Unpark(l.init.pid)
}

// rootCgroup has init in its cgroup while it makes its cgroup namespace, whose
// root that cgroup becomes.
func (l *launch) rootCgroup() error {
	for _, move := range []func() error{l.unpark, l.park} {
		if err := l.expect(wire.Barrier, "init to make its namespaces"); err != nil {
			return err
		}
		if err := move(); err != nil {
			return err
		}
		if err := l.conn.Send(wire.Go, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

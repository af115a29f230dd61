package libcontainer

// launch_park.go: a memory limit that init itself would not fit into. Until it
// is ready, init's memory is charged to rt's caller; before the container can
// be started it is in its cgroup, so nothing of the program runs outside. A
// parent that is killed takes init with it: init's socket ends.
//
// It costs two messages and four writes, so it is done for small limits only.

import (
	"rt/libcontainer/wire"
)

// initMemory is more than init has used, with any plan, when it is ready.
const initMemory = 8 << 20

// parked: init is kept out of the cgroup where memory is charged. Not when it
// runs hooks: what these start must be in the container's cgroup.
func (l *launch) parked() bool {
	res := l.resources()
	if res == nil || res.Memory == nil || res.Memory.Limit == nil || *res.Memory.Limit <= 0 || *res.Memory.Limit >= initMemory {
		return false
	}
	if h := l.spec.Hooks; h != nil && len(h.CreateContainer) > 0 {
		return false
	}
	return l.cg.CanPark()
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

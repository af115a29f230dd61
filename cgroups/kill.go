package cgroups

// Signals to everything in the container's cgroup.

import (
	"errors"
	"path"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// killTime is how long Kill goes on against processes that it cannot freeze.
const killTime = 10 * time.Second

func (m *manager) Kill(sig syscall.Signal) error {
	g := m.lead()
	if g == nil || m.foreign {
		return nil
	}
	if sig != unix.SIGKILL {
		return m.signalOnce(g, sig)
	}
	if g.v2 {
		// The kernel kills the whole subtree, and what is just being forked.
		err := writeFile(path.Join(g.dir, "cgroup.kill"), "1")
		switch {
		case err == unix.ENOENT:
			return nil // no such cgroup: nothing is in it
		case err == nil:
			return m.thawV1()
		case err != unix.EOPNOTSUPP: // a threaded cgroup
			return refusal(g.dir, "cgroup.kill", "1", err)
		}
	}
	return m.killLoop(g)
}

func (m *manager) Thaw() error { return m.thawV1() }

// thawV1 lets killed processes die: unlike v2's, v1's freezer holds them.
func (m *manager) thawV1() error {
	f := m.v1Group("freezer")
	if f == nil {
		return nil
	}
	if err := thaw(f); err != nil {
		return err
	}
	return walk(f.dir, func(dir string) error {
		if dir == f.dir {
			return nil
		}
		return thaw(&group{dir: dir})
	})
}

func thaw(f *group) error {
	err := writeFile(path.Join(f.dir, "freezer.state"), "THAWED")
	if err != nil && err != unix.ENOENT && err != unix.ENODEV {
		return refusal(f.dir, "freezer.state", "THAWED", err)
	}
	return nil
}

// killLoop freezes, signals all, thaws, until nothing is left. What is frozen
// cannot fork, so one turn is enough unless a process cannot be frozen.
func (m *manager) killLoop(g *group) error {
	end := time.Now().Add(killTime)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		f := m.freezer()
		frozen := f != nil && f.freeze(true, 500*time.Millisecond) == nil
		pids, err := procs(g.dir)
		if err == nil {
			err = signal(pids, unix.SIGKILL)
		}
		if f != nil && !f.v2 {
			err = fault.Join(err, m.thawV1())
		} else if f != nil {
			err = fault.Join(err, ignoreGone(f.freeze(false, freezeTime)))
		}
		switch {
		case err != nil:
			return err
		case frozen, len(pids) == 0:
			return nil
		case time.Now().After(end):
			return fault.New(step, g.dir, "kill "+describe(pids), errTimeout)
		}
		time.Sleep(pause)
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// signalOnce delivers sig to each process once, holding them still so that
// none is missed. A paused container stays paused.
func (m *manager) signalOnce(g *group, sig syscall.Signal) (result error) {
	if f := m.freezer(); f != nil {
		paused, err := f.frozen()
		if err != nil {
			return err
		}
		if !paused && f.freeze(true, 500*time.Millisecond) == nil {
			defer func() { result = fault.Join(result, ignoreGone(f.freeze(false, freezeTime))) }()
		}
	}
	pids, err := procs(g.dir)
	if err != nil {
		return fault.New(step, g.dir, "list processes", err)
	}
	return signal(pids, sig)
}

func signal(pids []int, sig syscall.Signal) error {
	var first error
	for _, pid := range pids {
		err := unix.Kill(pid, sig)
		if err != nil && err != unix.ESRCH && first == nil {
			first = fault.New(step, "", "kill "+describe([]int{pid}), err)
		}
	}
	return first
}

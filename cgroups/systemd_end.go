package cgroups

// Ending a unit, and only the container's own.

import (
	"strings"
	"time"

	"rt/libcontainer/fault"
)

// Remove stops the unit and removes what is left of its directories. Without a
// systemd that answers, the empty directories go all the same; it will find
// them gone.
func (m *systemdManager) Remove(deadline time.Duration) error {
	if m.foreign {
		m.Close()
		return nil
	}
	end := time.Now().Add(deadline)
	b, closeIt, err := m.open(end)
	if err != nil {
		return m.manager.Remove(time.Until(end))
	}
	mine, stopErr := m.stopUnit(b, end)
	closeIt()
	if !mine {
		m.Close()
		return nil
	}
	if err := m.manager.Remove(time.Until(end)); err != nil && stopErr == nil {
		return err
	}
	return stopErr
}

// stopUnit ends the container's unit. mine is false when the unit of that name
// is another container's by now.
func (m *systemdManager) stopUnit(b *bus, end time.Time) (mine bool, err error) {
	unit := m.rec.Unit
	now, err := b.invocation(unit.Name)
	switch {
	case err != nil:
		return true, fault.New(step, "unit "+unit.Name, "read InvocationID", err)
	case now == "":
		b.resetFailed(unit.Name)
		return true, nil
	case unit.Invocation == "" && !m.leftover(b, end):
		return false, nil
	case unit.Invocation != "" && now != unit.Invocation:
		return false, nil
	}
	return true, b.stop(unit.Name)
}

// leftover tells whether a unit that was not recorded as begun can be ours:
// what the container had in it dies with the rt that was killed, so a unit in
// which processes stay alive is somebody else's.
func (m *systemdManager) leftover(b *bus, end time.Time) bool {
	g := m.lead()
	if g == nil || strings.HasSuffix(m.rec.Unit.Name, sliceSuffix) {
		return false
	}
	if limit := time.Now().Add(2 * time.Second); end.After(limit) {
		end = limit
	}
	pids, err := procs(g.dir)
	return err == nil && waitGone(pids, end)
}

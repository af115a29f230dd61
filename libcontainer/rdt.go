package libcontainer

// rdt.go: a container's groups in the resctrl file system (linux.intelRdt).

import (
	"encoding/json"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups/intelrdt"
	"rt/libcontainer/fault"
	"rt/libcontainer/state"
)

// openRdt decides on the groups, so that they are in the record before they
// are made.
func (l *launch) openRdt() (err error) {
	if l.spec.Linux == nil || l.spec.Linux.IntelRdt == nil {
		return nil
	}
	if l.rdt, err = intelrdt.New(l.opts.ID, l.spec.Linux.IntelRdt); err != nil {
		return err
	}
	return setRdt(l.rec, l.rdt)
}

func (l *launch) attachRdt() error {
	if l.rdt == nil {
		return nil
	}
	err := l.rdt.Apply(l.init.pid)
	if serr := setRdt(l.rec, l.rdt); err == nil { // it may turn out to be somebody else's
		err = serr
	}
	return err
}

// setRdt writes the groups' record into the container's.
func setRdt(r *state.Record, g *intelrdt.Group) error {
	b, err := json.Marshal(g.Record())
	if err != nil {
		return fault.New("state", r.ID, "encode intelRdt", err)
	}
	r.IntelRdt = b
	return nil
}

// rdt returns the container's groups, or nil when it has none.
func (c *container) rdt() (*intelrdt.Group, error) {
	if len(c.rec.IntelRdt) == 0 {
		return nil, nil
	}
	g, err := intelrdt.Load(c.rec.IntelRdt)
	if err != nil {
		return nil, fault.New("state", c.rec.ID, "intelRdt", err)
	}
	return g, nil
}

// removeRdt removes the groups that go with the container. A garbled record of
// them must not keep the container from going.
func (c *container) removeRdt() error {
	g, err := c.rdt()
	if err != nil {
		c.rt.log.Warn("its resctrl groups, if there are any, stay: " + err.Error())
		return nil
	}
	if g == nil {
		return nil
	}
	return g.Remove()
}

// updateRdt gives the container other schemata; what is "" stays. One that has
// no group gets one of its own, with all its processes, as with runc. The
// caller holds the container's lock.
func (c *container) updateRdt(l3CacheSchema, memBwSchema string) error {
	if l3CacheSchema == "" && memBwSchema == "" {
		return nil
	}
	g, err := c.rdt()
	if err != nil {
		return err
	}
	if g != nil {
		return g.Set(l3CacheSchema, memBwSchema)
	}
	g, err = intelrdt.New(c.rec.ID, &specs.LinuxIntelRdt{L3CacheSchema: l3CacheSchema, MemBwSchema: memBwSchema})
	if err != nil {
		return err
	}
	if err := setRdt(c.rec, g); err != nil {
		return err
	}
	if err := c.dir.Save(c.rec); err != nil {
		return err
	}
	return c.enterRdt(g)
}

// enterRdt makes a new group and moves all that run into it. It is done twice,
// for what was forked meanwhile.
func (c *container) enterRdt(g *intelrdt.Group) error {
	if err := g.Apply(c.rec.Init.Pid); err != nil {
		return err
	}
	for range 2 {
		pids := []int{c.rec.Init.Pid}
		if c.cg != nil {
			if members, err := c.cg.Procs(); err == nil && len(members) > 0 {
				pids = members
			}
		}
		for _, pid := range pids {
			if err := g.Add(pid); err != nil {
				return err
			}
		}
	}
	return nil
}

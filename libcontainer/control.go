package libcontainer

// control.go: holding a container still, changing its limits, and its processes.

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
)

// Pause freezes all processes of a created or running container. Errors:
// fault.ErrNotExist; fault.ErrNotRunning, also for one that is paused already.
func (r *Runtime) Pause(id string) error {
	c, cg, err := r.control(id)
	if err != nil {
		return err
	}
	defer c.dir.Close()
	status, err := c.status()
	if err != nil {
		return err
	}
	switch status {
	case Created, Running:
	case Paused:
		return fault.New("", id, "", fault.ErrNotRunning).WithHint("it is paused already")
	default:
		return fault.New("", id, "", fault.ErrNotRunning)
	}
	if err := cg.Freeze(true); err != nil {
		return err
	}
	if c.rec.Init.Alive() {
		return nil
	}
	// It ended just now. An empty frozen cgroup would be in the way of whoever
	// comes next.
	if err := cg.Freeze(false); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return fault.New("", id, "", fault.ErrNotRunning)
}

// Resume thaws a paused container. Errors: fault.ErrNotExist, fault.ErrNotPaused.
func (r *Runtime) Resume(id string) error {
	c, cg, err := r.control(id)
	if err != nil {
		return err
	}
	defer c.dir.Close()
	status, err := c.status()
	if err != nil {
		return err
	}
	if status != Paused {
		return fault.New("", id, "", fault.ErrNotPaused)
	}
	return cg.Freeze(false)
}

// UpdateOptions are the changes of Update.
type UpdateOptions struct {
	// Resources are new limits; nil changes none. What it leaves out, or has
	// as 0, stays as it is; device rules, if there are any, take the place of
	// those in force.
	Resources *specs.LinuxResources
	// L3CacheSchema and MemBwSchema are new schemata in resctrl; "" stays as it
	// is. A container without a group there gets one.
	L3CacheSchema, MemBwSchema string
}

// Update changes the limits of a container that has not ended. A paused one
// stays paused. A limit that is refused changes nothing; schemata come after the
// limits and do not take them back. Errors: fault.ErrNotExist,
// fault.ErrNotRunning.
func (r *Runtime) Update(id string, o UpdateOptions) error {
	c, cg, err := r.control(id)
	if err != nil {
		return err
	}
	defer c.dir.Close()
	if err := c.hasNotEnded(); err != nil {
		return err
	}
	err = c.setLimits(cg, changes(o.Resources))
	r.warn(cg.Warnings())
	if err != nil {
		return err
	}
	return c.updateRdt(o.L3CacheSchema, o.MemBwSchema)
}

// setLimits sets limits. New device rules are recorded, and those of devices that
// were added stay.
func (c *container) setLimits(cg cgroups.Manager, res *specs.LinuxResources) error {
	if res == nil || res.Devices == nil {
		return cg.Set(res)
	}
	before := c.rec.DeviceRules
	c.rec.DeviceRules = res.Devices
	if err := c.dir.Save(c.rec); err != nil {
		return err
	}
	res.Devices = withDevices(res.Devices, c.rec.Devices)
	err := cg.Set(res)
	if err != nil {
		c.rec.DeviceRules = before
		if serr := c.dir.Save(c.rec); serr != nil {
			c.rt.log.Warn(serr.Error())
		}
	}
	return err
}

// changes is res without what clients send for a value they do not have, where
// the same would be a limit in a config.json.
func changes(res *specs.LinuxResources) *specs.LinuxResources {
	if res == nil {
		return nil
	}
	r := *res
	if r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit == 0 {
		r.Pids = nil
	}
	if len(r.Devices) == 0 {
		r.Devices = nil
	}
	return &r
}

// Processes lists the pids of a container's processes as the caller sees them,
// sub-cgroups included, sorted. One that has ended has none, unless some have
// outlived its init. Errors: fault.ErrNotExist; or a running container is not in
// a cgroup of its own.
func (r *Runtime) Processes(id string) ([]int, error) {
	c, err := r.read(id)
	if err != nil {
		return nil, err
	}
	if !c.rec.Init.Alive() && (c.cg == nil || c.rec.PrivatePids) {
		return nil, nil
	}
	cg, err := c.cgroup()
	if err != nil {
		return nil, err
	}
	pids, err := cg.Procs()
	if err == nil && len(pids) == 0 && c.rec.Init.Alive() {
		err = fault.New("cgroup", "", "list processes", errors.New("none, but the container runs")).
			WithHint("it was moved out of its cgroup")
	}
	return pids, err
}

// control locks a container to act on its cgroup; the caller closes c.dir.
func (r *Runtime) control(id string) (*container, cgroups.Manager, error) {
	c, err := r.load(id)
	if err != nil {
		return nil, nil, err
	}
	cg, err := c.cgroup()
	if err != nil {
		c.dir.Close()
		return nil, nil, err
	}
	return c, cg, nil
}

package libcontainer

// stats.go: what a container uses, once or as a stream of events.

import (
	"errors"
	"time"

	"rt/cgroups"
	"rt/cgroups/intelrdt"
	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// Stats is what a container has used. Its JSON is the data of runc's events
// (its types.Stats), which go-runc and others parse.
type Stats struct {
	cgroups.Stats
	// IntelRDT is the container's share of cache and memory bandwidth, for one
	// with linux.intelRdt.
	IntelRDT intelrdt.Stats `json:"intel_rdt"`
	// NetworkInterfaces is always null, as runc's is: engines set up networks,
	// and count on them.
	NetworkInterfaces []struct{} `json:"network_interfaces"`
}

// Event is one line of `rt events`. Data is set for the type "stats".
type Event struct {
	Type string `json:"type"` // EventStats or EventOOM
	ID   string `json:"id"`
	Data *Stats `json:"data,omitempty"`
}

// The types of Event.
const (
	EventStats = "stats"
	// EventOOM: the OOM killer was at work in the container.
	EventOOM = "oom"
)

// Stats reads what a running container has used. Errors: fault.ErrNotExist,
// fault.ErrNotRunning; or the container has no cgroup.
func (r *Runtime) Stats(id string) (*Stats, error) {
	c, err := r.read(id)
	if err != nil {
		return nil, err
	}
	if !c.rec.Init.Alive() {
		return nil, fault.New("", id, "", fault.ErrNotRunning)
	}
	return c.stats()
}

func (c *container) stats() (*Stats, error) {
	cg, err := c.cgroup()
	if err != nil {
		return nil, err
	}
	s, err := cg.Stats()
	for _, w := range cg.Warnings() {
		c.rt.log.Debug(w)
	}
	if err != nil {
		// A container that ends takes its cgroup along.
		if !c.rec.Init.Alive() {
			err = fault.New("", c.rec.ID, "", fault.ErrNotRunning)
		}
		return nil, err
	}
	return &Stats{Stats: *s, IntelRDT: c.rdtStats()}, nil
}

// rdtStats is nothing for a container without groups in resctrl, and where they
// cannot be read: the other statistics are not to be lost for it.
func (c *container) rdtStats() intelrdt.Stats {
	g, err := c.rdt()
	if g == nil && err == nil {
		return intelrdt.Stats{}
	}
	if err == nil {
		var s *intelrdt.Stats
		if s, err = g.Stats(); err == nil {
			return *s
		}
	}
	c.rt.log.Debug(err.Error())
	return intelrdt.Stats{}
}

// cgroup is the container's cgroup manager, for what cannot do without one.
func (c *container) cgroup() (cgroups.Manager, error) {
	if c.cg == nil || c.cg.Record().Manager == cgroups.ManagerNone {
		return nil, fault.New("cgroup", "", "", errors.New("this container has none")).
			WithHint("it was created by a user who may not make cgroups; see cgroup delegation")
	}
	return c.cg, nil
}

// Events calls emit with the container's statistics every interval and with an
// event for each time the OOM killer was at work in it, until the container has
// ended or emit returns an error. An interval of 0 leaves the statistics out.
// Errors: fault.ErrNotExist, fault.ErrNotRunning, emit's.
func (r *Runtime) Events(id string, interval time.Duration, emit func(Event) error) error {
	c, err := r.read(id)
	if err != nil {
		return err
	}
	init, err := openProcess(c.rec.Init)
	if errors.Is(err, fault.ErrNotRunning) {
		return fault.New("", id, "", fault.ErrNotRunning)
	}
	if err != nil {
		return err
	}
	defer sys.Close(init)
	cg, err := c.cgroup()
	if err != nil {
		return err
	}
	oom, err := cg.WatchOOM()
	switch {
	case errors.Is(err, cgroups.ErrUnavailable):
		r.log.Debug("no OOM events: " + err.Error())
	case err != nil:
		return err
	}
	defer oom.Close()
	return c.events(init, oom, interval, emit)
}

// events is one loop on two descriptors and a clock. What was OOM-killed at the
// very end is told before the end is noticed.
func (c *container) events(init int, oom *cgroups.OOMWatch, interval time.Duration, emit func(Event) error) error {
	next := time.Now().Add(interval)
	for {
		var wait time.Duration // for ever
		if interval > 0 {
			wait = max(time.Until(next), 0) + time.Millisecond
		}
		ready, err := sys.Readable(wait, init, oom.Fd())
		if err != nil {
			return fault.New("events", c.rec.ID, "poll", err)
		}
		if oom.Happened() {
			if err := emit(Event{Type: EventOOM, ID: c.rec.ID}); err != nil {
				return err
			}
		}
		if ready == 0 {
			return nil
		}
		if interval == 0 || time.Now().Before(next) {
			continue
		}
		// A clock that was held up (a stopped rt) does not make up for it.
		next = time.Now().Add(interval)
		stats, err := c.stats()
		if errors.Is(err, fault.ErrNotRunning) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := emit(Event{Type: EventStats, ID: c.rec.ID, Data: stats}); err != nil {
			return err
		}
	}
}

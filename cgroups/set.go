package cgroups

// Applying limits: which controller is where on this host, which writes are
// due in which directory, and what is missing.

import (
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

func (m *manager) Set(res *specs.LinuxResources) error {
	if res == nil {
		return nil
	}
	if err := m.checkMemory(res.Memory); err != nil {
		return err
	}
	res, err := m.completed(res)
	if err != nil {
		return err
	}
	if res.Devices != nil { // wrong ones are found before anything is written
		if _, err := m.decideDevices(res); err != nil {
			return err
		}
	}
	j := &journal{}
	err = m.limit(res, false, j)
	if err == nil && res.Devices != nil {
		err = m.setDevices(res, false)
	}
	if err != nil {
		for _, failed := range j.rollback() {
			m.warn(failed)
		}
	}
	return err
}

// batch is a list of writes for one directory.
type batch struct {
	dir  string
	list []write
}

// limit decides on all writes, then makes them: a wrong value in the
// configuration is found before anything is changed. What it changed is in j.
func (m *manager) limit(res *specs.LinuxResources, fresh bool, j *journal) error {
	if idles(res) && weighs(res) {
		m.warn("unable to apply both cpu.idle and a weight: the weight is left out")
	}
	// A cgroup that was there before has no default values to rely on.
	v1, v2, need, err := m.decide(res, fresh && len(m.rec.Joined) == 0)
	if err != nil {
		return err
	}
	if g := m.v2Group(); g != nil && (len(need) > 0 || m.rec.Manager == ManagerV2 && fresh) {
		missing, err := m.enable(g, need, fresh)
		if err != nil {
			return err
		}
		for _, c := range missing {
			if err := m.unavailable(c); err != nil {
				return err
			}
			v2.list = slices.DeleteFunc(v2.list, func(w write) bool { return strings.HasPrefix(w.file, c+".") })
		}
	}
	for _, b := range append(v1, v2) {
		warnings, err := apply(b.dir, b.list, j)
		m.warnings = append(m.warnings, warnings...)
		if err != nil {
			return err
		}
	}
	return nil
}

// decide makes the writes for v1 directories and for cgroup2, and names the
// v2 controllers that those need.
func (m *manager) decide(res *specs.LinuxResources, fresh bool) (v1 []batch, v2 batch, need []string, err error) {
	unifiedGroup := m.v2Group()
	if unifiedGroup != nil {
		v2.dir = unifiedGroup.dir
	}
	for _, c := range controllers() {
		g, limiter := m.v1Group(c.v1Name), c.v1
		if g == nil && unifiedGroup != nil && c.v2 != nil {
			limiter = c.v2
		}
		list, err := limiter(res, fresh)
		if err != nil {
			return nil, v2, nil, err
		}
		switch {
		case len(list) == 0:
		case g != nil:
			v1 = append(v1, batch{g.dir, list})
		case unifiedGroup != nil && c.v2 != nil:
			v2.list = append(v2.list, list...)
			need = append(need, c.v2Name)
		default:
			if err := m.unavailable(c.v1Name); err != nil {
				return nil, v2, nil, err
			}
		}
	}
	list, needed, err := unified(res)
	if err != nil {
		return nil, v2, nil, err
	}
	for _, w := range list {
		c, _, _ := strings.Cut(w.file, ".")
		v1Name := c
		if c == "io" {
			v1Name = "blkio"
		}
		if m.rec.Manager != ManagerNone && (unifiedGroup == nil || m.v1Group(v1Name) != nil) {
			why := "there is no cgroup v2 on this host"
			if unifiedGroup != nil {
				why = "the controller " + c + " is in cgroup v1 on this host"
			}
			return nil, v2, nil, fault.New(step, "linux.resources.unified", w.file, fmt.Errorf("%w: %s", ErrInvalid, why))
		}
	}
	for _, c := range needed {
		if !slices.Contains(need, c) {
			need = append(need, c)
		}
	}
	if m.rec.Manager == ManagerNone && len(list) > 0 {
		m.warn("linux.resources.unified: lost: there is no cgroup for this container")
		return nil, batch{}, nil, nil
	}
	v2.list = append(v2.list, list...)
	return v1, v2, need, nil
}

// unavailable is an error, or for a rootless user a warning.
func (m *manager) unavailable(controller string) error {
	if m.rec.Manager == ManagerNone {
		m.warn("controller " + controller + ": the limit is lost: there is no cgroup for this container")
		return nil
	}
	e := fault.New(step, "controller "+controller, "", ErrUnavailable).
		WithHint("leave out the limit, or give the host this controller (see /proc/cgroups and " + defaultMount + ")")
	if m.rec.Rootless {
		m.warn(e.Error() + ": the limit is lost")
		return nil
	}
	return e
}

func readList(dir, file string) ([]string, error) {
	v, err := readValue(path.Join(dir, file))
	if err != nil {
		return nil, fault.New(step, path.Join(dir, file), "read", err)
	}
	return strings.Fields(v), nil
}

func contains(have, want []string) bool {
	for _, c := range want {
		if !slices.Contains(have, c) {
			return false
		}
	}
	return true
}

// checkMemory honours memory.checkBeforeUpdate: v2 would rather kill than
// refuse a limit below the present usage.
func (m *manager) checkMemory(mem *specs.LinuxMemory) error {
	if mem == nil || mem.CheckBeforeUpdate == nil || !*mem.CheckBeforeUpdate || set(mem.Limit) <= 0 && set(mem.Swap) <= 0 {
		return nil
	}
	var file string
	if g := m.v1Group("memory"); g != nil {
		file = path.Join(g.dir, "memory.usage_in_bytes")
	} else if g := m.v2Group(); g != nil {
		file = path.Join(g.dir, "memory.current")
	} else {
		return nil
	}
	v, err := readValue(file)
	if err != nil {
		return fault.New(step, file, "read", err)
	}
	used, _ := parseUint(v)
	return belowUsage(mem, used)
}

// belowUsage refuses limits that less than the used memory would be left of, in
// runc's words. What is used of swap comes on top for memory and swap together,
// and only makes more of it.
func belowUsage(mem *specs.LinuxMemory, used uint64) error {
	if v := set(mem.Swap); v > 0 && used > uint64(v) {
		return refuse("memory.swap", fmt.Sprintf("rejecting memory+swap limit %d: it is below the present usage of %d", v, used))
	}
	if v := set(mem.Limit); v > 0 && used > uint64(v) {
		return refuse("memory.limit", fmt.Sprintf("rejecting memory limit %d: it is below the present usage of %d", v, used))
	}
	return nil
}

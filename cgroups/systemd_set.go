package cgroups

// Changing the limits of a unit that is there: properties first, then files.

import (
	"errors"
	"maps"
	"path"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups/dbus"
	"rt/libcontainer/fault"
)

// Set writes the files first, which the kernel may refuse and which can be taken
// back; then systemd gets the properties and writes the files as it sees it; so
// they are written again. All of it applies, or nothing.
func (m *systemdManager) Set(res *specs.LinuxResources) error {
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
	if err := m.check(res, false); err != nil {
		return err
	}
	given, err := m.withQuota(res)
	if err != nil {
		return err
	}
	if given, err = m.awake(given); err != nil {
		return err
	}
	b, closeIt, err := m.open(time.Now().Add(jobTime))
	if err != nil {
		return err
	}
	defer closeIt()
	// Absent device rules stay as they are.
	p, err := limitProperties(given, m.rec.Manager == ManagerV2, b.version, m.rec.Rootless || res.Devices == nil)
	if err != nil {
		return err
	}
	if err := m.isLive(b); err != nil {
		return err
	}
	return m.apply(b, given, p)
}

func (m *systemdManager) apply(b *bus, res *specs.LinuxResources, p properties) error {
	j := &journal{}
	err := m.limit(res, false, j)
	if err == nil && len(p) > 0 {
		unit := m.rec.Unit.Name
		if _, err = b.manager("SetUnitProperties", unit, true, []dbus.Property(p)); err != nil {
			err = fault.New(step, "unit "+unit, "set properties", err).WithHint(b.hint(unit, err))
		} else {
			m.warnings = nil
			err = m.limit(res, false, j)
		}
	}
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

// isLive says whether the unit is still the container's.
func (m *systemdManager) isLive(b *bus) error {
	unit := m.rec.Unit
	now, err := b.invocation(unit.Name)
	if err != nil {
		return fault.New(step, "unit "+unit.Name, "read InvocationID", err)
	}
	if now == "" || now != unit.Invocation {
		return fault.New(step, "unit "+unit.Name, "", errors.New("has ended")).
			WithHint("the container's processes are gone, or not in their cgroup any more")
	}
	return nil
}

// awake is res that also ends the idling of a cgroup that it gives a weight: both
// are CPUWeight to systemd, but the kernel refuses the weight of an idle cgroup.
func (m *systemdManager) awake(res *specs.LinuxResources) (*specs.LinuxResources, error) {
	g := m.v2Group()
	_, told := res.Unified["cpu.idle"]
	if g == nil || m.v1Group("cpu") != nil || !weighs(res) || told || res.CPU != nil && res.CPU.Idle != nil {
		return res, nil
	}
	idle, err := g.present("cpu.idle")
	if err != nil || idle != 1 {
		return res, err
	}
	full := *res
	full.Unified = maps.Clone(res.Unified)
	if full.Unified == nil {
		full.Unified = map[string]string{}
	}
	full.Unified["cpu.idle"] = "0"
	return &full, nil
}

// withQuota completes quota and period with the present values: systemd keeps
// the share of time when only one of them changes, the kernel the quota.
func (m *systemdManager) withQuota(res *specs.LinuxResources) (*specs.LinuxResources, error) {
	if res.CPU == nil || (set(res.CPU.Quota) == 0) == (set(res.CPU.Period) == 0) {
		return res, nil
	}
	quota, period, err := m.quota()
	if err != nil {
		return nil, err
	}
	full, cpu := *res, *res.CPU
	if set(cpu.Quota) == 0 {
		cpu.Quota = &quota
	} else {
		cpu.Period = &period
	}
	full.CPU = &cpu
	return &full, nil
}

// quota reads the present CPU quota, -1 for none, and its period.
func (m *systemdManager) quota() (quota int64, period uint64, err error) {
	var quotaText, periodText, dir string
	if g := m.v1Group("cpu"); g != nil {
		dir = g.dir
		if quotaText, err = readValue(path.Join(dir, "cpu.cfs_quota_us")); err == nil {
			periodText, err = readValue(path.Join(dir, "cpu.cfs_period_us"))
		}
	} else if g := m.v2Group(); g != nil {
		dir = g.dir
		quotaText, err = readValue(path.Join(dir, "cpu.max"))
		quotaText, periodText, _ = strings.Cut(quotaText, " ")
	}
	if err != nil {
		return 0, 0, fault.New(step, dir, "read the CPU quota", err)
	}
	quota = -1
	if n, ok := parseUint(quotaText); ok {
		quota = int64(n)
	}
	if period, _ = parseUint(periodText); period == 0 {
		period = defaultPeriod
	}
	return quota, period, nil
}

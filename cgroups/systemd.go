package cgroups

// The Manager for cgroups that systemd makes: a transient unit for each
// container. The unit's directories are known, so that everything that only
// uses them (finding, killing, freezing, counting) is manager's; here is what
// has to be asked of systemd: beginning, limiting and ending a unit.
//
// Attach begins the unit, not Create: a scope is made of a process.
//
// Limits are given to systemd first, which would undo what it does not know
// of, and are then written to the files, which take them exactly.

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// jobTime is how long systemd may take for one command's worth of work. It is
// generous since a start waits for all jobs before it, on a host that boots.
const jobTime = 30 * time.Second

// UnitRecord is what finds a container's unit again.
type UnitRecord struct {
	Name string `json:"name"`
	// User: it is a unit of the user's own systemd.
	User bool `json:"user,omitempty"`
	// Invocation tells the unit from a later one of the same name. It is empty
	// until the unit has begun.
	Invocation string `json:"invocation,omitempty"`
}

type systemdManager struct {
	manager
	slice string
	extra properties // from annotations
	res   *specs.LinuxResources
	bus   *bus // open from New until Attach
	wait  time.Duration
}

// newSystemd resolves o.Path and finds systemd. It makes nothing.
func newSystemd(o Options) (Manager, error) {
	l, err := Host()
	if err != nil {
		return nil, err
	}
	m, err := newSystemdOn(l, o, jobTime)
	if err != nil {
		return nil, err // a nil *systemdManager would be a Manager
	}
	return m, nil
}

func newSystemdOn(l *Layout, o Options, wait time.Duration) (*systemdManager, error) {
	name, err := parseUnitName(o.Path, o.ID, o.Rootless)
	if err != nil {
		return nil, err
	}
	extra, err := annotatedProperties(o.Annotations)
	if err != nil {
		return nil, err
	}
	if o.Rootless && l.Mode != ManagerV2 {
		return nil, fault.New(step, "systemd", "user manager", errors.ErrUnsupported).
			WithHint("on cgroup v1 a user's systemd has no controllers; use --cgroup-manager=cgroupfs or =disabled")
	}
	m := &systemdManager{slice: name.slice, extra: extra, wait: wait}
	m.layout, m.foreign = l, true
	m.rec = Record{Manager: l.Mode, Rootless: o.Rootless, Unit: &UnitRecord{Name: name.unit, User: o.Rootless}}
	if m.bus, err = connect(o.Rootless, time.Now().Add(wait)); err != nil {
		return nil, err
	}
	dir := name.dir()
	if o.Rootless {
		// A user's slices lie below the user's systemd.
		root, err := m.bus.property(managerPath, managerIface, "ControlGroup")
		if err != nil {
			m.Close()
			return nil, fault.New(step, "systemd", "read ControlGroup", err)
		}
		text, _ := root.(string)
		dir = path.Join("/", text, dir)
	}
	m.place(dir)
	return m, nil
}

// place puts the container's directories at dir in every hierarchy.
func (m *systemdManager) place(dir string) {
	m.groups, m.rec.Paths = nil, map[string]string{}
	for i := range m.layout.Hierarchies {
		h := &m.layout.Hierarchies[i]
		g := group{dir: path.Join(h.Mountpoint, path.Clean("/"+dir)), controllers: h.Controllers, v2: h.V2}
		m.groups = append(m.groups, g)
		if h.V2 {
			m.rec.Paths[""] = g.dir
		}
		for _, c := range h.Controllers {
			m.rec.Paths[c] = g.dir
		}
	}
}

// open returns the connection, a new one if need be; close is for afterwards.
func (m *systemdManager) open(end time.Time) (b *bus, closeIt func(), err error) {
	if m.bus != nil {
		return m.bus, m.closeBus, nil
	}
	if m.bus, err = connect(m.rec.Unit.User, end); err != nil {
		return nil, nil, err
	}
	return m.bus, m.closeBus, nil
}

func (m *systemdManager) closeBus() {
	if m.bus != nil {
		m.bus.Close()
		m.bus = nil
	}
}

// Close also ends the connection: a bus keeps signals for whoever has one.
func (m *systemdManager) Close() {
	m.closeBus()
	m.manager.Close()
}

// Create checks what the unit is to have. The unit itself begins with its
// first process, in Attach.
func (m *systemdManager) Create(res *specs.LinuxResources) error {
	if m.loaded || m.res != nil {
		return fault.New(step, "", "create", errors.New("the container has its cgroups already"))
	}
	if res == nil {
		res = &specs.LinuxResources{}
	}
	if err := m.check(res, true); err != nil {
		return err
	}
	if _, err := m.properties(res, m.bus.version); err != nil {
		return err
	}
	m.res = res
	return nil
}

// check finds what is wrong in a configuration before anything is changed.
func (m *systemdManager) check(res *specs.LinuxResources, fresh bool) error {
	if _, _, _, err := m.decide(res, fresh); err != nil {
		return err
	}
	m.warnings = nil // they come again when the limits are written
	if m.rec.Rootless || res.Devices == nil && !fresh {
		return nil
	}
	_, err := m.decideDevices(res)
	return err
}

func (m *systemdManager) properties(res *specs.LinuxResources, version int) (properties, error) {
	return limitProperties(res, m.rec.Manager == ManagerV2, version, m.rec.Rootless)
}

// Attach begins the unit with pid as its first process, and applies the limits
// of Create; later ones move pid into it.
func (m *systemdManager) Attach(pid int) error {
	if !m.loaded && m.foreign {
		return m.begin(pid)
	}
	err := m.manager.Attach(pid)
	if err == nil || m.rec.Manager != ManagerV2 || !(errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) {
		return err
	}
	// A user's process may lie where the user cannot take it from; systemd can.
	b, closeIt, openErr := m.open(time.Now().Add(jobTime))
	if openErr != nil {
		return err
	}
	defer closeIt()
	if _, err := b.manager("AttachProcessesToUnit", m.rec.Unit.Name, "", []uint32{uint32(pid)}); err != nil {
		return fault.New(step, "unit "+m.rec.Unit.Name, fmt.Sprintf("attach pid %d", pid), err)
	}
	return nil
}

func (m *systemdManager) begin(pid int) error {
	if m.res == nil {
		return fault.New(step, "", "attach", errors.New("before Create"))
	}
	b, closeIt, err := m.open(time.Now().Add(m.wait))
	if err != nil {
		return err
	}
	defer closeIt()
	if err := m.start(b, pid); err != nil {
		return err
	}
	m.foreign = false
	err = m.furnish(b, pid)
	if err != nil {
		// The first error is the one to return. Its cause may have used up the
		// connection's time.
		m.closeBus()
		_ = m.Remove(jobTime)
		m.foreign = true
	}
	return err
}

// start has systemd begin the unit; a leftover of the same name is put away
// first.
func (m *systemdManager) start(b *bus, pid int) error {
	unit := m.rec.Unit.Name
	p := m.unitProperties(pid)
	limits, err := m.properties(m.res, b.version)
	if err != nil {
		return err
	}
	p = append(p, limits...)
	err = b.start(unit, p)
	if !isError(err, errUnitExists) {
		if err != nil {
			b.resetFailed(unit)
		}
		return err
	}
	if err := m.putAway(b); err != nil {
		return err
	}
	return b.start(unit, p)
}

// unitProperties are those that every container's unit has.
func (m *systemdManager) unitProperties(pid int) properties {
	var p properties
	unit := m.rec.Unit.Name
	p.add("Description", "rt container "+strings.TrimSuffix(unit, scopeSuffix))
	if strings.HasSuffix(unit, sliceSuffix) {
		// The slice that it lies in is in its name.
		p.add("Wants", []string{m.slice})
	} else {
		p.add("Slice", m.slice)
		p.add("Delegate", true)
		p.add("PIDs", []uint32{uint32(pid)})
		// Neither a unit nor its failure outlives the container's processes.
		p.add("CollectMode", "inactive-or-failed")
	}
	p.add("MemoryAccounting", true)
	p.add("CPUAccounting", true)
	if m.rec.Manager == ManagerV2 {
		p.add("IOAccounting", true)
	} else {
		p.add("BlockIOAccounting", true)
	}
	p.add("TasksAccounting", true)
	p.add("DefaultDependencies", false)
	return append(p, m.extra...)
}

// putAway ends a unit of our name in which nothing runs any more. One that is
// in use is an error.
func (m *systemdManager) putAway(b *bus) error {
	unit := m.rec.Unit.Name
	b.resetFailed(unit)
	switch b.unitText(unit, unitIface, "ActiveState") {
	case "inactive", "failed", "":
		return nil
	}
	mount := m.layout.Hierarchies[len(m.layout.Hierarchies)-1].Mountpoint
	dir := path.Join(mount, path.Clean("/"+b.controlGroup(unit)))
	pids, err := procs(dir)
	if err != nil {
		return fault.New(step, dir, "list processes", err)
	}
	if len(pids) > 0 || strings.HasSuffix(unit, sliceSuffix) {
		return fault.New(step, "unit "+unit, "", fmt.Errorf("%w: %d process(es) found", ErrNotEmpty, len(pids))).
			WithHint("another container or service uses it; choose another name in linux.cgroupsPath")
	}
	return b.stop(unit)
}

// furnish makes of a unit that has begun the container's cgroups: directories
// in the hierarchies that systemd does not use, limits, device rules.
func (m *systemdManager) furnish(b *bus, pid int) error {
	unit := m.rec.Unit.Name
	var err error
	if m.rec.Unit.Invocation, err = b.invocation(unit); err != nil {
		return fault.New(step, "unit "+unit, "read InvocationID", err)
	}
	dir := b.controlGroup(unit)
	if dir == "" {
		return fault.New(step, "unit "+unit, "read ControlGroup", errors.New("the unit has ended")).WithHint(b.hint(unit, nil))
	}
	m.place(dir)
	var made []string
	if err := m.makeGroups(m.res, &made); err != nil {
		return err
	}
	for i := range m.groups {
		m.groups[i].joined = false // they are there because systemd has just made them
	}
	if err := m.limit(m.res, true, nil); err != nil {
		return err
	}
	if err := m.setDevices(m.res, true); err != nil {
		return err
	}
	return m.enter(pid)
}

// enter moves pid into the directories where systemd has not put it: v1
// hierarchies that it does not use, and on a hybrid host perhaps cgroup2. A
// slice is not made of processes at all.
func (m *systemdManager) enter(pid int) error {
	if m.rec.Manager == ManagerV2 && !strings.HasSuffix(m.rec.Unit.Name, sliceSuffix) {
		return nil
	}
	return m.manager.Attach(pid)
}

// CanPark: not where systemd looks for processes. A scope that its last one
// leaves has ended.
func (m *systemdManager) CanPark() bool {
	g := m.charging()
	return g != nil && !g.v2
}

// AttachParked begins the unit as Attach does: it is made of pid.
func (m *systemdManager) AttachParked(pid int) error {
	if m.loaded || !m.foreign {
		return m.manager.AttachParked(pid)
	}
	if err := m.begin(pid); err != nil {
		return err
	}
	return m.Park(pid)
}

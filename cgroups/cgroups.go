// Package cgroups puts a container's processes into cgroups, limits them, and
// finds, freezes, kills and removes them again: on cgroup v1, on hosts with v1
// and v2 side by side (hybrid), and on pure v2.
//
// What is to be written is decided by pure functions (limits_v1.go,
// limits_v2.go, devices.go, devices_bpf.go); the rest acts. The package knows
// nothing of containers: it gets an id, a path and the spec's resources.
//
// The cgroups are made by rt itself or, as units, by systemd (systemd*.go).
package cgroups

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
	"rt/libcontainer/quickjson"
)

// step is the fault.Error step of everything in here.
const step = "cgroup"

// The values of Record.Manager.
const (
	ManagerV1     = "v1"
	ManagerHybrid = "hybrid"
	ManagerV2     = "v2"
	// ManagerNone has no cgroup at all: a rootless user without a delegated
	// one. Every operation on it succeeds and does nothing, except Freeze.
	ManagerNone = "none"
)

var (
	// ErrNotEmpty answers Create in a cgroup that already has processes. Its
	// text is matched by clients of runc.
	ErrNotEmpty = errors.New("container's cgroup is not empty")
	// ErrFrozen answers Create in a frozen cgroup; matched like ErrNotEmpty.
	ErrFrozen = errors.New("container's cgroup unexpectedly frozen")
	// ErrInvalid answers resources that cannot mean anything on this kind of
	// host; its text is runc's.
	ErrInvalid = errors.New("invalid configuration")
	// ErrUnavailable answers a limit whose controller the host lacks.
	ErrUnavailable = errors.New("controller not available on this host")
)

// Options says which cgroup a container is to have.
type Options struct {
	// ID is the container's id: the cgroup's name when Path is empty.
	ID string
	// Path is linux.cgroupsPath, untrusted. Absolute: below each hierarchy's
	// mount point. Relative: below the caller's own cgroup (see [New]).
	Path string
	// Systemd asks for cgroups that systemd makes. Path is then
	// "slice:prefix:name".
	Systemd bool
	// Disabled asks for no cgroup: the container stays in its caller's.
	Disabled bool
	// Annotations are the container's: those that begin with
	// org.systemd.property. are properties of its unit.
	Annotations map[string]string
	// Rootless: a cgroup that may not be made is done without, and limits
	// that are lost by it become warnings.
	Rootless bool
}

// Record is what finds a container's cgroups again. It is part of the state
// file.
type Record struct {
	Manager string `json:"manager"`
	// Paths maps each v1 controller or named hierarchy ("memory",
	// "name=systemd") and, as "", cgroup2, to the absolute directory.
	Paths    map[string]string `json:"paths,omitempty"`
	Rootless bool              `json:"rootless,omitempty"`
	// Joined are those of the directories that were there before Create.
	Joined []string `json:"joined,omitempty"`
	// Unit is set when systemd has made the cgroups.
	Unit *UnitRecord `json:"unit,omitempty"`
}

// Manager is one container's cgroups. It is not safe for concurrent use.
type Manager interface {
	// Record is known before Create so that it can be on disk first. After
	// Create it may name fewer paths (rootless) and says which directories
	// were joined; save it again then.
	Record() Record
	// Create makes the directories and writes every limit in res (which may
	// be nil) and the device rules. On an error it leaves nothing behind
	// that was not there before. With systemd all this is the first Attach's:
	// a unit begins with a process.
	Create(res *specs.LinuxResources) error
	// Set applies res to existing cgroups. What is absent or, as clients send
	// it, 0, stays as it is; devices too if res.Devices is nil.
	Set(res *specs.LinuxResources) error
	// Attach moves the process pid into every one of the cgroups.
	Attach(pid int) error
	// CanPark tells whether a process can be kept out of where memory is
	// charged (v1: memory only; v2: the whole cgroup). AttachParked is Attach
	// without that, Park moves pid back into the caller's own cgroup there,
	// and Unpark into the container's. What the process allocates outside is
	// not the container's; see attach.go.
	CanPark() bool
	AttachParked(pid int) error
	Park(pid int) error
	Unpark(pid int) error
	// Delegate gives the cgroup to a uid of the host, so that it can make its
	// own below: the directory and the files that the kernel lists for that,
	// on pure v2 only.
	Delegate(uid int) error
	// Enter moves pid into the cgroup name below the container's own, on pure
	// v2 only.
	Enter(name string, pid int) error
	// Dir returns, after Create, an O_PATH descriptor of the cgroup in cgroup2,
	// where there is one, for clone3(CLONE_INTO_CGROUP). The Manager keeps and
	// closes it.
	Dir() (fd int, ok bool)
	// Doors opens, after Create, the way into the cgroups of v1 for a process
	// that goes in by itself; see [OpenDoors].
	Doors() ([]int, error)
	// Procs lists all processes, sub-cgroups included, sorted. A cgroup that
	// is gone has none.
	Procs() ([]int, error)
	// Kill sends sig to everything inside, sub-cgroups included; nothing
	// escapes by forking. SIGKILL also thaws.
	Kill(sig syscall.Signal) error
	// Thaw lets go of everything that v1's freezer holds, sub-cgroups
	// included, without waiting: what has been killed can die then. v2 does
	// not hold back SIGKILL, and stays frozen.
	Thaw() error
	// Frozen tells whether the cgroup, or one above it, is frozen.
	Frozen() (bool, error)
	// Freeze freezes or thaws, and waits until that is done.
	Freeze(freeze bool) error
	// OOMKills returns how many processes the OOM killer took in this cgroup
	// and below it, 0 without a memory controller.
	OOMKills() (uint64, error)
	// WatchOOM begins to watch for OOM kills.
	WatchOOM() (*OOMWatch, error)
	// Stats reads what the cgroup has used. Files that this host lacks are
	// left out; a cgroup that is gone is ENOENT, none at all ErrUnavailable.
	Stats() (*Stats, error)
	// Remove removes the cgroups with their sub-cgroups, waiting up to
	// deadline for processes that are dying. Parents stay, and so do cgroups
	// that were there before Create: what a container has not made it must not
	// delete (runtime-spec runtime.md, "Delete"). Like Kill, it does nothing
	// before Create, or after a Create that did not succeed.
	Remove(deadline time.Duration) error
	// Warnings returns and forgets what went wrong without being an error.
	Warnings() []string
	// Close releases Dir's descriptor.
	Close()
}

// New resolves o.Path on this host. It makes nothing.
//
// A relative or empty path lies below the caller's own cgroup in every v1
// hierarchy and in a hybrid host's cgroup2. On pure v2 it lies beside the
// caller's own cgroup: a cgroup with processes in it cannot hand controllers
// to its children (cgroups(7), "no internal processes").
func New(o Options) (Manager, error) {
	switch {
	case o.Disabled:
		return disabled(), nil
	case o.Systemd:
		return newSystemd(o)
	}
	l, err := Host()
	if err != nil {
		if o.Rootless {
			return &manager{rec: Record{Manager: ManagerNone, Rootless: true}}, nil
		}
		return nil, err
	}
	return newOn(l, o)
}

// disabled is the Manager of a container that is to have no cgroup at all:
// what would have been a limit is lost, and said so.
func disabled() *manager {
	return &manager{rec: Record{Manager: ManagerNone, Rootless: true}}
}

// newOn is New on a given layout.
func newOn(l *Layout, o Options) (Manager, error) {
	m := &manager{layout: l, foreign: true, rec: Record{Manager: l.Mode, Paths: map[string]string{}, Rootless: o.Rootless}}
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		dir, err := containerDir(h, l.Mode, o)
		if err != nil {
			return nil, err
		}
		m.groups = append(m.groups, group{dir: dir, controllers: h.Controllers, v2: h.V2})
		if h.V2 {
			m.rec.Paths[""] = dir
		}
		for _, c := range h.Controllers {
			m.rec.Paths[c] = dir
		}
	}
	return m, nil
}

// Load returns the Manager of a recorded container. It makes no system call.
func Load(r Record) (Manager, error) {
	m := &manager{rec: r, loaded: true}
	switch r.Manager {
	case ManagerNone:
		return m, nil
	case ManagerV1, ManagerHybrid, ManagerV2:
	default:
		return nil, fault.New(step, "", "manager "+r.Manager, errors.ErrUnsupported)
	}
	keys := make([]string, 0, len(r.Paths))
	for c := range r.Paths {
		keys = append(keys, c)
	}
	slices.Sort(keys)
	for _, c := range keys {
		dir := r.Paths[c]
		if !strings.HasPrefix(dir, "/") || strings.Contains(dir+"/", "/../") {
			return nil, fault.New(step, dir, "load", ErrInvalid)
		}
		if c == "" {
			m.groups = append(m.groups, group{dir: dir, v2: true, joined: slices.Contains(r.Joined, dir)})
			continue
		}
		i := slices.IndexFunc(m.groups, func(g group) bool { return g.dir == dir && !g.v2 })
		if i < 0 {
			m.groups = append(m.groups, group{dir: dir, joined: slices.Contains(r.Joined, dir)})
			i = len(m.groups) - 1
		}
		m.groups[i].controllers = append(m.groups[i].controllers, c)
	}
	if r.Unit == nil {
		return m, nil
	}
	if !validUnitName(r.Unit.Name) {
		return nil, fault.New(step, "unit "+strconv.Quote(r.Unit.Name), "load", ErrInvalid)
	}
	return &systemdManager{manager: *m, wait: jobTime}, nil
}

// LoadJSON is Load of a Record as it stands in a state file.
func LoadJSON(raw []byte) (Manager, error) {
	var r Record
	if err := quickjson.Unmarshal(raw, &r); err != nil {
		return nil, fault.New(step, "", "read record", err)
	}
	return Load(r)
}

// manager is the Manager for cgroups that rt itself makes and removes.
type manager struct {
	layout   *Layout // nil after Load
	loaded   bool
	rec      Record
	groups   []group
	warnings []string
	// foreign: before Create, and after one that found the cgroup in use or
	// undid itself, what is there is somebody else's.
	foreign bool
	// entered is the cgroup below the container's own that Enter was for last.
	entered string
	// ownDir is rt's own cgroup, when Create had to move it.
	ownDir string
	// handOver, after Delegate, does the same with a cgroup below.
	handOver func(dir string) error
	// dirFd+1, 0: not open.
	dirFd int
}

// group is one directory of the container: in one v1 hierarchy or in cgroup2.
type group struct {
	dir         string
	controllers []string // v1 only
	v2          bool
	// joined: the directory was there before Create.
	joined bool
}

func (m *manager) Record() Record { return m.rec }

func (m *manager) Warnings() []string {
	w := m.warnings
	m.warnings = nil
	return w
}

func (m *manager) warn(text string) { m.warnings = append(m.warnings, text) }

// v1Group returns the group with a v1 controller, or nil.
func (m *manager) v1Group(controller string) *group {
	for i := range m.groups {
		if slices.Contains(m.groups[i].controllers, controller) {
			return &m.groups[i]
		}
	}
	return nil
}

// v2Group returns the group in cgroup2, or nil.
func (m *manager) v2Group() *group {
	for i := range m.groups {
		if m.groups[i].v2 {
			return &m.groups[i]
		}
	}
	return nil
}

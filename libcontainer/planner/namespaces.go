package planner

// namespaces.go decides by which way init gets into each of its namespaces.
// Nothing is opened or entered here.

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Namespaces is the way into a container's namespaces. There are four doors,
// because the kernel has four rules:
//
//   - Clone: made by the one clone that starts init.
//   - Thread: existing ones that the spawning thread enters, so that the child
//     is born in them. The only door for pid, and for a host's namespace that
//     is to be joined together with a new user namespace.
//   - Enter: existing user and time namespaces, which only a single-threaded
//     process may join, and everything that must come after a user namespace
//     was joined. nsenter's C does it before the Go runtime starts.
//   - Self and Unshare: init does it once it runs. It joins a mount namespace
//     (the host's /proc is needed until then), and makes a cgroup namespace
//     (its root is the cgroup at that moment, and init must have been put into
//     its cgroups by then), and beside a user namespace an ipc namespace (its
//     mqueue belongs to the uid of that moment, which must be mapped).
type Namespaces struct {
	Clone  uintptr // CLONE_NEW*
	Thread []Namespace
	Enter  *Enter // nil: init starts straight into Go
	Self   []Namespace

	Unshare uintptr // CLONE_NEW*
	// Has is the set of all namespaces that are not the host's, New those
	// made for this container: CLONE_NEW* bits.
	Has, New uintptr
}

// Enter is what nsenter's C does.
type Enter struct {
	Join    []Namespace
	Unshare uintptr // CLONE_NEW*
	Fork    bool
	Offsets string // for /proc/self/timens_offsets
}

// Namespace is an existing namespace.
type Namespace struct {
	Flag  uintptr // CLONE_NEW*
	Path  string
	Index int // in linux.namespaces, for errors
}

// NamespaceFlag is the CLONE_NEW* bit of a spec namespace type, 0 if unknown.
func NamespaceFlag(t specs.LinuxNamespaceType) uintptr {
	switch t {
	case specs.MountNamespace:
		return unix.CLONE_NEWNS
	case specs.PIDNamespace:
		return unix.CLONE_NEWPID
	case specs.NetworkNamespace:
		return unix.CLONE_NEWNET
	case specs.UTSNamespace:
		return unix.CLONE_NEWUTS
	case specs.IPCNamespace:
		return unix.CLONE_NEWIPC
	case specs.UserNamespace:
		return unix.CLONE_NEWUSER
	case specs.CgroupNamespace:
		return unix.CLONE_NEWCGROUP
	case specs.TimeNamespace:
		return unix.CLONE_NEWTIME
	}
	return 0
}

// PlanNamespaces sorts the spec's namespaces to their doors.
func PlanNamespaces(l *specs.Linux) Namespaces {
	var n Namespaces
	if l == nil {
		return n
	}
	var join []Namespace
	for i, ns := range l.Namespaces {
		flag := NamespaceFlag(ns.Type)
		n.Has |= flag
		if ns.Path != "" {
			join = append(join, Namespace{flag, ns.Path, i})
		} else {
			n.New |= flag
		}
	}
	late := uintptr(unix.CLONE_NEWCGROUP)
	if n.Has&unix.CLONE_NEWUSER != 0 {
		late |= unix.CLONE_NEWIPC
	}
	n.Unshare = n.New & late
	joined := n.Has &^ n.New
	enter := joined&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0 || n.New&unix.CLONE_NEWTIME != 0
	fresh := n.New &^ n.Unshare
	if !enter {
		n.Clone = fresh
	} else {
		// A new user namespace must be mapped by the parent before the
		// others can be made in it, so it alone comes from clone.
		n.Clone = fresh & unix.CLONE_NEWUSER
		n.Enter = &Enter{
			Unshare: fresh &^ unix.CLONE_NEWUSER,
			Fork:    n.Has&unix.CLONE_NEWPID != 0 || n.New&unix.CLONE_NEWTIME != 0,
		}
		if n.New&unix.CLONE_NEWTIME != 0 {
			n.Enter.Offsets = timeOffsets(l.TimeOffsets)
		}
	}
	for _, ns := range join {
		switch {
		case ns.Flag == unix.CLONE_NEWNS:
			n.Self = append(n.Self, ns)
		case ns.Flag&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0:
			n.Enter.Join = append(n.Enter.Join, ns)
		case enter && n.New&unix.CLONE_NEWUSER == 0:
			n.Enter.Join = append(n.Enter.Join, ns)
		default:
			n.Thread = append(n.Thread, ns)
		}
	}
	return n
}

// timeOffsets is the text that /proc/PID/timens_offsets takes
// (time_namespaces(7)), clocks in a fixed order.
func timeOffsets(offsets map[string]specs.LinuxTimeOffset) string {
	var text string
	for _, clock := range []string{"monotonic", "boottime"} {
		if o, ok := offsets[clock]; ok {
			text += fmt.Sprintf("%s %d %d\n", clock, o.Secs, o.Nanosecs)
		}
	}
	return text
}

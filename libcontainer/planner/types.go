// Package planner turns a validated spec into the plan that init executes.
// It is pure: what it knows of the host comes in as Facts, so every decision
// can be tested without root.
package planner

// Options are the choices of the command line that change the plan.
type Options struct {
	ContainerID  string
	Bundle       string // absolute
	NoPivot      bool
	NoNewKeyring bool
	PreserveFds  int
}

// Facts are what the planner must know of the host.
type Facts struct {
	// Rootless: the caller is not the host's root, or is root of a user
	// namespace only.
	Rootless bool
	// AppArmor and SELinux say which security module is on.
	AppArmor, SELinux bool
	// LastCap is the highest capability the kernel knows
	// (/proc/sys/kernel/cap_last_cap).
	LastCap int
	// CallerCaps is the caller's permitted set, a bit mask.
	CallerCaps uint64
	// Cgroup layout of the host and the container's place in it.
	Cgroup CgroupFacts
}

// CgroupFacts describe the host's cgroup mounts for a mount of type cgroup.
type CgroupFacts struct {
	// Unified is the mount point of cgroup2, "" when there is none.
	Unified string
	// V2 says that cgroup2 is the only hierarchy.
	V2          bool
	Hierarchies []HierarchyFacts
	// Own is the container's directory on the unified hierarchy.
	Own string
}

// HierarchyFacts is one v1 hierarchy, or the unified one of a hybrid host.
type HierarchyFacts struct {
	Name    string   // directory name below /sys/fs/cgroup: "cpu,cpuacct"
	Options string   // mount data: "cpu,cpuacct", "none,name=systemd"; "" = cgroup2
	Links   []string // other names of the same directory: "cpu", "cpuacct"
	Own     string   // the container's directory on the host
}

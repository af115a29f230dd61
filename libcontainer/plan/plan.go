// Package plan is the small program that the parent writes and init executes:
// types and their codec, no decisions. Everything in it has been validated and
// resolved by the planner; init looks nothing up and chooses nothing.
package plan

// Plan is one container's start-up, in the order in which init executes it.
type Plan struct {
	// Join lists existing namespaces that init's thread enters by setns, in
	// order. User, pid and time namespaces are entered before init runs.
	Join []Namespace
	// NotDumpable: a joined pid namespace makes init visible to processes of
	// another container before it is one of them; init hides itself from the
	// first step on.
	NotDumpable bool
	// UserNS says that init is in a user namespace with fresh or joined
	// mappings and must become its uid NSUID and gid NSGID: 0 where the
	// mappings have it.
	UserNS       bool
	NSUID, NSGID uint32
	// Unshare are the namespaces, CLONE_NEW*, that init makes itself: once
	// the parent has put it into its cgroups and once it is uid 0.
	Unshare uint64
	// CgroupBarrier: init has been kept out of the container's cgroup and
	// stops at a barrier before and after Unshare, so that the parent can
	// put it there for the moment in which a cgroup namespace is made.
	CgroupBarrier bool
	// Loopback: bring up "lo" of a fresh network namespace.
	Loopback bool
	// Hostname and Domainname are set in the uts namespace unless empty.
	Hostname   string
	Domainname string
	// Rootfs is nil only when the spec has no root (init then keeps the
	// host's root).
	Rootfs *Rootfs
	// RuntimeHooks: stop at the barrier where the parent runs the prestart
	// and createRuntime hooks.
	RuntimeHooks bool
	// CreateContainer and StartContainer hooks run by init, with
	// CreateState and StartState on stdin.
	CreateContainer []Hook
	Bundle          string // their working directory
	StartContainer  []Hook
	CreateState     []byte // state JSON for CreateContainer hooks
	StartState      []byte // state JSON for StartContainer hooks
	// HookStdout and HookStderr are files, indexes of fds, that these hooks
	// write to; None: their output is kept for an error's text.
	HookStdout, HookStderr int
	Process                Process
	// SeccompFollows: a Seccomp of its own comes once it is compiled.
	SeccompFollows bool
	// ListenFd is the listening socket on which init waits for `start`;
	// None when the parent starts it over the wire (`run`).
	ListenFd int
}

// None is the index of an fd that is not there.
const None = -1

// Namespace is an existing namespace to join.
type Namespace struct {
	Fd   int    // index into the fds sent with the plan
	Flag uint64 // CLONE_NEW*
	Path string // for errors
}

// Hook is one hook that runs inside the container.
type Hook struct {
	Path    string
	Args    []string
	Env     []string
	Timeout int // seconds, 0 = none
}

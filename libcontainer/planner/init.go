package planner

// init.go decides which containers have an init that is C from its first
// instruction (nsenter/join.c), and writes its operations. What makes the file
// system, names and network is a thread of rt's in the container's namespaces:
// such an init only makes itself into the program. The others run initstage.

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// Direct says whether a container's file system can be made from outside of its
// init, which then needs no Go. filter is its seccomp filter, or nil. Not so:
//
//   - with a user or time namespace: only a process of its own gets into these,
//     and what it makes there belongs to its users;
//   - in a mount namespace that existed, or in the host's;
//   - where a path leads through what procfs shows of whoever looks (/proc/self):
//     to one who is not in the pid namespace it shows nothing;
//   - with hooks that run in the container;
//   - where memory that the image has a say in would be charged to rt's caller
//     (tmpcopyup), or a file system could show the maker's pid namespace;
//   - (kernel parameters are those of network, ipc and uts namespaces alone,
//     in which the maker is: spec.Validate lets no other through);
//   - with a filter under which failures can only be seen from another thread,
//     or that has a listener.
func Direct(s *specs.Spec, ns Namespaces, o Options, filter *plan.Seccomp) bool {
	switch {
	case s.Process == nil || len(s.Process.Args) == 0 || s.Root == nil || o.NoPivot:
		return false
	case ns.Has&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0, ns.New&unix.CLONE_NEWNS == 0:
		return false
	case ns.Has&unix.CLONE_NEWPID != 0 && throughSelf(s):
		return false
	case s.Hooks != nil && len(s.Hooks.CreateContainer)+len(s.Hooks.StartContainer) > 0:
		return false
	case filter != nil && (filter.KillsThread || filter.NotifyFd != plan.None):
		return false
	}
	procs := Procs(s)
	return procs <= maxProcs && !slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool { return !directMount(&m) })
}

// throughSelf says whether a path of the configuration leads through /proc/self, by
// name or by a link that is usual.
func throughSelf(s *specs.Spec) bool {
	paths := []string{s.Process.Cwd}
	if s.Linux != nil {
		paths = slices.Concat(paths, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths)
	}
	for i := range s.Mounts {
		paths = append(paths, s.Mounts[i].Destination)
	}
	return slices.ContainsFunc(paths, func(p string) bool {
		p = path.Clean("/"+p) + "/"
		if strings.Contains(p, "/self/") || strings.Contains(p, "/thread-self/") {
			return true
		}
		return slices.ContainsFunc([]string{
			"/proc/net/", "/proc/mounts/", "/dev/fd/", "/dev/stdin/", "/dev/stdout/", "/dev/stderr/", "/etc/mtab/",
		}, func(link string) bool { return strings.HasPrefix(p, link) })
	})
}

// maxProcs is how many procfs a container's first moment gives to the outside.
const maxProcs = 8

// Procs is how many file systems of type proc the container needs at most: its
// mounts, and one to write kernel parameters in.
func Procs(s *specs.Spec) (n int) {
	for i := range s.Mounts {
		if s.Mounts[i].Type == "proc" {
			n++
		}
	}
	if s.Linux != nil && len(s.Linux.Sysctl) > 0 {
		n++
	}
	return n
}

// directMount: the namespaces of who makes these are all that they show, and
// for proc there is a way; it is that of fsconfig(2) alone.
func directMount(m *specs.Mount) bool {
	p := parseOptions(m.Options)
	switch m.Type {
	case "", "none", "bind", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2", "overlay":
	case "tmpfs":
		return !p.copyUp
	case "proc":
		return p.bind || !p.needsOldMount() && len(m.Source) <= 255
	default:
		return p.bind
	}
	return true
}

// FirstOps is what init does while the host's /proc is there, and its file system
// is made: the cgroup namespace, whose root is the cgroup that init has been put
// into, a session and keys of its own, and all that passes execve and takes no
// privilege from what comes later.
func FirstOps(p *plan.Plan) []plan.Op {
	ops := opList{}
	process := &p.Process
	ops.add("session", "", "setsid", plan.Op{Code: plan.OpSession})
	if p.Unshare != 0 {
		ops.add("namespaces", "", "unshare 0x"+strconv.FormatUint(p.Unshare, 16), plan.Op{Code: plan.OpUnshare, A: p.Unshare})
	}
	if process.NewKeyring {
		if label := process.KeyringLabel; label != "" { // execve resets it
			ops.add("keyring", "process.selinuxLabel "+label, "write /proc/self/attr/keycreate",
				plan.Op{Code: plan.OpWrite, Text: labelText("keycreate", label)})
		}
		ops.keyring()
	}
	if adj := process.OOMScoreAdj; adj != nil {
		ops.add("process", "process.oomScoreAdj", "write /proc/self/oom_score_adj",
			plan.Op{Code: plan.OpWrite, Text: []byte("/proc/self/oom_score_adj\x00" + strconv.Itoa(*adj))})
	}
	ops.labels(process)
	// While the file system is being made there is time. The bounding set
	// counts for execve alone.
	ops.attributes(process, true)
	ops.bounding(process)
	return ops.list
}

// Becoming is what LastOps has to know besides.
type Becoming struct {
	// Candidates are the files that the program may be.
	Candidates []string
	Filter     *plan.Seccomp // or nil
	// Mask are the signals that the program begins with blocked.
	Mask uint64
	// TerminalFd and ListenFd are indexes of fds: the terminal, and the socket
	// on which init waits for start; plan.None: there is none.
	TerminalFd, ListenFd int
}

// LastOps is the rest: init's root is the container's. Behind OpReady it waits.
func LastOps(p *plan.Process, b Becoming) []plan.Op {
	ops := opList{}
	if b.TerminalFd != plan.None {
		ops.add("terminal", "process.terminal", "make it stdin, stdout and stderr", plan.Op{Code: plan.OpStdio, A: uint64(b.TerminalFd)})
	}
	admin := b.Filter != nil && !p.NoNewPrivileges
	ops.become(p, b.Candidates, "open", admin, false)
	// None is beyond all that there are.
	ops.add("start", "", "", plan.Op{Code: plan.OpReady, A: uint64(b.ListenFd)})
	ops.last(p, b.Filter, &b.Mask, admin, false)
	return ops.list
}

// LastCall is what an error of one of the operations behind OpReady is about:
// its step, object and call. Who starts a container need not have planned it.
// detail is A of the operation.
func LastCall(code plan.OpCode, detail int) (step, object, call string) {
	switch code {
	case plan.OpLimit:
		return limitCall(limitName(detail))
	case plan.OpSigmask:
		return "session", "", "rt_sigprocmask"
	case plan.OpSeccomp:
		return filterCall()
	}
	return "exec", "", ""
}

// needsOldMount: an option that only mount(2) takes, or that is too long for
// fsconfig(2).
func (p *parsed) needsOldMount() bool {
	return p.legacy != 0 || slices.ContainsFunc(p.data, func(d string) bool {
		_, value, _ := strings.Cut(d, "=")
		return len(value) > 255
	})
}

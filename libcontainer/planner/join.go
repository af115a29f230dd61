package planner

// join.go writes the list of operations by which exec's joiner becomes the
// program: the second step table, beside that of initstage. The joiner is no
// process of the container's: it stays outside of its pid namespace, where the
// container cannot see it, until in the end it gives birth to the program
// there, with all privileges gone.

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// Joining is how exec gets into a container.
type Joining struct {
	// Flags are the namespaces to enter, CLONE_NEW*; InitFd is the index of
	// init's pidfd.
	Flags  uintptr
	InitFd int
	// NSUID and NSGID are the ids to be in a user namespace: its root, or else
	// the lowest there are.
	NSUID, NSGID uint32
	// RootFd is the index of an fd of init's root, or plan.None where the
	// mount namespace alone leads there.
	RootFd int
	// ConsoleFd is the index of the socket that gets a terminal's master.
	ConsoleFd int
	// SendRoot asks for the container's root, to read HOME in it.
	SendRoot bool
}

// EnterOps is the first half: into the namespaces.
func EnterOps(p *plan.Process, j Joining) []plan.Op {
	ops := opList{}
	// Files of /proc/self, while /proc is the host's.
	ops.labels(p)
	if p.NewKeyring && p.KeyringLabel != "" { // execve resets it
		ops.add("keyring", "", "set its SELinux label",
			plan.Op{Code: plan.OpWrite, Text: labelText("keycreate", p.KeyringLabel)})
	}
	if j.Flags != 0 {
		// All at once: it is all of them or none.
		ops.add("namespaces", "init of the container", "setns "+strconv.FormatUint(uint64(j.Flags), 16),
			plan.Op{Code: plan.OpSetns, A: uint64(j.InitFd), B: uint64(j.Flags)})
	}
	if j.RootFd != plan.None {
		ops.add("namespaces", "root of init", "chroot", plan.Op{Code: plan.OpChroot, A: uint64(j.RootFd)})
	}
	if j.Flags&unix.CLONE_NEWUSER != 0 {
		ops.add("user namespace", "", fmt.Sprintf("become its uid %d and gid %d", j.NSUID, j.NSGID),
			plan.Op{Code: plan.OpOwner, A: bit(p.KeepGroups), B: uint64(j.NSUID), C: uint64(j.NSGID)})
	}
	if p.NewKeyring { // belongs to the ids of now
		ops.keyring()
	}
	if j.SendRoot {
		ops.add("process", "HOME", "open /", plan.Op{Code: plan.OpSendRoot})
	}
	if p.Terminal { // needs the container's devpts, and the right to give it away
		ops.add("terminal", "process.terminal", "open a pty in the container's /dev/pts", plan.Op{
			Code: plan.OpPty, A: uint64(j.ConsoleFd), B: uint64(p.UID), C: uint64(p.Width)<<16 | uint64(p.Height),
		})
	}
	return ops.list
}

// BecomeOps is the second half: from root of the namespaces to the program.
// candidates are the files that it may be, filter is nil or the seccomp filter.
// mask are the signals that the program begins with blocked, nil those that
// the joiner has.
func BecomeOps(p *plan.Process, candidates []string, filter *plan.Seccomp, mask *uint64, userNS bool) []plan.Op {
	ops := opList{}
	ops.attributes(p, false)
	ops.bounding(p)
	// CAP_SYS_ADMIN loads the filter where no_new_privs does not; execve
	// takes it away.
	admin := filter != nil && !p.NoNewPrivileges
	ops.become(p, candidates, "chdir", admin, userNS)
	// From here on the container can see it.
	ops.birth(p, filter, mask, admin)
	return ops.list
}

type opList struct{ list []plan.Op }

func (l *opList) add(step, object, call string, op plan.Op) {
	op.Step, op.Object, op.Call = step, object, call
	l.list = append(l.list, op)
}

// labels tell the security modules what the next execve becomes. AppArmor's own
// directory came with Linux 5.8.
func (l *opList) labels(p *plan.Process) {
	if p.AppArmor != "" {
		l.add("process", "process.apparmorProfile "+p.AppArmor, "write /proc/self/attr",
			plan.Op{Code: plan.OpWrite, Text: labelText("apparmor/exec", "exec "+p.AppArmor)})
	}
	if p.SELinux != "" {
		l.add("process", "process.selinuxLabel "+p.SELinux, "write /proc/self/attr/exec",
			plan.Op{Code: plan.OpWrite, Text: labelText("exec", p.SELinux)})
	}
}

func (l *opList) keyring() {
	l.add("keyring", "", "join session keyring", plan.Op{Code: plan.OpKeyring})
}

// become is from root of the namespaces to the program's user, and to the
// program. enter is the call that an error of the working directory is about.
func (l *opList) become(p *plan.Process, candidates []string, enter string, admin, userNS bool) {
	// A directory that only root may enter, or, below, that only the user may.
	cwd := plan.Op{Code: plan.OpCwd, Text: []byte(p.Cwd), A: 1}
	l.add("process", "process.cwd "+p.Cwd, enter, cwd)
	if p.Umask != plan.None {
		l.add("", "", "umask", plan.Op{Code: plan.OpUmask, A: uint64(p.Umask)})
	}
	l.user(p, admin, userNS)
	cwd.A = 0
	l.add("process", "process.cwd "+p.Cwd, enter, cwd)
	// The change of ids may have undone it.
	l.dumpable()
	if p.NoNewPrivileges {
		l.add("process", "process.noNewPrivileges", "prctl PR_SET_NO_NEW_PRIVS", plan.Op{Code: plan.OpNoNewPrivs})
	}
	// As the container's user would see it: permissions.
	l.add("", "", "", plan.Op{Code: plan.OpFind, A: uint64(len(candidates)), Text: cStrings(candidates)})
	l.add("exec", "", "arguments", plan.Op{
		Code: plan.OpArgs, A: uint64(len(p.Args)), B: uint64(len(p.Env)),
		Text: append(cStrings(p.Args), cStrings(p.Env)...),
	})
	l.add("exec", "", "close_range", plan.Op{Code: plan.OpCloseFrom, A: uint64(3 + p.PreserveFds)})
}

func (l *opList) dumpable() {
	l.add("process", "", "prctl PR_SET_DUMPABLE", plan.Op{Code: plan.OpDumpable})
}

// attributes are inherited by a child. The limits are not among them: they
// could hit the joiner itself. late: also a scheduler that no child inherits.
func (l *opList) attributes(p *plan.Process, late bool) {
	if s := p.Scheduler; s != nil && (late || !LateScheduler(s)) {
		l.add("process", "process.scheduler", "sched_setattr", plan.Op{Code: plan.OpScheduler, Text: schedAttr(s), B: bit(s.Cpuset)})
	}
	if p.IOPriority != nil {
		l.add("process", "process.ioPriority", "ioprio_set", plan.Op{Code: plan.OpIOPriority, A: uint64(*p.IOPriority)})
	}
	// Without a wish all CPUs of the cpuset, whatever rt was bound to.
	affinity := plan.Op{Code: plan.OpAffinity, Text: wholeLongs(p.Affinity)}
	if p.Affinity == nil {
		affinity.A, affinity.Text = 1, everyCPU()
	}
	l.add("process", "process.execCPUAffinity.final", "sched_setaffinity", affinity)
	if m := p.MemPolicy; m != nil {
		var nodes []byte
		for _, w := range m.Nodes {
			nodes = binary.NativeEndian.AppendUint64(nodes, w)
		}
		l.add("process", "linux.memoryPolicy", "set_mempolicy", plan.Op{Code: plan.OpMemPolicy, A: uint64(m.Mode), Text: nodes})
	}
	if p.Personality != nil {
		l.add("process", "linux.personality", "personality", plan.Op{Code: plan.OpPersonality, A: *p.Personality})
	}
}

// bounding limits what execve can give. It takes CAP_SETPCAP, so the user comes
// behind it.
func (l *opList) bounding(p *plan.Process) {
	if c := p.Caps; c != nil {
		l.add("process", "process.capabilities.bounding", "prctl PR_CAPBSET_DROP", plan.Op{Code: plan.OpBounding, A: c.Bounding, B: uint64(c.Last)})
	}
}

// user sets ids and capabilities in the kernel's order; see becomeUser of
// initstage.
func (l *opList) user(p *plan.Process, admin, userNS bool) {
	const caps = "process.capabilities"
	if p.UID != 0 {
		l.add("process", "", "prctl PR_SET_KEEPCAPS", plan.Op{Code: plan.OpKeepCaps})
	}
	if !p.KeepGroups {
		// An unprivileged user's namespace may deny it.
		groups := plan.Op{Code: plan.OpGroups, A: bit(userNS && len(p.AdditionalGids) == 0)}
		for _, gid := range p.AdditionalGids {
			groups.Text = binary.NativeEndian.AppendUint32(groups.Text, gid)
		}
		l.add("process", "process.user.additionalGids", "setgroups", groups)
	}
	id := func(n uint32) string { return " " + strconv.FormatUint(uint64(n), 10) }
	l.add("process", "process.user.gid"+id(p.GID), "setresgid", plan.Op{Code: plan.OpGID, A: uint64(p.GID)})
	l.add("process", "process.user.uid"+id(p.UID), "setresuid", plan.Op{Code: plan.OpUID, A: uint64(p.UID)})
	c := p.Caps
	if c == nil {
		return
	}
	set := plan.Op{Code: plan.OpCaps, A: c.Effective, B: c.Permitted, C: c.Inheritable}
	if admin && c.Permitted&(1<<unix.CAP_SYS_ADMIN) == 0 {
		set.Extra = unix.CAP_SYS_ADMIN + 1
	}
	l.add("process", caps, "capset", set)
	if c.Permitted&c.Inheritable&^c.Ambient != 0 {
		l.add("process", caps+".ambient", "clear", plan.Op{Code: plan.OpClearAmbient})
	}
	if c.Ambient != 0 {
		l.add("process", caps+".ambient", "raise", plan.Op{Code: plan.OpAmbient, A: c.Ambient, B: uint64(c.Last)})
	}
}

// birth is what the child does: only what belongs to a process itself. Between
// the filter and execve there is nothing.
func (l *opList) birth(p *plan.Process, filter *plan.Seccomp, mask *uint64, admin bool) {
	born := plan.Op{Code: plan.OpBirth}
	notify := filter != nil && filter.NotifyFd != plan.None
	if notify {
		born.A = 1
	}
	l.add("init", "", "clone into the container", born)
	l.add("session", "", "setsid", plan.Op{Code: plan.OpSession})
	if p.Terminal {
		l.add("terminal", "process.terminal", "ioctl TIOCSCTTY", plan.Op{Code: plan.OpTerminal})
	}
	l.last(p, filter, mask, admin, notify)
}

// last ends with the program.
func (l *opList) last(p *plan.Process, filter *plan.Seccomp, mask *uint64, admin, notify bool) {
	for _, r := range p.Rlimits {
		step, object, call := limitCall(r.Name)
		l.add(step, object, call, plan.Op{Code: plan.OpLimit, A: uint64(r.Resource), B: r.Soft, C: r.Hard})
	}
	if mask != nil {
		l.add("session", "", "rt_sigprocmask", plan.Op{Code: plan.OpSigmask, A: *mask})
	}
	if filter != nil {
		if c := p.Caps; admin && c != nil && c.Effective&(1<<unix.CAP_SYS_ADMIN) == 0 {
			// Without it the filter itself says what is missing.
			const sysAdmin = 1 << unix.CAP_SYS_ADMIN
			l.add("", "", "", plan.Op{Code: plan.OpTryCaps, A: c.Effective | sysAdmin, B: c.Permitted | sysAdmin, C: c.Inheritable})
		}
		op := plan.Op{Code: plan.OpSeccomp, A: uint64(filter.Flags), Text: filter.BPF}
		if notify {
			op.A |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		}
		step, object, call := filterCall()
		l.add(step, object, call, op)
	}
	l.add("exec", "", "", plan.Op{Code: plan.OpExec})
}

func limitCall(name string) (step, object, call string) {
	return "process", "process.rlimits " + name, "prlimit"
}

func filterCall() (step, object, call string) {
	return "seccomp", "linux.seccomp", "seccomp SECCOMP_SET_MODE_FILTER"
}

// LateScheduler says that a scheduler does not pass from the joiner to its
// child: it is set from outside, once the program is there.
func LateScheduler(s *plan.Scheduler) bool {
	return s.Policy == unix.SCHED_DEADLINE || s.Flags&unix.SCHED_FLAG_RESET_ON_FORK != 0
}

// schedAttr is struct sched_attr (sched_setattr(2)).
func schedAttr(s *plan.Scheduler) []byte {
	b := binary.NativeEndian.AppendUint32(nil, unix.SizeofSchedAttr)
	b = binary.NativeEndian.AppendUint32(b, s.Policy)
	b = binary.NativeEndian.AppendUint64(b, s.Flags)
	b = binary.NativeEndian.AppendUint32(b, uint32(s.Nice))
	b = binary.NativeEndian.AppendUint32(b, s.Priority)
	for _, n := range [...]uint64{s.Runtime, s.Deadline, s.Period} {
		b = binary.NativeEndian.AppendUint64(b, n)
	}
	return append(b, make([]byte, unix.SizeofSchedAttr-len(b))...) // util_min, util_max
}

func bit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// wholeLongs pads a CPU mask: the kernel takes whole longs.
func wholeLongs(mask []byte) []byte {
	return append(mask[:len(mask):len(mask)], make([]byte, -len(mask)&7)...)
}

func everyCPU() []byte {
	mask := make([]byte, 1024) // the kernel knows at most 8192
	for i := range mask {
		mask[i] = 0xff
	}
	return mask
}

// labelText is a file of a security module and what is written to it.
func labelText(file, value string) []byte { return []byte("/proc/self/attr/" + file + "\x00" + value) }

func cStrings(list []string) []byte {
	var b []byte
	for _, s := range list {
		b = append(append(b, s...), 0)
	}
	return b
}

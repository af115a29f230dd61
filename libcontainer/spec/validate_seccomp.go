package spec

// validate_seccomp.go checks linux.seccomp. Names of system calls are not
// checked: a profile may be newer than libseccomp.

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/sys"
)

func seccompActions() []specs.LinuxSeccompAction {
	return []specs.LinuxSeccompAction{
		specs.ActAllow, specs.ActErrno, specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActLog,
		specs.ActNotify, specs.ActTrace, specs.ActTrap,
	}
}

func seccompOperators() []specs.LinuxSeccompOperator {
	return []specs.LinuxSeccompOperator{
		specs.OpEqualTo, specs.OpGreaterEqual, specs.OpGreaterThan, specs.OpLessEqual, specs.OpLessThan,
		specs.OpMaskedEqual, specs.OpNotEqual,
	}
}

// seccompArchs are all of the specification's; those that the linked libseccomp
// does not know are refused when the profile is compiled.
func seccompArchs() []specs.Arch {
	return []specs.Arch{
		specs.ArchAARCH64, specs.ArchARM, specs.ArchLOONGARCH64, specs.ArchM68K, specs.ArchMIPS, specs.ArchMIPS64,
		specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPARISC,
		specs.ArchPARISC64, specs.ArchPPC, specs.ArchPPC64, specs.ArchPPC64LE, specs.ArchRISCV64, specs.ArchS390,
		specs.ArchS390X, specs.ArchSH, specs.ArchSHEB, specs.ArchX32, specs.ArchX86, specs.ArchX86_64,
	}
}

func seccompFlags() []specs.LinuxSeccompFlag {
	return []specs.LinuxSeccompFlag{
		"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow,
		specs.LinuxSeccompFlagWaitKillableRecv,
	}
}

func (c *checker) seccomp(s *specs.LinuxSeccomp) {
	if s == nil {
		return
	}
	const path = "linux.seccomp"
	if oneOf(c, s.DefaultAction, seccompActions(), path, "defaultAction") {
		if s.DefaultAction == specs.ActNotify {
			c.fail(at(path, "defaultAction"), "SCMP_ACT_NOTIFY cannot be the default action: "+
				"the runtime itself could not hand over the listener any more")
		}
		c.errnoRet(s.DefaultAction, s.DefaultErrnoRet, path, "defaultErrnoRet")
	}
	archs := seccompArchs()
	for i, a := range s.Architectures {
		oneOf(c, a, archs, path, "architectures", i)
	}
	for i, f := range s.Flags {
		oneOf(c, f, seccompFlags(), path, "flags", i)
	}
	c.listener(path, s)
	actions, operators := seccompActions(), seccompOperators()
	for i := range s.Syscalls {
		c.syscall(&s.Syscalls[i], i, actions, operators)
	}
}

func (c *checker) listener(path string, s *specs.LinuxSeccomp) {
	notify := slices.ContainsFunc(s.Syscalls, func(r specs.LinuxSyscall) bool { return r.Action == specs.ActNotify })
	switch {
	case notify && s.ListenerPath == "":
		c.fail(at(path, "listenerPath"), "must be set when SCMP_ACT_NOTIFY is used")
	case notify && len(s.ListenerPath) > sys.MaxSocketPath:
		c.fail(at(path, "listenerPath"), "is %d bytes long, and the path of a socket has at most %d", len(s.ListenerPath), sys.MaxSocketPath)
	}
	c.noNUL(s.ListenerPath, path, "listenerPath")
	if s.ListenerMetadata != "" && s.ListenerPath == "" {
		c.fail(at(path, "listenerMetadata"), "must not be set without listenerPath")
	}
}

func (c *checker) syscall(r *specs.LinuxSyscall, i int, actions []specs.LinuxSeccompAction, operators []specs.LinuxSeccompOperator) {
	const path = "linux.seccomp.syscalls"
	if len(r.Names) == 0 {
		c.fail(at(path, i, "names"), "must name at least one system call")
	}
	for j, name := range r.Names {
		switch {
		case name == "":
			c.fail(at(path, i, "names", j), "must not be empty")
		case name == "write" && r.Action == specs.ActNotify:
			c.fail(at(path, i, "names", j), "SCMP_ACT_NOTIFY cannot be used for the write syscall")
		}
	}
	if oneOf(c, r.Action, actions, path, i, "action") {
		c.errnoRet(r.Action, r.ErrnoRet, path, i, "errnoRet")
	}
	for j, a := range r.Args {
		if a.Index > 5 {
			c.fail(at(path, i, "args", j, "index"), "must be 0..5, got %d", a.Index)
		}
		oneOf(c, a.Op, operators, path, i, "args", j, "op")
	}
}

// errnoRet: only two actions carry a number. The kernel cuts an errno at
// MAX_ERRNO, 4095; the data of a trace event has 16 bits.
func (c *checker) errnoRet(action specs.LinuxSeccompAction, ret *uint, path ...any) {
	if ret == nil {
		return
	}
	var limit uint
	switch action {
	case specs.ActErrno:
		limit = 4095
	case specs.ActTrace:
		limit = 65535
	default:
		c.fail(at(path...), "must not be set: %s returns no errno", action)
		return
	}
	if *ret > limit {
		c.fail(at(path...), "must be 0..%d with %s, got %d", limit, action, *ret)
	}
}

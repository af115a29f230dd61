package seccomp

// names.go: the spec's names for actions, operators, architectures and flags
// (runtime-spec config-linux.md, "Seccomp"), and what libseccomp calls them.
// The lists are also what `features` reports.

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// Actions are the actions a profile may name, sorted.
func Actions() []string {
	return []string{
		"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
		"SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
	}
}

// Operators are the comparisons a profile may name, sorted.
func Operators() []string {
	return []string{
		"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
	}
}

// Architectures are the spec's architectures that the linked libseccomp knows,
// sorted.
func Architectures() []string {
	var known []string
	for _, name := range specArchitectures() {
		if _, ok := architecture(specs.Arch(name)); ok {
			known = append(known, name)
		}
	}
	return known
}

// specArchitectures are all that the spec names, sorted.
func specArchitectures() []string {
	return []string{
		"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS",
		"SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64",
		"SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64",
		"SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH",
		"SCMP_ARCH_SHEB", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
	}
}

// Flags are the filter flags a profile may name, sorted.
func Flags() []string {
	return []string{
		"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
		"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	}
}

// action translates an action without its return code.
func action(a specs.LinuxSeccompAction) (libseccomp.ScmpAction, bool) {
	switch a {
	case specs.ActKill, specs.ActKillThread:
		return libseccomp.ActKillThread, true
	case specs.ActKillProcess:
		return libseccomp.ActKillProcess, true
	case specs.ActTrap:
		return libseccomp.ActTrap, true
	case specs.ActErrno:
		return libseccomp.ActErrno, true
	case specs.ActTrace:
		return libseccomp.ActTrace, true
	case specs.ActAllow:
		return libseccomp.ActAllow, true
	case specs.ActLog:
		return libseccomp.ActLog, true
	case specs.ActNotify:
		return libseccomp.ActNotify, true
	}
	return libseccomp.ActInvalid, false
}

// hasCode says whether the action returns a number to somebody: an errno to
// the program, or a message to its tracer.
func hasCode(a specs.LinuxSeccompAction) bool {
	return a == specs.ActErrno || a == specs.ActTrace
}

func operator(op specs.LinuxSeccompOperator) (libseccomp.ScmpCompareOp, bool) {
	switch op {
	case specs.OpNotEqual:
		return libseccomp.CompareNotEqual, true
	case specs.OpLessThan:
		return libseccomp.CompareLess, true
	case specs.OpLessEqual:
		return libseccomp.CompareLessOrEqual, true
	case specs.OpEqualTo:
		return libseccomp.CompareEqual, true
	case specs.OpGreaterEqual:
		return libseccomp.CompareGreaterEqual, true
	case specs.OpGreaterThan:
		return libseccomp.CompareGreater, true
	case specs.OpMaskedEqual:
		return libseccomp.CompareMaskedEqual, true
	}
	return libseccomp.CompareInvalid, false
}

// architecture translates an architecture; ok is false when the linked
// libseccomp does not know it.
func architecture(name specs.Arch) (arch libseccomp.ScmpArch, ok bool) {
	short, found := strings.CutPrefix(string(name), "SCMP_ARCH_")
	if !found {
		return libseccomp.ArchInvalid, false
	}
	arch, err := libseccomp.GetArchFromString(short)
	if err != nil {
		return libseccomp.ArchInvalid, false
	}
	// The binding knows more names than the library; only a question that
	// names the architecture tells. Every architecture has read(2).
	_, err = libseccomp.GetSyscallFromNameByArch("read", arch)
	return arch, err == nil
}

// flag translates a filter flag.
func flag(f specs.LinuxSeccompFlag) (bit uint32, ok bool) {
	switch f {
	case specs.LinuxSeccompFlagLog:
		return unix.SECCOMP_FILTER_FLAG_LOG, true
	case specs.LinuxSeccompFlagSpecAllow:
		return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, true
	case specs.LinuxSeccompFlagWaitKillableRecv:
		return unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, true
	case "SECCOMP_FILTER_FLAG_TSYNC":
		// There is one thread when the program starts: nothing to do.
		return 0, true
	}
	return 0, false
}

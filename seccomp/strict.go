package seccomp

// strict.go answers what a filter may do to one syscall, by walking its
// program with the arguments unknown. It decides whether init can rely on its
// own system calls once the filter is loaded.

import (
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// strict says that init's thread could be stopped behind the filter: from
// executing the program, or from telling why that did not work and exiting.
func strict(bpf []byte) bool {
	program, err := decode(bpf)
	if err != nil {
		return true
	}
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return true
	}
	audit, ok := auditArch(native)
	if !ok {
		return true
	}
	allowed := func(name string, harmless func(action uint32) bool) bool {
		nr, err := libseccomp.GetSyscallFromNameByArch(name, native)
		if err != nil || nr < 0 {
			return true // not a call of this architecture
		}
		results, ok := outcomes(program, audit, uint32(nr))
		for action := range results {
			ok = ok && harmless(action)
		}
		return ok
	}
	// The call itself, the report to the parent, the exit, and what the Go
	// runtime does on the way.
	for _, name := range []string{
		"execve", "sendmsg", "write", "exit_group", "futex", "mmap", "munmap", "madvise",
		"nanosleep", "sched_yield", "rt_sigprocmask", "rt_sigreturn",
	} {
		if !allowed(name, passes) {
			return true
		}
	}
	// A look at the program to explain why it is not one. It may be denied.
	for _, name := range []string{"openat2", "openat", "fstat", "pread64", "close", "newfstatat", "statfs", "read"} {
		if !allowed(name, func(a uint32) bool { return passes(a) || a == unix.SECCOMP_RET_ERRNO }) {
			return true
		}
	}
	return false
}

func passes(action uint32) bool {
	return action == unix.SECCOMP_RET_ALLOW || action == unix.SECCOMP_RET_LOG
}

// maxSteps bounds outcomes: programs branch on unknown arguments, and the
// paths could multiply.
const maxSteps = 1 << 16

// outcomes is the set of actions (without data) that the program can return
// for the syscall with any arguments. ok is false when it does something this
// walk does not follow.
func outcomes(program []unix.SockFilter, arch, nr uint32) (set map[uint32]bool, ok bool) {
	type state struct {
		pc    int
		a     uint32
		known bool
	}
	set = map[uint32]bool{}
	open := []state{{}}
	for steps := 0; len(open) > 0; steps++ {
		s := open[len(open)-1]
		open = open[:len(open)-1]
		if steps > maxSteps || s.pc >= len(program) {
			return set, false
		}
		i := program[s.pc]
		next := s
		next.pc++
		switch i.Code {
		case opRet:
			set[i.K&unix.SECCOMP_RET_ACTION_FULL] = true
			continue
		case opLoad:
			switch i.K {
			case offNr:
				next.a, next.known = nr, true
			case offArch:
				next.a, next.known = arch, true
			default:
				next.a, next.known = 0, false
			}
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			next.a &= i.K
		case opJump:
			next.pc += int(i.K)
		case opEqual, opAbove, opFrom, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes, no := next, next
			yes.pc += int(i.Jt)
			no.pc += int(i.Jf)
			switch {
			case !s.known:
				open = append(open, yes, no)
			case holds(i.Code, s.a, i.K):
				open = append(open, yes)
			default:
				open = append(open, no)
			}
			continue
		default:
			return set, false
		}
		open = append(open, next)
	}
	return set, true
}

func holds(code uint16, a, k uint32) bool {
	switch code {
	case opEqual:
		return a == k
	case opAbove:
		return a > k
	case opFrom:
		return a >= k
	}
	return a&k != 0
}

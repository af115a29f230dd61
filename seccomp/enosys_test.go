package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestENOSYS(t *testing.T) {
	const (
		x64, x86      = unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386
		eperm, enosys = errnoAct | 1, errnoAct | 38
		allow, kill   = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_KILL_THREAD
	)
	const named = `,"syscalls":[{"names":["read","pidfd_open"],"action":"SCMP_ACT_ALLOW"}]}` // pidfd_open is 434 everywhere
	for _, c := range []struct {
		profile  string
		arch, nr uint32
		want     uint32
	}{
		{`"SCMP_ACT_ERRNO"` + named, x64, unix.SYS_READ, allow},
		{`"SCMP_ACT_ERRNO"` + named, x64, 434, allow},
		{`"SCMP_ACT_ERRNO"` + named, x64, unix.SYS_MKDIR, eperm},
		{`"SCMP_ACT_ERRNO"` + named, x64, 435, enosys},
		{`"SCMP_ACT_ERRNO"` + named, x64, 9999, enosys},
		{`"SCMP_ACT_KILL"` + named, x64, 435, enosys},
		{`"SCMP_ACT_TRAP"` + named, x64, 435, enosys},
		{`"SCMP_ACT_ERRNO","defaultErrnoRet":38` + named, x64, unix.SYS_MKDIR, enosys},
		{`"SCMP_ACT_ALLOW"` + named, x64, 435, allow},
		{`"SCMP_ACT_LOG"` + named, x64, 435, unix.SECCOMP_RET_LOG},
		{`"SCMP_ACT_TRACE"` + named, x64, 435, unix.SECCOMP_RET_TRACE | 1},
		// An architecture that the profile does not have stays forbidden.
		{`"SCMP_ACT_ERRNO"` + named, x86, 435, kill},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"]` + named, x86, 435, enosys},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"]` + named, x86, 3, allow},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"]` + named, x86, 39, eperm},
		// x32: forbidden as a whole, or with numbers of its own.
		{`"SCMP_ACT_ERRNO"` + named, x64, x32Bit | 435, kill},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X32"]` + named, x64, x32Bit | 435, enosys},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X32"]` + named, x64, 435, enosys},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X32"]` + named, x64, 83, eperm},
		{`"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X32"]` + named, x64, x32Bit, allow},
		// Nothing named: nothing is known about the profile's age.
		{`"SCMP_ACT_ERRNO"}`, x64, 435, eperm},
	} {
		f, _ := compileJSON(t, `{"defaultAction":`+c.profile)
		if got := answer(t, f.BPF, data{nr: c.nr, arch: c.arch}); got != c.want {
			t.Errorf("%s: arch %#x nr %#x: %#x, want %#x", c.profile, c.arch, c.nr, got, c.want)
		}
	}
}

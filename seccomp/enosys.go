package seccomp

// enosys.go: what happens to syscalls that are newer than the profile.
//
// A program probes for a new syscall, gets ENOSYS from an old kernel and falls
// back. If a profile that was written before that syscall answers EPERM, or
// kills, the program breaks instead. So on each architecture every number
// above the highest one the profile names gets ENOSYS, unless the default
// action lets unknown syscalls through or leaves the answer to a tracer. The
// test is put in front of libseccomp's program.

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// Offsets into struct seccomp_data.
const (
	offNr   = 0
	offArch = 4
)

// x32Bit marks the numbers of x32, which shares its audit architecture with
// x86-64 (asm/unistd.h, __X32_SYSCALL_BIT).
const x32Bit = 0x40000000

const (
	opLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opJump  = unix.BPF_JMP | unix.BPF_JA
	opEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opAbove = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opFrom  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opRet   = unix.BPF_RET | unix.BPF_K
)

// newest is the highest syscall number that a profile names on one audit
// architecture; negative: none.
type newest struct {
	audit    uint32
	nr       int64
	x32      int64 // with x32Bit
	x32Added bool  // the profile has x32 besides x86-64
}

// enosysStub is the program to put in front, empty for none.
func (c *compiler) enosysStub() ([]unix.SockFilter, error) {
	switch c.profile.DefaultAction {
	case specs.ActAllow, specs.ActLog, specs.ActTrace:
		return nil, nil
	case specs.ActErrno:
		if c.fallback.GetReturnCode() == int16(unix.ENOSYS) {
			return nil, nil
		}
	}
	var list []newest
	for _, arch := range c.archs {
		audit, ok := auditArch(arch)
		if !ok {
			return nil, fmt.Errorf("architecture %v has no audit number", arch)
		}
		i := 0
		for i < len(list) && list[i].audit != audit {
			i++
		}
		if i == len(list) {
			list = append(list, newest{audit: audit, nr: -1, x32: -1})
		}
		highest := highest(c.names, arch)
		if arch == libseccomp.ArchX32 {
			list[i].x32, list[i].x32Added = highest, true
		} else {
			list[i].nr = highest
		}
	}
	return stub(list), nil
}

func highest(names []string, arch libseccomp.ScmpArch) int64 {
	top := int64(-1)
	for _, name := range names {
		// A negative number stands for a syscall of other architectures.
		if nr, err := libseccomp.GetSyscallFromNameByArch(name, arch); err == nil {
			top = max(top, int64(nr))
		}
	}
	return top
}

// stub builds the program. Falling off its end is the way to libseccomp's; the
// only jumps that grow with the number of architectures are unconditional
// ones, which are 32 bits wide.
func stub(list []newest) []unix.SockFilter {
	var blocks [][]unix.SockFilter
	total := 1
	for _, n := range list {
		if b := block(n); b != nil {
			blocks = append(blocks, b)
			total += len(b)
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	program := []unix.SockFilter{{Code: opLoad, K: offArch}}
	for _, b := range blocks {
		program = append(program, b...)
		last := len(program) - 1
		program[last].K = uint32(total - len(program)) // to the end
	}
	return program
}

// block handles one architecture: if it is the one, it ends with a jump to the
// end of the stub, else it is skipped.
func block(n newest) []unix.SockFilter {
	const enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	ret := unix.SockFilter{Code: opRet, K: enosys}
	var body []unix.SockFilter
	switch {
	case n.nr < 0 && n.x32 < 0:
		return nil
	case n.audit != unix.AUDIT_ARCH_X86_64:
		body = []unix.SockFilter{{Code: opAbove, K: uint32(n.nr), Jf: 1}, ret}
	case !n.x32Added || n.x32 < 0:
		// What becomes of x32 numbers is libseccomp's decision.
		body = []unix.SockFilter{
			{Code: opFrom, K: x32Bit, Jt: 2},
			{Code: opAbove, K: uint32(n.nr), Jf: 1}, ret,
		}
	default:
		native := uint32(x32Bit - 1) // the profile names none: leave all alone
		if n.nr >= 0 {
			native = uint32(n.nr)
		}
		body = []unix.SockFilter{
			{Code: opFrom, K: x32Bit, Jt: 2},
			{Code: opAbove, K: native, Jf: 3}, ret,
			{Code: opAbove, K: uint32(n.x32), Jf: 1}, ret,
		}
	}
	out := []unix.SockFilter{
		{Code: opEqual, K: n.audit, Jf: uint8(len(body) + 2)},
		{Code: opLoad, K: offNr},
	}
	out = append(out, body...)
	return append(out, unix.SockFilter{Code: opJump})
}

const instructionSize = 8 // sizeof(struct sock_filter)

func encode(program []unix.SockFilter) []byte {
	b := make([]byte, 0, len(program)*instructionSize)
	for _, i := range program {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return b
}

func decode(bpf []byte) ([]unix.SockFilter, error) {
	if len(bpf)%instructionSize != 0 {
		return nil, errors.New("not a whole number of instructions")
	}
	program := make([]unix.SockFilter, 0, len(bpf)/instructionSize)
	for ; len(bpf) > 0; bpf = bpf[instructionSize:] {
		program = append(program, unix.SockFilter{
			Code: binary.NativeEndian.Uint16(bpf), Jt: bpf[2], Jf: bpf[3],
			K: binary.NativeEndian.Uint32(bpf[4:]),
		})
	}
	return program, nil
}

// auditArch is the number the kernel puts into seccomp_data.arch
// (linux/audit.h).
func auditArch(arch libseccomp.ScmpArch) (uint32, bool) {
	const mipsN32 = 0x20000000 // __AUDIT_ARCH_CONVENTION_MIPS64_N32
	switch arch {
	case libseccomp.ArchX86:
		return unix.AUDIT_ARCH_I386, true
	case libseccomp.ArchAMD64, libseccomp.ArchX32:
		return unix.AUDIT_ARCH_X86_64, true
	case libseccomp.ArchARM:
		return unix.AUDIT_ARCH_ARM, true
	case libseccomp.ArchARM64:
		return unix.AUDIT_ARCH_AARCH64, true
	case libseccomp.ArchMIPS:
		return unix.AUDIT_ARCH_MIPS, true
	case libseccomp.ArchMIPS64:
		return unix.AUDIT_ARCH_MIPS64, true
	case libseccomp.ArchMIPS64N32:
		return unix.AUDIT_ARCH_MIPS64 | mipsN32, true
	case libseccomp.ArchMIPSEL:
		return unix.AUDIT_ARCH_MIPSEL, true
	case libseccomp.ArchMIPSEL64:
		return unix.AUDIT_ARCH_MIPSEL64, true
	case libseccomp.ArchMIPSEL64N32:
		return unix.AUDIT_ARCH_MIPSEL64 | mipsN32, true
	case libseccomp.ArchPPC:
		return unix.AUDIT_ARCH_PPC, true
	case libseccomp.ArchPPC64:
		return unix.AUDIT_ARCH_PPC64, true
	case libseccomp.ArchPPC64LE:
		return unix.AUDIT_ARCH_PPC64LE, true
	case libseccomp.ArchS390:
		return unix.AUDIT_ARCH_S390, true
	case libseccomp.ArchS390X:
		return unix.AUDIT_ARCH_S390X, true
	case libseccomp.ArchPARISC:
		return unix.AUDIT_ARCH_PARISC, true
	case libseccomp.ArchPARISC64:
		return unix.AUDIT_ARCH_PARISC64, true
	case libseccomp.ArchRISCV64:
		return unix.AUDIT_ARCH_RISCV64, true
	case libseccomp.ArchLOONGARCH64:
		return unix.AUDIT_ARCH_LOONGARCH64, true
	case libseccomp.ArchM68K:
		return unix.AUDIT_ARCH_M68K, true
	case libseccomp.ArchSH:
		return unix.AUDIT_ARCH_SHEL, true // SCMP_ARCH_SH is the little-endian one
	case libseccomp.ArchSHEB:
		return unix.AUDIT_ARCH_SH, true
	}
	return 0, false
}

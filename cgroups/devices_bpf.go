package cgroups

// Device rules for v2: the program that the kernel asks at every open and
// mknod of a device. Pure: rules in, instructions out. Unlike v1, any list of
// rules can be expressed. See bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE.

// insn is struct bpf_insn of linux/bpf.h (little- or big-endian: the register
// nibbles swap, see pack).
type insn struct {
	code uint8
	dst  uint8
	src  uint8
	off  int16
	imm  int32
}

// Opcodes used here: class | size or operation | source (linux/bpf.h).
const (
	opLoad32 = 0x61 // dst = *(u32 *)(src + off)
	opMov    = 0xb7 // dst = imm
	opMovReg = 0xbf // dst = src
	opAnd    = 0x57 // dst &= imm
	opShift  = 0x77 // dst >>= imm, logical
	opJne    = 0x55 // if dst != imm goto +off
	opJset   = 0x45 // if dst & imm goto +off
	opJump   = 0x05 // goto +off
	opExit   = 0x95 // return r0
)

// Registers: r1 is the context, a struct bpf_cgroup_dev_ctx
// {u32 access_type; u32 major; u32 minor}, access_type = access<<16 | type.
const (
	regResult = 0
	regCtx    = 1
	regKind   = 2
	regAccess = 3
	regMajor  = 4
	regMinor  = 5
)

// The kernel's BPF_DEVCG_DEV_*.
const (
	kindBlock = 1
	kindChar  = 2
)

// program looks for the deciding rule from the last one backwards. r3 holds
// the kinds of access that are still undecided; once all are allowed, the
// answer is yes, and the first denied one makes it no.
func program(rules []rule) []insn {
	p := []insn{
		{code: opLoad32, dst: regKind, src: regCtx},
		{code: opMovReg, dst: regAccess, src: regKind},
		{code: opAnd, dst: regKind, imm: 0xffff},
		{code: opShift, dst: regAccess, imm: 16},
		{code: opLoad32, dst: regMajor, src: regCtx, off: 4},
		{code: opLoad32, dst: regMinor, src: regCtx, off: 8},
	}
	var last int32 // denied where no rule decides
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.everything() {
			// Whatever stands before it could not be reached, which the
			// kernel refuses.
			if r.allow {
				last = 1
			}
			break
		}
		p = append(p, r.insns()...)
	}
	return append(p, insn{code: opMov, dst: regResult, imm: last}, insn{code: opExit})
}

// insns is one rule: its tests jump to the rule's end, its body decides.
func (r rule) insns() []insn {
	var test []insn
	match := func(reg uint8, value int64) {
		test = append(test, insn{code: opJne, dst: reg, imm: int32(value)})
	}
	switch r.kind {
	case 'b':
		match(regKind, kindBlock)
	case 'c':
		match(regKind, kindChar)
	}
	if r.major != anyNumber {
		match(regMajor, r.major)
	}
	if r.minor != anyNumber {
		match(regMinor, r.minor)
	}
	body := r.body()
	for i := range test {
		test[i].off = int16(len(test) - 1 - i + len(body))
	}
	return append(test, body...)
}

func (r rule) body() []insn {
	if r.allow {
		return []insn{
			{code: opAnd, dst: regAccess, imm: int32(accAll &^ r.access)},
			{code: opJne, dst: regAccess, off: 2, imm: 0},
			{code: opMov, dst: regResult, imm: 1},
			{code: opExit},
		}
	}
	return []insn{
		{code: opJset, dst: regAccess, off: 1, imm: int32(r.access)},
		{code: opJump, off: 2},
		{code: opMov, dst: regResult, imm: 0},
		{code: opExit},
	}
}

package seccomp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// data is struct seccomp_data.
type data struct {
	nr, arch uint32
	args     [6]uint64
}

// answer runs the filter as the kernel would (seccomp(2)).
func answer(t *testing.T, bpf []byte, d data) uint32 {
	t.Helper()
	program, err := decode(bpf)
	if err != nil {
		t.Fatal(err)
	}
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		switch i.Code {
		case opRet:
			return i.K
		case opLoad:
			switch {
			case i.K == offNr:
				a = d.nr
			case i.K == offArch:
				a = d.arch
			case i.K >= 16 && i.K%8 == 0:
				a = uint32(d.args[(i.K-16)/8])
			default:
				a = uint32(d.args[(i.K-20)/8] >> 32)
			}
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
		case opJump:
			pc += int(i.K)
		default:
			if holds(i.Code, a, i.K) {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
	}
	t.Fatal("the program runs off its end")
	return 0
}

func nr(t *testing.T, name string, arch libseccomp.ScmpArch) uint32 {
	t.Helper()
	n, err := libseccomp.GetSyscallFromNameByArch(name, arch)
	if err != nil || n < 0 {
		t.Fatalf("%s: %v %v", name, n, err)
	}
	return uint32(n)
}

func compileJSON(t *testing.T, text string) (Filter, []string) {
	t.Helper()
	f, warnings, err := Compile(profileJSON(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return f, warnings
}

func profileJSON(t *testing.T, text string) *specs.LinuxSeccomp {
	t.Helper()
	p := new(specs.LinuxSeccomp)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

const errnoAct = unix.SECCOMP_RET_ERRNO

func TestActions(t *testing.T) {
	for _, c := range []struct {
		rule string
		want uint32
	}{
		{`"action":"SCMP_ACT_KILL"`, unix.SECCOMP_RET_KILL_THREAD},
		{`"action":"SCMP_ACT_KILL_THREAD"`, unix.SECCOMP_RET_KILL_THREAD},
		{`"action":"SCMP_ACT_KILL_PROCESS"`, unix.SECCOMP_RET_KILL_PROCESS},
		{`"action":"SCMP_ACT_TRAP"`, unix.SECCOMP_RET_TRAP},
		{`"action":"SCMP_ACT_ERRNO"`, errnoAct | 1},
		{`"action":"SCMP_ACT_ERRNO","errnoRet":0`, errnoAct},
		{`"action":"SCMP_ACT_ERRNO","errnoRet":38`, errnoAct | 38},
		{`"action":"SCMP_ACT_TRACE"`, unix.SECCOMP_RET_TRACE | 1},
		{`"action":"SCMP_ACT_TRACE","errnoRet":40000`, unix.SECCOMP_RET_TRACE | 40000},
		{`"action":"SCMP_ACT_LOG"`, unix.SECCOMP_RET_LOG},
		{`"action":"SCMP_ACT_NOTIFY"`, unix.SECCOMP_RET_USER_NOTIF},
		{`"action":"SCMP_ACT_ALLOW"`, unix.SECCOMP_RET_ALLOW},
	} {
		f, warnings := compileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getcwd"],`+c.rule+`}]}`)
		got := answer(t, f.BPF, data{nr: unix.SYS_GETCWD, arch: unix.AUDIT_ARCH_X86_64})
		if got != c.want || len(warnings) != 0 {
			t.Errorf("%s: %#x, want %#x; %q", c.rule, got, c.want, warnings)
		}
		if f.Notify != strings.Contains(c.rule, "NOTIFY") {
			t.Errorf("%s: Notify is %v", c.rule, f.Notify)
		}
		if other := answer(t, f.BPF, data{nr: unix.SYS_READ, arch: unix.AUDIT_ARCH_X86_64}); other != unix.SECCOMP_RET_ALLOW {
			t.Errorf("%s: read gets %#x", c.rule, other)
		}
	}
}

func TestOperators(t *testing.T) {
	const yes, no = errnoAct | 1, unix.SECCOMP_RET_ALLOW
	for _, c := range []struct {
		args      string
		arg0, two uint64
		want      uint32
	}{
		{`{"index":0,"value":5,"op":"SCMP_CMP_EQ"}`, 5, 0, yes},
		{`{"index":0,"value":5,"op":"SCMP_CMP_EQ"}`, 5 | 1<<32, 0, no},
		{`{"index":0,"value":5,"op":"SCMP_CMP_NE"}`, 6, 0, yes},
		{`{"index":0,"value":5,"op":"SCMP_CMP_LT"}`, 4, 0, yes},
		{`{"index":0,"value":5,"op":"SCMP_CMP_LT"}`, 5, 0, no},
		{`{"index":0,"value":5,"op":"SCMP_CMP_LE"}`, 5, 0, yes},
		{`{"index":0,"value":5,"op":"SCMP_CMP_GE"}`, 5, 0, yes},
		{`{"index":0,"value":5,"op":"SCMP_CMP_GT"}`, 5, 0, no},
		{`{"index":0,"value":5,"op":"SCMP_CMP_GT"}`, 1 << 40, 0, yes},
		{`{"index":0,"value":12,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}`, 0xfa, 0, yes},
		{`{"index":0,"value":12,"valueTwo":8,"op":"SCMP_CMP_MASKED_EQ"}`, 0xff, 0, no},
		// All conditions of a rule …
		{`{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}`, 1, 2, yes},
		{`{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}`, 1, 3, no},
		// … but any of them when an argument has several.
		{`{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":3,"op":"SCMP_CMP_EQ"}`, 3, 0, yes},
		{`{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":3,"op":"SCMP_CMP_EQ"}`, 2, 0, no},
	} {
		f, _ := compileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],
			"action":"SCMP_ACT_ERRNO","args":[`+c.args+`]}]}`)
		got := answer(t, f.BPF, data{nr: unix.SYS_PERSONALITY, arch: unix.AUDIT_ARCH_X86_64, args: [6]uint64{c.arg0, c.two}})
		if got != c.want {
			t.Errorf("%s of (%#x, %d): %#x, want %#x", c.args, c.arg0, c.two, got, c.want)
		}
	}
}

func TestFlags(t *testing.T) {
	for flags, want := range map[string]uint32{
		``:                                     4,
		`,"flags":[]`:                          0,
		`,"flags":["SECCOMP_FILTER_FLAG_LOG"]`: 2,
		`,"flags":["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]`:                                                                          4,
		`,"flags":["SECCOMP_FILTER_FLAG_TSYNC"]`:                                                                               0,
		`,"flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]`:                                                6,
		`,"flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]`:                                                                  0, // warned of
		`,"flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],"syscalls":[` + `{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]`: 32,
	} {
		if f, _ := compileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW"`+flags+`}`); f.Flags != want {
			t.Errorf("%s: %d, want %d", flags, f.Flags, want)
		}
	}
}

// TestLeftOutOfDenied: a name that nobody knows in a list of what is denied may
// be a mistyped one.
func TestLeftOutOfDenied(t *testing.T) {
	_, warnings := compileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write"],"action":"SCMP_ACT_LOG"},
		{"names":["mkdirr"],"action":"SCMP_ACT_LOG"},{"names":["mkdir","mkdirr"],"action":"SCMP_ACT_ERRNO"}]}`)
	want := []string{"linux.seccomp.syscalls[2].names: mkdirr is no system call that libseccomp " + Version() + " knows: it is not refused"}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLeftOut(t *testing.T) {
	f, warnings := compileJSON(t, `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86","SCMP_ARCH_M68K","SCMP_ARCH_PARISC"],
		"syscalls":[{"names":["read","no_such_call","write"],"action":"SCMP_ACT_ALLOW"},
		            {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}`)
	if diff := cmp.Diff([]string{"no_such_call"}, f.Skipped); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := []string{"linux.seccomp.architectures[1]: libseccomp " + Version() + " does not know SCMP_ARCH_M68K: left out"}
	if _, known := architecture("SCMP_ARCH_M68K"); known {
		want[0] = "linux.seccomp.architectures[1]: SCMP_ARCH_M68K is not of this machine's byte order: left out"
	}
	want = append(want, "linux.seccomp.architectures[2]: SCMP_ARCH_PARISC is not of this machine's byte order: left out")
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := answer(t, f.BPF, data{nr: nr(t, "write", libseccomp.ArchX86), arch: unix.AUDIT_ARCH_I386}); got != unix.SECCOMP_RET_ALLOW {
		t.Errorf("write of x86: %#x", got)
	}
}

func TestArchitectures(t *testing.T) {
	for _, name := range specArchitectures() {
		arch, ok := architecture(specs.Arch(name))
		if !ok {
			t.Logf("libseccomp %s does not know %s", Version(), name)
			continue
		}
		if _, ok := auditArch(arch); !ok {
			t.Errorf("%s has no audit number", name)
		}
		compileJSON(t, `{"defaultAction":"SCMP_ACT_ERRNO","architectures":["`+name+`"],"syscalls":[{"names":["read","openat"],"action":"SCMP_ACT_ALLOW"}]}`)
	}
	if len(Architectures()) < 18 {
		t.Errorf("only %q", Architectures())
	}
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"defaultAction":"SCMP_ACT_FOO"}`:                                                                                                              `seccomp: linux.seccomp.defaultAction: unknown action "SCMP_ACT_FOO"`,
		`{"defaultAction":"SCMP_ACT_NOTIFY"}`:                                                                                                           `seccomp: linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action`,
		`{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}`:                                                                                        `seccomp: linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW returns no errno`,
		`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":65536}`:                                                                                    `seccomp: linux.seccomp.defaultErrnoRet: must be at most 65535`,
		`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_Z80"]}`:                                                                          `seccomp: linux.seccomp.architectures[0]: unknown architecture "SCMP_ARCH_Z80"`,
		`{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_FOO"]}`:                                                                        `seccomp: linux.seccomp.flags[0]: unknown flag "SECCOMP_FILTER_FLAG_FOO"`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","errnoRet":1}]}`:                                      `seccomp: linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL returns no errno`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["open","write"],"action":"SCMP_ACT_NOTIFY"}]}`:                                         `seccomp: linux.seccomp.syscalls[0]: SCMP_ACT_NOTIFY cannot be used for the write syscall`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[""],"action":"SCMP_ACT_KILL"}]}`:                                                       `seccomp: linux.seccomp.syscalls[0].names: an empty string is no syscall`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_KILL"}]}`:                                                         `seccomp: linux.seccomp.syscalls[0].names: must name a syscall`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}`: `seccomp: linux.seccomp.syscalls[0].args[0].index: must be at most 5`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":1,"op":"EQ"}]}]}`:          `seccomp: linux.seccomp.syscalls[0].args[0].op: unknown operator "EQ"`,
	} {
		_, _, err := Compile(profileJSON(t, text))
		var e *fault.Error
		if err == nil || err.Error() != want || !errors.As(err, &e) {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestStrict(t *testing.T) {
	for text, want := range map[string]bool{
		`{"defaultAction":"SCMP_ACT_ALLOW"}`: false,
		`{"defaultAction":"SCMP_ACT_LOG"}`:   false,
		`{"defaultAction":"SCMP_ACT_KILL"}`:  true,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_KILL"}]}`:                                                     false,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve"],"action":"SCMP_ACT_KILL"}]}`:                                                    true,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["openat2"],"action":"SCMP_ACT_ERRNO"}]}`:                                                  false,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"value":1,"op":"SCMP_CMP_EQ"}]}]}`: true,
	} {
		if f, _ := compileJSON(t, text); f.KillsThread != want {
			t.Errorf("%s: %v, want %v", text, f.KillsThread, want)
		}
	}
}

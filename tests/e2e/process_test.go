package e2e

import (
	"fmt"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// edits is a table of changes to the default spec and what the container then
// prints.
type edits []struct {
	name   string
	edit   func(*specs.Spec)
	script string
	stdout string
	only   string // why only rt is asked
}

func (table edits) run(t *testing.T) {
	for _, test := range table {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(test.script))
			if test.only != "" {
				c.Runtime.Only(t, test.only)
			}
			test.edit(c.Spec)
			c.Run().WantOutput(t, test.stdout)
		})
	}
}

func TestProcess(t *testing.T) {
	score := 123
	caps := func(sets ...*[]string) {
		for _, set := range sets {
			*set = []string{"CAP_NET_RAW"}
		}
	}
	umask := uint32(0o027)
	edits{
		{"user", func(s *specs.Spec) {
			s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 1002}}
		}, "id -u; id -g; grep Groups: /proc/self/status | tr '\\t' ' '", "1000\n1001\nGroups: 5 1002 \n", ""},
		{"user, no groups", func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 8} }, "id -u; id -g", "7\n8\n", ""},
		{"umask", func(s *specs.Spec) { s.Process.User.Umask = &umask }, "umask", "0027\n", ""},
		{"cwd", func(s *specs.Spec) { s.Process.Cwd = "/tmp" }, "pwd", "/tmp\n", ""},
		{"cwd is made", func(s *specs.Spec) { s.Process.Cwd = "/a/b/c" }, "pwd", "/a/b/c\n", ""},
		{"cwd is made, read-only root", func(s *specs.Spec) { s.Process.Cwd, s.Root.Readonly = "/a/b/c", true }, "pwd", "/a/b/c\n", ""},
		{"cwd is made, read-only tmpfs", func(s *specs.Spec) {
			s.Process.Cwd = "/t/b/c"
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/t", Type: "tmpfs", Options: []string{"ro"}})
		}, "pwd; mkdir /t/d 2>&-; echo $?", "/t/b/c\n1\n", ""},
		{"cwd is made, an init that runs hooks", func(s *specs.Spec) {
			s.Process.Cwd, s.Root.Readonly = "/a/b/c", true
			s.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/true"}}}
		}, "pwd", "/a/b/c\n", ""},
		{"env", func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "A=1", "B=x y", "C=") }, "echo $A,$B,${C-unset}", "1,x y,\n", ""},
		{"env, the last wins", func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "A=1", "A=2") }, "env | grep ^A=", "A=2\n", "keeps both"},
		{"HOME from passwd", func(*specs.Spec) {}, "echo $HOME", "/root\n", ""},
		{"HOME of an unknown user", func(s *specs.Spec) { s.Process.User.UID = 4242 }, "echo $HOME", "/\n", ""},
		{"HOME given", func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "HOME=/tmp") }, "echo $HOME", "/tmp\n", ""},
		{"HOME empty", func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "HOME=") }, "echo $HOME", "/root\n", "keeps it empty"},
		{"rlimits", func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
		}, "ulimit -Sn; ulimit -Hn; ulimit -c", "100\n200\n0\n", ""},
		{"oomScoreAdj", func(s *specs.Spec) { s.Process.OOMScoreAdj = &score }, "cat /proc/self/oom_score_adj", "123\n", ""},
		{"noNewPrivileges", func(s *specs.Spec) { s.Process.NoNewPrivileges = true }, "grep NoNewPrivs /proc/self/status | cut -f2", "1\n", ""},
		{"new privileges", func(*specs.Spec) {}, "grep NoNewPrivs /proc/self/status | cut -f2", "0\n", ""},
		{"capabilities", func(s *specs.Spec) {
			c := new(specs.LinuxCapabilities)
			s.Process.Capabilities = c
			caps(&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient)
		}, "grep ^Cap /proc/self/status | cut -f2 | sort -u", "0000000000002000\n", ""},
		{"capabilities of a user", func(s *specs.Spec) {
			s.Process.User.UID = 1000
			c := new(specs.LinuxCapabilities)
			s.Process.Capabilities = c
			caps(&c.Bounding, &c.Effective, &c.Permitted, &c.Inheritable, &c.Ambient)
		}, "grep ^Cap /proc/self/status | cut -f2 | sort -u", "0000000000002000\n", ""},
		{"ambient lost without it", func(s *specs.Spec) { s.Process.User.UID = 1000 }, "grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u", "0000000000000000\n", ""},
		{"no capabilities", func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{} }, "grep ^Cap /proc/self/status | cut -f2 | sort -u", "0000000000000000\n", ""},
		{"unknown capability", func(s *specs.Spec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_NEW_THING")
		}, "echo on", "on\n", ""},
		{"personality", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }, "uname -m", "i686\n", "has none"},
		{"scheduler", func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5} }, "grep -E '^policy' /proc/self/sched | tr -s ' '; cut -d' ' -f19 /proc/self/stat", "policy : 3\n5\n", "has none"},
		{"ioPriority", func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}
		}, "ionice -p $$", "idle\n", "has none"},
		{"execCPUAffinity", func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0"} }, "echo on", "on\n", "has none"},
		{"hostname in the environment of the shell", func(*specs.Spec) {}, "hostname", "e2e\n", ""},
		{"pid 1", func(*specs.Spec) {}, "echo $$; set -- /proc/[0-9]*; echo $#", "1\n1\n", ""},
		{"session of its own", func(*specs.Spec) {}, "cut -d' ' -f5,6 /proc/1/stat", "1 1\n", ""},
		{"dumpable again", func(*specs.Spec) {}, "stat -c %u /proc/1/fd", "0\n", ""},
		{"signals are default", func(s *specs.Spec) {
			s.Process.Args = []string{"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}
		}, "", "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", ""},
	}.run(t)
}

func TestCPUAffinityIsReset(t *testing.T) {
	c := harness.New(t, sh("grep Cpus_allowed_list /proc/self/status | cut -f2"))
	c.Runtime.Only(t, "keeps the caller's")
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil || set.Count() < 2 {
		t.Skip("a second CPU is missing")
	}
	whole := c.Run().WantExit(t, 0).Stdout
	runUnder(t, c, "taskset", "-c", "0").WantOutput(t, whole)
}

func TestCwdIsInsideTheRoot(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Spec.Process.Cwd = "relative"
	c.Run().WantFailure(t)
}

func TestRlimitTwice(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "accepts it")
	c.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}, {Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}}
	c.Run().WantFailure(t, "rlimits[1]")
}

func seccomp(def specs.LinuxSeccompAction, rules ...specs.LinuxSyscall) *specs.LinuxSeccomp {
	return &specs.LinuxSeccomp{DefaultAction: def, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}, Syscalls: rules}
}

func rule(action specs.LinuxSeccompAction, errno uint, names ...string) specs.LinuxSyscall {
	r := specs.LinuxSyscall{Names: names, Action: action}
	if errno != 0 {
		r.ErrnoRet = &errno
	}
	return r
}

func TestSeccomp(t *testing.T) {
	arg := func(index uint, value uint64, op specs.LinuxSeccompOperator) []specs.LinuxSeccompArg {
		return []specs.LinuxSeccompArg{{Index: index, Value: value, Op: op}}
	}
	for _, nnp := range []bool{false, true} {
		for _, user := range []uint32{0, 1000} {
			for _, test := range []struct {
				name    string
				profile *specs.LinuxSeccomp
				args    string
				stdout  string
			}{
				{"errno 1", seccomp(specs.ActAllow, rule(specs.ActErrno, 0, "sysinfo")), "probe syscall 99", "1\n"},
				{"errnoRet", seccomp(specs.ActAllow, rule(specs.ActErrno, 77, "sysinfo", "nonexistent_call")), "probe syscall 99", "77\n"},
				{"argument matches", withArgs(seccomp(specs.ActAllow, rule(specs.ActErrno, 78, "personality")), arg(0, 8, specs.OpEqualTo)), "probe syscall 135 8", "78\n"},
				{"argument differs", withArgs(seccomp(specs.ActAllow, rule(specs.ActErrno, 78, "personality")), arg(0, 8, specs.OpEqualTo)), "probe syscall 135 0", "0\n"},
				{"mode 2", seccomp(specs.ActAllow, rule(specs.ActErrno, 0, "sysinfo")), "grep Seccomp: /proc/self/status", "Seccomp:\t2\n"},
				{"log", seccomp(specs.ActLog), "echo logged", "logged\n"},
			} {
				t.Run(fmt.Sprintf("%s nnp=%v uid=%d", test.name, nnp, user), func(t *testing.T) {
					c := harness.New(t, harness.Spec(strings.Fields(test.args)...))
					harness.AddProbe(t, c.Rootfs)
					c.Spec.Process.NoNewPrivileges = nnp
					c.Spec.Process.User.UID = user
					c.Spec.Linux.Seccomp = test.profile
					c.Run().WantOutput(t, test.stdout)
				})
			}
		}
	}
}

func withArgs(s *specs.LinuxSeccomp, args []specs.LinuxSeccompArg) *specs.LinuxSeccomp {
	s.Syscalls[0].Args = args
	return s
}

// TestSeccompUnknownSyscall: a call that is newer than every one the profile
// names answers ENOSYS, so that programs fall back.
func TestSeccompUnknownSyscall(t *testing.T) {
	c := harness.New(t, harness.Spec("probe", "syscall", "511"))
	harness.AddProbe(t, c.Rootfs)
	c.Spec.Linux.Seccomp = seccomp(specs.ActErrno, rule(specs.ActAllow, 0, allowList()...))
	c.Run().WantOutput(t, "38\n")
}

// allowList are calls enough for a static Go program and for a runtime that
// loads the filter early.
func allowList() []string {
	return []string{
		"read", "write", "close", "fstat", "mmap", "mprotect", "munmap", "brk", "rt_sigaction", "rt_sigprocmask", "sigaltstack",
		"arch_prctl", "clone", "clone3", "futex", "sched_getaffinity", "sched_yield", "nanosleep", "exit", "exit_group", "gettid",
		"getpid", "tgkill", "execve", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "pipe2", "fcntl", "openat", "openat2", "madvise",
		"uname", "prlimit64", "readlinkat", "rt_sigreturn", "getrandom", "prctl", "rseq", "set_robust_list", "set_tid_address",
		"newfstatat", "fstatfs", "getdents64", "chdir", "setgid", "setuid", "setgroups", "getcwd", "getppid", "capget", "capset", "faccessat2",
	}
}

// TestSeccompThatKillsInit: a profile that forbids what init itself must do
// ends in a clear exit. A default of SCMP_ACT_KILL kills one thread only, on
// which a runtime written in Go waits for ever.
func TestSeccompThatKillsInit(t *testing.T) {
	for _, action := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillThread, specs.ActKillProcess} {
		for _, rules := range [][]specs.LinuxSyscall{nil, {rule(specs.ActAllow, 0, "read", "write")}, {rule(specs.ActAllow, 0, "execve")}} {
			for _, nnp := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %d nnp=%v", action, len(rules), nnp), func(t *testing.T) {
					c := harness.New(t, harness.Spec("true"))
					c.Runtime.Only(t, "hangs")
					c.Spec.Process.NoNewPrivileges = nnp
					c.Spec.Linux.Seccomp = seccomp(action, rules...)
					c.Spec.Linux.Seccomp.Architectures = nil
					r := c.Run()
					if r.Code == 0 || r.Took.Seconds() > 10 {
						t.Errorf("a clear exit wanted: %v", r)
					}
					c.CheckGone()
				})
			}
		}
	}
}

// TestSeccompAgainstLibraries: what init still says behind the filter, it says
// with the calls that the filter was asked about, whatever a C library would
// have made of them.
func TestSeccompAgainstLibraries(t *testing.T) {
	const want = "no such file or directory"
	for _, nnp := range []bool{true, false} {
		c := harness.New(t, harness.Spec("/x"))
		c.Write("x", "#!/no/such/interpreter\n", 0o755)
		c.Spec.Process.NoNewPrivileges = nnp
		c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActKillProcess, 0, "open", "fcntl", "readv", "writev"))
		c.Save()
		c.Run().WantFailure(t, want)
		c.Create()
		c.Do("start", c.ID).WantFailure(t, want)
		c.OK("delete", c.ID)
	}
}

func TestSeccompBadSystemCall(t *testing.T) {
	c := harness.New(t, harness.Spec("probe", "syscall", "99"))
	harness.AddProbe(t, c.Rootfs)
	c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActKillProcess, 0, "sysinfo"))
	c.Run().WantExit(t, 128+31) // SIGSYS
}

package e2e

//lint:file-ignore SA1019 memory.kernel is tested as long as it is applied

// spec_test.go holds what the runtime-spec demands and no other file is about.
// docs/spec.md says which test stands for which sentence.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// runUnder is `run` under command.
func runUnder(t *testing.T, c *harness.Container, command ...string) harness.Result {
	t.Helper()
	c.Save()
	return harness.Exec(t, under(t, c, command, "run", "--bundle", c.Dir, c.ID))
}

// TestNoProcess: a container without a process can be created; start must
// refuse it.
func TestNoProcess(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "refuses to create it, or starts it")
	c.Spec.Process = nil
	c.Create()
	if s := c.Status(); s.Status != specs.StateCreated || s.Pid == 0 {
		t.Errorf("state %+v", s)
	}
	c.Do("start", c.ID).WantFailure(t, "start: process: not set in the bundle's config.json")
	c.OK("delete", c.ID)
	c.CheckGone()
}

// TestConfigIsReadOnce: what happens to config.json after create has no effect;
// the id is free again after delete.
func TestConfigIsReadOnce(t *testing.T) {
	c := harness.New(t, sh("echo first > /said"))
	c.Create()
	c.Spec.Process.Args = []string{"sh", "-c", "echo second > /said"}
	c.Spec.Hooks = &specs.Hooks{Poststart: shHook("exit 1", 0)}
	c.Save()
	c.OK("start", c.ID)
	c.Await(specs.StateStopped)
	if data, err := os.ReadFile(filepath.Join(c.Rootfs, "said")); err != nil || string(data) != "first\n" {
		t.Errorf("the program said %q, %v", data, err)
	}
	c.OK("delete", c.ID)
	c.Spec.Hooks = nil
	c.Run().WantExit(t, 0)
}

// TestOperationsNeedAnID: every operation without the container's id, or create
// without a bundle, is an error.
func TestOperationsNeedAnID(t *testing.T) {
	c := harness.New(t, sh("true"))
	for _, operation := range []string{"state", "create", "start", "kill", "delete"} {
		c.Do(operation).WantFailure(t)
	}
	c.Do("create", "--bundle", c.Host("no-bundle"), c.ID).WantFailure(t, "no such file or directory")
	c.CheckGone()
}

// TestSignalsOfCreated: what does not end a created container is dropped, also
// those signals that C libraries keep for themselves: the program does not find
// them pending.
func TestSignalsOfCreated(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGUSR1, 33, 34, 35, 64} {
		c := harness.New(t, harness.Spec("sh", "-c", "echo alive >/alive"))
		without(c.Spec, specs.PIDNamespace)
		c.Spec.Root.Readonly = false
		c.Create()
		if err := unix.Kill(c.Status().Pid, signal); err != nil {
			t.Fatal(err)
		}
		c.OK("start", c.ID)
		c.Await(specs.StateStopped)
		if _, err := os.Stat(filepath.Join(c.Rootfs, "alive")); err != nil {
			t.Errorf("signal %d: %v", signal, err)
		}
		c.OK("delete", c.ID)
	}
}

func TestKillOfCreated(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Create()
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("start", c.ID).WantFailure(t)
	c.OK("delete", c.ID)
}

// TestLeftToTheCaller: what the configuration does not set stays as the caller
// has it.
func TestLeftToTheCaller(t *testing.T) {
	c := harness.New(t, sh("umask; cat /proc/self/oom_score_adj"))
	c.Runtime.Only(t, "sets umask 0022")
	runUnder(t, c, "sh", "-c", `umask 0031; echo 321 > /proc/self/oom_score_adj; exec "$0" "$@"`).WantOutput(t, "0031\n321\n")
}

// TestCapabilityNotGrantable: what the caller does not have is a warning, and
// the container runs without.
func TestCapabilityNotGrantable(t *testing.T) {
	c := harness.New(t, sh("grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f2 | sort -u"))
	c.Runtime.Only(t, "fails")
	two := []string{"CAP_NET_RAW", "CAP_CHOWN"}
	c.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: two, Permitted: two, Effective: two, Inheritable: two[:1], Ambient: two[1:]}
	r := runUnder(t, c, "setpriv", "--bounding-set=-net_raw").WantExit(t, 0)
	for _, warning := range []string{"CAP_NET_RAW", "can't raise ambient capability CAP_CHOWN"} {
		if !strings.Contains(r.Stderr, warning) {
			t.Errorf("a warning with %q wanted: %v", warning, r)
		}
	}
	if !strings.HasPrefix(r.Stdout, "0000000000000001\n") {
		t.Errorf("CAP_CHOWN alone wanted: %v", r)
	}
}

// TestRefusedConfigs: each must be an error, and names its property.
func TestRefusedConfigs(t *testing.T) {
	one, zero := uint(1), 0
	for _, test := range []struct {
		path string
		edit func(*specs.Spec)
	}{
		{"process.cwd", func(s *specs.Spec) { s.Process.Cwd = "tmp" }},
		{"process.rlimits[1].type", func(s *specs.Spec) {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_CORE"}}
		}},
		{"process.rlimits[0].type", func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOPE"}} }},
		{"hooks.createRuntime[0].path", func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "bin/true"}}} }},
		{"hooks.poststop[0].timeout", func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true", Timeout: &zero}}}
		}},
		{`annotations[""]`, func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} }},
		{"linux.namespaces[5].type", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
		}},
		{"linux.namespaces[5].path", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace, Path: "/proc/self/ns/net"})
		}},
		{"linux.devices[0]", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/etc/passwd", Type: "c", Major: 1, Minor: 3}}
		}},
		{"linux.seccomp.syscalls[0].errnoRet", func(s *specs.Spec) {
			s.Linux.Seccomp = seccomp(specs.ActAllow, specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.ActLog, ErrnoRet: &one})
		}},
		{"linux.seccomp.defaultErrnoRet", func(s *specs.Spec) {
			s.Linux.Seccomp = seccomp(specs.ActAllow)
			s.Linux.Seccomp.DefaultErrnoRet = &one
		}},
		{"linux.seccomp.listenerMetadata", func(s *specs.Spec) {
			s.Linux.Seccomp = seccomp(specs.ActAllow)
			s.Linux.Seccomp.ListenerMetadata = "m"
		}},
		{"linux.seccomp.listenerPath", func(s *specs.Spec) {
			s.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActNotify, 0, "mkdir"))
			s.Linux.Seccomp.ListenerPath = "/nobody/listens"
		}},
		{"linux.cgroupsPath", func(s *specs.Spec) { s.Linux.CgroupsPath = "/a/../../b" }},
		{"linux.maskedPaths[0]", func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"proc/keys"} }},
		{"linux.readonlyPaths[0]", func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{"proc/sys"} }},
		{"mounts[0].gidMappings", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/m", Type: "bind", Source: "/etc", Options: []string{"bind", "idmap"},
				UIDMappings: []specs.LinuxIDMapping{{HostID: 1, Size: 1}}}}
		}},
		{"mounts[0].options", func(s *specs.Spec) {
			s.Mounts = []specs.Mount{{Destination: "/m", Type: "bind", Source: "/etc", Options: []string{"bind", "idmap"}}}
		}},
		{"linux.timeOffsets", func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}} }},
		{"linux.personality.domain", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "SUN"} }},
		{"linux.memoryPolicy.mode", func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "BIND"} }},
	} {
		t.Run(test.path, func(t *testing.T) {
			c := harness.New(t, sh("true"))
			c.Runtime.Only(t, "accepts some of them, and has other words")
			c.Write("etc/passwd", "root:x:0:0::/:/bin/sh\n", 0o644)
			test.edit(c.Spec)
			c.TryCreate().WantFailure(t, test.path)
			if c.Spec.Linux.CgroupsPath == "/a/../../b" {
				c.Spec.Linux.CgroupsPath = "/" + c.ID // what the check for leaks looks for
			}
			c.CheckGone()
		})
	}
}

// TestWithoutTheLSM: a profile or label that cannot be set is an error.
func TestWithoutTheLSM(t *testing.T) {
	for _, test := range []struct {
		file, path string
		edit       func(*specs.Spec)
	}{
		{"/sys/kernel/security/apparmor", "process.apparmorProfile", func(s *specs.Spec) { s.Process.ApparmorProfile = "unconfined" }},
		{"/sys/fs/selinux/enforce", "process.selinuxLabel", func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:container_t:s0" }},
		{"/sys/fs/selinux/enforce", "linux.mountLabel", func(s *specs.Spec) { s.Linux.MountLabel = "system_u:object_r:container_file_t:s0" }},
	} {
		t.Run(test.path, func(t *testing.T) {
			if _, err := os.Stat(test.file); err == nil {
				t.Skip("the host has the security module")
			}
			c := harness.New(t, sh("true"))
			c.Runtime.Only(t, "ignores it")
			test.edit(c.Spec)
			c.TryCreate().WantFailure(t, test.path, "is off on this host")
		})
	}
}

// TestAppArmor: the program runs under the profile, and init before it did not.
func TestAppArmor(t *testing.T) {
	harness.Root(t)
	harness.AppArmor(t)
	parser := harness.Need(t, "apparmor_parser")
	profile := filepath.Join(t.TempDir(), "profile")
	text := "profile rt-e2e-test flags=(attach_disconnected,mediate_deleted) {\n file,\n capability,\n signal,\n deny /secret r,\n}\n"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(flag string) {
		if out, err := exec.Command(parser, flag, profile).CombinedOutput(); err != nil {
			t.Fatalf("apparmor_parser %s: %v: %s", flag, err, out)
		}
	}
	load("-r")
	t.Cleanup(func() { load("-R") })
	c := harness.New(t, sh("cat /proc/self/attr/current; cat /secret 2>&1 | grep -o 'Permission denied'"))
	c.Write("secret", "s\n", 0o644)
	c.Spec.Process.ApparmorProfile = "rt-e2e-test"
	c.Run().WantOutput(t, "rt-e2e-test (enforce)\nPermission denied\n")
	c.Runtime.Only(t, "has other words")
	c.Spec.Process.ApparmorProfile = "rt-no-such-profile"
	c.TryCreate().WantFailure(t, "process.apparmorProfile rt-no-such-profile", "hint: the profile is not loaded")
	c.CheckGone()
}

// TestSELinux: the program and the mounts get their labels.
func TestSELinux(t *testing.T) {
	enforce, err := os.ReadFile("/sys/fs/selinux/enforce")
	if err != nil {
		t.Skip("SELinux is off")
	}
	const label, mounts = "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"
	if err := os.WriteFile("/sys/fs/selinux/context", []byte(label), 0); err != nil {
		t.Skipf("the policy (enforcing: %s) has no type container_t", enforce)
	}
	c := harness.New(t, sh("tr -d '\\0' < /proc/self/attr/current; echo; grep ' /dev/shm ' /proc/self/mounts | grep -o 'container_file_t:s0:c1,c2'"))
	c.Spec.Process.SelinuxLabel, c.Spec.Linux.MountLabel = label, mounts
	c.Run().WantOutput(t, label+"\ncontainer_file_t:s0:c1,c2\n")
}

// TestScheduling: what decides when and where the process runs, as the kernel
// shows it.
func TestScheduling(t *testing.T) {
	numa := func(mode specs.MemoryPolicyModeType, nodes string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: mode, Nodes: nodes} }
	}
	const policy = "head -n 1 /proc/self/numa_maps | cut -d' ' -f2"
	table := edits{
		{"SCHED_FIFO", func(s *specs.Spec) {
			s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 7, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}
			s.Process.Args = []string{"cut", "-d ", "-f40,41", "/proc/self/stat"}
			if _, err := os.Stat("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"); err == nil { // else a cgroup has none
				s.Linux.Resources.CPU = &specs.LinuxCPU{RealtimePeriod: ptr(uint64(1000000)), RealtimeRuntime: ptr(int64(10000))}
			}
		}, "", "7 1\n", "has none"},
		{"SCHED_IDLE", func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedIdle} }, "cut -d' ' -f41 /proc/self/stat", "5\n", "has none"},
		{"SCHED_DEADLINE", func(s *specs.Spec) {
			s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 2e6, Deadline: 2e7, Period: 4e7}
			s.Process.Args = []string{"cut", "-d ", "-f41", "/proc/self/stat"}
		}, "", "6\n", "has none"},
		{"ioPriority with a level", func(s *specs.Spec) {
			s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		}, "ionice", "best-effort: prio 6\n", "has none"},
		{"no ioPriority", func(*specs.Spec) {}, "ionice", "none: prio 0\n", ""},
		{"LINUX", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux} }, "cat /proc/self/personality", "00000000\n", "has none"},
		{"LINUX32", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }, "cat /proc/self/personality", "00000008\n", "has none"},
	}
	if _, err := os.Stat("/proc/self/numa_maps"); err == nil {
		table = append(table, edits{
			{"MPOL_BIND", numa(specs.MpolBind, "0"), policy, "bind:0\n", "has none"},
			{"MPOL_INTERLEAVE", numa(specs.MpolInterleave, "0"), policy, "interleave:0\n", "has none"},
			{"MPOL_PREFERRED", numa(specs.MpolPreferred, "0"), policy, "prefer:0\n", "has none"},
			{"MPOL_LOCAL", numa(specs.MpolLocal, ""), policy, "local\n", "has none"},
			{"MPOL_DEFAULT", numa(specs.MpolDefault, ""), policy, "default\n", "has none"},
			{"memory policy flags", func(s *specs.Spec) {
				numa(specs.MpolBind, "0")(s)
				s.Linux.MemoryPolicy.Flags = []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}
			}, policy, "bind=static:0\n", "has none"},
		}...)
	}
	table.run(t)
}

// TestSchedulingRefused: what the kernel does not take is told by property.
func TestSchedulingRefused(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*specs.Spec)
		text string
	}{
		{"SCHED_ISO is passed to the kernel", func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedISO} },
			"process.scheduler: sched_setattr: invalid argument"},
		{"deadline in a cpuset", func(s *specs.Spec) {
			s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 1e6, Deadline: 1e7, Period: 1e7}
			s.Linux.Resources.CPU = &specs.LinuxCPU{Cpus: "0"}
		}, "process scheduler can't be used together with AllowedCPUs"},
		{"memory policy mode", func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_X"} }, "invalid memory policy mode"},
		{"memory policy node", func(s *specs.Spec) { s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "x"} }, "invalid memory policy node"},
		{"memory policy flag", func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"X"}}
		}, "invalid memory policy flag"},
		{"memory policy nodes", func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolDefault, Nodes: "0-7"}
		}, "mode requires 0 nodes but got 8"},
		{"a node that is not there", func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "63"}
		}, "linux.memoryPolicy: set_mempolicy: invalid argument"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("true"))
			c.Runtime.Only(t, "has none")
			test.edit(c.Spec)
			c.TryCreate().WantFailure(t, test.text)
			c.CheckGone()
		})
	}
}

// TestSeccompArchitectures: every architecture of the specification may be
// named; what libseccomp does not know is a warning.
func TestSeccompArchitectures(t *testing.T) {
	c := harness.New(t, sh("mkdir /x 2>/dev/null || echo refused"))
	c.Runtime.Only(t, "refuses some")
	c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActErrno, 1, "mkdir", "mkdirat"))
	for _, a := range strings.Fields("X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB") {
		c.Spec.Linux.Seccomp.Architectures = append(c.Spec.Linux.Seccomp.Architectures, specs.Arch("SCMP_ARCH_"+a))
	}
	c.Run().WantOutput(t, "refused\n")
}

// TestSeccompAgentGone: without its agent a container is not created; the call
// that the agent would need to be told is refused it.
func TestSeccompAgentGone(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActNotify, 0, "sysinfo"))
	c.Spec.Linux.Seccomp.ListenerPath = c.Host("agent.sock")
	c.TryCreate().WantFailure(t, "failed to connect with seccomp agent")
	c.CheckGone()
	c.Spec.Linux.Seccomp.Syscalls[0].Names = []string{"write"}
	c.TryCreate().WantFailure(t, "SCMP_ACT_NOTIFY cannot be used for the write syscall")
}

// TestV1Memory: the parameters that only v1 has. A limit on kernel memory is
// not recommended, and nothing to fail for since the kernel has none (5.16).
func TestV1Memory(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err != nil {
		t.Skip("the v1 memory controller is missing")
	}
	c := harness.New(t, sh("true"))
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{
		Limit: ptr(int64(64 << 20)), Kernel: ptr(int64(32 << 20)), KernelTCP: ptr(int64(16 << 20)), UseHierarchy: ptr(true), Swappiness: ptr(uint64(7)), DisableOOMKiller: ptr(true),
	}
	c.Create()
	for file, want := range map[string]string{
		"memory.kmem.tcp.limit_in_bytes": "16777216", "memory.use_hierarchy": "1", "memory.swappiness": "7",
	} {
		if got := c.Cgroup(file); got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	if got := c.Cgroup("memory.oom_control"); !strings.Contains(got, "oom_kill_disable 1") {
		t.Errorf("the OOM killer is on: %s", got)
	}
}

// TestHugepages: reservations where the kernel limits them, else usage.
func TestHugepages(t *testing.T) {
	if files, _ := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-2048kB"); len(files) == 0 {
		t.Skip("huge pages of 2 MB are missing")
	}
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "does not find the controller on a hybrid host")
	c.Spec.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
	if r := c.TryCreate(); strings.Contains(r.Stderr, "controller") {
		t.Skip("the hugetlb controller is missing")
	} else if r.Code != 0 {
		t.Fatal(r)
	}
	if got := c.Cgroup("hugetlb.2MB.rsvd.max", "hugetlb.2MB.rsvd.limit_in_bytes"); got != fmt.Sprint(4<<20) {
		t.Errorf("the limit on reservations is %s", got)
	}
}

// TestMountOrder: mounts are made in the listed order, a relative destination
// is taken from /, an unknown option is the file system's.
func TestMountOrder(t *testing.T) {
	c := harness.New(t, sh("cat /one/two/f; grep -c ' /one' /proc/self/mounts"))
	src := c.Host("src")
	if err := os.MkdirAll(src, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(src, "f"), []byte("on top\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Spec.Mounts = append(c.Spec.Mounts,
		specs.Mount{Destination: "one", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m", "nr_inodes=50"}},
		specs.Mount{Destination: "/one/two", Type: "bind", Source: src, Options: []string{"bind"}})
	c.Run().WantOutput(t, "on top\n2\n")
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/three", Type: "tmpfs", Source: "tmpfs", Options: []string{"no_such_option"}})
	c.Run().WantFailure(t, "/three")
}

// TestNetworkNamespaceOfTheHost: a type that is not listed is the runtime's.
func TestNetworkNamespaceOfTheHost(t *testing.T) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Spec("stat", "-L", "-c", "%i", "/proc/self/ns/net"))
	harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.PIDNamespace, specs.UTSNamespace, specs.IPCNamespace)
	c.Run().WantOutput(t, fmt.Sprintf("%d\n", st.Ino))
}

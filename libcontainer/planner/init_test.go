package planner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

func TestDirect(t *testing.T) {
	mount := func(fstype string, options ...string) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: fstype, Source: "x", Options: options})
		}
	}
	namespace := func(kind specs.LinuxNamespaceType, path string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, ns(kind, path)) }
	}
	for _, c := range []struct {
		name   string
		change func(*specs.Spec)
		want   bool
	}{
		{"plain", func(*specs.Spec) {}, true},
		{"new cgroup namespace", namespace("cgroup", ""), true},
		{"joined network", namespace("network", "/n"), true},
		{"new user namespace", namespace("user", ""), false},
		{"joined user namespace", namespace("user", "/u"), false},
		{"time namespace", namespace("time", ""), false},
		{"host's mount namespace", func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:1] }, false},
		{"joined mount namespace", func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/m" }, false},
		{"masks through self", func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc/keys", "/proc/net"} }, false},
		{"read-only through self", func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{"/proc/thread-self"} }, false},
		{"the same without a pid namespace", func(s *specs.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[1:]
			s.Linux.MaskedPaths = []string{"/proc/self/environ"}
		}, true},
		{"in self", func(s *specs.Spec) { s.Process.Cwd = "/proc/../proc/self" }, false},
		{"mounted onto self", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/proc/net/dev", Options: []string{"bind"}})
		}, false},
		{"a name like it", func(s *specs.Spec) { s.Process.Cwd = "/proc/selfish" }, true},
		{"no process", func(s *specs.Spec) { s.Process = nil }, false},
		{"no arguments", func(s *specs.Spec) { s.Process.Args = nil }, false},
		{"no root", func(s *specs.Spec) { s.Root = nil }, false},
		{"hooks of the runtime", func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: make([]specs.Hook, 1)} }, true},
		{"createContainer hook", func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateContainer: make([]specs.Hook, 1)} }, false},
		{"startContainer hook", func(s *specs.Spec) { s.Hooks = &specs.Hooks{StartContainer: make([]specs.Hook, 1)} }, false},
		{"bind", mount("", "rbind"), true},
		{"bind of an unknown type", mount("ext4", "bind"), true},
		{"unknown file system", mount("fuse"), false},
		{"tmpfs", mount("tmpfs", "size=1m"), true},
		{"tmpfs with a copy", mount("tmpfs", "tmpcopyup"), false},
		{"second proc", mount("proc", "hidepid=2"), true},
		{"proc for mount(2)", mount("proc", "iversion"), false},
		{"proc with a long option", mount("proc", "x="+strings.Repeat("y", 256)), false},
		{"nine of proc", func(s *specs.Spec) {
			for range 9 {
				mount("proc")(s)
			}
		}, false},
	} {
		s := &specs.Spec{
			Process: &specs.Process{Args: []string{"x"}}, Root: &specs.Root{Path: "/r"},
			Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{ns("pid", ""), ns("mount", "")}},
		}
		c.change(s)
		if got := Direct(s, PlanNamespaces(s.Linux), Options{}, nil); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.name != "plain" {
			continue
		}
		if Direct(s, PlanNamespaces(s.Linux), Options{NoPivot: true}, nil) {
			t.Error("with --no-pivot")
		}
		for _, f := range []struct {
			plan.Seccomp
			want bool
		}{
			{plan.Seccomp{NotifyFd: plan.None}, true}, {plan.Seccomp{NotifyFd: plan.None, KillsThread: true}, false}, {plan.Seccomp{}, false},
		} {
			if got := Direct(s, PlanNamespaces(s.Linux), Options{}, &f.Seccomp); got != f.want {
				t.Errorf("with the filter %+v: %v", f.Seccomp, got)
			}
		}
	}
}

func TestProcs(t *testing.T) {
	s := &specs.Spec{Mounts: []specs.Mount{{Type: "proc"}, {Type: "tmpfs"}, {Type: "proc"}}, Linux: &specs.Linux{}}
	if n := Procs(s); n != 2 {
		t.Error(n)
	}
	s.Linux.Sysctl = map[string]string{"kernel.msgmax": "1"}
	if n := Procs(s); n != 3 {
		t.Error("with a parameter:", n)
	}
}

func TestInitGolden(t *testing.T) {
	plain := plan.Plan{Process: plan.Process{
		Args: []string{"sh", "-c", "id"}, Env: []string{"PATH=/bin", "HOME=/"}, Cwd: "/srv", OOMScoreAdj: ptr(-7),
		Umask: plan.None, ConsoleFd: plan.None, NewKeyring: true,
		Caps: &plan.Caps{Bounding: 0xa80425fb, Effective: 0xa80425fb, Permitted: 0xa80425fb, Last: 40},
	}}
	everything := plain
	everything.NotDumpable, everything.Unshare = true, unix.CLONE_NEWCGROUP
	p := &everything.Process
	p.Terminal, p.UID, p.GID, p.Umask, p.NoNewPrivileges, p.PreserveFds = true, 1000, 100, 0o27, true, 2
	p.AppArmor, p.SELinux, p.KeyringLabel = "docker-default", "u:r:t:s0", "u:r:t:s0"
	p.Rlimits = []plan.Rlimit{{Resource: unix.RLIMIT_NOFILE, Name: "RLIMIT_NOFILE", Soft: 10, Hard: 20}}
	p.Scheduler = &plan.Scheduler{Policy: unix.SCHED_DEADLINE, Runtime: 1, Deadline: 2, Period: 2, Cpuset: true}
	for name, c := range map[string]struct {
		plan   *plan.Plan
		become Becoming
	}{
		"docker":     {&plain, Becoming{Filter: &plan.Seccomp{BPF: []byte("12345678"), Flags: 4, NotifyFd: plan.None}, Mask: 1 << 14, TerminalFd: plan.None, ListenFd: 0}},
		"everything": {&everything, Becoming{TerminalFd: 1, ListenFd: plan.None}},
	} {
		t.Run(name, func(t *testing.T) {
			c.become.Candidates = []string{"/bin/sh"}
			got := script(FirstOps(c.plan)) + "--\n" + script(LastOps(&c.plan.Process, c.become))
			golden(t, "init-"+name+".golden", got)
		})
	}
}

// TestWaitsWithLittle: what waits for start has nothing that the program will
// not have, and only what belongs to the program's begin comes behind.
func TestWaitsWithLittle(t *testing.T) {
	p := plan.Process{Args: []string{"x"}, Umask: plan.None, UID: 7, Caps: &plan.Caps{Last: 40}, Rlimits: []plan.Rlimit{{}}}
	ops := LastOps(&p, Becoming{Filter: &plan.Seccomp{NotifyFd: plan.None}, TerminalFd: plan.None, ListenFd: 0})
	var behind []plan.OpCode
	for i, op := range ops {
		if op.Code == plan.OpReady {
			for _, op := range ops[i+1:] {
				behind = append(behind, op.Code)
			}
		}
	}
	want := []plan.OpCode{plan.OpLimit, plan.OpSigmask, plan.OpTryCaps, plan.OpSeccomp, plan.OpExec}
	if diff := cmp.Diff(want, behind); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

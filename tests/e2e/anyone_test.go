package e2e

// What must work for every user: the tests here run as root, and in the guest
// as an unprivileged user with a delegated cgroup and without one.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

func TestAnyoneRuns(t *testing.T) {
	for _, test := range []struct {
		name, script, stdout string
		code                 int
		change               func(*specs.Spec)
	}{
		{name: "output", script: "echo out; echo err >&2", stdout: "out\n"},
		{name: "exit status", script: "exit 7", code: 7},
		{name: "signal", script: "sh -c 'kill -9 $$'; exit $?", code: 137},
		{name: "root inside", script: "id -u; id -g; touch /made; chown 5:6 /made; stat -c %u:%g /made", stdout: "0\n0\n5:6\n"},
		{name: "hostname", script: "hostname", stdout: "e2e\n"},
		{name: "pid 1", script: "echo $$", stdout: "1\n"},
		{name: "devices", script: "echo x > /dev/null; head -c 3 /dev/zero | wc -c; [ -c /dev/tty ] && echo tty", stdout: "3\ntty\n"},
		{"another user", "id -u; id -g", "7\n8\n", 0, func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 8} }},
		{"read-only root", "touch /x 2>/dev/null || echo refused", "refused\n", 0, func(s *specs.Spec) { s.Root.Readonly = true }},
		{"tmpfs", "stat -f -c %T /data; touch /data/f && echo ok", "tmpfs\nok\n", 0, func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m"}})
		}},
		{"own cgroup namespace", "cut -d: -f3 /proc/self/cgroup | sort -u", "/\n", 0, func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		}},
		{"cgroup mount", "[ -e /sys/fs/cgroup ] && echo there", "there\n", 0, func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "ro"}})
		}},
		{"no new privileges", "grep NoNewPrivs /proc/self/status | cut -f2", "1\n", 0, func(s *specs.Spec) { s.Process.NoNewPrivileges = true }},
		{"seccomp", "mkdir /x 2>/dev/null || echo refused; grep ^Seccomp: /proc/self/status | cut -f2", "refused\n2\n", 0, func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActErrno},
			}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.NewForAnyone(t, sh(test.script))
			if test.change != nil {
				test.change(c.Spec)
			}
			r := c.Run().WantExit(t, test.code)
			if r.Stdout != test.stdout {
				t.Errorf("stdout %q wanted: %v", test.stdout, r)
			}
			if strings.Contains(r.Stderr, "warn") {
				t.Errorf("a warning without a reason: %v", r)
			}
		})
	}
}

func TestAnyoneLifecycle(t *testing.T) {
	c := harness.NewForAnyone(t, sh("trap 'exit 3' TERM; touch /up; while :; do sleep 0.1; done"))
	c.Create()
	if s := c.Status(); s.Status != specs.StateCreated {
		t.Errorf("after create: %+v", s)
	}
	c.OK("start", c.ID)
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	if s := c.Status(); s.Status != specs.StateRunning || s.Pid == 0 {
		t.Errorf("after start: %+v", s)
	}
	if got := c.OK("list", "-q").Stdout; got != c.ID+"\n" {
		t.Errorf("list: %q", got)
	}
	c.OK("kill", c.ID, "TERM")
	c.Await(specs.StateStopped)
	c.OK("delete", c.ID)
	c.CheckGone()
}

func TestAnyoneDeletesByForce(t *testing.T) {
	for _, started := range []bool{false, true} {
		t.Run(fmt.Sprintf("started %v", started), func(t *testing.T) {
			c := harness.NewForAnyone(t, sh("sleep 100 & sleep 100"))
			c.Create()
			if started {
				c.OK("start", c.ID)
			}
			c.OK("delete", "--force", c.ID)
			c.CheckGone()
		})
	}
}

// TestAnyoneLimits: a limit is applied wherever there is a cgroup for it; else
// the container runs, and each lost limit is told.
func TestAnyoneLimits(t *testing.T) {
	c := harness.NewForAnyone(t, sh("touch /up; exec sleep 100"))
	if c.Spec.Linux.Resources == nil {
		c.Spec.Linux.Resources = &specs.LinuxResources{}
	}
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(33))}
	// To a log, as the container keeps its stderr.
	log := c.Host("log")
	c.Global = []string{"--log", log}
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	text, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	dir, delegated := harness.OwnCgroup(t)
	if os.Getuid() != 0 && !(delegated && harness.V2(t)) {
		for _, lost := range []string{"memory", "pids"} {
			if !strings.Contains(string(text), lost) {
				t.Errorf("the lost limit of %s is not told (own cgroup %s): %q", lost, dir, text)
			}
		}
		return
	}
	if strings.Contains(string(text), "lost") {
		t.Errorf("a limit was lost: %s", text)
	}
	for _, limit := range []struct {
		want  string
		files []string
	}{{"67108864", []string{"memory.max", "memory.limit_in_bytes"}}, {"33", []string{"pids.max"}}} {
		if got := cgroupOf(t, c.Status().Pid, limit.files...); got != limit.want {
			t.Errorf("%v is %s, want %s", limit.files, got, limit.want)
		}
	}
}

// cgroupOf reads the first of the files that there is in the cgroups of pid.
func cgroupOf(t *testing.T, pid int, files ...string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, dir := range []string{"", f[1], "unified"} {
			for _, file := range files {
				if value, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", dir, f[2], file)); err == nil {
					return strings.TrimSpace(string(value))
				}
			}
		}
	}
	t.Fatalf("none of %v in\n%s", files, data)
	return ""
}

package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// A container may have far less memory than its runtime needs to start it: what
// that needs is not charged to it. Its cgroup namespace and the cgroup that it
// waits and runs in are its own all the same.
func TestSmallestMemory(t *testing.T) {
	const limit = 1 << 20
	small := func(t *testing.T, limit int64, args ...string) *harness.Container {
		c := harness.New(t, harness.Spec(args...))
		c.Runtime.Only(t, "the runtime's own memory is charged to the container")
		c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(limit), Swap: ptr(limit)}
		c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
		return c
	}
	// On a busy machine the kernel may kill before it has taken back what the
	// processors hold of the limit in advance, up to 256 KiB each: once more then.
	run := func(t *testing.T, build func() *harness.Container) harness.Result {
		t.Helper()
		r := build().Run()
		if r.Code == 128+int(syscall.SIGKILL) {
			t.Logf("once more: %v", r)
			r = build().Run()
		}
		return r.WantExit(t, 0)
	}
	t.Run("true", func(t *testing.T) {
		for range 5 {
			run(t, func() *harness.Container { return small(t, limit, "true") })
		}
	})
	t.Run("seccomp", func(t *testing.T) {
		run(t, func() *harness.Container {
			c := small(t, limit, "true")
			c.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
				Syscalls: []specs.LinuxSyscall{{Names: []string{"reboot", "swapon", "kexec_load"}, Action: specs.ActErrno}}}
			return c
		})
	})
	t.Run("user namespace", func(t *testing.T) {
		run(t, func() *harness.Container {
			c := small(t, limit, "true")
			userns(t, c)
			return c
		})
	})
	t.Run("without cgroup namespace", func(t *testing.T) {
		run(t, func() *harness.Container {
			c := small(t, limit, "true")
			c.Spec.Linux.Namespaces = c.Spec.Linux.Namespaces[:len(c.Spec.Linux.Namespaces)-1]
			return c
		})
	})
	t.Run("hooks see the cgroup", func(t *testing.T) {
		c := small(t, limit, "true")
		c.Spec.Hooks = &specs.Hooks{CreateRuntime: shHook("read s; pid=${s#*pid?:}; cat /proc/${pid%%,*}/cgroup > "+c.Host("seen"), 0)}
		c.Run().WantExit(t, 0)
		seen, err := os.ReadFile(c.Host("seen"))
		if err != nil || strings.Count(string(seen), c.ID) < strings.Count(string(seen), "memory") || !strings.Contains(string(seen), c.ID) {
			t.Errorf("cgroups of init for a hook (%v):\n%s", err, seen)
		}
	})
	t.Run("cgroup namespace", func(t *testing.T) {
		r := run(t, func() *harness.Container { return small(t, limit, "cat", "/proc/self/cgroup") })
		for line := range strings.Lines(r.Stdout) {
			if !strings.HasSuffix(line, ":/\n") {
				t.Errorf("not at the root of its cgroup namespace: %q", line)
			}
		}
	})
	t.Run("created", func(t *testing.T) {
		c := small(t, limit, "sleep", "100")
		c.Create()
		pid := strconv.Itoa(c.Status().Pid)
		dir := filepath.Dir(c.CgroupFile("memory.limit_in_bytes", "memory.max"))
		if got, err := os.ReadFile(filepath.Join(dir, "cgroup.procs")); strings.TrimSpace(string(got)) != pid {
			t.Errorf("init waits outside of its memory limit: pid %s, in it %q (%v)", pid, got, err)
		}
		if used, err := strconv.Atoi(c.Cgroup("memory.usage_in_bytes", "memory.current")); err != nil || used > limit {
			t.Errorf("a created container uses %d bytes (%v)", used, err)
		}
		c.OK("start", c.ID)
		c.Await(specs.StateRunning)
	})
	t.Run("a killed create", func(t *testing.T) {
		for n := 100; n < 420; n += 40 {
			c := small(t, limit, "sleep", "100")
			c.Save()
			createKilledAt(t, c, n)
			c.Do("delete", "--force", c.ID)
			c.CheckGone()
		}
	})
}

// resctrl is nowhere in virtual machines: what is tested is that a container
// that needs it says so, and leaves nothing.
func TestIntelRdtMissing(t *testing.T) {
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), " - resctrl ") {
		t.Skip("resctrl is mounted here")
	}
	c := harness.New(t, sh("true"))
	c.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}
	c.Run().WantFailure(t, "intelRdt: no resctrl file system is mounted", "resctrl /sys/fs/resctrl")
	c.CheckGone()
}

//go:build clients

package containerd

import (
	"testing"

	"rt/tests/clients/world"
)

// limits are seen in the container's cgroup, from outside.
func limits() []check {
	return []check{
		{"memory", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--memory-limit", "67108864"), "sleep", "1000")
			c.wantCgroup("67108864", "memory.limit_in_bytes", "memory.max")
		}},
		{"memory-holds", func(t *testing.T, e *engine) {
			e.run(t, words("--memory-limit", "33554432"), "probe", "hog", "200").WantExit(t, 137)
		}},
		{"cpus", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--cpus", "0.5"), "sleep", "1000")
			if got := c.cgroup("cpu.max"); got != "" {
				c.wantCgroup("50000 100000", "cpu.max")
				return
			}
			c.wantCgroup("50000", "cpu.cfs_quota_us")
			c.wantCgroup("100000", "cpu.cfs_period_us")
		}},
		{"cpu-quota-and-period", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--cpu-quota", "30000", "--cpu-period", "60000"), "sleep", "1000")
			if got := c.cgroup("cpu.max"); got != "" {
				c.wantCgroup("30000 60000", "cpu.max")
				return
			}
			c.wantCgroup("30000", "cpu.cfs_quota_us")
			c.wantCgroup("60000", "cpu.cfs_period_us")
		}},
		{"cpu-shares", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--cpu-shares", "512"), "sleep", "1000")
			if c.cgroup("cpu.max") == "" {
				c.wantCgroup("512", "cpu.shares")
			} else if got := c.cgroup("cpu.weight"); got == "100" || got == "" {
				t.Errorf("cpu.weight %q", got)
			}
		}},
		{"cpuset", func(t *testing.T, e *engine) {
			e.only(t, "2.x", "ctr's --cpuset-cpus")
			c := e.detached(t, words("--cpuset-cpus", "0", "--cpuset-mems", "0"), "sleep", "1000")
			c.wantCgroup("0", "cpuset.cpus")
		}},
		{"open-files", func(t *testing.T, e *engine) {
			e.only(t, "2.x", "ctr's --rlimit-nofile")
			e.run(t, words("--rlimit-nofile", "100:200"), "sh", "-c", "ulimit -Sn; ulimit -Hn").WantOutput(t, "100\n200\n")
		}},
		{"cgroup-path", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--cgroup", "/of-mine/"+e.version, "--memory-limit", "67108864"), "sleep", "1000")
			if got := world.CgroupFile("/of-mine/"+e.version, "memory.limit_in_bytes", "memory.max"); got != "67108864" {
				t.Errorf("memory limit %q", got)
			}
			c.task("kill", "--signal", "KILL", c.id).WantExit(t, 0)
			c.wantStatus("STOPPED")
			c.task("delete", c.id)
			world.Until(t, "the end of the container's cgroup", func() bool {
				return world.CgroupFile("/of-mine/"+e.version, "cgroup.procs") == ""
			})
			if err := world.RemoveCgroups("/of-mine"); err != nil {
				t.Error(err)
			}
		}},
		{"no-cgroup-path", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--cgroup", ""), "sleep", "1000")
			c.exec(nil, "echo", "here").WantOutput(t, "here\n")
		}},
		{"pids-are-counted", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "sleep 1000 & sleep 1000 & wait")
			c.wantCgroup("3", "pids.current")
		}},
	}
}

// wantCgroup waits until the first file there is says value.
func (c *container) wantCgroup(value string, files ...string) {
	c.t.Helper()
	var got string
	for range 50 {
		if got = c.cgroup(files...); got == value {
			return
		}
		pause()
	}
	c.t.Errorf("%v: %q, not %q", files, got, value)
}

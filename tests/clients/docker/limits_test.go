//go:build clients

package docker

import (
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// hog is a container that was killed for want of memory.
func hog(t *testing.T, e *engine) string {
	t.Helper()
	name := e.up(t, "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; x=a; while :; do x=$x$x; done")
	e.ok(t, "exec", name, "touch", "/go") // the engine watches from the start's end on
	equal(t, "exit status", e.ok(t, "wait", name), "137")
	return name
}

func limitChecks() []check {
	return []check{
		{"limits/memory", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "-m", "512m", "--cpus", "0.5")
			e.wantCgroup(t, name, "memory.limit_in_bytes=536870912", "memory.max=536870912")
			e.wantCgroup(t, name, "memory.memsw.limit_in_bytes=1073741824", "memory.swap.max=536870912")
			e.wantCgroup(t, name, "cpu.cfs_quota_us=50000", "cpu.max=50000 100000")
		}},
		{"limits/memory-reservation-and-swappiness", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "-m", "64m", "--memory-reservation", "48m")
			e.wantCgroup(t, name, "memory.soft_limit_in_bytes=50331648", "memory.low=50331648")
		}},
		{"limits/512m-holds", func(t *testing.T, e *engine) {
			// Half of the limit fits, twice the limit does not.
			equal(t, "half", e.sh(t, "dd if=/dev/zero of=/dev/shm/f bs=1M count=256 2>/dev/null; echo $?", "-m", "512m", "--memory-swap", "512m", "--shm-size", "2g"), "0")
			r := e.do(t, e.shell("dd if=/dev/zero of=/dev/shm/f bs=1M count=1024", "-m", "512m", "--memory-swap", "512m", "--shm-size", "2g")...)
			if r.Code != 137 && !strings.Contains(r.Stderr, "Killed") {
				t.Errorf("killed for want of memory wanted: %v", r)
			}
		}},
		{"limits/oom-killed", func(t *testing.T, e *engine) {
			// The engine learns of the two from two sides, and may miss the first
			// when the second removes the cgroup under its eyes.
			for range 5 {
				name := hog(t, e)
				if e.inspect(t, name, "{{.State.OOMKilled}}") == "true" {
					e.want(t, name, "{{.State.ExitCode}}", "137")
					return
				}
			}
			t.Error("five times killed for want of memory, and never said so")
		}},
		{"limits/oom-of-a-child", func(t *testing.T, e *engine) {
			name := e.up(t, "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c", "sh -c 'x=a; while :; do x=$x$x; done'; echo child $?; exit 4")
			equal(t, "exit status", e.ok(t, "wait", name), "4")
			contains(t, e.ok(t, "logs", name), "child 137")
		}},
		{"limits/half-a-cpu-holds", func(t *testing.T, e *engine) {
			name := e.up(t, "--cpus", "0.5", "busybox", "sh", "-c", "while :; do :; done")
			before := e.cpuTime(t, name)
			begin := uptime(t)
			world.Command(t, "sleep", "2")
			used, took := e.cpuTime(t, name)-before, uptime(t)-begin
			if used > 0.6*took { // a busy machine gives less, never more
				t.Errorf("%.2f s of CPU in %.2f s", used, took)
			}
			if used < 0.01 {
				t.Errorf("it does not run: %.3f s of CPU in %.2f s", used, took)
			}
		}},
		{"limits/cpu-files", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--cpu-period", "50000", "--cpu-quota", "20000", "--cpu-shares", "256", "--cpuset-cpus", "0", "--cpuset-mems", "0")
			e.wantCgroup(t, name, "cpu.cfs_quota_us=20000", "cpu.max=20000 50000")
			e.wantCgroup(t, name, "cpu.shares=256", "cpu.weight=10")
			e.wantCgroup(t, name, "cpuset.cpus=0")
			equal(t, "CPUs seen inside", e.ok(t, "exec", name, "nproc"), "1")
		}},
		{"limits/pids", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--pids-limit", "12")
			e.wantCgroup(t, name, "pids.max=12")
			r := e.do(t, "exec", name, "sh", "-c", "for i in $(seq 20); do sleep 5 & done; wait")
			contains(t, r.Stderr, "can't fork: Resource temporarily unavailable")
		}},
		{"limits/blkio-throttle", func(t *testing.T, e *engine) {
			device, number := disk(t)
			name := e.sleeper(t, "--device-write-bps", device+":1mb", "--device-read-iops", device+":77")
			contains(t, e.cgroup(t, name, "blkio.throttle.write_bps_device", "io.max"), number+" ", "1048576")
			contains(t, e.cgroup(t, name, "blkio.throttle.read_iops_device", "io.max"), number+" ", "77")
		}},
		{"limits/ulimits", func(t *testing.T, e *engine) {
			equal(t, "ulimit", e.sh(t, "ulimit -n; ulimit -Hn; ulimit -c", "--ulimit", "nofile=123:456", "--ulimit", "core=0"), "123\n456\n0")
		}},
		{"limits/oom-score-adj", func(t *testing.T, e *engine) {
			equal(t, "score", e.sh(t, "cat /proc/self/oom_score_adj", "--oom-score-adj", "321"), "321")
		}},
		{"limits/shm-size", func(t *testing.T, e *engine) {
			contains(t, e.sh(t, "grep /dev/shm /proc/mounts", "--shm-size", "12m"), "size=12288k")
		}},
		{"limits/cgroup-parent", func(t *testing.T, e *engine) {
			parent := "/rt-test-parent-" + e.name
			name := e.sleeper(t, "--cgroup-parent", parent, "-m", "64m")
			contains(t, world.Command(t, "cat", "/proc/"+e.inspect(t, name, "{{.State.Pid}}")+"/cgroup").Stdout, ":"+parent+"/"+e.inspect(t, name, "{{.Id}}"))
			e.ok(t, "rm", "-f", name)
			world.Command(t, "sh", "-c", "rmdir /sys/fs/cgroup"+parent+" /sys/fs/cgroup/*"+parent) // the engine leaves it
		}},
	}
}

// cpuTime is the CPU time that the container has used, in seconds.
func (e *engine) cpuTime(t *testing.T, name string) float64 {
	t.Helper()
	text := e.cgroup(t, name, "cpuacct.usage", "cpu.stat")
	unit := 1e9
	if rest, v2 := strings.CutPrefix(text, "usage_usec "); v2 {
		text, unit = strings.Fields(rest)[0], 1e6
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n / unit
}

func uptime(t *testing.T) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.Fields(world.Command(t, "cat", "/proc/uptime").Stdout)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// disk is the first whole block device of this machine and its number.
func disk(t *testing.T) (device, number string) {
	t.Helper()
	out := world.Command(t, "sh", "-c", "cd /sys/class/block && for d in *; do [ -e $d/partition ] || [ ! -e /dev/$d ] || [ $(cat $d/size) = 0 ] || { echo /dev/$d $(cat $d/dev); break; }; done").Stdout
	f := strings.Fields(out)
	if len(f) != 2 {
		t.Skip("a block device is missing")
	}
	return f[0], f[1]
}

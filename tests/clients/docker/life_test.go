//go:build clients

package docker

import (
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func lifeChecks() []check {
	return []check{
		{"stop/term-then-exit", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "trap 'echo told; exit 7' TERM; echo ready; while :; do sleep 0.1; done")
			e.awaitLog(t, name, "ready")
			e.ok(t, "stop", name)
			e.want(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 7")
			contains(t, e.ok(t, "logs", name), "told")
		}},
		{"stop/killed-after-time-out-137", func(t *testing.T, e *engine) {
			name := e.sleeper(t) // pid 1 ignores SIGTERM
			e.ok(t, "stop", "-t", "1", name)
			e.want(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 137")
		}},
		{"stop/own-signal", func(t *testing.T, e *engine) {
			name := e.up(t, "--stop-signal", "USR1", "busybox", "sh", "-c", "trap 'exit 11' USR1; echo ready; while :; do sleep 0.1; done")
			e.awaitLog(t, name, "ready")
			e.ok(t, "stop", name)
			e.want(t, name, "{{.State.ExitCode}}", "11")
		}},
		{"stop/stopped", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "stop", "-t", "0", name)
			e.ok(t, "stop", name)
			e.fails(t, 1, []string{"is not running"}, "kill", name)
		}},
		{"kill/signals", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "trap 'echo got hup' HUP; trap 'echo got usr2' USR2; echo ready; while :; do sleep 0.1; done")
			e.awaitLog(t, name, "ready")
			e.ok(t, "kill", "-s", "HUP", name)
			e.awaitLog(t, name, "got hup")
			e.ok(t, "kill", "-s", "12", name)
			e.awaitLog(t, name, "got usr2")
			e.ok(t, "kill", name)
			e.await(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 137")
		}},
		{"kill/with-init-143", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--init")
			e.ok(t, "exec", name, "true")
			world.Until(t, "the child of init", func() bool { return strings.Count(e.ok(t, "top", name), "sleep 1000") == 2 })
			e.ok(t, "kill", "-s", "TERM", name)
			e.await(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 143")
		}},
		{"kill/init-from-outside", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "sleep 1000 & wait")
			pid := e.inspect(t, name, "{{.State.Pid}}")
			world.Command(t, "kill", "-9", pid).WantExit(t, 0)
			e.await(t, name, "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}", "exited 137 false")
			e.ok(t, "start", name)
			e.want(t, name, "{{.State.Status}}", "running")
		}},
		{"pause/unpause", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "while :; do echo x; sleep 0.05; done")
			e.awaitLog(t, name, "x")
			e.ok(t, "pause", name)
			e.want(t, name, "{{.State.Status}}", "paused")
			before := e.ok(t, "logs", name)
			world.Command(t, "sleep", "0.5")
			equal(t, "what it printed while paused", strings.TrimPrefix(e.ok(t, "logs", name), before), "")
			e.fails(t, 1, []string{"already paused"}, "pause", name)
			e.ok(t, "unpause", name)
			world.Until(t, "more output", func() bool { return len(e.ok(t, "logs", name)) > len(before) })
			e.fails(t, 1, []string{"not paused"}, "unpause", name)
		}},
		{"pause/stop-and-remove", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "pause", name)
			e.ok(t, "stop", "-t", "1", name)
			e.want(t, name, "{{.State.Status}} {{.State.ExitCode}}", "exited 137")
			e.ok(t, "start", name)
			e.ok(t, "pause", name)
			e.ok(t, "rm", "-f", name)
		}},
		{"restart/keeps-its-files", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "echo once >> /count; echo ready; exec sleep 1000")
			e.awaitLog(t, name, "ready")
			first := e.inspect(t, name, "{{.State.Pid}}")
			e.ok(t, "restart", "-t", "0", name)
			world.Until(t, "the second start", func() bool { return strings.Count(e.ok(t, "logs", name), "ready") == 2 })
			equal(t, "file", e.ok(t, "exec", name, "cat", "/count"), "once\nonce")
			if second := e.inspect(t, name, "{{.State.Pid}}"); second == first {
				t.Errorf("the same process %s", second)
			}
		}},
		{"restart/on-failure", func(t *testing.T, e *engine) {
			name := e.up(t, "--restart", "on-failure:2", "busybox", "sh", "-c", "echo run; exit 5")
			e.await(t, name, "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}", "2 exited 5")
			equal(t, "runs", e.ok(t, "logs", name), "run\nrun\nrun")
		}},
		{"restart/always", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--restart", "always")
			first := e.inspect(t, name, "{{.State.Pid}}")
			world.Command(t, "kill", "-9", first).WantExit(t, 0)
			world.Until(t, "the restart", func() bool {
				second := e.inspect(t, name, "{{.State.Pid}}")
				return second != first && second != "0"
			})
			e.ok(t, "stop", "-t", "0", name)
			e.want(t, name, "{{.State.Status}}", "exited")
		}},
		{"wait/exit-status", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "sleep 0.5; exit 23")
			equal(t, "wait", e.ok(t, "wait", name), "23")
			equal(t, "wait for what has ended", e.ok(t, "wait", name), "23")
		}},
		{"rename", func(t *testing.T, e *engine) {
			name, other := e.sleeper(t), e.named(t)
			e.ok(t, "rename", name, other)
			e.ok(t, "exec", other, "true")
			e.fails(t, 1, nil, "inspect", name)
		}},
		{"rm/running", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.fails(t, 1, []string{"running"}, "rm", name)
			e.ok(t, "rm", "-f", name)
			e.fails(t, 1, nil, "inspect", name)
		}},
		{"health/healthy-then-not", func(t *testing.T, e *engine) {
			name := e.up(t, "--health-cmd", "test -e /well", "--health-interval", "200ms", "--health-retries", "2", "busybox", "sh", "-c", "touch /well; exec sleep 1000")
			e.await(t, name, "{{.State.Health.Status}}", "healthy")
			e.ok(t, "exec", name, "rm", "/well")
			e.await(t, name, "{{.State.Health.Status}}", "unhealthy")
		}},
		{"health/time-out", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--health-cmd", "sleep 999", "--health-interval", "200ms", "--health-timeout", "2s", "--health-retries", "1")
			e.await(t, name, "{{.State.Health.Status}}", "unhealthy")
			contains(t, e.inspect(t, name, "{{json .State.Health.Log}}"), "exceeded timeout")
		}},
		{"update/memory-cpu-pids", updateLimits},
		{"update/paused", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "-m", "64m")
			e.ok(t, "pause", name)
			e.ok(t, "update", "-m", "96m", "--memory-swap", "96m", name)
			e.wantCgroup(t, name, "memory.limit_in_bytes=100663296", "memory.max=100663296")
			e.want(t, name, "{{.State.Status}}", "paused")
			e.ok(t, "unpause", name)
		}},
		{"update/restart-policy", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "update", "--restart", "always", name)
			first := e.inspect(t, name, "{{.State.Pid}}")
			world.Command(t, "kill", "-9", first).WantExit(t, 0)
			e.await(t, name, "{{.RestartCount}}", "1")
		}},
		{"cp/into-and-out-of-running", func(t *testing.T, e *engine) { copies(t, e, true) }},
		{"cp/into-and-out-of-stopped", func(t *testing.T, e *engine) { copies(t, e, false) }},
	}
}

func updateLimits(t *testing.T, e *engine) {
	name := e.sleeper(t, "-m", "64m", "--memory-swap", "64m")
	for _, size := range []string{"256", "32", "128"} { // grows, shrinks, grows
		e.ok(t, "update", "-m", size+"m", "--memory-swap", size+"m", name)
		bytes := map[string]string{"256": "268435456", "32": "33554432", "128": "134217728"}[size]
		e.wantCgroup(t, name, "memory.limit_in_bytes="+bytes, "memory.max="+bytes)
	}
	e.ok(t, "update", "--cpus", "0.25", name)
	e.wantCgroup(t, name, "cpu.cfs_quota_us=25000", "cpu.max=25000 100000")
	e.ok(t, "update", "--cpu-shares", "512", name)
	e.wantCgroup(t, name, "cpu.shares=512", "cpu.weight=20")
	e.ok(t, "update", "--cpuset-cpus", "0", name)
	e.wantCgroup(t, name, "cpuset.cpus=0")
	e.ok(t, "update", "--pids-limit", "77", name)
	e.wantCgroup(t, name, "pids.max=77")
	// What an update does not name stays.
	e.wantCgroup(t, name, "memory.limit_in_bytes=134217728", "memory.max=134217728")
	e.wantCgroup(t, name, "cpu.cfs_quota_us=25000", "cpu.max=25000 100000")
}

func copies(t *testing.T, e *engine, running bool) {
	name := e.sleeper(t, "--tmpfs", "/t")
	if !running {
		e.ok(t, "kill", name)
		e.await(t, name, "{{.State.Running}}", "false")
	}
	in := e.command("cp", "-", name+":/root")
	in.Stdin = strings.NewReader(string(tarOf(t, "file", "what is in it", 0o640)))
	harness.Exec(t, in).WantExit(t, 0)
	out := e.do(t, "cp", name+":/root/file", "-").WantExit(t, 0)
	contains(t, out.Stdout, "file", "what is in it")
	contains(t, e.ok(t, "diff", name), "A /root/file")
	e.fails(t, 1, []string{"o such"}, "cp", name+":/no/such", "-")
	if !running {
		e.ok(t, "start", name)
	}
	equal(t, "the file inside", e.ok(t, "exec", name, "cat", "/root/file"), "what is in it")
}

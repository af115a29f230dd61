//go:build clients

package podman

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rt/tests/harness"
)

// patient ends at once when it is asked to, and says by which signal.
const patient = `trap 'echo TERM; exit 3' TERM; trap 'echo USR1' USR1; echo ready; while :; do sleep 0.1; done`

var lifeChecks = []check{
	{"life/create-and-start", both, func(p *podman) {
		name := p.name()
		p.ok("create", "--name", name, image, "sh", "-c", "echo once")
		is(p.t, p.inspect(name, "{{.State.Status}}"), "created")
		is(p.t, p.ok("start", "-a", name), "once")
		is(p.t, p.ok("start", "-a", name), "once")
	}},
	{"life/init-then-start", both, func(p *podman) {
		name := p.name()
		p.ok("create", "--name", name, image, "sh", "-c", "echo once")
		p.ok("init", name)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "initialized")
		is(p.t, p.ok("start", "-a", name), "once")
	}},
	{"life/init-then-removed", both, func(p *podman) {
		name := p.name()
		p.ok("create", "--name", name, image, "sh", "-c", "echo once")
		p.ok("init", name)
		p.ok("rm", "-f", "-t", "0", name)
		p.refuses(1, nil, "container", "exists", name)
	}},
	{"life/stop-by-its-signal", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", patient)
		p.awaitLog(name, "ready")
		p.ok("stop", "-t", "30", name)
		is(p.t, p.inspect(name, "{{.State.Status}} {{.State.ExitCode}}"), "exited 3")
		has(p.t, p.ok("logs", name), "TERM")
	}},
	{"life/stop-time-out-kills", both, func(p *podman) {
		name := p.sleeping()
		p.ok("stop", "-t", "1", name)
		is(p.t, p.inspect(name, "{{.State.ExitCode}}"), "137")
	}},
	{"life/stop-signal-of-the-container", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, "--stop-signal", "USR1", image, "sh", "-c", "trap 'exit 5' USR1; echo ready; while :; do sleep 0.1; done")
		p.awaitLog(name, "ready")
		p.ok("stop", "-t", "30", name)
		is(p.t, p.inspect(name, "{{.State.ExitCode}}"), "5")
	}},
	{"life/kill-by-name-and-number", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", patient)
		p.awaitLog(name, "ready")
		p.ok("kill", "-s", "USR1", name)
		p.awaitLog(name, "USR1")
		p.ok("kill", "-s", "15", name)
		is(p.t, p.ok("wait", name), "3")
		p.refuses(125, []string{"state improper"}, "kill", name)
	}},
	{"life/run-time-out", both, func(p *podman) {
		p.refuses(255, nil, "run", "--rm", "--timeout", "1", image, "sleep", "1000")
	}},
	{"life/signals-go-through", both, func(p *podman) {
		name := p.name()
		// podman begins to pass signals on a little after the container has
		// started, without saying so.
		cmd := p.command("podman", "run", "--name", name, image, "sh", "-c", "sleep 3; "+patient)
		wait := harness.Start(p.t, cmd)
		p.awaitLog(name, "ready")
		must(p.t, cmd.Process.Signal(syscall.SIGTERM))
		is(p.t, wait().Code, 3)
	}},
	{"life/pause", rootful, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", "while :; do echo tick; sleep 0.1; done")
		p.awaitLog(name, "tick")
		p.ok("pause", name)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "paused")
		before := p.ok("logs", name)
		time.Sleep(500 * time.Millisecond)
		is(p.t, p.ok("logs", name), before)
		p.refuses(125, nil, "pause", name)
		p.ok("unpause", name)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "running")
		p.refuses(125, nil, "unpause", name)
	}},
	{"life/pause-without-cgroups", rootless, func(p *podman) {
		p.refuses(125, []string{"cgroup"}, "pause", p.sleeping())
	}},
	{"life/paused-removed", rootful, func(p *podman) {
		name := p.sleeping()
		p.ok("pause", name)
		p.ok("rm", "-f", "-t", "0", name)
	}},
	{"life/restart", both, func(p *podman) {
		name := p.sleeping()
		first := p.pid(name)
		p.ok("restart", "-t", "0", name)
		if second := p.pid(name); second == first {
			p.t.Errorf("still %d", first)
		}
	}},
	{"life/restart-policy", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, "--restart", "on-failure:2", "-v", p.temp()+":/data", image, "sh", "-c", "echo x >>/data/runs; exit 1")
		p.await("three runs", func() bool { return p.inspect(name, "{{.RestartCount}} {{.State.Status}}") == "2 exited" })
	}},
	{"life/remove-running", both, func(p *podman) {
		name := p.sleeping()
		p.refuses(2, []string{"running"}, "rm", name)
		pid := p.pid(name)
		p.ok("rm", "-f", "-t", "0", name)
		p.await("the end of init", func() bool { return syscall.Kill(pid, 0) != nil })
	}},
	{"life/removed-by-itself", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--rm", "--name", name, image, "true")
		p.await("the removal", func() bool { return p.do("container", "exists", name).Code == 1 })
	}},
	{"life/rename", both, func(p *podman) {
		name := p.sleeping()
		other := p.name("-2")
		p.ok("rename", name, other)
		is(p.t, p.ok("exec", other, "echo", "here"), "here")
	}},
	{"life/inspect", both, func(p *podman) {
		name := p.sleeping()
		is(p.t, p.inspect(name, "{{.State.Running}} {{.OCIRuntime}} {{index .Config.Cmd 0}}"), "true under-test sleep")
		has(p.t, p.ok("inspect", name), `"OciVersion"`)
	}},
	{"life/top", both, func(p *podman) {
		name := p.sleeping()
		has(p.t, p.ok("top", name, "pid", "user", "args"), "1", "root", "sleep 1000")
		has(p.t, p.ok("top", name, "-o", "pid,args"), "sleep 1000")
	}},
	{"life/stats", rootful, func(p *podman) {
		name := p.sleeping()
		has(p.t, p.ok("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name), name+" 1")
	}},
	{"life/events", both, func(p *podman) {
		name := p.name()
		p.ok("run", "--name", name, image, "true")
		p.await("the events", func() bool {
			out := p.ok("events", "--stream=false", "--since", "5m", "--filter", "container="+name, "--format", "{{.Status}}")
			return strings.Contains(out, "init") && strings.Contains(out, "start") && strings.Contains(out, "died")
		})
	}},
	{"life/commit", both, func(p *podman) {
		name := p.name()
		p.ok("run", "--name", name, image, "sh", "-c", "echo new >/data/new")
		has(p.t, p.ok("diff", name), "A /data/new")
		made := "localhost/" + name
		p.ok("commit", "-q", name, made)
		is(p.t, p.ok("run", "--rm", made, "cat", "/data/new"), "new")
		p.ok("rmi", "-f", made)
	}},
	{"life/commit-of-a-running-one", rootful, func(p *podman) {
		name := p.sleeping()
		made := "localhost/" + name
		p.ok("commit", "-q", "--pause", name, made)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "running")
		p.ok("rmi", "-f", made)
	}},
	{"life/copy", both, func(p *podman) {
		name := p.sleeping()
		dir := p.temp()
		p.file(dir, "in", "text\n")
		p.ok("cp", filepath.Join(dir, "in"), name+":/data/in")
		is(p.t, p.ok("exec", name, "cat", "/data/in"), "text")
		p.ok("cp", name+":/etc/passwd", filepath.Join(dir, "out"))
		text, err := os.ReadFile(filepath.Join(dir, "out"))
		must(p.t, err)
		has(p.t, string(text), "root:x:0:0")
	}},
	{"life/export", both, func(p *podman) {
		name := p.sleeping()
		tar := filepath.Join(p.temp(), "out.tar")
		p.ok("export", "-o", tar, name)
		out := harness.Exec(p.t, p.command("tar", "-tf", tar)).WantExit(p.t, 0).Stdout
		has(p.t, out, "bin/busybox")
	}},
	{"life/mount", rootful, func(p *podman) {
		name := p.sleeping()
		dir := p.ok("mount", name)
		must(p.t, os.WriteFile(filepath.Join(dir, "data/seen"), []byte("seen"), 0o644))
		is(p.t, p.ok("exec", name, "cat", "/data/seen"), "seen")
		p.ok("unmount", name)
	}},
	{"life/healthcheck", both, func(p *podman) {
		name := p.sleeping("--health-cmd", "test -e /data/well", "--health-interval", "disable", "--health-retries", "1")
		p.refuses(1, nil, "healthcheck", "run", name)
		p.ok("exec", name, "touch", "/data/well")
		p.ok("healthcheck", "run", name)
		is(p.t, p.inspect(name, "{{.State.Health.Status}}"), "healthy")
	}},
	{"life/hooks", rootful, func(p *podman) {
		dir := p.temp()
		hooks := filepath.Join(dir, "hooks")
		must(p.t, os.Mkdir(hooks, 0o755))
		for _, stage := range []string{"prestart", "createRuntime", "createContainer", "poststart", "poststop"} {
			arg := "cat >" + dir + "/" + stage
			if stage == "createContainer" {
				arg = "true"
			}
			data, err := json.Marshal(map[string]any{
				"version": "1.0.0", "hook": map[string]any{"path": "/bin/sh", "args": []string{"sh", "-c", arg}},
				"when": map[string]any{"always": true}, "stages": []string{stage},
			})
			must(p.t, err)
			p.file(hooks, stage+".json", string(data))
		}
		name := p.name()
		p.ok("--hooks-dir", hooks, "run", "--name", name, image, "true")
		p.ok("--hooks-dir", hooks, "rm", name)
		for stage, status := range map[string]string{"prestart": "creat", "createRuntime": "creat", "poststart": "running", "poststop": "stopped"} {
			text, err := os.ReadFile(filepath.Join(dir, stage))
			must(p.t, err)
			var state struct{ ID, Status, Bundle string }
			must(p.t, json.Unmarshal(text, &state))
			if state.Bundle == "" || !strings.HasPrefix(state.Status, status) && stage != "poststart" {
				p.t.Errorf("%s: %s", stage, text)
			}
		}
	}},
	{"life/failing-hook", rootful, func(p *podman) {
		hooks := p.temp()
		p.file(hooks, "a.json", `{"version":"1.0.0","hook":{"path":"/bin/false"},"when":{"always":true},"stages":["createRuntime"]}`)
		p.refuses(126, []string{"hook"}, "--hooks-dir", hooks, "run", "--rm", image, "true")
	}},
}

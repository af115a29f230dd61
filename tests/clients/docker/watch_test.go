//go:build clients

package docker

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func watchChecks() []check {
	return []check{
		{"logs/order-and-streams", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done")
			e.await(t, name, "{{.State.Status}}", "exited")
			r := e.do(t, "logs", name).WantExit(t, 0)
			equal(t, "stdout", r.Stdout, "out1\nout2\nout3\nout4\nout5\n")
			equal(t, "stderr", r.Stderr, "err1\nerr2\nerr3\nerr4\nerr5\n")
			name = e.up(t, "busybox", "seq", "9")
			e.await(t, name, "{{.State.Status}}", "exited")
			equal(t, "the last", e.ok(t, "logs", "--tail", "2", name), "8\n9")
		}},
		{"logs/follow-to-the-end", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.1; done")
			equal(t, "log", e.ok(t, "logs", "-f", name), "line 1\nline 2\nline 3\nline 4\nline 5\nline 6")
		}},
		{"logs/much", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "seq", "1", "50000")
			equal(t, "wait", e.ok(t, "wait", name), "0")
			if lines := strings.Count(e.do(t, "logs", name).Stdout, "\n"); lines != 50000 {
				t.Errorf("%d lines", lines)
			}
		}},
		{"top", func(t *testing.T, e *engine) {
			name := e.up(t, "busybox", "sh", "-c", "sleep 1001 & sleep 1002 & wait")
			world.Until(t, "three processes", func() bool {
				out := e.ok(t, "top", name)
				return strings.Contains(out, "sleep 1001") && strings.Contains(out, "sleep 1002") && strings.Count(out, "\n") == 3
			})
			lines := strings.Split(e.ok(t, "top", name, "-o", "pid,args"), "\n")
			if len(lines) != 4 || !strings.HasPrefix(strings.TrimSpace(lines[1]), e.inspect(t, name, "{{.State.Pid}}")) {
				t.Errorf("top: %q", lines)
			}
		}},
		{"stats", func(t *testing.T, e *engine) {
			name := e.up(t, "-m", "64m", "busybox", "sh", "-c", "dd if=/dev/zero of=/dev/shm/f bs=1M count=20 2>/dev/null; echo ready; exec sleep 1000")
			e.awaitLog(t, name, "ready")
			var s struct{ MemUsage, PIDs, MemPerc, CPUPerc, NetIO, BlockIO string }
			var used float64
			world.Until(t, "20 MiB and a little, of one process", func() bool { // the first sample may be empty
				decode(t, e.ok(t, "stats", "--no-stream", "--format", "{{json .}}", name), &s)
				_, err := fmt.Sscanf(s.MemUsage, "%fMiB / 64MiB", &used)
				return err == nil && used >= 20 && used <= 64 && s.PIDs == "1"
			})
			contains(t, s.CPUPerc, "%")
			contains(t, s.NetIO, "B / ")
		}},
		{"events", func(t *testing.T, e *engine) {
			name := e.named(t)
			since := strings.TrimSpace(world.Command(t, "date", "+%s.%N").Stdout)
			e.do(t, "run", "--name", name, "busybox", "sh", "-c", "exit 3").WantExit(t, 3)
			e.ok(t, "start", name)
			e.await(t, name, "{{.State.Running}}", "false")
			e.ok(t, "rm", name)
			until := strings.TrimSpace(world.Command(t, "date", "+%s.%N").Stdout)
			out := e.ok(t, "events", "--since", since, "--until", until, "--filter", "type=container", "--filter", "container="+name, "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}")
			var got []string
			for line := range strings.Lines(out) {
				if line = strings.TrimSpace(strings.ReplaceAll(line, "<no value>", "")); !strings.HasPrefix(line, "attach") {
					got = append(got, line)
				}
			}
			if want := []string{"create", "start", "die 3", "start", "die 3", "destroy"}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		}},
		{"events/oom", func(t *testing.T, e *engine) {
			since := strings.TrimSpace(world.Command(t, "date", "+%s.%N").Stdout)
			name := e.up(t, "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; sh -c 'x=a; while :; do x=$x$x; done'; sleep 1")
			e.ok(t, "exec", name, "touch", "/go") // the engine watches from the start's end on
			equal(t, "exit status", e.ok(t, "wait", name), "0")
			until := strings.TrimSpace(world.Command(t, "date", "+%s.%N").Stdout)
			contains(t, e.ok(t, "events", "--since", since, "--until", until, "--filter", "container="+name, "--format", "{{.Action}}"), "oom")
			e.want(t, name, "{{.State.OOMKilled}}", "true")
		}},
		{"ps", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--label", "mark=ps")
			contains(t, e.ok(t, "ps", "--filter", "label=mark=ps", "--format", "{{.Names}} {{.Status}}"), name+" Up ")
			e.ok(t, "kill", name)
			e.await(t, name, "{{.State.Running}}", "false")
			equal(t, "running", e.ok(t, "ps", "-q", "--filter", "label=mark=ps"), "")
			contains(t, e.ok(t, "ps", "-a", "--filter", "label=mark=ps", "--format", "{{.Status}}"), "Exited (137)")
		}},
		{"commit", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "exec", name, "sh", "-c", "echo kept > /made; rm /etc/group")
			image := newName()
			e.ok(t, "commit", "--change", `CMD ["cat", "/made"]`, name, image)
			t.Cleanup(func() { e.do(t, "rmi", image) })
			equal(t, "the image's program", e.ok(t, "run", "--rm", image), "kept")
			e.do(t, "run", "--rm", image, "test", "-e", "/etc/group").WantExit(t, 1)
			e.want(t, name, "{{.State.Status}}", "running")
		}},
		{"export", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "exec", name, "sh", "-c", "echo exported > /made")
			cmd := e.command("export", name)
			tar := harness.Exec(t, cmd).WantExit(t, 0).Stdout
			list := world.Input(t, strings.NewReader(tar), "tar", "-tf", "-").WantExit(t, 0).Stdout
			contains(t, list, "made\n", "bin/busybox\n")
		}},
	}
}

//go:build clients

package containerd

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func pause() { time.Sleep(50 * time.Millisecond) }

func tasks() []check {
	return []check{
		{"ls", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			if pid, status := c.listed(); pid <= 1 || status != "RUNNING" {
				t.Errorf("pid %d, %s", pid, status)
			}
		}},
		{"ps", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "sleep 1000 & echo two; wait")
			c.printed("two")
			c.exec(words("--detach"), "sleep", "999").WantExit(t, 0)
			r := c.task("ps", c.id)
			r.WantExit(t, 0)
			if got := lines(r.Stdout); len(got) != 4 || !strings.HasPrefix(got[1], strconv.Itoa(c.pid())) {
				t.Error(r)
			}
		}},
		{"metrics", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--memory-limit", "67108864"), "sh", "-c", "head -c 3000000 /dev/zero >/file; echo done; sleep 1000")
			c.printed("done")
			r := c.task("metrics", "--format", "json", c.id)
			r.WantExit(t, 0)
			var got struct {
				Pids   struct{ Current uint64 }
				Memory struct{ Usage struct{ Limit, Usage uint64 } }
				CPU    struct{ Usage struct{ Total uint64 } }
			}
			if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
				t.Fatalf("%v: %v", err, r)
			}
			if got.Pids.Current != 1 || got.Memory.Usage.Limit != 67108864 || got.Memory.Usage.Usage < 100000 || got.CPU.Usage.Total == 0 {
				t.Errorf("%+v: %v", got, r)
			}
		}},
		{"pause-and-resume", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "while :; do echo tick; sleep 0.05; done")
			c.printed("tick")
			c.task("pause", c.id).WantExit(t, 0)
			c.wantStatus("PAUSED")
			c.task("exec", "--exec-id", "e", c.id, "true").WantFailure(t, "paused")
			c.task("resume", c.id).WantExit(t, 0)
			c.wantStatus("RUNNING")
			c.exec(nil, "echo", "here").WantOutput(t, "here\n")
		}},
		{"kill", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "trap 'echo got it; exit 6' TERM; echo ready; while :; do sleep 0.05; done")
			c.printed("ready")
			c.task("kill", c.id).WantExit(t, 0)
			c.printed("got it")
			c.wantStatus("STOPPED")
			c.wantEnd(6)
		}},
		{"kill-with-a-number", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done")
			c.printed("ready")
			c.task("kill", "--signal", "10", c.id).WantExit(t, 0)
			c.printed("got it")
		}},
		{"kill-in-the-foreground", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			x := world.Pty(t, e.argv(e.args(id(t), words("--rm"), words("sh", "-c", "echo ready; exec sleep 1000"))...)...)
			x.Expect("ready")
			e.ctr(t, "tasks", "kill", "--signal", "KILL", id(t)).WantExit(t, 0)
			if code := x.Wait(); code != 137 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"kill-all", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "(trap 'echo the child too' USR1; echo ready; while :; do sleep 0.05; done) & trap : USR1; while :; do wait; done")
			c.printed("ready")
			c.task("kill", "--all", "--signal", "USR1", c.id).WantExit(t, 0)
			c.printed("the child too")
		}},
		{"kill-after-the-end", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "true")
			c.wantStatus("STOPPED")
			c.task("kill", c.id).WantFailure(t, "not found")
		}},
		{"delete-of-a-running-one", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.task("delete", c.id).WantFailure(t, "must be stopped")
			c.wantStatus("RUNNING")
		}},
		{"delete-force", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "sleep 1000 & sleep 1000")
			c.wantEnd(137, "--force")
			if got := c.status(); got != "" {
				t.Errorf("still %s", got)
			}
		}},
		{"delete-force-of-a-paused-one", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.task("pause", c.id).WantExit(t, 0)
			c.task("resume", c.id).WantExit(t, 0)
			c.task("pause", c.id).WantExit(t, 0)
			c.task("delete", "--force", c.id)
			world.Until(t, "the end of the task", func() bool {
				_ = c.task("delete", "--force", c.id) // 1.6 kills, and asks to be called again
				return c.status() == ""
			})
		}},
		{"attach", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			x := world.Pty(t, e.argv(e.args(id(t), words("--detach", "--tty"), words("sh", "-c", "while read line; do echo got $line; done; exit 4"))...)...)
			if code := x.Wait(); code != 0 {
				t.Fatalf("exit %d: %q", code, x.Text())
			}
			x = world.Pty(t, e.argv("tasks", "attach", id(t))...)
			x.Type("some words\r")
			x.Expect("got some words")
			x.Type("\x04")
			if code := x.Wait(); code != 4 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"create-then-start", func(t *testing.T, e *engine) {
			c := &container{e, t, id(t), filepath.Join(t.TempDir(), "log")}
			e.removeAtEnd(t, c.id)
			e.ctr(t, "containers", "create", image, c.id, "sleep", "1000").WantExit(t, 0)
			c.task("start", "--detach", "--log-uri", "file://"+c.log, c.id).WantExit(t, 0)
			c.wantStatus("RUNNING")
		}},
		{"start-again", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "echo one more >>/count; cat /count")
			c.wantStatus("STOPPED")
			c.task("delete", c.id).WantExit(t, 0)
			e.logged(t, "tasks", "start", c.id).WantOutput(t, "one more\none more\n")
		}},
		{"checkpoint-leaves-it-running", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			r := c.task("checkpoint", "--image-path", t.TempDir(), c.id)
			if r.Code != 0 && r.Stderr == "" {
				t.Error(r)
			}
			c.wantStatus("RUNNING")
			c.exec(nil, "sh", "-c", "exit 7").WantExit(t, 7)
		}},
	}
}

func execs() []check {
	return []check{
		{"output-and-exit-code", func(t *testing.T, e *engine) {
			g := newGate(t)
			c := e.detached(t, g.flags(), "sleep", "1000")
			r := g.through(e, nil, 4, "err\n", "tasks", "exec", "--exec-id", "e", c.id, "sh", "-c", "echo out; echo err >&2"+shut+"exit 3")
			r.WantExit(t, 3)
			if r.Stdout != "out\n" {
				t.Error(r)
			}
		}},
		{"terminal", func(t *testing.T, e *engine) {
			g := newGate(t)
			c := e.detached(t, g.flags(), "sleep", "1000")
			x := world.Pty(t, e.argv("tasks", "exec", "--tty", "--exec-id", "e", c.id, "sh", "-c", "tty; until [ \"$(stty size)\" = '24 80' ]; do sleep 0.05; done; stty size; read line; echo got $line"+shut+"exit 5")...)
			x.Expect("/dev/pts/0")
			x.Expect("24 80")
			x.Type("a word\r")
			x.Expect("got a word")
			g.open()
			if code := x.Wait(); code != 5 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"stdin", func(t *testing.T, e *engine) {
			g := newGate(t)
			c := e.detached(t, g.flags(), "sleep", "1000")
			g.through(e, strings.NewReader("piped\n"), 6, "", "tasks", "exec", "--exec-id", "e", c.id, "sh", "-c", "cat"+shut).WantOutput(t, "piped\n")
		}},
		{"user", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(words("--user", "65534:100"), "sh", "-c", "id -u; id -g").WantOutput(t, "65534\n100\n")
		}},
		{"user-by-name", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(words("--user", "nobody"), "id", "-un").WantOutput(t, "nobody\n")
		}},
		{"cwd", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(words("--cwd", "/tmp"), "pwd").WantOutput(t, "/tmp\n")
		}},
		{"detached", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(words("--detach"), "sh", "-c", "echo text >/file").WantExit(t, 0)
			world.Until(t, "the file", func() bool { return c.exec(nil, "cat", "/file").Stdout == "text\n" })
		}},
		{"kill", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			x := world.Pty(t, e.argv("tasks", "exec", "--exec-id", "victim", c.id, "sh", "-c", "echo ready; exec sleep 1000")...)
			x.Expect("ready")
			c.task("kill", "--exec-id", "victim", "--signal", "KILL", c.id).WantExit(t, 0)
			if code := x.Wait(); code != 137 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
			c.wantStatus("RUNNING")
		}},
		{"many-at-once", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			var waits []func() harness.Result
			for i := range 10 {
				name := strconv.Itoa(i)
				waits = append(waits, e.begin(t, "tasks", "exec", "--exec-id", "e"+name, c.id, "echo", name))
			}
			for i, wait := range waits {
				wait().WantOutput(t, strconv.Itoa(i)+"\n")
			}
		}},
		{"ends-with-the-container", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			x := world.Pty(t, e.argv("tasks", "exec", "--exec-id", "e", c.id, "sh", "-c", "echo ready; exec sleep 1000")...)
			x.Expect("ready")
			c.task("kill", "--signal", "KILL", c.id).WantExit(t, 0)
			if code := x.Wait(); code != 137 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"not-found", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(nil, "nowhere").WantFailure(t, `exec: "nowhere": executable file not found in $PATH`)
			c.exec(nil, "/no/where").WantFailure(t, `"/no/where": stat /no/where: no such file or directory`)
		}},
		{"directory", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(nil, "/etc").WantFailure(t, `exec: "/etc"`)
		}},
		{"into-a-stopped-one", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "true")
			c.wantStatus("STOPPED")
			c.exec(nil, "true").WantFailure(t, "stopped")
		}},
	}
}

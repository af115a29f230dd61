//go:build clients

package docker

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func execChecks() []check {
	return []check{
		{"exec/output-and-exit", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			r := e.do(t, "exec", name, "sh", "-c", "echo out; echo err >&2; exit 17").WantExit(t, 17)
			equal(t, "stdout", r.Stdout, "out\n")
			equal(t, "stderr", r.Stderr, "err\n")
		}},
		{"exec/env-user-workdir", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "-e", "OF=container", "-w", "/tmp")
			equal(t, "env", e.ok(t, "exec", "-e", "MORE=1", name, "sh", "-c", "echo $OF $MORE; pwd"), "container 1\n/tmp")
			equal(t, "user", e.ok(t, "exec", "-u", "nobody", name, "id", "-un"), "nobody")
			equal(t, "user and group", e.ok(t, "exec", "-u", "12:34", name, "sh", "-c", "id -u; id -g"), "12\n34")
			equal(t, "workdir", e.ok(t, "exec", "-w", "/etc", name, "pwd"), "/etc")
			if r := e.do(t, "exec", "-w", "/no/such", name, "pwd"); r.Code != 126 && r.Code != 127 {
				t.Errorf("126 or 127 wanted: %v", r)
			}
		}},
		{"exec/same-world", func(t *testing.T, e *engine) {
			name := e.sleeper(t, "--hostname", "inside")
			equal(t, "cgroups", e.ok(t, "exec", name, "sh", "-c", "cmp /proc/self/cgroup /proc/1/cgroup && echo same"), "same")
			equal(t, "hostname", e.ok(t, "exec", name, "hostname"), "inside")
			for _, field := range []string{"CapEff", "CapBnd", "CapPrm", "CapInh", "Seccomp", "NoNewPrivs"} {
				script := fmt.Sprintf("grep %s: /proc/self/status; grep %s: /proc/1/status", field, field)
				if lines := strings.Split(e.ok(t, "exec", name, "sh", "-c", script), "\n"); lines[0] != lines[1] {
					t.Errorf("%v differ", lines)
				}
			}
			for _, ns := range []string{"pid", "net", "mnt", "uts", "ipc", "user", "cgroup"} {
				script := fmt.Sprintf("readlink /proc/self/ns/%s; readlink /proc/1/ns/%s", ns, ns)
				if lines := strings.Split(e.ok(t, "exec", name, "sh", "-c", script), "\n"); lines[0] != lines[1] {
					t.Errorf("namespaces %s: %v", ns, lines)
				}
			}
		}},
		{"exec/privileged", execPrivileged},
		{"exec/detached", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			equal(t, "output", e.ok(t, "exec", "-d", name, "sh", "-c", "echo made > /made; sleep 1000"), "")
			world.Until(t, "what the detached process makes", func() bool { return e.do(t, "exec", name, "cat", "/made").Stdout == "made\n" })
			equal(t, "processes", fmt.Sprint(strings.Count(e.ok(t, "top", name, "-o", "pid,args"), "sleep 1000")), "2")
		}},
		{"exec/stdin", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			cmd := e.command("exec", "-i", name, "sh", "-c", "wc -c; exit 3")
			cmd.Stdin = strings.NewReader(strings.Repeat("0123456789", 300_000))
			r := harness.Exec(t, cmd).WantExit(t, 3)
			equal(t, "bytes", r.Stdout, "3000000\n")
		}},
		{"exec/tty", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			x := e.pty(t, "exec", "-it", name, "sh")
			x.Type("tty; ps | grep -c sh\r")
			x.Expect("/dev/pts/0")
			e.resize(t, x)
			x.Type("exit 8\r")
			if code := x.Wait(); code != 8 {
				t.Errorf("exit %d, want 8", code)
			}
		}},
		{"exec/many-at-once", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() {
					if got := e.do(t, "exec", name, "sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i)); got.Code != i || got.Stdout != fmt.Sprintln(i) {
						t.Errorf("%d: %v", i, got)
					}
				})
			}
			group.Wait()
			if lines := strings.Split(e.ok(t, "top", name), "\n"); len(lines) != 2 {
				t.Errorf("more than the container's first process: %q", lines)
			}
		}},
		{"exec/not-found", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			code := 127
			if strings.HasPrefix(e.version, "20.") {
				code = 126
			}
			r := e.do(t, "exec", name, "nosuch").WantExit(t, code)
			contains(t, r.Stdout+r.Stderr, `exec: "nosuch": executable file not found in $PATH`)
		}},
		{"exec/not-executable-126", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			r := e.do(t, "exec", name, "/etc/passwd").WantExit(t, 126)
			contains(t, r.Stdout+r.Stderr, "permission denied")
			r = e.do(t, "exec", name, "/etc").WantExit(t, 126)
			contains(t, r.Stdout+r.Stderr, "permission denied")
		}},
		{"exec/killed-137", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.do(t, "exec", name, "sh", "-c", "kill -9 $$").WantExit(t, 137)
		}},
		{"exec/stopped", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "kill", name)
			e.await(t, name, "{{.State.Running}}", "false")
			e.fails(t, 1, []string{"is not running"}, "exec", name, "true")
		}},
		{"exec/paused", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			e.ok(t, "pause", name)
			e.fails(t, 1, []string{"is paused, unpause the container before exec"}, "exec", name, "true")
			e.ok(t, "unpause", name)
			e.ok(t, "exec", name, "true")
		}},
		{"exec/ends-with-the-container", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			cmd := e.command("exec", name, "sleep", "1000")
			done := harness.Start(t, cmd)
			world.Until(t, "the second process", func() bool {
				return strings.Contains(e.ok(t, "top", name, "-o", "pid,args"), "sleep 1000\n") || strings.Count(e.ok(t, "top", name), "sleep 1000") == 2
			})
			e.ok(t, "kill", name)
			done().WantExit(t, 137)
		}},
	}
}

func execPrivileged(t *testing.T, e *engine) {
	name := e.sleeper(t)
	e.everything(t, e.do(t, "exec", "--privileged", name, "grep", "CapEff", "/proc/self/status"))
}

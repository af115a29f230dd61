//go:build clients

package docker

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func runChecks() []check {
	return []check{
		{"run/output", func(t *testing.T, e *engine) {
			r := e.do(t, e.shell("echo out; echo err >&2")...).WantExit(t, 0)
			equal(t, "stdout", r.Stdout, "out\n")
			equal(t, "stderr", r.Stderr, "err\n")
		}},
		{"run/exit-codes", func(t *testing.T, e *engine) {
			for _, code := range []int{1, 42, 255} {
				e.do(t, e.shell(fmt.Sprintf("exit %d", code))...).WantExit(t, code)
			}
		}},
		{"run/killed-by-signal-exit-139", func(t *testing.T, e *engine) {
			e.do(t, e.shell("kill -SEGV $$", "--init")...).WantExit(t, 139)
		}},
		{"run/not-found-in-path-127", func(t *testing.T, e *engine) {
			e.fails(t, 127, []string{`exec: "nosuch": executable file not found in $PATH`}, "run", "--rm", "busybox", "nosuch")
		}},
		{"run/not-found-127", func(t *testing.T, e *engine) {
			e.fails(t, 127, []string{`exec: "/no/such": stat /no/such: no such file or directory`}, "run", "--rm", "busybox", "/no/such")
		}},
		{"run/not-executable-126", func(t *testing.T, e *engine) {
			e.fails(t, 126, []string{`exec: "/etc/passwd": permission denied`}, "run", "--rm", "busybox", "/etc/passwd")
		}},
		{"run/directory-126", func(t *testing.T, e *engine) {
			e.fails(t, 126, []string{`exec: "/etc": permission denied`}, "run", "--rm", "busybox", "/etc")
		}},
		{"run/exec-format-error", execFormat},
		{"run/workdir", func(t *testing.T, e *engine) {
			equal(t, "pwd", e.sh(t, "pwd", "-w", "/made/for/it"), "/made/for/it")
		}},
		{"run/workdir-is-a-file", func(t *testing.T, e *engine) {
			if r := e.do(t, e.shell("true", "-w", "/etc/passwd")...); r.Code != 125 && r.Code != 126 {
				t.Errorf("125 or 126 wanted: %v", r)
			}
		}},
		{"run/env", func(t *testing.T, e *engine) {
			equal(t, "env", e.sh(t, "echo $A/$B/$HOME", "-e", "A=1 2", "-e", "B="), "1 2///root")
		}},
		{"run/hostname", func(t *testing.T, e *engine) {
			equal(t, "hostname", e.sh(t, "hostname; tail -n 1 /etc/hosts | cut -f 2", "--hostname", "a-host"), "a-host\na-host")
		}},
		{"run/user", func(t *testing.T, e *engine) {
			equal(t, "id", e.sh(t, "id -u; id -g; echo $HOME", "--user", "nobody"), "65534\n65534\n/")
			equal(t, "id", e.sh(t, "id -u; id -g; id -G", "--user", "1234:5678", "--group-add", "99"), "1234\n5678\n5678 99")
			equal(t, "HOME", e.sh(t, "echo $HOME", "--user", "4321"), "/")
			e.fails(t, 125, []string{"unable to find user"}, e.shell("true", "--user", "who")...)
		}},
		{"run/entrypoint", func(t *testing.T, e *engine) {
			equal(t, "output", e.ok(t, "run", "--rm", "--entrypoint", "echo", "busybox", "a", "b"), "a b")
		}},
		{"run/init", func(t *testing.T, e *engine) {
			equal(t, "pid 1", e.sh(t, "cat /proc/1/comm; readlink /proc/1/exe", "--init"), "docker-init\n/sbin/docker-init")
			// An orphan is reaped.
			equal(t, "zombies", e.sh(t, "(sleep 0.1 &); sleep 0.5; ps -o stat | grep -c Z; true", "--init"), "0")
		}},
		{"run/rm", func(t *testing.T, e *engine) {
			name := e.named(t)
			e.ok(t, "run", "--rm", "--name", name, "busybox", "true")
			e.fails(t, 1, []string{"No such object"}, "inspect", name)
		}},
		{"run/create-start", func(t *testing.T, e *engine) {
			name := e.named(t)
			e.ok(t, "create", "--name", name, "busybox", "sh", "-c", "echo $$; exit 3")
			e.want(t, name, "{{.State.Status}}", "created")
			for range 2 { // and again after its end
				r := e.do(t, "start", "-a", name).WantExit(t, 3)
				equal(t, "output", r.Stdout, "1\n")
			}
		}},
		{"run/stdin", func(t *testing.T, e *engine) {
			cmd := e.command("run", "--rm", "-i", "busybox", "cat")
			cmd.Stdin = strings.NewReader("some words")
			harness.Exec(t, cmd).WantOutput(t, "some words")
		}},
		{"run/stdin-10MB-binary", func(t *testing.T, e *engine) {
			data := make([]byte, 10<<20)
			if _, err := rand.Read(data); err != nil {
				t.Fatal(err)
			}
			cmd := e.command("run", "--rm", "-i", "busybox", "sha256sum")
			cmd.Stdin = bytes.NewReader(data)
			harness.Exec(t, cmd).WantOutput(t, fmt.Sprintf("%x  -\n", sha256.Sum256(data)))
			var back bytes.Buffer
			cmd = e.command("run", "--rm", "-i", "busybox", "cat")
			cmd.Stdin, cmd.Stdout = bytes.NewReader(data), &back
			harness.Exec(t, cmd).WantExit(t, 0)
			if !bytes.Equal(back.Bytes(), data) {
				t.Errorf("%d bytes came back, not as they went in", back.Len())
			}
		}},
		{"run/stdin-closed", func(t *testing.T, e *engine) {
			equal(t, "stdin", e.sh(t, "cat; readlink /proc/self/fd/0"), "/dev/null")
		}},
		{"run/fds", func(t *testing.T, e *engine) {
			equal(t, "open files", e.sh(t, "ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3") // 3 is ls's own
		}},
		{"run/signal-proxy", func(t *testing.T, e *engine) {
			name := e.named(t)
			cmd := e.command("run", "--name", name, "busybox", "sh", "-c", "trap 'echo told; exit 9' TERM; echo ready; while :; do sleep 0.1; done")
			wait := harness.Start(t, cmd)
			world.Until(t, "the container's log", func() bool { return strings.Contains(e.do(t, "logs", name).Stdout, "ready") })
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			contains(t, wait().WantExit(t, 9).Stdout, "told")
		}},
	}
}

// A file that is no program: execve itself fails, after `start`. runc's start
// has succeeded by then, and the error is the container's output; rt's start fails.
func execFormat(t *testing.T, e *engine) {
	name := e.named(t)
	e.ok(t, "create", "--name", name, "busybox", "/bin/bad")
	cmd := e.command("cp", "-", name+":/bin")
	cmd.Stdin = bytes.NewReader(tarOf(t, "bad", "neither a script nor an ELF file", 0o755))
	harness.Exec(t, cmd).WantExit(t, 0)
	r := e.do(t, "start", "-a", name)
	contains(t, r.Stdout+r.Stderr, "exec format error")
	if r.Code == 0 {
		t.Errorf("a failure wanted: %v", r)
	}
	e.want(t, name, "{{.State.Running}}", "false")
}

//go:build clients

package docker

import (
	"os"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// pty runs the client on a terminal.
func (e *engine) pty(t *testing.T, args ...string) *world.Terminal {
	t.Helper()
	return world.Pty(t, append([]string{e.client, "-H", e.host}, args...)...)
}

func terminalChecks() []check {
	return []check{
		{"tty/size-and-exit", func(t *testing.T, e *engine) {
			x := e.pty(t, "run", "--rm", "-it", "busybox", "sh")
			x.Type("tty; echo in$((6*7))\r")
			x.Expect("/dev/pts/0")
			x.Expect("in42")
			// The client tells the size soon after the start, not before it.
			world.Until(t, "the size of the terminal", func() bool {
				return e.retry(x, "stty size", "24 80")
			})
			e.resize(t, x)
			x.Type("exit 5\r")
			if code := x.Wait(); code != 5 {
				t.Errorf("exit %d, want 5", code)
			}
		}},
		{"tty/control-c", func(t *testing.T, e *engine) {
			x := e.pty(t, "run", "--rm", "-it", "busybox", "sh")
			x.Type("echo r$((1+1))dy; sleep 1000\r")
			x.Expect("r2dy")
			x.Type("\x03")
			x.Type("echo code $?\r")
			x.Expect("code 130")
			x.Type("\x04")
			if code := x.Wait(); code != 130 && code != 0 {
				t.Errorf("exit %d", code)
			}
		}},
		{"tty/console-device", func(t *testing.T, e *engine) {
			x := e.pty(t, "run", "--rm", "-it", "busybox", "sh", "-c", "ls -l /dev/console; echo up > /dev/console; echo -n c; stat -c %t:%T /dev/console")
			x.Expect("/dev/console")
			x.Expect("up")
			x.Expect("c88:0")
			if code := x.Wait(); code != 0 {
				t.Errorf("exit %d", code)
			}
		}},
		{"tty/detach-and-attach", func(t *testing.T, e *engine) {
			name := e.named(t)
			x := e.pty(t, "run", "-it", "--name", name, "busybox", "sh")
			x.Type("A=kept; echo r$((1+1))dy\r")
			x.Expect("r2dy")
			x.Type("\x10\x11")
			if code := x.Wait(); code != 0 {
				t.Errorf("exit %d of the client that detached", code)
			}
			e.want(t, name, "{{.State.Status}}", "running")
			x = e.pty(t, "attach", name)
			x.Type("\recho $A$((1+1))\r")
			x.Expect("kept2")
			x.Type("exit 6\r")
			if code := x.Wait(); code != 6 {
				t.Errorf("exit %d of the attached client, want 6", code)
			}
			e.want(t, name, "{{.State.ExitCode}}", "6")
		}},
		{"tty/detached", func(t *testing.T, e *engine) {
			name := e.up(t, "-dt", "busybox", "sh", "-c", "tty; echo done")
			e.awaitLog(t, name, "done")
			contains(t, e.ok(t, "logs", name), "/dev/pts/0")
		}},
		{"attach/without-tty", func(t *testing.T, e *engine) {
			name := e.up(t, "-i", "busybox", "sh", "-c", "read line; echo got $line; sleep 1; exit 4")
			stdin, typed, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			cmd := e.command("attach", name)
			cmd.Stdin = stdin
			wait := harness.Start(t, cmd)
			if _, err := typed.WriteString("a line\n"); err != nil {
				t.Fatal(err)
			}
			e.await(t, name, "{{.State.Status}}", "exited") // at the end of its input the client may not wait for output
			typed.Close()
			r := wait().WantExit(t, 4)
			equal(t, "output", r.Stdout, "got a line\n")
		}},
	}
}

// resize changes the size and waits until a shell on the terminal sees that. A
// change that comes before the client listens for them is lost: it is repeated.
func (e *engine) resize(t *testing.T, x *world.Terminal) {
	t.Helper()
	world.Until(t, "the new size of the terminal", func() bool {
		x.Resize(100, 30)
		x.Resize(101, 31)
		return e.retry(x, "stty size", "31 101")
	})
}

// retry types a command and tells whether its output comes soon.
func (e *engine) retry(x *world.Terminal, command, output string) bool {
	x.Type(command + "\r")
	return x.Soon(output)
}

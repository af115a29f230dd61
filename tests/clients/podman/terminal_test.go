//go:build clients

package podman

import (
	"strings"
	"time"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

var terminalChecks = []check{
	{"tty/is-one", both, func(p *podman) {
		x := p.typing("run", "--rm", "-it", image, "sh", "-c", "tty && test -t 0 -a -t 1 -a -t 2 && echo all-three")
		x.Expect("/dev/pts/0")
		x.Expect("all-three")
		is(p.t, x.Wait(), 0)
	}},
	{"tty/exit-status", both, func(p *podman) {
		is(p.t, p.typing("run", "--rm", "-it", image, "sh", "-c", "exit 9").Wait(), 9)
	}},
	{"tty/not-found-127", both, func(p *podman) {
		is(p.t, p.typing("run", "--rm", "-it", image, "nothere").Wait(), 127)
	}},
	{"tty/typed-and-echoed", both, func(p *podman) {
		x := p.typing("run", "--rm", "-it", image, "sh")
		x.Type("echo $((20+3))\n")
		x.Expect("23")
		x.Type("exit 4\n")
		is(p.t, x.Wait(), 4)
	}},
	{"tty/ctrl-c", both, func(p *podman) {
		x := p.typing("run", "--rm", "-it", image, "sh", "-c", "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done")
		x.Expect("ready")
		x.Type("\x03")
		x.Expect("interrupted")
		is(p.t, x.Wait(), 5)
	}},
	{"tty/size-and-resize", both, func(p *podman) {
		x := p.typing("run", "--rm", "-it", image, "sh", "-c", "echo begin; while read line; do stty size; done")
		x.Expect("begin")
		x.Resize(77, 33)
		p.types(x, "\n", "33 77")
		x.Resize(99, 44)
		p.types(x, "\n", "44 99")
		x.Type("\x04")
		is(p.t, x.Wait(), 0)
	}},
	{"tty/detach-and-attach", both, func(p *podman) {
		name := p.name()
		x := p.typing("run", "-it", "--name", name, image, "sh", "-c", "echo begin; while read line; do echo got-$line; done; exit 3")
		x.Expect("begin")
		x.Type("a\n")
		x.Expect("got-a")
		x.Type("\x10")
		time.Sleep(300 * time.Millisecond) // podman wants them one by one
		x.Type("\x11")
		is(p.t, x.Wait(), 0)
		is(p.t, p.inspect(name, "{{.State.Status}}"), "running")
		x = p.typing("attach", name)
		p.types(x, "b\n", "got-b")
		x.Type("\x04")
		x.Wait()
		is(p.t, p.ok("wait", name), "3")
	}},
	{"tty/without-a-terminal", both, func(p *podman) {
		has(p.t, p.ok("run", "--rm", "-t", image, "sh", "-c", "tty"), "/dev/pts/0")
	}},
	{"attach/output-and-input", both, func(p *podman) {
		name := p.name()
		p.ok("create", "-i", "--name", name, image, "sh", "-c", "read a; echo got $a; exit 6")
		cmd := p.command("podman", "start", "-a", "-i", name)
		cmd.Stdin = strings.NewReader("word\n")
		r := harness.Exec(p.t, cmd)
		is(p.t, r.Stdout, "got word\n")
		is(p.t, r.Code, 6)
	}},
	{"attach/later", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "-i", "--name", name, image, "sh", "-c", "while ! test -e /go; do echo tick; sleep 0.1; done; exit 8")
		x := p.typing("attach", "--no-stdin", name)
		x.Expect("tick")
		p.ok("exec", name, "touch", "/go")
		x.Wait()
		is(p.t, p.ok("wait", name), "8")
	}},
	{"logs/both-streams", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", "echo one; echo two >&2; echo three")
		p.ok("wait", name)
		r := p.do("logs", name).WantExit(p.t, 0)
		is(p.t, r.Stdout, "one\nthree\n")
		is(p.t, r.Stderr, "two\n")
	}},
	{"logs/follow", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", "echo one; sleep 1; echo two")
		is(p.t, p.ok("logs", "-f", name), "one\ntwo")
	}},
	{"logs/driver-json-file", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, "--log-driver", "json-file", image, "echo", "one")
		p.ok("wait", name)
		is(p.t, p.ok("logs", name), "one")
	}},
	{"logs/driver-none", both, func(p *podman) {
		name := p.name()
		is(p.t, p.ok("run", "--name", name, "--log-driver", "none", image, "echo", "one"), "one")
		p.refuses(125, []string{"none"}, "logs", name)
	}},
	{"logs/driver-passthrough", both, func(p *podman) {
		name := p.name()
		is(p.t, p.ok("run", "--name", name, "--log-driver", "passthrough", image, "echo", "one"), "one")
	}},
}

// types types a line again and again until a text is on the screen.
func (p *podman) types(x *world.Terminal, line, text string) {
	p.t.Helper()
	p.await(text, func() bool {
		x.Type(line)
		time.Sleep(200 * time.Millisecond)
		return strings.Contains(x.Text(), text)
	})
}

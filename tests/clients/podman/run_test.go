//go:build clients

package podman

import (
	"bytes"
	"fmt"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rt/tests/harness"
)

var runChecks = []check{
	{"run/imported-image", both, func(p *podman) {
		is(p.t, p.ok("run", "--rm", image, "echo", "hello"), "hello")
	}},
	{"run/saved-and-loaded-image", both, func(p *podman) {
		archive := filepath.Join(p.temp(), "saved.tar")
		p.ok("tag", image, "localhost/again")
		p.ok("save", "-q", "-o", archive, "localhost/again")
		p.ok("rmi", "localhost/again")
		p.ok("load", "-q", "-i", archive)
		is(p.t, p.ok("run", "--rm", "localhost/again", "echo", "loaded"), "loaded")
		p.ok("rmi", "localhost/again")
	}},
	{"run/rootfs-overlay", both, func(p *podman) {
		dir := p.copyOfRootfs()
		is(p.t, p.ok("run", "--rm", "--rootfs", dir+":O", "sh", "-c", "echo a >/data/overlaid && cat /data/overlaid"), "a")
		if _, err := os.Stat(filepath.Join(dir, "data/overlaid")); err == nil {
			p.t.Error("the overlay's file is in the directory")
		}
	}},
	{"run/rootfs", both, func(p *podman) {
		dir := p.copyOfRootfs()
		is(p.t, p.ok("run", "--rm", "--rootfs", dir, "sh", "-c", "echo a >/data/kept && cat /data/kept"), "a")
		if text, err := os.ReadFile(filepath.Join(dir, "data/kept")); string(text) != "a\n" {
			p.t.Errorf("%q, %v", text, err)
		}
	}},
	{"run/json-logs-not-supported", both, func(p *podman) {
		path := p.file(p.temp(), "containers.conf", fmt.Sprintf(conf, "runtime_supports_json = []", p.runtime))
		is(p.t, harness.Exec(p.t, p.in("CONTAINERS_CONF="+path, "run", "--rm", image, "echo", "hello")).WantExit(p.t, 0).Stdout, "hello\n")
		r := harness.Exec(p.t, p.in("CONTAINERS_CONF="+path, "run", "--rm", image, "nothere")).WantExit(p.t, 127)
		has(p.t, r.Stderr, "executable file", "not found")
	}},
	{"run/runtime-by-flag", both, func(p *podman) {
		is(p.t, p.ok("--runtime", p.runtime, "run", "--rm", image, "echo", "hello"), "hello")
		p.refuses(127, []string{"not found"}, "--runtime", p.runtime, "run", "--rm", image, "nothere")
	}},
	{"exit/status-7", both, func(p *podman) { p.refuses(7, nil, "run", "--rm", image, "sh", "-c", "exit 7") }},
	{"exit/signal-137", both, func(p *podman) {
		p.refuses(137, nil, "run", "--rm", image, "sh", "-c", "kill -9 $$; sleep 5 & wait; exit 137")
	}},
	{"exit/not-found-127", both, func(p *podman) {
		p.refuses(127, []string{"executable file", "not found"}, "run", "--rm", image, "nothere")
	}},
	{"exit/missing-path-127", both, func(p *podman) {
		p.refuses(127, []string{"no such file or directory"}, "run", "--rm", image, "/no/such/program")
	}},
	{"exit/not-executable-126", both, func(p *podman) {
		p.refuses(126, []string{"permission denied"}, "run", "--rm", image, "/bin/noexec")
	}},
	{"exit/bad-flag-125", both, func(p *podman) { p.refuses(125, []string{"unknown flag"}, "run", "--nothing", image, "true") }},
	{"exit/bad-capability-125", both, func(p *podman) {
		p.refuses(125, []string{"cap_none"}, "run", "--rm", "--cap-add", "none_such", image, "true")
	}},
	{"exit/of-wait", both, func(p *podman) {
		name := p.name()
		p.ok("run", "-d", "--name", name, image, "sh", "-c", "sleep 0.3; exit 42")
		is(p.t, p.ok("wait", name), "42")
		is(p.t, p.inspect(name, "{{.State.Status}} {{.State.ExitCode}}"), "exited 42")
	}},
	{"stdio/stderr-apart", both, func(p *podman) {
		r := p.do("run", "--rm", image, "sh", "-c", "echo out; echo err >&2").WantExit(p.t, 0)
		is(p.t, r.Stdout, "out\n")
		is(p.t, r.Stderr, "err\n")
	}},
	{"stdio/10-MB-through-stdin-and-stdout", both, func(p *podman) {
		data := make([]byte, 10_000_000)
		_, _ = rand.New(rand.NewSource(1)).Read(data)
		data[len(data)-1] = 1 // Exec cuts off zeros
		cmd := p.command("podman", "run", "--rm", "-i", image, "cat")
		cmd.Stdin = bytes.NewReader(data)
		r := harness.Exec(p.t, cmd).WantExit(p.t, 0)
		if r.Stdout != string(data) {
			p.t.Errorf("%d other bytes came back", len(r.Stdout))
		}
	}},
	{"stdio/without-stdin", both, func(p *podman) { is(p.t, p.with("not for it", "run", "--rm", image, "cat"), "") }},
	{"fds/15-open-ones-stay-outside", both, func(p *podman) {
		cmd := p.command("sh", append([]string{"-c", manyFds}, "podman", "run", "--rm", image, "ls", "/proc/self/fd")...)
		out := harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout
		is(p.t, strings.Join(strings.Fields(out), " "), "0 1 2 3") // 3 is ls's
	}},
	{"fds/15-open-ones-stay-outside-of-exec", both, func(p *podman) {
		name := p.sleeping()
		cmd := p.command("sh", append([]string{"-c", manyFds}, "podman", "exec", name, "ls", "/proc/self/fd")...)
		out := harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout
		is(p.t, strings.Join(strings.Fields(out), " "), "0 1 2 3")
	}},
	{"fds/preserved", both, func(p *podman) {
		path := p.file(p.temp(), "kept", "kept\n")
		cmd := p.command("sh", "-c", `exec 3<`+path+`; exec "$0" "$@"`, "podman", "run", "--rm", "--preserve-fds", "1", image, "cat", "/proc/self/fd/3")
		is(p.t, harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout, "kept\n")
	}},
	{"fds/preserved-by-exec", both, func(p *podman) {
		name := p.sleeping()
		path := p.file(p.temp(), "kept", "kept\n")
		cmd := p.command("sh", "-c", `exec 3<`+path+`; exec "$0" "$@"`, "podman", "exec", "--preserve-fds", "1", name, "sh", "-c", "cat <&3")
		is(p.t, harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout, "kept\n")
	}},
	{"process/environment", both, func(p *podman) {
		out := p.run("-e", "A=1", "-e", "B=two words", "env | sort; echo") + "\n"
		has(p.t, out, "A=1\n", "B=two words\n", "HOME=/root\n", "container=podman\n", "PATH=/usr/local/sbin")
	}},
	{"process/workdir", both, func(p *podman) { is(p.t, p.run("-w", "/data", "pwd"), "/data") }},
	{"process/missing-workdir", both, func(p *podman) {
		p.refuses(126, []string{"workdir"}, "run", "--rm", "-w", "/none/such", image, "pwd")
	}},
	{"process/entrypoint", both, func(p *podman) {
		is(p.t, p.ok("run", "--rm", "--entrypoint", `["echo","first"]`, image, "second"), "first second")
	}},
	{"process/umask", both, func(p *podman) { is(p.t, p.run("--umask", "0077", "umask"), "0077") }},
	{"process/default-umask", both, func(p *podman) { is(p.t, p.run("umask"), "0022") }},
	{"process/init", both, func(p *podman) { has(p.t, p.run("--init", "cat /proc/1/comm"), "init") }},
	{"process/init-reaps", both, func(p *podman) {
		is(p.t, p.run("--init", "(sleep 0.1 &); sleep 0.5; ps -o stat | grep -c Z || true"), "0")
	}},
	{"process/oom-score", both, func(p *podman) { is(p.t, p.run("--oom-score-adj", "500", "cat /proc/self/oom_score_adj"), "500") }},
	{"process/personality", both, func(p *podman) { has(p.t, p.run("--personality", "LINUX32", "uname -m"), "i686") }},
	{"process/ulimits", both, func(p *podman) {
		is(p.t, p.run("--ulimit", "nofile=100:200", "--ulimit", "nproc=300:400", "--ulimit", "core=0", "ulimit -Sn; ulimit -Hn; ulimit -c"), "100\n200\n0")
	}},
	{"process/sysctl", both, func(p *podman) {
		is(p.t, p.run("--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=4096",
			"cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax"), "1\n4096")
	}},
	{"process/sysctl-of-the-host", both, func(p *podman) {
		p.refuses(125, []string{"sysctl"}, "run", "--rm", "--sysctl", "vm.swappiness=1", image, "true")
	}},
	{"process/timezone", both, func(p *podman) { is(p.t, p.run("--tz", "Asia/Tokyo", "cat /etc/localtime | tail -n 1"), "JST-9") }},
	{"process/hostname", both, func(p *podman) {
		is(p.t, p.run("--hostname", "box", "hostname; cat /etc/hostname"), "box\nbox")
	}},
	{"process/secret", both, func(p *podman) {
		secret := p.label()
		p.with("hush", "secret", "create", secret, "-")
		defer p.ok("secret", "rm", secret)
		is(p.t, p.run("--secret", secret, "--secret", secret+",type=env,target=HUSH", "cat /run/secrets/"+secret+"; echo; echo $HUSH"), "hush\nhush")
	}},
	{"process/sdnotify-of-the-container", both, func(p *podman) {
		dir := p.temp()
		path := filepath.Join(dir, "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		must(p.t, err)
		defer conn.Close()
		must(p.t, os.Chmod(path, 0o777))
		name := p.name()
		cmd := p.in("NOTIFY_SOCKET="+path, "run", "-d", "--name", name, "--sdnotify", "container", image, "sh", "-c", "probe notify READY=1 && sleep 1000")
		wait := harness.Start(p.t, cmd)
		all := ""
		must(p.t, conn.SetReadDeadline(time.Now().Add(harness.Slow(harness.Deadline))))
		buf := make([]byte, 4096)
		for !strings.Contains(all, "READY=1") || !strings.Contains(all, "MAINPID=") {
			n, err := conn.Read(buf)
			if err != nil {
				p.t.Fatalf("%v, after %q", err, all)
			}
			all += string(buf[:n]) + "\n"
		}
		wait().WantExit(p.t, 0)
	}},
	{"process/sdnotify-of-conmon", both, func(p *podman) {
		path := filepath.Join(p.temp(), "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		must(p.t, err)
		defer conn.Close()
		must(p.t, os.Chmod(path, 0o777))
		cmd := p.in("NOTIFY_SOCKET="+path, "run", "--rm", "--sdnotify", "conmon", image, "sh", "-c", "echo [$NOTIFY_SOCKET]")
		is(p.t, harness.Exec(p.t, cmd).WantExit(p.t, 0).Stdout, "[]\n")
		buf := make([]byte, 4096)
		must(p.t, conn.SetReadDeadline(time.Now().Add(harness.Slow(harness.Deadline))))
		n, err := conn.Read(buf)
		must(p.t, err)
		has(p.t, string(buf[:n]), "MAINPID=", "READY=1")
	}},
}

// manyFds runs its arguments with fifteen more files open.
const manyFds = `for fd in 3 4 5 6 7 8 9; do eval "exec $fd</etc/passwd"; done
exec bash -c 'for fd in 10 11 12 13 14 15 16 17; do eval "exec $fd</etc/passwd"; done; exec "$0" "$@"' "$0" "$@"`

// copyOfRootfs is a rootfs of the engine's user.
func (p *podman) copyOfRootfs() string {
	p.t.Helper()
	dir := filepath.Join(p.temp(), "rootfs")
	must(p.t, os.Mkdir(dir, 0o755))
	p.own(dir)
	harness.Exec(p.t, p.command("tar", "-C", dir, "-xf", p.tar)).WantExit(p.t, 0)
	return dir
}

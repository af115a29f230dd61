//go:build clients

package containerd

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// wantMatch fails the test unless r ended well or not and printed what the pattern says.
func wantMatch(t testing.TB, r harness.Result, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(r.Stdout) {
		t.Errorf("stdout like %s wanted: %v", pattern, r)
	}
}

// isImage tells whether a line of `ctr snapshots ls` is a layer of an image.
func isImage(line string) bool { return strings.HasSuffix(strings.TrimSpace(line), "Committed") }

func running() []check {
	return []check{
		{"stdout-and-stderr", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			g := newGate(t)
			g.through(e, nil, 4, "err\n", e.args(id(t), g.flags("--rm"), words("sh", "-c", "echo out; echo err >&2"+shut))...).WantOutput(t, "out\n")
		}},
		{"exit-code", func(t *testing.T, e *engine) { e.run(t, nil, "sh", "-c", "exit 7").WantExit(t, 7) }},
		{"exit-code-of-a-signal", func(t *testing.T, e *engine) {
			e.run(t, nil, "sh", "-c", "sh -c 'kill -TERM $$'; exit $?").WantExit(t, 143)
		}},
		{"runc-of-the-path", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			e.logged(t, "run", "--rm", image, id(t), "echo", "found").WantOutput(t, "found\n")
		}},
		{"other-root", func(t *testing.T, e *engine) {
			root := "/run/other-root-" + e.version
			e.run(t, words("--runc-root", root), "echo", "there").WantOutput(t, "there\n")
			if _, err := os.Stat(root); err != nil {
				t.Error(err)
			}
			if err := os.RemoveAll(root); err != nil {
				t.Error(err)
			}
		}},
		{"terminal", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			g := newGate(t)
			x := world.Pty(t, e.argv(e.args(id(t), g.flags("--rm", "--tty"), words("sh", "-c", "tty; until [ \"$(stty size)\" = '24 80' ]; do sleep 0.05; done; stty size; read line; echo got $line; stty size"+shut+"exit 5"))...)...)
			x.Expect("/dev/pts/0")
			x.Expect("24 80")
			x.Resize(100, 30)
			world.Until(t, "the terminal's new size in the container", func() bool {
				return strings.HasPrefix(e.logged(t, "tasks", "exec", "--exec-id", "size", id(t), "sh", "-c", "stty size </dev/pts/0").Stdout, "30 100")
			})
			x.Type("a word\r")
			x.Expect("got a word")
			x.Expect("30 100")
			g.open()
			if code := x.Wait(); code != 5 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"terminal-interrupt", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			g := newGate(t)
			x := world.Pty(t, e.argv(e.args(id(t), g.flags("--rm", "--tty"), words("sh", "-c", "trap 'echo caught"+shut+"exit 9' INT; echo ready; while :; do sleep 0.1; done"))...)...)
			x.Expect("ready")
			x.Type("\x03")
			x.Expect("caught")
			g.open()
			if code := x.Wait(); code != 9 {
				t.Errorf("exit %d: %q", code, x.Text())
			}
		}},
		{"stdin-10-MB", func(t *testing.T, e *engine) {
			data := make([]byte, 10<<20)
			_, _ = rand.Read(data)
			path := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			stdin, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			e.removeAtEnd(t, id(t))
			g, want := newGate(t), fmt.Sprintf("%x  -\n", sha256.Sum256(data))
			g.through(e, stdin, len(want), "", e.args(id(t), g.flags("--rm"), words("sh", "-c", "sha256sum"+shut))...).WantOutput(t, want)
		}},
		{"big-output", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			g := newGate(t)
			if r := g.through(e, nil, 30000000, "", e.args(id(t), g.flags("--rm"), words("sh", "-c", "head -c 30000000 /dev/zero | tr '\\0' x"+shut))...); r.Code != 0 || len(r.Stdout) != 30000000 {
				t.Errorf("exit %d, %d bytes: %s", r.Code, len(r.Stdout), r.Stderr)
			}
		}},
		{"null-io", func(t *testing.T, e *engine) {
			e.removeAtEnd(t, id(t))
			e.ctr(t, e.args(id(t), words("--rm", "--null-io"), words("echo", "unseen"))...).WantOutput(t, "")
		}},
		{"env", func(t *testing.T, e *engine) {
			e.run(t, words("--env", "A=1", "--env", "B=two words"), "sh", "-c", "echo $A $B $PATH").WantOutput(t, "1 two words /bin\n")
		}},
		{"cwd", func(t *testing.T, e *engine) { e.run(t, words("--cwd", "/tmp"), "pwd").WantOutput(t, "/tmp\n") }},
		{"user", func(t *testing.T, e *engine) {
			e.only(t, "2.x", "ctr's --user")
			e.run(t, words("--user", "65534:100"), "sh", "-c", "id -u; id -g").WantOutput(t, "65534\n100\n")
		}},
		{"hostname", func(t *testing.T, e *engine) {
			e.only(t, "2.x", "ctr's --hostname")
			e.run(t, words("--hostname", "a-name"), "hostname").WantOutput(t, "a-name\n")
		}},
		{"read-only", func(t *testing.T, e *engine) {
			e.fails(t, words("--read-only"), "touch /file", "Read-only file system")
		}},
		{"writable", func(t *testing.T, e *engine) {
			e.run(t, nil, "sh", "-c", "echo text >/file && cat /file").WantOutput(t, "text\n")
		}},
		{"rootfs", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			if err := harness.Busybox(dir); err != nil {
				t.Fatal(err)
			}
			e.removeAtEnd(t, id(t))
			e.logged(t, "run", "--rm", "--runc-binary", e.runtime, "--rootfs", dir, id(t), "/bin/sh", "-c", "echo from $PWD; echo text >/file").WantOutput(t, "from /\n")
			if data, err := os.ReadFile(filepath.Join(dir, "file")); string(data) != "text\n" {
				t.Errorf("%q, %v", data, err)
			}
		}},
		{"rootfs-propagation", func(t *testing.T, e *engine) {
			wantMatch(t, e.run(t, words("--rootfs-propagation", "rslave"), "sh", "-c", "grep ' / / ' /proc/self/mountinfo"), `master:\d+`)
		}},
		{"no-pivot", func(t *testing.T, e *engine) {
			e.run(t, words("--no-pivot"), "echo", "moved").WantOutput(t, "moved\n")
		}},
		{"config", func(t *testing.T, e *engine) { configFile(t, e) }},
		{"mount-bind", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			e.run(t, words("--mount", "type=bind,src="+dir+",dst=/there/new,options=rbind:rw"), "sh", "-c", "echo text >/there/new/file").WantExit(t, 0)
			if data, err := os.ReadFile(filepath.Join(dir, "file")); string(data) != "text\n" {
				t.Errorf("%q, %v", data, err)
			}
		}},
		{"mount-read-only", func(t *testing.T, e *engine) {
			e.fails(t, words("--mount", "type=bind,src="+t.TempDir()+",dst=/there,options=rbind:ro"), "touch /there/file", "Read-only file system")
		}},
		{"mount-tmpfs", func(t *testing.T, e *engine) {
			r := e.run(t, words("--mount", "type=tmpfs,src=tmpfs,dst=/there,options=size=64k:mode=700:nosuid"), "sh", "-c", "grep ' /there ' /proc/mounts; stat -c %a /there")
			wantMatch(t, r, `^tmpfs /there tmpfs rw,nosuid,.*size=64k,mode=700.*\n700\n$`)
		}},
		{"pid-file", func(t *testing.T, e *engine) {
			path := filepath.Join(t.TempDir(), "pid")
			c := e.detached(t, words("--pid-file", path), "sleep", "1000")
			if data, err := os.ReadFile(path); string(data) != strconv.Itoa(c.pid()) {
				t.Errorf("%q, %v; init is %d", data, err, c.pid())
			}
		}},
		{"device", func(t *testing.T, e *engine) {
			e.run(t, words("--device", "/dev/loop-control"), "sh", "-c", "stat -c '%F %t %T' /dev/loop-control; head -c 0 /dev/loop-control && echo open").
				WantOutput(t, "character special file a ed\nopen\n")
		}},
		{"default-devices", func(t *testing.T, e *engine) {
			r := e.run(t, nil, "sh", "-c", "for d in null zero full random urandom tty ptmx fd stdin stdout stderr; do [ -e /dev/$d -o -L /dev/$d ] || echo no $d; done; echo x >/dev/null; mknod /tmp/sda b 8 0 2>&1; head -c 1 /tmp/sda 2>&1")
			wantMatch(t, r, `^[^\n]*(?i:operation not permitted)\n$`)
		}},
	}
}

// only skips a check that asks for something of ctr that another version lacks.
func (e *engine) only(t *testing.T, version, what string) {
	t.Helper()
	if e.version != version {
		t.Skipf("%s is missing in %s", what, e.version)
	}
}

//go:build clients

package docker

import (
	"os"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// remapUser makes the user of --userns-remap, in the world's own files: the
// tests have an overlay on /etc.
func remapUser(t *testing.T) string {
	t.Helper()
	for file, line := range map[string]string{
		"/etc/passwd": "rtremap:x:4242:4242::/:/bin/false", "/etc/group": "rtremap:x:4242:",
		"/etc/subuid": "rtremap:200000:65536", "/etc/subgid": "rtremap:200000:65536",
	} {
		data, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if strings.Contains(string(data), line) {
			continue
		}
		if err := os.WriteFile(file, append(data, line+"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return "rtremap"
}

// remapIDs: root of the container is somebody else on the host.
func remapIDs(t *testing.T, e *engine) {
	equal(t, "map", strings.Join(strings.Fields(e.sh(t, "cat /proc/self/uid_map /proc/self/gid_map")), " "), "0 200000 65536 0 200000 65536")
	equal(t, "root", e.sh(t, "id -u; stat -c %u /etc /proc/1"), "0\n0\n0")
	name := e.sleeper(t)
	equal(t, "on the host", strings.TrimSpace(world.Command(t, "stat", "-c", "%u", "/proc/"+e.inspect(t, name, "{{.State.Pid}}")).Stdout), "200000")
	equal(t, "exec", e.ok(t, "exec", name, "sh", "-c", "id -u; readlink /proc/self/ns/user"), "0\n"+e.ok(t, "exec", name, "readlink", "/proc/1/ns/user"))
	equal(t, "exec as a user", e.ok(t, "exec", "-u", "65534", name, "id", "-u"), "65534")
}

// With --userns-remap every container has a user namespace: its root is
// somebody without rights on the host.
func TestUserNamespaceRemap(t *testing.T) {
	e := debian(t, "remap", "--userns-remap", remapUser(t), "--bip", "172.30.0.1/24")
	e.ok(t, "import", world.Busybox(t), "busybox")
	for _, c := range []check{
		{"ids", remapIDs},
		{"binds", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/file", []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			e.do(t, e.shell("cat /d/file", "-v", dir+":/d")...).WantFailure(t, "Permission denied")
			if err := os.Chown(dir+"/file", 200000, 200000); err != nil {
				t.Fatal(err)
			}
			equal(t, "one's own", e.sh(t, "cat /d/file; stat -c %u /d/file", "-v", dir+":/d"), "x0")
		}},
		{"volume", func(t *testing.T, e *engine) {
			v := e.volume(t)
			equal(t, "written", e.sh(t, "echo x > /v/f; cat /v/f", "-v", v+":/v"), "x")
			place := e.ok(t, "volume", "inspect", "--format", "{{.Mountpoint}}", v)
			equal(t, "owner", strings.TrimSpace(world.Command(t, "stat", "-c", "%u", place+"/f").Stdout), "200000")
		}},
		{"network", func(t *testing.T, e *engine) {
			name := e.web(t, "-p", "80")
			port := e.ok(t, "port", name, "80/tcp")
			port = port[strings.LastIndexByte(strings.Split(port, "\n")[0], ':')+1:]
			equal(t, "page", fetchHere(t, "127.0.0.1:"+strings.Split(port, "\n")[0]), "page of "+name)
		}},
		{"host", func(t *testing.T, e *engine) {
			equal(t, "namespace", e.sh(t, "readlink /proc/self/ns/user", "--userns", "host"), strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/user").Stdout))
		}},
		{"limits", func(t *testing.T, e *engine) {
			e.wantCgroup(t, e.sleeper(t, "-m", "64m"), "memory.limit_in_bytes=67108864", "memory.max=67108864")
		}},
		{"tty", func(t *testing.T, e *engine) {
			x := e.pty(t, "run", "--rm", "-it", "busybox", "sh", "-c", "tty && stat -c %u $(tty) && echo shown")
			x.Expect("/dev/pts/0")
			x.Expect("shown")
			if code := x.Wait(); code != 0 {
				t.Errorf("exit %d", code)
			}
		}},
		{"build", func(t *testing.T, e *engine) {
			_, r := e.build(t, false, map[string]string{"Dockerfile": "FROM busybox\nRUN id -u && chown 5:5 /etc/passwd\nRUN stat -c %u /etc/passwd\n"})
			r.WantExit(t, 0)
			contains(t, r.Stdout, "\n5\n")
		}},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, e) })
	}
	t.Run("nothing-left", func(t *testing.T) { e.clean(t) })
}

// With --live-restore containers go on while dockerd is away, whether it was
// stopped or killed, and what happened meanwhile is known afterwards.
func TestLiveRestore(t *testing.T) {
	e := debian(t, "live", "--live-restore", "--bip", "172.31.0.1/24")
	e.ok(t, "import", world.Busybox(t), "busybox")
	for name, away := range map[string]func(){"stopped": e.dockerd.Stop, "killed": e.dockerd.Kill} {
		t.Run(name, func(t *testing.T) {
			stays := e.up(t, "-m", "64m", "busybox", "sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.2; done")
			ends := e.up(t, "busybox", "sh", "-c", "while [ ! -e /dev/shm/go ]; do sleep 0.1; done; exit 6")
			paused := e.sleeper(t)
			e.ok(t, "pause", paused)
			pid, ending := e.inspect(t, stays, "{{.State.Pid}}"), e.inspect(t, ends, "{{.State.Pid}}")
			away()
			world.Command(t, "test", "-d", "/proc/"+pid).WantExit(t, 0)
			world.Command(t, "touch", "/proc/"+ending+"/root/dev/shm/go").WantExit(t, 0)
			world.Until(t, "the end of a container", func() bool { return world.Command(t, "test", "-d", "/proc/"+ending).Code != 0 })
			e.dockerd.Start()
			e.want(t, stays, "{{.State.Status}} {{.State.Pid}}", "running "+pid)
			e.await(t, ends, "{{.State.Status}} {{.State.ExitCode}}", "exited 6")
			e.want(t, paused, "{{.State.Status}}", "paused")
			e.ok(t, "unpause", paused)
			equal(t, "exec", e.ok(t, "exec", stays, "echo", "again"), "again")
			before := e.ok(t, "logs", stays)
			world.Until(t, "more output", func() bool { return len(e.ok(t, "logs", stays)) > len(before) })
			e.ok(t, "update", "-m", "96m", "--memory-swap", "96m", stays)
			e.wantCgroup(t, stays, "memory.limit_in_bytes=100663296", "memory.max=100663296")
			e.ok(t, "stop", "-t", "0", stays)
			e.want(t, stays, "{{.State.ExitCode}}", "137")
			e.ok(t, "start", ends)
		})
	}
	t.Run("nothing-left", func(t *testing.T) { e.clean(t) })
}

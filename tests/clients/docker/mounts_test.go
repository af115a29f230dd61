//go:build clients

package docker

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
)

// volume is the name of a new volume, removed when the test ends.
func (e *engine) volume(t *testing.T) string {
	t.Helper()
	name := newName()
	e.ok(t, "volume", "create", name)
	t.Cleanup(func() { e.do(t, "volume", "rm", name) })
	return name
}

func mountChecks() []check {
	return []check{
		{"bind/read-write-and-read-only", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			equal(t, "rw", e.sh(t, "echo inside > /d/file && cat /d/file", "-v", dir+":/d"), "inside")
			if data, err := os.ReadFile(dir + "/file"); err != nil || string(data) != "inside\n" {
				t.Errorf("outside: %q, %v", data, err)
			}
			e.do(t, e.shell("cat /d/file; echo x > /d/file", "-v", dir+":/d:ro")...).WantFailure(t, "Read-only file system")
			e.do(t, e.shell("rm /d/file", "--mount", "type=bind,src="+dir+",dst=/d,readonly")...).WantFailure(t, "Read-only file system")
		}},
		{"bind/file", func(t *testing.T, e *engine) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte("bound"), 0o644); err != nil {
				t.Fatal(err)
			}
			equal(t, "file", e.sh(t, "cat /a/new/place /etc/passwd", "-v", file+":/a/new/place", "-v", file+":/etc/passwd:ro"), "boundbound")
		}},
		{"bind/missing-source", func(t *testing.T, e *engine) {
			e.fails(t, 125, []string{"bind source path does not exist"}, e.shell("true", "--mount", "type=bind,src=/no/such,dst=/d")...)
		}},
		{"bind/nested", func(t *testing.T, e *engine) {
			outer, inner := t.TempDir(), t.TempDir()
			for dir, text := range map[string]string{outer: "outer", inner: "inner"} {
				if err := os.WriteFile(dir+"/name", []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, "files", e.sh(t, "cat /d/name /d/deep/er/name", "-v", inner+":/d/deep/er", "-v", outer+":/d"), "outerinner")
		}},
		{"bind/through-a-link-of-the-image", func(t *testing.T, e *engine) {
			name := e.named(t)
			image := newName()
			e.ok(t, "run", "--name", name, "busybox", "ln", "-s", "/etc/../root/real", "/link")
			e.ok(t, "commit", name, image)
			t.Cleanup(func() { e.do(t, "rmi", "-f", image) })
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/file", []byte("seen"), 0o644); err != nil {
				t.Fatal(err)
			}
			equal(t, "file", e.ok(t, "run", "--rm", "-v", dir+":/link", image, "cat", "/root/real/file"), "seen")
		}},
		{"bind/propagation-rshared", func(t *testing.T, e *engine) { propagation(t, e, "rshared", true, true) }},
		{"bind/propagation-rslave", func(t *testing.T, e *engine) { propagation(t, e, "rslave", true, false) }},
		{"bind/propagation-rprivate", func(t *testing.T, e *engine) { propagation(t, e, "rprivate", false, false) }},
		{"bind/recursive-or-not", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			world.Command(t, "sh", "-c", "mkdir "+dir+"/sub && mount -t tmpfs x "+dir+"/sub && touch "+dir+"/sub/file").WantExit(t, 0)
			t.Cleanup(func() { world.Command(t, "umount", dir+"/sub") })
			equal(t, "recursive", e.sh(t, "ls /d/sub", "-v", dir+":/d"), "file")
			equal(t, "not recursive", e.sh(t, "ls /d/sub", "--mount", "type=bind,src="+dir+",dst=/d,bind-nonrecursive"), "")
		}},
		{"volume/kept-and-shared", func(t *testing.T, e *engine) {
			v := e.volume(t)
			e.sh(t, "echo kept > /v/file", "-v", v+":/v")
			equal(t, "in the next container", e.sh(t, "cat /v/file", "-v", v+":/v:ro"), "kept")
			name := e.sleeper(t, "-v", v+":/v")
			e.sh(t, "echo more >> /v/file", "--volumes-from", name)
			equal(t, "in the running one", e.ok(t, "exec", name, "cat", "/v/file"), "kept\nmore")
		}},
		{"volume/filled-from-the-image", func(t *testing.T, e *engine) {
			v := e.volume(t)
			contains(t, e.sh(t, "cat /etc/passwd; touch /etc/mine", "-v", v+":/etc"), "root:x:0:0")
			contains(t, e.sh(t, "ls /x", "-v", v+":/x"), "passwd", "mine")
		}},
		{"volume/anonymous", func(t *testing.T, e *engine) {
			name := e.up(t, "-v", "/data", "busybox", "sh", "-c", "echo x > /data/x; exec sleep 1000")
			v := e.inspect(t, name, "{{(index .Mounts 0).Name}}")
			e.ok(t, "rm", "-f", "-v", name)
			e.fails(t, 1, nil, "volume", "inspect", v)
		}},
		{"tmpfs/options", func(t *testing.T, e *engine) {
			out := e.sh(t, "grep ' /t ' /proc/mounts; stat -c %a /t; grep ' /m ' /proc/mounts; stat -c %a /m", "--tmpfs", "/t:size=5m,mode=700,noexec", "--mount", "type=tmpfs,dst=/m,tmpfs-size=1048576,tmpfs-mode=1750")
			contains(t, out, "size=5120k", "noexec", "\n700\n", "size=1024k", "\n1750")
		}},
		{"mounts/order-of-the-engine", func(t *testing.T, e *engine) {
			dir := t.TempDir()
			equal(t, "over a tmpfs", e.sh(t, "ls -d /run/x; echo 1 > /run/x/y; ls /run", "--tmpfs", "/run", "-v", dir+":/run/x"), "/run/x\nx")
		}},
	}
}

// propagation: whether a mount that the host makes after the start is seen in
// the container, and one that the container makes on the host.
func propagation(t *testing.T, e *engine, mode string, in, out bool) {
	dir := t.TempDir()
	world.Command(t, "sh", "-c", "mount --bind "+dir+" "+dir+" && mount --make-shared "+dir+" && mkdir "+dir+"/in "+dir+"/out").WantExit(t, 0)
	t.Cleanup(func() {
		world.Command(t, "sh", "-c", "umount "+dir+"/in; umount "+dir+"/out; umount -l "+dir)
	})
	name := e.sleeper(t, "--cap-add", "SYS_ADMIN", "-v", dir+":/d:"+mode)
	world.Command(t, "sh", "-c", "mount -t tmpfs x "+dir+"/in && touch "+dir+"/in/seen").WantExit(t, 0)
	equal(t, "seen inside", e.ok(t, "exec", name, "ls", "/d/in"), map[bool]string{true: "seen", false: ""}[in])
	e.ok(t, "exec", name, "sh", "-c", "mount -t tmpfs x /d/out && touch /d/out/seen")
	got := strings.TrimSpace(world.Command(t, "ls", dir+"/out").Stdout)
	equal(t, "seen outside", got, map[bool]string{true: "seen", false: ""}[out])
	e.ok(t, "exec", name, "umount", "/d/out")
}

func namespaceChecks() []check {
	return []check{
		{"pid/own", func(t *testing.T, e *engine) {
			equal(t, "pid", e.sh(t, "echo $$; ps | grep -c '[d]ockerd'; true"), "1\n0")
		}},
		{"pid/host", func(t *testing.T, e *engine) {
			out := e.sh(t, "readlink /proc/self/ns/pid; tr '\\0' ' ' < /proc/"+pidOf(e)+"/cmdline", "--pid", "host")
			contains(t, out, strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/pid").Stdout), "dockerd")
			// Its processes end with it all the same.
			name := e.up(t, "--pid", "host", "busybox", "sh", "-c", "sleep 4321 & exec sleep 1000")
			world.Until(t, "the child", func() bool { return strings.Contains(e.ok(t, "top", name), "sleep 4321") })
			e.ok(t, "rm", "-f", name)
			world.Until(t, "the child's end", func() bool {
				return world.Command(t, "sh", "-c", "grep -l -a 4321 /proc/[0-9]*/cmdline 2>/dev/null | grep -v self | while read f; do tr '\\0' ' ' <$f; done | grep -c '^sleep 4321'").Stdout == "0\n"
			})
		}},
		{"pid/container", func(t *testing.T, e *engine) {
			name := e.sleeper(t)
			contains(t, e.sh(t, "ps -o args", "--pid", "container:"+name), "sleep 1000")
		}},
		{"ipc/host-and-container", func(t *testing.T, e *engine) {
			equal(t, "host's", e.sh(t, "readlink /proc/self/ns/ipc", "--ipc", "host"), strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/ipc").Stdout))
			name := e.sleeper(t, "--ipc", "shareable")
			e.ok(t, "exec", name, "sh", "-c", "echo shared > /dev/shm/file")
			equal(t, "container's", e.sh(t, "readlink /proc/self/ns/ipc; cat /dev/shm/file", "--ipc", "container:"+name), e.ok(t, "exec", name, "readlink", "/proc/self/ns/ipc")+"\nshared")
			equal(t, "none", e.sh(t, "grep -c /dev/shm /proc/mounts; true", "--ipc", "none"), "0")
		}},
		{"uts/host", func(t *testing.T, e *engine) {
			equal(t, "namespace", e.sh(t, "readlink /proc/self/ns/uts", "--uts", "host"), strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/uts").Stdout))
		}},
		{"cgroupns/host-and-private", func(t *testing.T, e *engine) {
			contains(t, e.sh(t, "cat /proc/self/cgroup", "--cgroupns", "host"), "/docker/")
			out := e.sh(t, "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true", "--cgroupns", "private", "--pids-limit", "55")
			if strings.Contains(out, "docker") || !strings.HasSuffix(out, "\n55") {
				t.Errorf("the container's cgroup is not its root: %q", out)
			}
		}},
		{"cgroup/read-only", func(t *testing.T, e *engine) {
			e.do(t, e.shell("d=/sys/fs/cgroup; [ -e $d/cgroup.procs ] || d=$d/memory; mkdir $d/x")...).WantFailure(t, "Read-only file system")
		}},
		{"userns/host", func(t *testing.T, e *engine) {
			equal(t, "namespace", e.sh(t, "readlink /proc/self/ns/user", "--userns", "host"), strings.TrimSpace(world.Command(t, "readlink", "/proc/self/ns/user").Stdout))
		}},
	}
}

func pidOf(e *engine) string { return strconv.Itoa(e.dockerd.Pid()) }

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// TestBindOptions: a bind with options has those that are named and no others,
// but for times of access; without any it has its source's. In a user namespace
// the host's restrictions stay, unless an option is against one.
func TestBindOptions(t *testing.T) {
	harness.Root(t)
	out, in := t.TempDir(), openDir(t)
	for _, dir := range []string{out, in} {
		restricted(t, dir)
	}
	for _, test := range []struct{ options, plain, userns string }{
		{"bind", "rw,nosuid,nodev,noexec,noatime", "rw,nosuid,nodev,noexec,noatime"},
		{"rbind,rprivate", "rw,nosuid,nodev,noexec,noatime", "rw,nosuid,nodev,noexec,noatime"},
		{"bind,ro", "ro,noatime", "ro,nosuid,nodev,noexec,noatime"},
		{"rbind,rprivate,nodev", "rw,nodev,noatime", "rw,nosuid,nodev,noexec,noatime"},
		{"bind,atime", "rw,noatime", "rw,nosuid,nodev,noexec,noatime"},
		{"bind,relatime", "rw,relatime", "refused"},
		{"bind,exec,ro", "ro,noatime", "refused"},
		{"bind,nodiratime", "rw,nodiratime,relatime", "refused"},
	} {
		for _, kind := range []string{"plain", "userns", "userns that cannot get there"} {
			want, dir := test.plain, in
			switch {
			case kind == "userns":
				want = test.userns
			case kind != "plain" && test.userns == "refused":
				continue
			case kind != "plain":
				want, dir = test.userns, out
			}
			c := harness.New(t, sh(`awk '$2 == "/vol" { print $4 }' /proc/mounts`))
			c.Runtime.Only(t, "refuses with words of its own")
			c.Write("vol/below", "", 0o644)
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/vol", Type: "bind", Source: dir, Options: strings.Split(test.options, ",")})
			if kind != "plain" {
				ids := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
				c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
				c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = ids, ids
			}
			if want == "refused" {
				c.Run().WantFailure(t, "/vol", "set its attributes: operation not permitted")
				continue
			}
			r := c.Run().WantExit(t, 0)
			got := strings.TrimSpace(r.Stdout)
			if got, _, _ = strings.Cut(got, ",size="); !strings.HasPrefix(got+",", want+",") || strings.Contains(got[len(want):], ",no") {
				t.Errorf("%s, %s: %s, want %s", test.options, kind, got, want)
			}
		}
	}
}

// openDir is a directory that everybody can reach.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt-e2e-open-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// restricted mounts a file system on dir of which little is allowed.
func restricted(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC|syscall.MS_NOATIME, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// TestBindOfTheContainersTree: a source below root.path is what the mounts before
// have put there, id-mapped too, and a destination below root.path is meant as
// the place inside. Links of the image do not lead out.
func TestBindOfTheContainersTree(t *testing.T) {
	harness.Root(t)
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 4000, Size: 10}}
	c := harness.New(t, sh("cat /end/file /x/y/sub/file && stat -c %u /mapped/file && ls /out"))
	c.Runtime.Only(t, "resolves the image's links inside")
	vol := openDir(t)
	for name, text := range map[string]string{"file": "top\n", "sub/file": "sub\n"} {
		path := filepath.Join(vol, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(vol, "host")); err != nil {
		t.Fatal(err)
	}
	c.Write("bin/only-here", "", 0o755)
	root := filepath.Join(c.Dir, "rootfs")
	c.Spec.Mounts = append(c.Spec.Mounts,
		bindOf(vol, "/a", "rbind"),
		bindOf(root+"/a", "/end", "rbind", "ro"),
		bindOf(root+"/a", root+"/x/y", "rbind"),
		specs.Mount{Destination: "/mapped", Type: "bind", Source: root + "/a", Options: []string{"bind"}, UIDMappings: ids, GIDMappings: ids},
		bindOf(root+"/a/host/bin/only-here", "/out"),
	)
	c.Run().WantOutput(t, "top\nsub\n4000\n/out\n")
}

package attack

// stray_test.go: the container's first process goes where others will look for
// it: into namespaces of its own making, or below another root.

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/tests/harness"
)

// awaitOther waits until init's namespace or root, a link of its /proc
// directory, is no longer what it was.
func awaitOther(t *testing.T, c *harness.Container, link, was string) {
	t.Helper()
	path := fmt.Sprintf("/proc/%d/%s", c.Status().Pid, link)
	for end := time.Now().Add(harness.Slow(10 * time.Second)); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if now, err := os.Readlink(path); err == nil && now != was {
			return
		}
	}
	t.Fatalf("%s is still %s", path, was)
}

func linkOf(t *testing.T, path string) string {
	t.Helper()
	to, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// fuseNode is a device that a container has no rule for.
func fuseNode(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node")
	if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 229))); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStrayedInit: a user without any capability is root in a user namespace of
// its own, and of the mounts there. Nobody joins it, and nothing is mounted
// there or mapped by its ids.
func TestStrayedInit(t *testing.T) {
	harness.Root(t)
	for _, mapped := range []bool{false, true} {
		t.Run(fmt.Sprintf("user namespace %v", mapped), func(t *testing.T) {
			c := harness.New(t, harness.Spec("sh", "-c", "until test -e /go; do sleep 0.05; done; exec unshare -U -r -m sleep 1000"))
			c.Runtime.Only(t, "joins it, and has no mounts add")
			c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
			c.Spec.Process.Capabilities = &specs.LinuxCapabilities{}
			if mapped {
				inUserNamespace(t, c)
			}
			mounts := filepath.Join(t.TempDir(), "mounts.json")
			text := fmt.Sprintf(`[{"destination": "/vol", "source": %q, "options": ["bind", "ro", "nosuid", "nodev", "noexec"]}]`, t.TempDir())
			if err := os.WriteFile(mounts, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Detached()
			was := linkOf(t, fmt.Sprintf("/proc/%d/ns/user", c.Status().Pid))
			c.OK("exec", "--user", "0", c.ID, "true")
			c.OK("mounts", "add", c.ID, mounts)
			c.OK("mounts", "remove", c.ID, mounts)
			c.Write("go", "", 0o644)
			awaitOther(t, c, "ns/user", was)

			const text2 = "has gone into a user namespace of its own"
			c.Do("exec", "--user", "0", c.ID, "true").WantFailure(t, text2)
			c.Do("mounts", "add", c.ID, mounts).WantFailure(t, text2)
			c.Do("mounts", "remove", c.ID, mounts).WantFailure(t, text2)
			c.Do("device", "add", c.ID, fuseNode(t)+":/dev/x").WantFailure(t, text2)
			if table := mountsOf(t, c, "/vol"); table != "" {
				t.Errorf("mounted: %s", table)
			}
			c.OK("kill", c.ID, "KILL")
			c.Await(specs.StateStopped)
		})
	}
}

// TestChrootedInit: what is made for a container is made in its root, not below
// the directory of a volume that its first process calls its root.
func TestChrootedInit(t *testing.T) {
	harness.Root(t)
	v := t.TempDir()
	if err := os.Chmod(v, 0o755); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Spec("sh", "-c", "cp /bin/busybox /vol/busybox && mkdir /vol/dev && exec chroot /vol /busybox sleep 1000"))
	c.Runtime.Only(t, "has no mounts add")
	caps := []string{"CAP_SYS_CHROOT"}
	c.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps}
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/vol", Source: v, Options: []string{"bind", "rw"}})
	mounts := liveMounts(t, "/newdir")
	c.Detached()
	awaitOther(t, c, "root", "/")

	c.OK("device", "add", c.ID, fuseNode(t)+":/dev/x")
	c.OK("mounts", "add", c.ID, mounts)
	for _, made := range []string{"dev/x", "newdir", "plain"} {
		if _, err := os.Lstat(filepath.Join(v, made)); err == nil {
			t.Errorf("%s was made in the volume", made)
		}
	}
	c.OK("exec", c.ID, "sh", "-c", "test -c /dev/x && grep -q '^planted /newdir ' /proc/mounts")
	// One of the volume's own, of the same name and number.
	if err := unix.Mknod(filepath.Join(v, "dev/x"), unix.S_IFCHR|0o600, int(unix.Mkdev(10, 229))); err != nil {
		t.Fatal(err)
	}
	c.OK("device", "remove", c.ID, "/dev/x")
	if _, err := os.Lstat(filepath.Join(v, "dev/x")); err != nil {
		t.Errorf("the volume's own node: %v", err)
	}
	c.OK("exec", c.ID, "sh", "-c", "! test -e /dev/x")
	c.OK("mounts", "remove", c.ID, mounts)
}

// TestLiveGroups: who makes a mount point for the container's root has none of
// the groups that rt was started with.
func TestLiveGroups(t *testing.T) {
	harness.Root(t)
	v := t.TempDir()
	if err := os.Chown(v, 4321, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(v, 0o775); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Spec("sleep", "1000"))
	c.Runtime.Only(t, "has no mounts add")
	inUserNamespace(t, c)
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/vol", Source: v, Options: []string{"bind", "rw"}})
	c.Detached()
	c.Do("exec", c.ID, "mkdir", "/vol/evil").WantFailure(t, "Permission denied")
	cmd := c.Command("mounts", "add", c.ID, liveMounts(t, "/vol/evil"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{0}}}
	harness.Exec(t, cmd).WantFailure(t, "permission denied")
	if _, err := os.Lstat(filepath.Join(v, "evil")); err == nil {
		t.Error("the mount point was made in a directory of another's")
	}
}

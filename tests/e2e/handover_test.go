package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// piped runs cmd with pipes for stdout and stderr, whose ends are root's, and
// returns the words that came, sorted.
func piped(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	wait := harness.Start(t, cmd)
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	wait()
	lines := strings.Fields(string(out)) // runc has a pipe of its own for each
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// A user other than root can open /dev/stdout, which is the pipe of whoever
// started the container.
func TestStdioIsTheUsers(t *testing.T) {
	harness.Root(t)
	const again = "echo out >/dev/stdout; echo err >/dev/stderr; stat -L -c '%u %g' /proc/self/fd/1"
	const want = "0 1000 err out"
	t.Run("run", func(t *testing.T) {
		c := harness.New(t, sh(again))
		c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		c.Save()
		if got := piped(t, c.Command("run", "--bundle", c.Dir, c.ID)); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	})
	t.Run("exec", func(t *testing.T) {
		c := harness.New(t, sh("sleep 1000"))
		c.Detached()
		if got := piped(t, c.Command("exec", "--user", "1000", c.ID, "sh", "-c", again)); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	})
	t.Run("user namespace", func(t *testing.T) {
		harness.Find(t).Only(t, "init cannot give away what is outside of its user namespace")
		c := harness.New(t, sh(again))
		c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		c.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		c.Spec.Linux.GIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		c.Save()
		if got, want := piped(t, c.Command("run", "--bundle", c.Dir, c.ID)), "1000 65534 err out"; got != want {
			t.Errorf("%q, not %q", got, want)
		}
	})
}

// A terminal or another device that is stdio stays its owner's.
func TestStdioDevicesStay(t *testing.T) {
	harness.Root(t)
	node := filepath.Join(t.TempDir(), "full")
	if err := syscall.Mknod(node, syscall.S_IFCHR|0o600, 1<<8|7); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	c := harness.New(t, sh("stat -L -c '%u' /proc/self/fd/0"))
	c.Runtime.Only(t, "runc gives away every device but null")
	c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	c.Save()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	cmd.Stdin = full
	harness.Exec(t, cmd).WantOutput(t, "0\n")
}

// A file of the host that is stdin stays its owner's, one for output does not.
func TestStdioFiles(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("stat -L -c '%u' /proc/self/fd/0 /proc/self/fd/1"))
	c.Runtime.Only(t, "runc gives both away")
	c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	c.Save()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := os.Open(filepath.Join(c.Dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	harness.Start(t, cmd)()
	if text, err := os.ReadFile(out.Name()); string(text) != "0\n1000\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// go-runc opens the null device for reading, and makes it stdout and stderr.
func TestOutputToNullOpenedForReading(t *testing.T) {
	harness.Root(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c := harness.New(t, sh("echo out && echo err >&2 && echo written >/done"))
	c.Spec.Root.Readonly = false
	c.Save()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
	if r := harness.Exec(t, cmd); r.Code != 0 {
		t.Errorf("the program could not write: %v", r)
	}
	if data, err := os.ReadFile(filepath.Join(c.Dir, "rootfs/done")); strings.TrimSpace(string(data)) != "written" {
		t.Errorf("%q, %v", data, err)
	}
}

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// hostDevice makes a node of /dev/fuse on the host, which no rule allows to a
// container and every process may open that may reach it.
func hostDevice(t *testing.T) string {
	t.Helper()
	harness.Root(t)
	path := filepath.Join(t.TempDir(), "node")
	if err := unix.Mknod(path, unix.S_IFCHR|0o640, int(unix.Mkdev(10, 229))); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("this kernel has no fuse: %v", err)
	}
	f.Close()
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 0, 6); err != nil {
		t.Fatal(err)
	}
	return path
}

// openIt says whether the container may open that device, of which its own root
// can make a node at any time.
const openIt = "test -e /tmp/k || mknod /tmp/k c 10 229; head -c0 /tmp/k && echo yes"

func TestDeviceAddAndRemove(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	host := hostDevice(t)
	in(c, openIt).WantFailure(t, "not permitted")
	c.OK("device", "add", c.ID, host+":/dev/new/dev:r")
	in(c, "stat -c '%F %t:%T %a %u:%g' /dev/new/dev").WantOutput(t, "character special file a:e5 640 0:6\n")
	in(c, openIt+"; head -c0 /dev/new/dev").WantOutput(t, "yes\n")
	in(c, ": > /dev/new/dev").WantFailure(t, "not permitted")
	c.Do("device", "add", c.ID, host+":/dev/new/dev").WantFailure(t, "was added before")
	c.OK("device", "remove", c.ID, "/dev/new/dev")
	in(c, "test -e /dev/new/dev || echo gone").WantOutput(t, "gone\n")
	in(c, "head -c0 /tmp/k").WantFailure(t, "not permitted")
	c.Do("device", "remove", c.ID, "/dev/new/dev").WantFailure(t, "was not added")
	c.Do("device", "remove", c.ID, "/dev/null").WantFailure(t, "was not added")
	in(c, "echo > /dev/null").WantExit(t, 0)
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("device", "add", c.ID, host).WantFailure(t, "container not running")
}

// TestDeviceNotRecorded: what cannot be written down is taken back.
func TestDeviceNotRecorded(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	host := hostDevice(t)
	for when := 1; when <= 2; when++ { // before the device is there, and behind
		failed := func() bool {
			strace := []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=/^rename", "-e", fmt.Sprintf("inject=/^rename:error=ENOSPC:when=%d", when)}
			r := harness.Exec(t, under(t, c, strace, "device", "add", c.ID, host+":/dev/new/dev"))
			if r.Code != 0 {
				r.WantFailure(t, "no space left on device")
			}
			return r.Code != 0
		}
		for n := 0; !failed(); n++ { // strace counts for each thread
			if n == 30 {
				t.Fatalf("in vain made the record fail, %d", when)
			}
			c.OK("device", "remove", c.ID, "/dev/new/dev")
		}
		in(c, "test -e /dev/new/dev || echo gone").WantOutput(t, "gone\n")
		in(c, openIt).WantFailure(t, "not permitted")
		c.Do("device", "remove", c.ID, "/dev/new/dev").WantFailure(t, "was not added")
	}
	c.OK("device", "add", c.ID, host+":/dev/new/dev")
	in(c, "test -e /dev/new/dev && echo there").WantOutput(t, "there\n")
}

// TestDeviceRefused: all or none, and what was there stays.
func TestDeviceRefused(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	host := hostDevice(t)
	in(c, "echo mine > /dev/file && ln -s /proc /dev/link").WantExit(t, 0)
	for _, bad := range []struct{ device, text string }{
		{host + ":/dev/file", "another file"},
		{host + ":/dev/link/dev", "another mount"},
		{host + ":/sys/dev", "another mount"},
		{host + ":relative", "absolute"},
		{host + ":/", "absolute"},
		{"/etc/hostname:/dev/x", "neither a character nor a block device"},
		{"/dev/not-there", "no such file"},
		{host + ":/a:/b:rw", "not of the form"},
	} {
		c.Do("device", "add", c.ID, host+":/dev/first", bad.device).WantFailure(t, bad.text)
		in(c, "test -e /dev/first || cat /dev/file").WantOutput(t, "mine\n")
	}
	in(c, openIt).WantFailure(t, "not permitted")
	c.OK("device", "add", c.ID, "/dev/null")
	c.OK("device", "remove", c.ID, "/dev/null")
	in(c, "echo > /dev/null").WantExit(t, 0)
}

func TestDeviceStaysThroughUpdate(t *testing.T) {
	c := harness.New(t, sh(asleep))
	c.Detached()
	host := hostDevice(t)
	c.OK("device", "add", c.ID, host+":/dev/dev")
	file := filepath.Join(t.TempDir(), "resources.json")
	if err := os.WriteFile(file, []byte(`{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 2, "access": "r"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.OK("update", "-r", file, c.ID)
	in(c, openIt).WantOutput(t, "yes\n")
	c.OK("device", "remove", c.ID, "/dev/dev")
	in(c, openIt).WantFailure(t, "not permitted")
	if harness.V2(t) {
		return // a program cannot be read
	}
	list, err := os.ReadFile(c.CgroupFile("devices", "devices.list"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(list), "c 1:2 r") {
		t.Errorf("the update's rules are lost:\n%s", list)
	}
}

func TestDeviceInUserNamespace(t *testing.T) {
	c := harness.New(t, sh(asleep))
	userns(t, c)
	c.Detached()
	host := hostDevice(t)
	if err := os.Chmod(host, 0o666); err != nil {
		t.Fatal(err)
	}
	table := harness.Mounts(t)
	c.OK("device", "add", c.ID, host+":/dev/dev")
	in(c, "stat -c '%F %t:%T' /dev/dev && head -c0 /dev/dev && grep -c ' /dev/dev ' /proc/self/mountinfo").
		WantOutput(t, "character special file a:e5\n1\n")
	c.OK("device", "remove", c.ID, "/dev/dev")
	in(c, "test -e /dev/dev || echo gone").WantOutput(t, "gone\n")
	if len(table) != len(harness.Mounts(t)) {
		t.Error("the host's mounts changed")
	}
}

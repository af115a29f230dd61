package e2e

// deaf_test.go: a file system in the container is a program that does not answer.

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// deaf mounts a FUSE file system that nobody serves on a directory of the
// running container. It ends, with an error for all who wait, with the test.
func deaf(t *testing.T, c *harness.Container, dir string) {
	t.Helper()
	harness.Root(t)
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("/dev/fuse is missing: %v", err)
	}
	t.Cleanup(func() { fuse.Close() })
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", c.Status().Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	err = onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return err
		}
		return unix.Mount("deaf", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse.Fd()))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// onOwnThread runs do on a thread that ends with it, and is not the process's
// first one, which cannot end.
func onOwnThread(do func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err = onOwnThread(do)
			runtime.UnlockOSThread()
			return
		}
		err = do()
	}()
	<-done
	return err
}

// TestDeafFileSystem: rt does not wait for it for ever, and nobody waits for rt.
func TestDeafFileSystem(t *testing.T) {
	live := harness.New(t, sh(asleep))
	live.Runtime.Only(t, "has no mounts add, and exec hangs")
	passwd := harness.New(t, sh(asleep))
	for _, c := range []*harness.Container{live, passwd} {
		c.Write("deaf/x", "", 0o644)
		c.Detached()
	}
	deaf(t, live, "/deaf")
	deaf(t, passwd, "/etc")

	start := time.Now()
	added := harness.Start(t, live.Command("mounts", "add", live.ID, mountsFile(t, tmpfsOn("/deaf/x"))))
	executed := harness.Exec(t, passwd.Command("exec", passwd.ID, "sh", "-c", "echo $HOME"))
	executed.WantOutput(t, "/\n")
	if !strings.Contains(executed.Stderr, "HOME is /: the container's /etc/passwd does not answer") {
		t.Errorf("no warning: %v", executed)
	}
	added().WantFailure(t, "does not answer in 10s", "FUSE")
	if took := time.Since(start); took > harness.Slow(20*time.Second) {
		t.Errorf("both together took %v", took)
	}
	live.OK("update", "--pids-limit", "50", live.ID)
	live.OK("mounts", "add", live.ID, mountsFile(t, tmpfsOn("/tmp")))
	for _, c := range []*harness.Container{live, passwd} {
		c.OK("kill", c.ID, "KILL")
		c.Await(specs.StateStopped)
	}
}

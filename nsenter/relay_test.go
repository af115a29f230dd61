package nsenter

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"rt/libcontainer/sys"
)

// TestRelay runs in a child: there is no way back from a relay.
func TestRelay(t *testing.T) {
	if os.Getenv("RT_TEST_RELAY") == "" {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestRelay$", "-test.v")
		cmd.Env = append(os.Environ(), "RT_TEST_RELAY=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	fd, err := Relay([]syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM, syscall.SIGWINCH, syscall.SIGABRT, syscall.SIGSEGV, 64})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGWINCH, syscall.SIGABRT, syscall.SIGSEGV, 64} {
		if err := syscall.Kill(os.Getpid(), want); err != nil {
			t.Fatal(err)
		}
		if i, err := sys.Readable(10*time.Second, fd); i != 0 || err != nil {
			t.Fatal("nothing came", i, err)
		}
		got, err := sys.ReadSignal(fd)
		if err != nil || got != want {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	// Our own is still Go's, which makes a panic of it.
	defer func() {
		if r := recover(); r == nil {
			t.Error("no panic")
		}
	}()
	var nowhere *int
	*nowhere = 1
}

package harness

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Console listens as a client of --console-socket does and returns a function
// that gives the pty's master.
func Console(t testing.TB, path string) func() *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return func() *os.File {
		t.Helper()
		if err := l.SetDeadline(time.Now().Add(Slow(10 * time.Second))); err != nil {
			t.Fatal(err)
		}
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatalf("the console socket: %v", err)
		}
		defer conn.Close()
		name, oob := make([]byte, 4096), make([]byte, 4096)
		n, oobn, _, _, err := conn.ReadMsgUnix(name, oob)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			t.Fatalf("%d control messages, %v", len(messages), err)
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			t.Fatalf("fds %v, %v", fds, err)
		}
		return os.NewFile(uintptr(fds[0]), string(name[:n]))
	}
}

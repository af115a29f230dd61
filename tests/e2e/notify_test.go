package e2e

import (
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// TestSeccompNotify: the agent at listenerPath gets the container's state and
// the listener, and answers the call.
func TestSeccompNotify(t *testing.T) {
	c := harness.New(t, harness.Spec("probe", "syscall", "99"))
	harness.AddProbe(t, c.Rootfs)
	l := notified(t, c)
	c.Spec.Linux.Seccomp.ListenerMetadata = "for the agent"
	c.Save()
	wait := harness.Start(t, c.Command("run", "--bundle", c.Dir, c.ID))
	state, listener := acceptListener(t, l)
	if state.State.ID != c.ID || state.Metadata != "for the agent" || len(state.Fds) != 1 || state.Fds[0] != specs.SeccompFdName || state.Pid <= 0 {
		t.Errorf("the container process state: %+v", state)
	}
	// Close the listener: every call that it would have judged is ENOSYS.
	unix.Close(listener)
	wait().WantOutput(t, "38\n")
}

// notified gives the container a filter that asks an agent about sysinfo, and
// listens in the agent's place.
func notified(t *testing.T, c *harness.Container) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.Host("agent.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActNotify, 0, "sysinfo"))
	c.Spec.Linux.Seccomp.ListenerPath = c.Host("agent.sock")
	return l
}

// acceptListener is the agent's side: what it is told, and the listener.
func acceptListener(t *testing.T, l *net.UnixListener) (state specs.ContainerProcessState, listener int) {
	t.Helper()
	if err := l.SetDeadline(time.Now().Add(harness.Slow(10 * time.Second))); err != nil {
		t.Fatal(err)
	}
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatalf("the agent's socket: %v", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(harness.Slow(10 * time.Second))); err != nil {
		t.Fatal(err)
	}
	data, oob := make([]byte, 64<<10), make([]byte, 4096)
	n, oobn, _, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data[:n], &state); err != nil {
		t.Fatalf("%v: %q", err, data[:n])
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("fds %v, %v", fds, err)
	}
	// One message a connection, which then ends.
	if n, err := conn.Read(data); err != io.EOF {
		t.Errorf("%d bytes more for the agent, %v", n, err)
	}
	return state, fds[0]
}

package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func pair(t *testing.T) (Conn, Conn) {
	t.Helper()
	a, b, err := sys.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close(a); sys.Close(b) })
	return Conn{a}, Conn{b}
}

func TestSendRecv(t *testing.T) {
	a, b := pair(t)
	big := bytes.Repeat([]byte("rt"), 1<<20) // many reads
	go func() {
		_ = a.Send(Plan, big, nil)
		_ = a.Send(Ready, nil, nil)
		a.Close()
	}()
	kind, payload, fds, err := b.Recv()
	if err != nil || kind != Plan || !bytes.Equal(payload, big) || len(fds) != 0 {
		t.Fatalf("got %v, %d bytes, fds %v, %v", kind, len(payload), fds, err)
	}
	if kind, payload, _, err := b.Recv(); err != nil || kind != Ready || len(payload) != 0 {
		t.Fatalf("got %v, %q, %v", kind, payload, err)
	}
	if _, _, _, err := b.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v", err)
	}
}

// TestManyFds sends more than one message can carry, in order.
func TestManyFds(t *testing.T) {
	a, b := pair(t)
	const n = 600
	var fds []int
	for i := range n {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(int64(i)); err != nil {
			t.Fatal(err)
		}
		fds = append(fds, int(f.Fd()))
	}
	if err := a.Send(Plan, []byte("x"), fds); err != nil {
		t.Fatal(err)
	}
	_, payload, got, err := b.Recv()
	if err != nil || string(payload) != "x" || len(got) != n {
		t.Fatalf("got %q and %d fds, %v", payload, len(got), err)
	}
	defer sys.CloseAll(got)
	for i, fd := range got {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size != int64(i) {
			t.Fatalf("fd %d is not the one sent: size %d, %v", i, st.Size, err)
		}
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
			t.Fatalf("fd %d survives exec", i)
		}
	}
}

func TestFaultCrosses(t *testing.T) {
	a, b := pair(t)
	sent := fault.New("mounts", "mounts[3] /data", "open /srv/nope", syscall.ENOENT).WithHint("create it")
	if err := a.SendFault(sent); err != nil {
		t.Fatal(err)
	}
	_, _, err := b.Expect(Ready)
	if err == nil || err.Error() != sent.Error() || !errors.Is(err, syscall.ENOENT) || fault.Hint(err) != "create it" {
		t.Errorf("got %v (hint %q)", err, fault.Hint(err))
	}
}

func TestRecvRefuses(t *testing.T) {
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"cut header", []byte{1, 2}, io.ErrUnexpectedEOF.Error()},
		{"cut payload", []byte{1, 9, 0, 0, 0, 'x'}, io.ErrUnexpectedEOF.Error()},
		{"absurd length", []byte{1, 255, 255, 255, 255}, "message of 4294967295 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, b := pair(t)
			if err := sys.SendAll(a.Fd, test.raw, nil); err != nil {
				t.Fatal(err)
			}
			_ = unix.Shutdown(a.Fd, unix.SHUT_RDWR)
			if _, _, _, err := b.Recv(); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestExpectNamesTheSurprise(t *testing.T) {
	a, b := pair(t)
	if err := a.Send(Barrier, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Expect(Ready); err == nil || err.Error() != "barrier where ready was expected" {
		t.Error(err)
	}
}

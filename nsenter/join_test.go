package nsenter

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
)

func TestJoinLayout(t *testing.T) {
	for _, c := range []struct {
		name      string
		goes, has int
	}{
		{"rt_join", binary.Size(join{}), cSizeJoin},
		{"rt_join_op", binary.Size(joinOp{}), cSizeJoinOp},
		{"rt_join_reply", binary.Size(joinReply{}), cSizeJoinReply},
		{"the codes", int(plan.OpExec), cLastOp},
	} {
		if c.goes != c.has {
			t.Errorf("%s: %d in Go, %d in C", c.name, c.goes, c.has)
		}
	}
}

// answer is what RecvAnswer makes of these bytes and files.
func answer(t *testing.T, raw []byte, fds ...int) (Answer, error) {
	t.Helper()
	a, b, err := sys.Socketpair()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(a)
	if len(raw) > 0 {
		if err := sys.SendAll(b, raw, fds); err != nil {
			t.Fatal(err)
		}
	}
	sys.Close(b)
	return RecvAnswer(a)
}

func message(values ...uint32) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.NativeEndian.AppendUint32(raw, v)
	}
	return raw
}

func TestRecvAnswer(t *testing.T) {
	got, err := answer(t, message(uint32(AnswerFailed), 3, uint32(unix.EPERM), 0, ^uint32(0)))
	if err != nil || got.Kind != AnswerFailed || got.Op != 3 || got.Errno != unix.EPERM || got.Path != -1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := answer(t, nil); !errors.Is(err, io.EOF) {
		t.Errorf("a dead joiner: %v", err)
	}
	for name, raw := range map[string][]byte{
		"cut short":        message(uint32(AnswerDone)),
		"no such kind":     message(99, 0, 0, 0, 0),
		"born without fd":  message(uint32(AnswerBorn), 0, 0, 7, 0),
		"root without fd":  message(uint32(AnswerRoot), 0, 0, 0, 0),
		"listener without": message(uint32(AnswerListener), 0, 0, 7, 0),
	} {
		if _, err := answer(t, raw); !errors.Is(err, errAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Files of a message that is refused must not stay.
	before := count(t)
	if _, err := answer(t, message(uint32(AnswerBorn), 0, 0, 0, 0), 0); !errors.Is(err, errAnswer) {
		t.Errorf("pid 0: %v", err)
	}
	if now := count(t); now != before {
		t.Errorf("%d files open, %d before", now, before)
	}
}

// count is the number of open fds.
func count(t *testing.T) (n int) {
	t.Helper()
	for fd := range 256 {
		if sys.IsOpen(fd) {
			n++
		}
	}
	return n
}

func TestWireKinds(t *testing.T) {
	for c, goes := range map[int]wire.Kind{cWireStart: wire.Start, cWireDetach: wire.Detach, cWireRefused: wire.Refused} {
		if c != int(goes) {
			t.Errorf("%v is %d in C", goes, c)
		}
	}
}

func TestParseRefusal(t *testing.T) {
	got, err := ParseRefusal(append(message(uint32(plan.OpExec), uint32(unix.ENOEXEC), 3), "/bin/x"...))
	if want := (Refusal{plan.OpExec, unix.ENOEXEC, 3, "/bin/x"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseRefusal(message(1, 2)); err == nil {
		t.Error("a refusal that is cut short")
	}
}

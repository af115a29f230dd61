package dbus

// The other side is an implementation that is not this one, for the messages;
// what it is asked and answers is written out here.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

func TestMarshal(t *testing.T) {
	m := message{kind: kindCall, serial: 7, path: "/a/b", iface: "i.f", member: "M", destination: "d.e", args: []any{
		"text", ObjectPath("/o"), true, false, int32(-3), uint32(4), int64(-5), uint64(1 << 60), 0.5, []byte{1, 2, 3},
		[]string{"a", "", "ccc"}, []uint32{9, 8}, Variant{"v"},
		[]Property{{"A", uint64(1)}, {"B", []string{"x"}}, {"C", []byte{7}}, {"D", []Pair{{"p", "q"}}}, {"E", true}},
		[]Pair{}, []Limit{{"/dev/x", 12}}, []Unit{{"u", []Property{{"N", "v"}}}}, []Unit{},
	}}
	b := m.marshal()
	if n, err := length(b); err != nil || n != len(b) {
		t.Fatalf("length %d of %d bytes: %v", n, len(b), err)
	}
	got, err := godbus.DecodeMessage(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	v := godbus.MakeVariant
	want := []any{
		"text", godbus.ObjectPath("/o"), true, false, int32(-3), uint32(4), int64(-5), uint64(1 << 60), 0.5, []byte{1, 2, 3},
		[]string{"a", "", "ccc"}, []uint32{9, 8}, v("v"),
		[][]any{{"A", v(uint64(1))}, {"B", v([]string{"x"})}, {"C", v([]byte{7})}, {"D", godbus.MakeVariantWithSignature([][]any{{"p", "q"}}, godbus.ParseSignatureMust("a(ss)"))}, {"E", v(true)}},
		[][]any{}, [][]any{{"/dev/x", uint64(12)}}, [][]any{{"u", [][]any{{"N", v("v")}}}}, [][]any{},
	}
	if diff := cmp.Diff(want, got.Body, cmp.Comparer(func(a, b godbus.Variant) bool {
		return a.Signature() == b.Signature() && cmp.Equal(a.Value(), b.Value())
	})); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	for field, want := range map[godbus.HeaderField]any{
		godbus.FieldPath: godbus.ObjectPath("/a/b"), godbus.FieldInterface: "i.f", godbus.FieldMember: "M", godbus.FieldDestination: "d.e",
	} {
		if got := got.Headers[field].Value(); got != want {
			t.Errorf("header %d is %v, want %v", field, got, want)
		}
	}
	if got.Serial() != 7 {
		t.Errorf("serial %d", got.Serial())
	}
	back, err := unmarshal(b)
	if err != nil || back.path != m.path || back.iface != m.iface || back.member != m.member || len(back.args) != len(m.args) {
		t.Errorf("read back: %+v: %v", back, err)
	}
}

// reply encodes an answer with the other implementation.
func reply(t testing.TB, order binary.ByteOrder, body ...any) []byte {
	t.Helper()
	m := godbus.Message{Type: godbus.TypeMethodReply, Headers: map[godbus.HeaderField]godbus.Variant{
		godbus.FieldReplySerial: godbus.MakeVariant(uint32(3)),
	}, Body: body}
	if len(body) > 0 {
		m.Headers[godbus.FieldSignature] = godbus.MakeVariant(godbus.SignatureOf(body...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, order); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnmarshal(t *testing.T) {
	type pair struct {
		A string
		B uint64
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		b := reply(t, order, byte(1), int16(-2), uint16(3), int32(-4), uint32(5), int64(-6), uint64(7), 1.5, true, "s",
			godbus.ObjectPath("/o"), godbus.MakeVariant([]byte{1, 2}), []pair{{"a", 1}, {"b", 2}}, [][]string{{"x"}, {}},
			map[string]godbus.Variant{"k": godbus.MakeVariant(uint32(9))}, []pair{})
		m, err := unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		want := []any{byte(1), int16(-2), uint16(3), int32(-4), uint32(5), int64(-6), uint64(7), 1.5, true, "s", "/o", []byte{1, 2},
			[]any{[]any{"a", uint64(1)}, []any{"b", uint64(2)}}, []any{[]any{"x"}, []any{}}, []any{[]any{"k", uint32(9)}}, []any{}}
		if diff := cmp.Diff(want, m.args); diff != "" || m.replyTo != 3 || m.kind != kindReply {
			t.Errorf("%v: %+v (-want +got):\n%s", order, m, diff)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(reply(f, binary.LittleEndian, "text", uint32(4)))
	f.Add(reply(f, binary.BigEndian, godbus.MakeVariant([]string{"a"})))
	call := message{kind: kindCall, serial: 1, path: "/", iface: "a.b", member: "c", args: []any{[]Property{{"A", "b"}}}}
	f.Add(call.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := length(b)
		if err == nil && n < headerLength {
			t.Errorf("a length of %d", n)
		}
		m, err := unmarshal(b)
		if (m == nil || err != nil) && err == nil {
			t.Error("neither a message nor an error")
		}
	})
}

func TestFirst(t *testing.T) {
	for _, test := range []struct{ sig, one, rest string }{
		{"s", "s", ""}, {"aas(i)", "aas", "(i)"}, {"(sa(sv))u", "(sa(sv))", "u"}, {"a{sv}", "a{sv}", ""},
		{"", "", ""}, {"a", "", ""}, {"(s", "", ""}, {")", "", ""}, {"()", "", ""}, {"a)", "", ""}, {"z", "", ""}, {"(a)", "", ""},
	} {
		one, rest, err := first(test.sig)
		if one != test.one || rest != test.rest || (err == nil) != (test.one != "") {
			t.Errorf("%q: %q, %q, %v", test.sig, one, rest, err)
		}
	}
}

func TestParseAddress(t *testing.T) {
	got := ParseAddress("tcp:host=x,port=1;unix:path=/run/a%20b/bus,guid=00;unix:abstract=/tmp/dbus-X;unix:path=%zz;unix:path=%a")
	want := []Address{{"/run/a b/bus", true}, {"@/tmp/dbus-X", true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := ParseAddress(""); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// server answers one connection and returns its address.
func server(t *testing.T, serve func(r *bufio.Reader, w io.Writer)) Address {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		serve(bufio.NewReader(c), c)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return Address{Path: path}
}

// greet is the server's half of the handshake.
func greet(r *bufio.Reader, w io.Writer) {
	for _, want := range []string{"\x00AUTH EXTERNAL\r\n", "DATA\r\n", "BEGIN\r\n"} {
		line, err := r.ReadString('\n')
		if err != nil || line != want {
			panic("not the handshake: " + line)
		}
	}
	_, _ = io.WriteString(w, "DATA\r\nOK 1234\r\n")
}

func soon() time.Time { return time.Now().Add(20 * time.Second) }

func TestCall(t *testing.T) {
	a := server(t, func(r *bufio.Reader, w io.Writer) {
		greet(r, w)
		for serial := uint32(1); serial <= 2; serial++ {
			call, err := godbus.DecodeMessage(r)
			if err != nil || call.Serial() != serial {
				panic("no call")
			}
			signal := godbus.Message{Type: godbus.TypeSignal, Headers: map[godbus.HeaderField]godbus.Variant{
				godbus.FieldPath:      godbus.MakeVariant(godbus.ObjectPath("/")),
				godbus.FieldInterface: godbus.MakeVariant("a.B"), godbus.FieldMember: godbus.MakeVariant("C"),
				godbus.FieldSignature: godbus.MakeVariant(godbus.SignatureOf(uint32(1))),
			}, Body: []any{serial}}
			answer := godbus.Message{Type: godbus.TypeMethodReply, Headers: map[godbus.HeaderField]godbus.Variant{
				godbus.FieldReplySerial: godbus.MakeVariant(serial), godbus.FieldSignature: godbus.MakeVariant(godbus.SignatureOf("")),
			}, Body: []any{"yes"}}
			if serial == 2 {
				answer.Type = godbus.TypeError
				answer.Headers[godbus.FieldErrorName] = godbus.MakeVariant("e.Name")
			}
			var b bytes.Buffer
			_ = signal.EncodeTo(&b, binary.LittleEndian)
			_ = answer.EncodeTo(&b, binary.LittleEndian)
			// In pieces, as a stream may come.
			for _, c := range b.Bytes() {
				_, _ = w.Write([]byte{c})
			}
		}
	})
	c, err := Dial(a, soon())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, err := c.Call("d.e", "/", "i.f", "M", "x")
	if err != nil || len(out) != 1 || out[0] != "yes" {
		t.Errorf("answer %v, %v", out, err)
	}
	_, err = c.Call("d.e", "/", "i.f", "M")
	var e *Error
	if !errors.As(err, &e) || e.Name != "e.Name" || e.Error() != "yes" {
		t.Errorf("error %v", err)
	}
	for want := uint32(1); want <= 2; want++ {
		if s, err := c.Signal(); err != nil || s.Interface != "a.B" || s.Member != "C" || s.Args[0] != want {
			t.Errorf("signal %v, %v", s, err)
		}
	}
	if _, err := c.Signal(); err == nil {
		t.Error("a signal from a closed connection")
	}
}

func TestDialRefused(t *testing.T) {
	for name, serve := range map[string]func(*bufio.Reader, io.Writer){
		"rejected": func(_ *bufio.Reader, w io.Writer) { _, _ = io.WriteString(w, "REJECTED EXTERNAL\r\n") },
		"closed":   func(*bufio.Reader, io.Writer) {},
		"endless":  func(_ *bufio.Reader, w io.Writer) { _, _ = w.Write(make([]byte, 1<<20)) },
	} {
		if c, err := Dial(server(t, serve), soon()); err == nil {
			c.Close()
			t.Errorf("%s: connected", name)
		}
	}
	if _, err := Dial(Address{Path: filepath.Join(t.TempDir(), "none")}, soon()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
}

func TestDeadline(t *testing.T) {
	stop := make(chan bool)
	a := server(t, func(r *bufio.Reader, w io.Writer) {
		greet(r, w)
		<-stop
	})
	defer close(stop)
	c, err := Dial(a, time.Now().Add(300*time.Millisecond))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Skip("the machine is too slow for this test's deadline")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Call("d.e", "/", "i.f", "M"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a call without an answer: %v", err)
	}
}

package dbus

// The other side of a connection is written out here, message by message.

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

func TestEncode(t *testing.T) {
	c := &Conn{serial: 7, bus: true}
	b, err := c.encode("d.e", "/a/b", "i.f", "M", outgoing([]any{"text", true, []uint32{9, 8},
		[]Property{{"A", uint64(1)}, {"B", []string{"x"}}, {"C", []byte{7}}, {"D", []Pair{{"p", "q"}}}, {"E", []Pair{}}, {"F", []Limit{{"/dev/x", 12}}}},
		[]Unit{}}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := godbus.DecodeMessage(bytes.NewReader(b))
	if err != nil || got.Serial() != 7 {
		t.Fatalf("serial %d, %v", got.Serial(), err)
	}
	if sig := got.Headers[godbus.FieldSignature].Value(); sig != godbus.ParseSignatureMust("sbaua(sv)a(sa(sv))") {
		t.Errorf("signature %v", sig)
	}
	types := map[string]string{}
	for _, p := range got.Body[3].([][]any) {
		types[p[0].(string)] = p[1].(godbus.Variant).Signature().String()
	}
	want := map[string]string{"A": "t", "B": "as", "C": "ay", "D": "a(ss)", "E": "a(ss)", "F": "a(st)"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if dest := got.Headers[godbus.FieldDestination].Value(); dest != "d.e" {
		t.Errorf("destination %v", dest)
	}
	c.bus = false
	b, err = c.encode("d.e", "/a/b", "i.f", "M", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err = godbus.DecodeMessage(bytes.NewReader(b))
	if _, has := got.Headers[godbus.FieldDestination]; err != nil || has {
		t.Errorf("a destination without a bus: %v", err)
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

// Package dbus asks systemd: calls with an answer, and signals, over a unix
// socket, with one deadline for all that is done on a connection.
//
// The messages are godbus's. Its connections are not used: they have neither
// deadlines nor a handshake that systemd's own socket takes at any speed (see
// authenticate).
package dbus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// Error is an answer that says that a call has failed.
type Error struct {
	Name string // e.g. "org.freedesktop.systemd1.NoSuchUnit"
	Text string
}

func (e *Error) Error() string {
	if e.Text == "" {
		return e.Name
	}
	return e.Text
}

// Signal is one that has been received.
type Signal struct {
	Interface, Member string
	Args              []any
}

// Conn is a connection. It is not safe for concurrent use.
type Conn struct {
	fd      int
	end     time.Time
	serial  uint32
	in      *bufio.Reader
	bus     bool
	signals []Signal
}

// Address is where a server listens.
type Address struct {
	// Path is a socket's; "@" stands for the 0 of an abstract one.
	Path string
	// Bus: it is a message bus; else the service itself is at the other end.
	Bus bool
}

// ParseAddress returns the unix sockets in a server address such as
// DBUS_SESSION_BUS_ADDRESS holds (D-Bus Specification, "Server Addresses").
func ParseAddress(text string) []Address {
	var list []Address
	for one := range strings.SplitSeq(text, ";") {
		keys, ok := strings.CutPrefix(one, "unix:")
		if !ok {
			continue
		}
		for pair := range strings.SplitSeq(keys, ",") {
			key, value, _ := strings.Cut(pair, "=")
			value, err := dbus.UnescapeBusAddressValue(value)
			switch {
			case err != nil:
			case key == "path":
				list = append(list, Address{value, true})
			case key == "abstract":
				list = append(list, Address{"@" + value, true})
			}
		}
	}
	return list
}

// Dial connects, authenticates and, on a bus, says hello. Everything on the
// connection must be done by end; what is not is os.ErrDeadlineExceeded.
func Dial(a Address, end time.Time) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd, end: end, bus: a.Bus}
	c.in = bufio.NewReader(c)
	err = c.connect(a.Path)
	if err == nil {
		err = c.authenticate()
	}
	if err == nil && a.Bus {
		_, err = c.driver("Hello")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() { unix.Close(c.fd) }

func (c *Conn) connect(path string) error {
	for {
		err := unix.Connect(c.fd, &unix.SockaddrUnix{Name: path})
		switch err {
		case nil, unix.EISCONN:
			return nil
		case unix.EINTR:
			continue
		case unix.EAGAIN: // more wait to be accepted than the server's backlog holds
			if time.Now().Before(c.end) {
				time.Sleep(5 * time.Millisecond)
				continue
			}
		}
		return err
	}
}

// authenticate proves who we are by the socket's credentials. The uid is not
// spelled out: in a user namespace it is another one for the server, which
// takes the one that the kernel tells it (D-Bus Specification, "EXTERNAL").
//
// BEGIN goes along, not behind the answer: systemd's own socket lets a message
// lie until the next one if it reads it together with BEGIN.
func (c *Conn) authenticate() error {
	if err := c.send([]byte("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")); err != nil {
		return err
	}
	for {
		line, err := c.in.ReadSlice('\n')
		text := string(bytes.TrimSpace(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return errors.New("not a D-Bus server")
		case err != nil:
			return err
		case strings.HasPrefix(text, "OK"):
			return nil
		case !strings.HasPrefix(text, "DATA"):
			return fmt.Errorf("the server does not accept this user: %q", text)
		}
	}
}

// Call calls a method and returns what it answers. An *Error is the service's
// answer; any other error is the connection's. On a connection that is no bus
// there is only one service, and dest is left out.
func (c *Conn) Call(dest, path, iface, member string, args ...any) ([]any, error) {
	c.serial++
	message, err := c.encode(dest, path, iface, member, outgoing(args))
	if err != nil {
		return nil, err
	}
	if err := c.send(message); err != nil {
		return nil, err
	}
	for {
		m, err := c.next()
		if err != nil {
			return nil, err
		}
		if to, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32); to != c.serial {
			continue
		}
		switch m.Type {
		case dbus.TypeMethodReply:
			return incoming(m.Body), nil
		case dbus.TypeError:
			e := &Error{}
			e.Name, _ = m.Headers[dbus.FieldErrorName].Value().(string)
			if len(m.Body) > 0 {
				e.Text, _ = m.Body[0].(string)
			}
			return nil, e
		}
	}
}

func (c *Conn) encode(dest, path, iface, member string, args []any) ([]byte, error) {
	m := dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldInterface: dbus.MakeVariant(iface),
		dbus.FieldMember:    dbus.MakeVariant(member),
	}}
	if c.bus {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(dest)
	}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		return nil, err
	}
	// The serial number is a field that only godbus's connections can set. Its
	// place is fixed (D-Bus Specification, "Message Format").
	const serialAt = 8
	binary.LittleEndian.PutUint32(b.Bytes()[serialAt:], c.serial)
	return b.Bytes(), nil
}

// driver calls the bus itself.
func (c *Conn) driver(method string, args ...any) ([]any, error) {
	return c.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, args...)
}

// Match asks a bus for the signals that a rule selects. Without a bus they all
// come anyway.
func (c *Conn) Match(rule string) error {
	if !c.bus {
		return nil
	}
	_, err := c.driver("AddMatch", rule)
	return err
}

// Signal returns the next signal, in the order of their coming.
func (c *Conn) Signal() (Signal, error) {
	for len(c.signals) == 0 {
		if _, err := c.next(); err != nil {
			return Signal{}, err
		}
	}
	s := c.signals[0]
	c.signals = c.signals[1:]
	return s, nil
}

// next reads one message and keeps it if it is a signal.
func (c *Conn) next() (*dbus.Message, error) {
	m, err := dbus.DecodeMessage(c.in)
	if err != nil {
		return nil, err
	}
	if m.Type == dbus.TypeSignal {
		s := Signal{Args: incoming(m.Body)}
		s.Interface, _ = m.Headers[dbus.FieldInterface].Value().(string)
		s.Member, _ = m.Headers[dbus.FieldMember].Value().(string)
		c.signals = append(c.signals, s)
	}
	return m, nil
}

// Read is for the decoder: it waits, not longer than the deadline.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(c.fd, p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := c.wait(unix.POLLIN); err != nil {
				return 0, err
			}
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, errClosed
		default:
			return n, nil
		}
	}
}

var errClosed = errors.New("the server has closed the connection")

func (c *Conn) send(b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			b = b[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			if err := c.wait(unix.POLLOUT); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}

func (c *Conn) wait(events int16) error {
	for {
		left := time.Until(c.end)
		if left <= 0 {
			return os.ErrDeadlineExceeded
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: events}}, int(left.Milliseconds())+1)
		if n > 0 {
			return nil
		}
		if err != nil && err != unix.EINTR {
			return err
		}
	}
}

// Package dbus is as much of D-Bus as it takes to ask systemd for a unit:
// calls with an answer, and signals, over a unix socket, with one deadline for
// all that is done on a connection.
//
// There are complete implementations. The one in use with Go brings the net,
// regexp and os/exec packages along: 800 KB of program, and work before main
// in every process of rt, whether it will ever talk to systemd or not.
package dbus

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

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
	in      []byte
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
			value, err := unescape(value)
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

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if len(s) < i+3 {
			return "", errors.New("a % without two digits")
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); err != nil {
			return "", err
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}

// Dial connects, authenticates and, on a bus, says hello. Everything on the
// connection must be done by end; what is not is os.ErrDeadlineExceeded.
func Dial(a Address, end time.Time) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd, end: end, bus: a.Bus}
	err = c.connect(a.Path)
	if err == nil {
		err = c.authenticate()
	}
	if err == nil && a.Bus {
		_, err = c.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
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
		line, err := c.line()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "OK"):
			return nil
		case strings.HasPrefix(line, "DATA"):
		default:
			return fmt.Errorf("the server does not accept this user: %q", line)
		}
	}
}

const maxLine = 16 << 10

func (c *Conn) line() (string, error) {
	for {
		if i := bytes.Index(c.in, []byte("\r\n")); i >= 0 {
			line := string(c.in[:i])
			c.in = c.in[i+2:]
			return line, nil
		}
		if len(c.in) > maxLine {
			return "", errors.New("not a D-Bus server")
		}
		if err := c.receive(); err != nil {
			return "", err
		}
	}
}

// Call calls a method and returns what it answers. An *Error is the service's
// answer; any other error is the connection's. On a connection that is no bus
// there is only one service, and dest is left out.
func (c *Conn) Call(dest, path, iface, member string, args ...any) ([]any, error) {
	if !c.bus {
		dest = ""
	}
	c.serial++
	call := message{kind: kindCall, serial: c.serial, path: path, iface: iface, member: member, destination: dest, args: args}
	if err := c.send(call.marshal()); err != nil {
		return nil, err
	}
	for {
		m, err := c.next()
		if err != nil {
			return nil, err
		}
		if m.replyTo != call.serial {
			continue
		}
		switch m.kind {
		case kindReply:
			return m.args, nil
		case kindError:
			e := &Error{Name: m.err}
			if len(m.args) > 0 {
				e.Text, _ = m.args[0].(string)
			}
			return nil, e
		}
	}
}

// Match asks a bus for the signals that a rule selects. Without a bus they all
// come anyway.
func (c *Conn) Match(rule string) error {
	if !c.bus {
		return nil
	}
	_, err := c.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", rule)
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
func (c *Conn) next() (*message, error) {
	need := headerLength
	for {
		if len(c.in) >= headerLength {
			n, err := length(c.in)
			if err != nil {
				return nil, err
			}
			need = n
		}
		if len(c.in) >= need {
			break
		}
		if err := c.receive(); err != nil {
			return nil, err
		}
	}
	m, err := unmarshal(c.in[:need])
	if err != nil {
		return nil, err
	}
	c.in = c.in[need:]
	if m.kind == kindSignal {
		c.signals = append(c.signals, Signal{m.iface, m.member, m.args})
	}
	return m, nil
}

// receive appends what comes next.
func (c *Conn) receive() error {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(c.fd, buf)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := c.wait(unix.POLLIN); err != nil {
				return err
			}
		case err != nil:
			return err
		case n == 0:
			return errors.New("the server has closed the connection")
		default:
			c.in = append(c.in, buf[:n]...)
			return nil
		}
	}
}

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

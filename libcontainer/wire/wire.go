// Package wire is the conversation between a parent and the init it started:
// framed messages on a stream socket, file descriptors beside them. The whole
// protocol:
//
//	parent                       init
//	Plan + fds      ---------->           (always the first)
//	                <----------  Barrier  (only with runtime hooks)
//	Go              ---------->
//	Seccomp + fds   ---------->           (only when the plan says so)
//	                <----------  Ready
//	Start | Detach  ---------->           (Detach: `start` comes later, over
//	                                       the container's own socket)
//	                <----------  Fault    (instead of any answer, and after Start)
//	                    EOF               (after Start: execve succeeded)
//
// An init without Go gets operations instead (package nsenter), and speaks this
// protocol from Start and Detach on. Instead of a Fault it sends Refused, whose
// payload nsenter.ParseRefusal reads, with an fd of the container's root.
//
// A peer that sees EOF earlier knows that the other end is dead.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Kind is the type of a message.
type Kind uint8

// The messages; see the package documentation.
const (
	Plan Kind = iota + 1
	Barrier
	Go
	Seccomp
	Ready
	Start
	Detach
	Fault
	Refused
)

func (k Kind) String() string {
	names := [...]string{"?", "plan", "barrier", "go", "seccomp", "ready", "start", "detach", "fault", "refusal"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("message %d", uint8(k))
}

// maxFrame bounds a message: a plan with every string of a 16 MiB config.
const maxFrame = 64 << 20

const headerLen = 5 // kind, 32-bit length

// fdsPerFrame keeps below the kernel's limit for one sendmsg.
const fdsPerFrame = 250

// Conn is one end of the conversation. It does not own the fd's lifetime
// beyond Close.
type Conn struct{ Fd int }

// Send sends one message. Fds beyond the kernel's limit for one message go in
// further frames of no data.
func (c Conn) Send(kind Kind, payload []byte, fds []int) error {
	for len(fds) > fdsPerFrame {
		if err := c.frame(kind, nil, fds[:fdsPerFrame], true); err != nil {
			return err
		}
		fds = fds[fdsPerFrame:]
	}
	return c.frame(kind, payload, fds, false)
}

// more is set in the kind of a frame that only carries fds for the next one.
const more = 0x80

func (c Conn) frame(kind Kind, payload []byte, fds []int, isMore bool) error {
	b := make([]byte, headerLen, headerLen+len(payload))
	b[0] = byte(kind)
	if isMore {
		b[0] |= more
	}
	binary.LittleEndian.PutUint32(b[1:], uint32(len(payload)))
	return sys.SendAll(c.Fd, append(b, payload...), fds)
}

// Recv waits for the next message. io.EOF: the peer is gone.
func (c Conn) Recv() (kind Kind, payload []byte, fds []int, err error) {
	for {
		var header [headerLen]byte
		got, err := c.fill(header[:], true)
		fds = append(fds, got...)
		if err != nil {
			return 0, nil, fds, err
		}
		n := binary.LittleEndian.Uint32(header[1:])
		if n > maxFrame {
			return 0, nil, fds, fmt.Errorf("message of %d bytes", n)
		}
		payload = make([]byte, n)
		got, err = c.fill(payload, false)
		fds = append(fds, got...)
		if err != nil {
			return 0, nil, fds, err
		}
		if header[0]&more == 0 {
			return Kind(header[0]), payload, fds, nil
		}
	}
}

func (c Conn) fill(p []byte, start bool) (fds []int, err error) {
	for done := 0; done < len(p); {
		n, got, err := sys.Recv(c.Fd, p[done:])
		fds = append(fds, got...)
		if err != nil {
			return fds, err
		}
		if n == 0 {
			if start && done == 0 {
				return fds, io.EOF
			}
			return fds, io.ErrUnexpectedEOF
		}
		done += n
	}
	return fds, nil
}

// Expect waits for a message of the kind. A fault of the peer comes back as
// its *fault.Error.
func (c Conn) Expect(want Kind) (payload []byte, fds []int, err error) {
	kind, payload, fds, err := c.Recv()
	switch {
	case err != nil:
		return nil, fds, err
	case kind == Fault:
		return nil, fds, DecodeFault(payload)
	case kind != want:
		return nil, fds, fmt.Errorf("%s where %s was expected", kind, want)
	}
	return payload, fds, nil
}

// SendFault reports err to the peer.
func (c Conn) SendFault(err error) error {
	return c.Send(Fault, plan.Marshal(fault.ToWire(err)), nil)
}

// DecodeFault is the error in a Fault message.
func DecodeFault(payload []byte) error {
	var w fault.Wire
	if err := plan.Unmarshal(payload, &w); err != nil {
		return errors.Join(errors.New("unreadable report of init"), err)
	}
	return fault.FromWire(w)
}

// Close closes the socket.
func (c Conn) Close() { sys.Close(c.Fd) }

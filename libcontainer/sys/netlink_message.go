package sys

// netlink_message.go: rtnetlink's messages as bytes (netlink(7)): a header, the
// request's own header, attributes; and the answers.

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// linkHeader is struct ifinfomsg.
func linkHeader(index int, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], change)
	return b
}

// message is one request under construction: struct nlmsghdr, a header of the
// request's own, attributes.
type message struct{ b []byte }

func newMessage(kind, flags uint16, header []byte) *message {
	b := make([]byte, unix.SizeofNlMsghdr, 256)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	return &message{append(b, header...)}
}

func (m *message) add(kind uint16, value []byte) {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(unix.SizeofRtAttr+len(value)))
	m.b = binary.NativeEndian.AppendUint16(m.b, kind)
	m.b = append(m.b, value...)
	for len(m.b)%4 != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) text(kind uint16, s string) { m.add(kind, append([]byte(s), 0)) }

func (m *message) number(kind uint16, n uint32) {
	m.add(kind, binary.NativeEndian.AppendUint32(nil, n))
}

// ask sends a request and hands each message of the answer to take, until the
// kernel has acknowledged it.
func (r *Rtnl) ask(m *message, take func(kind uint16, body []byte)) error {
	r.seq++
	binary.NativeEndian.PutUint32(m.b, uint32(len(m.b)))
	binary.NativeEndian.PutUint32(m.b[8:], r.seq)
	if err := retry(func() error { return unix.Sendto(r.fd, m.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) }); err != nil {
		return err
	}
	buf := make([]byte, 32<<10) // what the kernel fills at most in a dump
	for {
		var n, flags int
		err := retry(func() (err error) {
			n, _, flags, _, err = unix.Recvmsg(r.fd, buf, nil, 0)
			return err
		})
		if err != nil {
			return err
		}
		if flags&unix.MSG_TRUNC != 0 {
			return unix.EMSGSIZE
		}
		done, err := answers(buf[:n], r.seq, take)
		if done || err != nil {
			return err
		}
	}
}

// answers walks over the messages of one datagram. done says that the answer
// is complete.
func answers(b []byte, seq uint32, take func(kind uint16, body []byte)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, errBadAnswer
		}
		body, kind := b[unix.SizeofNlMsghdr:size], binary.NativeEndian.Uint16(b[4:])
		flags := binary.NativeEndian.Uint16(b[6:])
		ours := binary.NativeEndian.Uint32(b[8:]) == seq
		b = b[min((size+3)&^3, len(b)):]
		switch {
		case !ours:
		case flags&unix.NLM_F_DUMP_INTR != 0:
			return true, errInterrupted
		case kind == unix.NLMSG_ERROR, kind == unix.NLMSG_DONE:
			return true, verdict(kind, flags, body)
		case take != nil:
			take(kind, body)
		}
	}
	return false, nil
}

var (
	errBadAnswer = errors.New("malformed answer of the kernel")
	// errInterrupted: the list changed while it was read. What is left of the
	// answer has an old sequence number, and is skipped.
	errInterrupted = errors.New("interrupted by a change")
)

// verdict is what NLMSG_ERROR or NLMSG_DONE says: a negative errno, 0 for
// success, and with NLM_F_ACK_TLVS attributes behind it.
func verdict(kind, flags uint16, body []byte) error {
	if len(body) < 4 {
		if kind == unix.NLMSG_DONE {
			return nil
		}
		return errBadAnswer
	}
	errno := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
	if errno == 0 {
		return nil
	}
	e := &RtnlError{Errno: errno}
	rest := body[4:]
	if kind == unix.NLMSG_ERROR { // CAP_ACK: the header of the request only
		rest = rest[min(unix.SizeofNlMsghdr, len(rest)):]
	}
	if flags&unix.NLM_F_ACK_TLVS != 0 {
		for kind, value := range attributes(rest) {
			if kind == unix.NLMSGERR_ATTR_MSG {
				e.Text = unix.ByteSliceToString(value)
			}
		}
	}
	return e
}

// attributes walks over a list of struct rtattr.
func attributes(b []byte) func(yield func(kind uint16, value []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, b[unix.SizeofRtAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

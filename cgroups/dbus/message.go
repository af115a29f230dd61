package dbus

// Messages: a fixed header, an array of header fields, a body (D-Bus
// Specification, "Message Protocol").

import (
	"encoding/binary"
	"fmt"
)

// Kinds of messages.
const (
	kindCall   = 1
	kindReply  = 2
	kindError  = 3
	kindSignal = 4
)

// Header fields.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSignature   = 8
)

// maxMessage is the specification's limit on a message's length.
const maxMessage = 128 << 20

// headerLength is the part of fixed size, up to the length of the fields.
const headerLength = 16

// message is one message, sent or received.
type message struct {
	kind                                  byte
	serial, replyTo                       uint32
	path, iface, member, destination, err string
	args                                  []any
}

// marshal makes the bytes of a message of a type that systemd is sent.
func (m *message) marshal() []byte {
	var body encoder
	sig := ""
	for _, a := range m.args {
		sig += Signature(a)
		body.value(a)
	}
	e := encoder{buf: []byte{'l', m.kind, 0, 1}}
	e.uint32(uint32(len(body.buf)))
	e.uint32(m.serial)
	e.array(8, func() {
		field := func(code byte, v any) {
			e.align(8)
			e.buf = append(e.buf, code)
			e.value(Variant{v})
		}
		field(fieldPath, ObjectPath(m.path))
		field(fieldInterface, m.iface)
		field(fieldMember, m.member)
		if m.destination != "" {
			field(fieldDestination, m.destination)
		}
		if sig != "" {
			e.align(8)
			e.buf = append(e.buf, fieldSignature)
			e.signature("g")
			e.signature(sig)
		}
	})
	e.align(8)
	return append(e.buf, body.buf...)
}

// length returns how long the message is whose first headerLength bytes or
// more are in b.
func length(b []byte) (int, error) {
	order, err := byteOrder(b)
	if err != nil {
		return 0, err
	}
	body, fields := uint64(order.Uint32(b[4:])), uint64(order.Uint32(b[12:]))
	n := (headerLength+fields+7)/8*8 + body
	if n > maxMessage {
		return 0, fmt.Errorf("a D-Bus message of %d bytes", n)
	}
	return int(n), nil
}

func byteOrder(b []byte) (binary.ByteOrder, error) {
	if len(b) < headerLength {
		return nil, errShort
	}
	switch {
	case b[3] != 1:
		return nil, fmt.Errorf("version %d of the D-Bus protocol", b[3])
	case b[0] == 'l':
		return binary.LittleEndian, nil
	case b[0] == 'B':
		return binary.BigEndian, nil
	}
	return nil, fmt.Errorf("a D-Bus message with byte order %#x", b[0])
}

// unmarshal reads one whole message.
func unmarshal(b []byte) (*message, error) {
	order, err := byteOrder(b)
	if err != nil {
		return nil, err
	}
	m := &message{kind: b[1], serial: order.Uint32(b[8:])}
	d := decoder{buf: b, pos: 12, order: order}
	fields, err := d.value("a(yv)", 0)
	if err != nil {
		return nil, err
	}
	sig := ""
	for _, f := range fields.([]any) {
		f := f.([]any) // as the signature says
		text, _ := f[1].(string)
		switch f[0].(byte) {
		case fieldPath:
			m.path = text
		case fieldInterface:
			m.iface = text
		case fieldMember:
			m.member = text
		case fieldErrorName:
			m.err = text
		case fieldReplySerial:
			m.replyTo, _ = f[1].(uint32)
		case fieldSignature:
			sig = text
		}
	}
	if err := d.align(8); err != nil {
		return nil, err
	}
	// The body is aligned from the message's beginning too, which is a
	// multiple of 8 away from its own.
	m.args, err = d.all(sig, 0)
	return m, err
}

package sys

// netlink.go speaks as much of rtnetlink(7) as moving a network interface
// takes: find one, read and set its addresses, move, rename, set it up. The
// messages are built by hand, because there are five of them, and the library
// for all others would weigh more than this package.

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Rtnl is an rtnetlink socket. It speaks of the network namespace that it was
// opened in, whatever thread uses it.
type Rtnl struct {
	fd  int
	seq uint32
}

// Link is a network interface.
type Link struct {
	Index int
	Up    bool
}

// Address is an address of an interface as the kernel gave it: struct
// ifaddrmsg and its attributes.
type Address struct{ message []byte }

// RtnlError is the kernel's answer to a message, with its words where it had
// any (NETLINK_EXT_ACK).
type RtnlError struct {
	Errno unix.Errno
	Text  string
}

// Error is the text of the errno, and the kernel's words in brackets.
func (e *RtnlError) Error() string {
	if e.Text == "" {
		return e.Errno.Error()
	}
	return e.Errno.Error() + " (" + e.Text + ")"
}

// Unwrap returns the errno.
func (e *RtnlError) Unwrap() error { return e.Errno }

// OpenRtnl opens a socket in the caller's network namespace.
func OpenRtnl() (*Rtnl, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	// The kernel answers at once; who waits for ever has met a bug.
	err = LimitWait(fd, 10*time.Second)
	// With strict checking a dump of addresses is of the one interface that
	// is asked for; ext_ack gives errors words. Both came before Linux 5.14.
	for _, option := range []int{unix.NETLINK_GET_STRICT_CHK, unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, 1)
		}
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &Rtnl{fd: fd}, nil
}

// OpenRtnlIn opens a socket in the network namespace ns.
func OpenRtnlIn(ns int) (r *Rtnl, err error) {
	OnOwnThread(func() {
		if err = unix.Setns(ns, unix.CLONE_NEWNET); err == nil {
			r, err = OpenRtnl()
		}
	})
	return r, err
}

// Close closes the socket.
func (r *Rtnl) Close() { Close(r.fd) }

// Link finds an interface by name. Errors: ENODEV.
func (r *Rtnl) Link(name string) (Link, error) {
	m := newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	var link Link
	err := r.ask(m, func(kind uint16, body []byte) {
		if kind == unix.RTM_NEWLINK && len(body) >= unix.SizeofIfInfomsg {
			link.Index = int(int32(binary.NativeEndian.Uint32(body[4:])))
			link.Up = binary.NativeEndian.Uint32(body[8:])&unix.IFF_UP != 0
		}
	})
	return link, err
}

// Name is the name of the interface with this index.
func (r *Rtnl) Name(index int) (name string, err error) {
	err = r.ask(newMessage(unix.RTM_GETLINK, 0, linkHeader(index, 0, 0)), func(kind uint16, body []byte) {
		if kind == unix.RTM_NEWLINK && len(body) >= unix.SizeofIfInfomsg {
			for kind, value := range attributes(body[unix.SizeofIfInfomsg:]) {
				if kind == unix.IFLA_IFNAME {
					name = unix.ByteSliceToString(value)
				}
			}
		}
	})
	return name, err
}

// Move moves an interface into the network namespace ns and names it; there
// it is down and has no address.
func (r *Rtnl) Move(index, ns int, name string) error {
	m := newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0))
	m.number(unix.IFLA_NET_NS_FD, uint32(ns))
	m.text(unix.IFLA_IFNAME, name)
	return r.ask(m, nil)
}

// Rename renames an interface that is down. For a %d in the name the kernel
// puts in the first number that is free. Errors: EEXIST.
func (r *Rtnl) Rename(index int, name string) error {
	m := newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, 0, 0))
	m.text(unix.IFLA_IFNAME, name)
	return r.ask(m, nil)
}

// SetUp sets an interface up.
func (r *Rtnl) SetUp(index int) error {
	return r.ask(newMessage(unix.RTM_NEWLINK, 0, linkHeader(index, unix.IFF_UP, unix.IFF_UP)), nil)
}

// Addresses are the interface's permanent addresses of global scope, of any
// family, in the kernel's order.
func (r *Rtnl) Addresses(index int) (list []Address, err error) {
	for range 5 {
		if list, err = r.addresses(index); !errors.Is(err, errInterrupted) {
			break
		}
	}
	return list, err
}

func (r *Rtnl) addresses(index int) (list []Address, err error) {
	header := make([]byte, unix.SizeofIfAddrmsg)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	err = r.ask(newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, header), func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWADDR || len(body) < unix.SizeofIfAddrmsg || int(binary.NativeEndian.Uint32(body[4:])) != index {
			return
		}
		const universe = unix.RT_SCOPE_UNIVERSE
		if body[3] == universe && addressFlags(body)&unix.IFA_F_PERMANENT != 0 {
			list = append(list, Address{append([]byte(nil), body...)})
		}
	})
	return list, err
}

// addressFlags: the header has the lower eight, IFA_FLAGS has all.
func addressFlags(body []byte) uint32 {
	flags := uint32(body[2])
	for kind, value := range attributes(body[unix.SizeofIfAddrmsg:]) {
		if kind == unix.IFA_FLAGS && len(value) == 4 {
			flags = binary.NativeEndian.Uint32(value)
		}
	}
	return flags
}

// Add gives an interface the address a. name is that of the interface: an IPv4
// address has a label that begins with it, NAME or NAME:ALIAS.
func (r *Rtnl) Add(index int, name string, a Address) error {
	header := append([]byte(nil), a.message[:unix.SizeofIfAddrmsg]...)
	// What duplicate address detection and the order of addresses have made
	// of it before is found out anew.
	const volatile = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED | unix.IFA_F_SECONDARY
	flags := addressFlags(a.message) &^ volatile
	header[2] = byte(flags)
	binary.NativeEndian.PutUint32(header[4:], uint32(index))
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, header)
	m.number(unix.IFA_FLAGS, flags)
	for kind, value := range attributes(a.message[unix.SizeofIfAddrmsg:]) {
		switch kind {
		case unix.IFA_FLAGS:
		case unix.IFA_LABEL:
			m.text(kind, label(name, unix.ByteSliceToString(value)))
		default:
			m.add(kind, value)
		}
	}
	return r.ask(m, nil)
}

// label is an old label for the new name, at most 15 bytes as the kernel takes
// it.
func label(name, old string) string {
	for i := range len(old) {
		if old[i] == ':' {
			alias := old[i:]
			return name[:max(0, min(len(name), unix.IFNAMSIZ-1-len(alias)))] + alias
		}
	}
	return name
}

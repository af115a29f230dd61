package sys

// socket.go: unix sockets with file descriptors in flight. All fds that these
// functions return are close-on-exec.

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// maxFds is the kernel's SCM_MAX_FD: the most fds one message can carry.
const maxFds = 253

// Socketpair returns a connected pair of stream sockets.
func Socketpair() (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return fds[0], fds[1], err
}

// SendAll writes data to the stream socket fd, fds with its first byte. It
// does not raise SIGPIPE.
func SendAll(fd int, data []byte, fds []int) error {
	var oob []byte
	if len(fds) > 0 {
		if len(fds) > maxFds {
			return unix.ETOOMANYREFS
		}
		oob = unix.UnixRights(fds...)
	}
	for len(data) > 0 {
		n, err := unix.SendmsgN(fd, data, oob, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		data, oob = data[n:], nil
	}
	return nil
}

// Recv reads up to len(p) bytes and any fds that came with them. n == 0 means
// that the peer has closed.
func Recv(fd int, p []byte) (n int, fds []int, err error) {
	var oob [512 + maxFds*4]byte
	var oobn int
	for {
		n, oobn, _, _, err = unix.Recvmsg(fd, p, oob[:], unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil || oobn == 0 {
		return n, nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, nil, err
	}
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return n, fds, err
		}
		fds = append(fds, got...)
	}
	return n, fds, nil
}

// Connect returns a stream socket connected to the unix socket at path.
func Connect(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) }); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// MaxSocketPath is how long the path of a unix socket can be (unix(7): 108
// bytes with the one that ends it).
const MaxSocketPath = 107

// ConnectWithin is Connect that does not wait longer than limit, 0 for not at
// all, for a place in the listener's queue. EAGAIN: somebody listens, and has
// no time.
func ConnectWithin(path string, limit time.Duration) (int, error) {
	flags := unix.SOCK_STREAM | unix.SOCK_CLOEXEC
	if limit == 0 {
		flags |= unix.SOCK_NONBLOCK
	}
	fd, err := unix.Socket(unix.AF_UNIX, flags, 0)
	if err != nil {
		return -1, err
	}
	if limit > 0 {
		tv := unix.NsecToTimeval(limit.Nanoseconds())
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)
	}
	if err == nil {
		err = retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// LimitWait lets a read from the socket fail with EAGAIN after limit.
func LimitWait(fd int, limit time.Duration) error {
	tv := unix.NsecToTimeval(limit.Nanoseconds())
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

// LimitSend lets a write to the socket fail with EAGAIN after limit, whoever has
// the socket.
func LimitSend(fd int, limit time.Duration) error {
	tv := unix.NsecToTimeval(limit.Nanoseconds())
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)
}

// Unread says how many bytes that were sent over the unix socket the peer has
// not read yet, with the kernel's own overhead (SIOCOUTQ, unix(7)).
func Unread(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.SIOCOUTQ) }

// Shutdown ends the connection in both directions; the fd stays.
func Shutdown(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) }

// Listen returns a listening stream socket bound to path, mode 0600.
func Listen(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if err == nil {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Accept waits for a connection to the listening socket fd.
func Accept(fd int) (conn int, err error) {
	err = retry(func() error {
		conn, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC)
		return err
	})
	return conn, err
}

// retry runs f until it answers something other than EINTR.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

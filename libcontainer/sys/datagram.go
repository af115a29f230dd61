package sys

import (
	"golang.org/x/sys/unix"
)

// datagram.go: unix datagram sockets, as sd_notify(3) speaks.

// ListenDatagram returns a datagram socket bound to path that everybody who
// can reach the path may send to.
func ListenDatagram(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if err == nil {
		err = unix.Chmod(path, 0o777)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// RecvDatagram takes one message, cut to len(p). Fds that came with it are
// closed.
func RecvDatagram(fd int, p []byte) (int, error) {
	n, fds, err := Recv(fd, p)
	CloseAll(fds)
	return n, err
}

// ReachDatagram says whether there is a socket at path to send to.
func ReachDatagram(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
}

// SendDatagram sends data to the socket at path; a path that begins with "@"
// is an abstract name (unix(7)).
func SendDatagram(path string, data []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return retry(func() error { return unix.Sendto(fd, data, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path}) })
}

package initstage

// steps_console.go: the container's terminal. The pair is opened inside the
// container's own devpts and only ever handled by fd; the master goes to
// whoever listens on the console socket.

import (
	"errors"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func (s *stage) openConsole() error {
	p := &s.plan.Process
	if !p.Terminal {
		return nil
	}
	master, slave, name, err := s.openPty()
	if err != nil {
		e := fault.New("", "process.terminal", "open a pty in the container's /dev/pts", err)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			e.Hint = "a terminal needs a mount of type devpts on /dev/pts"
		}
		return e
	}
	defer sys.Close(slave)
	if err := s.setUpPty(master, slave, name); err != nil {
		return err
	}
	sys.Close(master)
	sys.Close(s.fd(p.ConsoleFd))
	for fd := range 3 {
		if err := sys.Dup3(slave, fd); err != nil {
			return fault.New("", name, "make it stdin, stdout and stderr", err)
		}
	}
	if err := sys.SetControllingTerminal(0); err != nil {
		return fault.New("", name, "ioctl TIOCSCTTY", err)
	}
	return nil
}

func (s *stage) openPty() (master, slave int, name string, err error) {
	if s.root == nil {
		return sys.OpenPty(unix.AT_FDCWD, "/dev/pts")
	}
	return sys.OpenPty(s.root.Fd(), "dev/pts")
}

func (s *stage) setUpPty(master, slave int, name string) error {
	p := &s.plan.Process
	if p.Width != 0 || p.Height != 0 {
		if err := sys.SetWindowSize(slave, p.Width, p.Height); err != nil {
			return fault.New("", "process.consoleSize", "ioctl TIOCSWINSZ", err)
		}
	}
	// Without a mapping for the uid there is nobody to give it to.
	if err := sys.Chown(slave, int(p.UID), -1); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fault.New("", name, "chown to process.user.uid", err)
	}
	if s.root != nil {
		if err := s.root.Console(slave); err != nil {
			return err
		}
	}
	if err := sys.SendAll(s.fd(p.ConsoleFd), []byte(name), []int{master}); err != nil {
		return fault.New("", "--console-socket", "send the terminal's master", err).
			WithHint("whoever listens there must accept and receive one fd")
	}
	return nil
}

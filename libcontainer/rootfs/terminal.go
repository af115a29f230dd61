package rootfs

// terminal.go: the container's terminal. The pair is opened inside the
// container's own devpts and only ever handled by fd; the master goes to
// whoever listens on the console socket.

import (
	"errors"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
)

// Terminal opens p's terminal, shows it as /dev/console, and sends its master
// over socket. The slave is the caller's. A nil Root is the caller's own root,
// whose /dev/console stays.
func (r *Root) Terminal(p *plan.Process, socket int) (slave int, err error) {
	master, slave, name, err := r.openPty()
	if err != nil {
		e := fault.New("terminal", "process.terminal", "open a pty in the container's /dev/pts", err)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
			e.Hint = "a terminal needs a mount of type devpts on /dev/pts"
		}
		return plan.None, e
	}
	defer sys.Close(master)
	if err := r.setUpPty(p, master, slave, name, socket); err != nil {
		sys.Close(slave)
		return plan.None, err
	}
	return slave, nil
}

func (r *Root) openPty() (master, slave int, name string, err error) {
	if r == nil {
		return sys.OpenPty(unix.AT_FDCWD, "/dev/pts")
	}
	return sys.OpenPty(r.fd, "dev/pts")
}

func (r *Root) setUpPty(p *plan.Process, master, slave int, name string, socket int) error {
	if p.Width != 0 || p.Height != 0 {
		if err := sys.SetWindowSize(slave, p.Width, p.Height); err != nil {
			return fault.New("terminal", "process.consoleSize", "ioctl TIOCSWINSZ", err)
		}
	}
	// Without a mapping for the uid there is nobody to give it to.
	if err := sys.Chown(slave, int(p.UID), -1); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fault.New("terminal", name, "chown to process.user.uid", err)
	}
	if r != nil {
		if err := r.Console(slave); err != nil {
			return err
		}
	}
	if err := sys.SendAll(socket, []byte(name), []int{master}); err != nil {
		return fault.New("terminal", "--console-socket", "send the terminal's master", err).
			WithHint("whoever listens there must accept and receive one fd")
	}
	return nil
}

package libcontainer

// console.go: who gets a container's terminal, and the foreground's end of it.

import (
	"errors"
	"os"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// console is the terminal of a foreground container.
type console struct {
	sock   int      // where init sends the master
	master *os.File // nil until it has come
}

// checkTerminal refuses combinations that leave a terminal without a reader,
// or a socket without a terminal. foreground: rt itself is the reader.
func checkTerminal(terminal bool, socket string, foreground bool) error {
	e := fault.New("terminal", "process.terminal", "", nil)
	switch {
	case terminal && socket == "" && !foreground:
		e.Err = errors.New("cannot allocate tty if rt will detach without setting console socket")
		e.Hint = "pass --console-socket, or set process.terminal to false"
	case !terminal && socket != "":
		e.Err = errors.New("cannot use console socket if rt will not detach or allocate tty")
		e.Hint = "drop --console-socket, or set process.terminal to true"
	default:
		return nil
	}
	return e
}

// receiveConsole takes the master that init has sent.
func (l *launch) receiveConsole() error {
	if l.console == nil {
		return nil
	}
	return l.console.receive()
}

func (c *console) receive() error {
	var name [64]byte
	n, fds, err := sys.Recv(c.sock, name[:])
	if err == nil && len(fds) != 1 {
		err = errors.New("init sent no terminal")
		sys.CloseAll(fds)
	}
	if err != nil {
		return fault.New("terminal", "", "receive the master", err)
	}
	c.master = os.NewFile(uintptr(fds[0]), string(name[:n]))
	return nil
}

func (c *console) close() {
	sys.Close(c.sock)
	if c.master != nil {
		_ = c.master.Close()
	}
}

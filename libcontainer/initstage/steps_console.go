package initstage

// steps_console.go: the container's terminal becomes init's.

import (
	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func (s *stage) openConsole() error {
	p := &s.plan.Process
	if !p.Terminal {
		return nil
	}
	slave, err := s.root.Terminal(p, s.fd(p.ConsoleFd))
	if err != nil {
		return err
	}
	defer sys.Close(slave)
	sys.Close(s.fd(p.ConsoleFd))
	for fd := range 3 {
		if err := sys.Dup3(slave, fd); err != nil {
			return fault.New("", "process.terminal", "make it stdin, stdout and stderr", err)
		}
	}
	if err := sys.SetControllingTerminal(0); err != nil {
		return fault.New("", "process.terminal", "ioctl TIOCSCTTY", err)
	}
	return nil
}

package libcontainer

// fds.go opens what travels to init with the plan and writes the indexes into
// the plan: namespaces, the root directory, bind sources, sockets.

import (
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/sys"
)

// add puts an fd among those to send; launch closes it once it is sent.
func (l *launch) add(fd int) (index int) {
	l.sent = append(l.sent, fd)
	return len(l.sent) - 1
}

func (l *launch) openFds(p *plan.Plan) error {
	self, err := openNamespaces(l.ns.Self)
	if err != nil {
		return err
	}
	for _, ns := range self {
		ns.Fd = l.add(ns.Fd)
		p.Join = append(p.Join, ns)
	}
	if p.Rootfs != nil {
		pid := 0
		if l.init != nil {
			pid = l.init.pid
		}
		fds, err := rootfs.Open(p.Rootfs, l.sent, pid)
		l.sent = fds
		if err != nil {
			return err
		}
	}
	p.ListenFd = plan.None
	if l.listenFd >= 0 {
		p.ListenFd = l.add(l.listenFd)
		l.listenFd = plan.None
	}
	p.Process.ConsoleFd = plan.None
	if p.Process.Terminal {
		fd, own, err := openConsole(l.opts.ConsoleSocket)
		if err != nil {
			return err
		}
		l.console = own
		p.Process.ConsoleFd = l.add(fd)
	}
	return nil
}

// openConsole connects to who takes the terminal's master: the caller's
// socket, or ourselves for a foreground run.
func openConsole(socket string) (fd int, own *console, err error) {
	if socket != "" {
		fd, err := sys.Connect(socket)
		if err != nil {
			return -1, nil, fault.New("terminal", "--console-socket", "connect to "+socket, err).
				WithHint("a listening unix socket must be there before rt is called")
		}
		return fd, nil, nil
	}
	ours, theirs, err := sys.Socketpair()
	if err != nil {
		return -1, nil, fault.New("terminal", "", "socketpair", err)
	}
	return theirs, &console{sock: ours}, nil
}

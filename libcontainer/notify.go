package libcontainer

// notify.go: the container as a service of systemd. NOTIFY_SOCKET: messages of
// sd_notify(3) are passed on from a socket inside the container to the
// caller's. LISTEN_FDS: sockets of sd_listen_fds(3) reach the program.

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

const (
	notifyMount     = "/run/notify" // in the container
	notifyFile      = "notify.sock"
	maxNotification = 4096
)

// listenFds passes on sockets that a service manager gave us: they are our
// fds from 3 on (sd_listen_fds(3)).
func (r *Runtime) listenFds(s *specs.Spec, o *CreateOptions) {
	if !r.opts.Standalone {
		return
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n <= 0 || s.Process == nil {
		return
	}
	if pid := os.Getenv("LISTEN_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return // meant for somebody else
	}
	o.PreserveFds += n
	s.Process.Env = append(s.Process.Env, "LISTEN_FDS="+strconv.Itoa(n), "LISTEN_PID=1")
	if names := os.Getenv("LISTEN_FDNAMES"); names != "" {
		s.Process.Env = append(s.Process.Env, "LISTEN_FDNAMES="+names)
	}
}

// setUpNotify gives the container a socket to notify, when the caller has one.
// It lies in a directory of its own that is mounted read-only, so that start
// can make it after create has ended.
func (l *launch) setUpNotify() error {
	if l.rt.notifySocket() == "" || l.spec.Process == nil || l.spec.Root == nil {
		return nil
	}
	dir := l.dir.Path() + "/" + state.NotifyDir
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fault.New("notify socket", "", "", err)
	}
	l.spec.Mounts = append(l.spec.Mounts, specs.Mount{
		Destination: notifyMount, Type: "bind", Source: dir,
		Options: []string{"bind", "nosuid", "noexec", "nodev", "ro"},
	})
	l.spec.Process.Env = append(l.spec.Process.Env, "NOTIFY_SOCKET="+notifyMount+"/"+notifyFile)
	return nil
}

// notifySocket is the caller's own socket, where it is one for the container.
func (r *Runtime) notifySocket() string {
	if !r.opts.Standalone {
		return ""
	}
	return os.Getenv("NOTIFY_SOCKET")
}

// notifyProxy passes messages on. fd is plan.None when there is nothing to do.
type notifyProxy struct {
	fd   int
	host string // the caller's NOTIFY_SOCKET
	pid  int    // of the container's init, on the host
}

// listenNotify makes the container's socket; nil when the container or the
// caller has none.
func (c *container) listenNotify() (*notifyProxy, error) {
	host := c.rt.notifySocket()
	if host == "" {
		return nil, nil
	}
	dir, err := sys.OpenPath(c.path + "/" + state.NotifyDir)
	if err != nil {
		return nil, nil // created without one
	}
	defer sys.Close(dir)
	if err := sys.ReachDatagram(host); err != nil {
		// Who waits for READY=1 would wait for ever.
		c.rt.log.Warn("NOTIFY_SOCKET " + host + ": " + err.Error() + ": what the container notifies of goes nowhere")
		return nil, nil
	}
	path := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + notifyFile
	_ = os.Remove(path) // of a start that was killed
	fd, err := sys.ListenDatagram(path)
	if err != nil {
		return nil, fault.New("notify socket", notifyFile, "bind", err)
	}
	return &notifyProxy{fd: fd, host: host, pid: c.rec.Init.Pid}, nil
}

// untilReady passes messages on until the service has said READY=1, or its
// init is dead.
func (n *notifyProxy) untilReady(pidfd int) {
	for {
		i, err := sys.Readable(0, n.fd, pidfd)
		if err != nil || i != 0 || n.pass() {
			return
		}
	}
}

// serve passes messages on for as long as the caller lives.
func (n *notifyProxy) serve() {
	for {
		if _, err := sys.Readable(0, n.fd); err != nil {
			return
		}
		n.pass()
	}
}

// pass takes one message and passes it on; ready says that it held READY=1.
func (n *notifyProxy) pass() (ready bool) {
	buf := make([]byte, maxNotification)
	size, err := sys.RecvDatagram(n.fd, buf)
	if err != nil {
		return false
	}
	text, ready := translate(string(buf[:size]), n.pid)
	if text != "" {
		_ = sys.SendDatagram(n.host, []byte(text)) // as lossy as sd_notify itself
	}
	return ready
}

// passable are the keys of sd_notify(3) that say something of the service and
// nothing of the service manager's own resources: no pids, which are those of
// the container's pid namespace, no fds, no bus name, and nothing that a later
// systemd will come to know.
var passable = []string{
	"READY", "STATUS", "RELOADING", "STOPPING", "ERRNO", "BUSERROR",
	"WATCHDOG_USEC", "EXTEND_TIMEOUT_USEC", "MONOTONIC_USEC",
}

// translate is what the host gets of a container's message. With READY=1 it is
// told the main pid.
func translate(message string, pid int) (text string, ready bool) {
	var b strings.Builder
	for line := range strings.Lines(message) {
		line = strings.TrimSuffix(line, "\n")
		key, _, ok := strings.Cut(line, "=")
		// WATCHDOG=trigger would make the manager kill the service.
		if line != "WATCHDOG=1" && (!ok || !slices.Contains(passable, key)) {
			continue
		}
		ready = ready || line == "READY=1"
		b.WriteString(line + "\n")
	}
	if ready {
		b.WriteString("MAINPID=" + strconv.Itoa(pid) + "\n")
	}
	return b.String(), ready
}

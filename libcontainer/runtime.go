package libcontainer

// runtime.go: the handle of the library and the options of its calls.

import (
	"io"
	"log/slog"
	"os"
	"time"

	"rt/libcontainer/sys"
)

// RuntimeOptions say where containers are kept and how the host is used.
type RuntimeOptions struct {
	// Root is the directory of the containers' states. It is made when the
	// first container is.
	Root string
	// CgroupManager says who makes the cgroups of new containers: one of the
	// Cgroup constants, "" is CgroupFS. Of a container that is there already
	// it is recorded.
	CgroupManager string
	// Rootless is "true", "false" or "auto" ("" is auto): whether what only
	// the host's root may do is expected to fail.
	Rootless string
	// Logger takes warnings and debug lines; nil discards them.
	Logger *slog.Logger
}

// The values of RuntimeOptions.CgroupManager.
const (
	// CgroupFS: rt itself, in the cgroup file system.
	CgroupFS = "cgroupfs"
	// CgroupSystemd: systemd, as a unit for each container.
	CgroupSystemd = "systemd"
	// CgroupDisabled: nobody. Limits are lost, which is a warning.
	CgroupDisabled = "disabled"
)

// Runtime manages the containers below one root. It holds no resources.
type Runtime struct {
	opts RuntimeOptions
	log  *slog.Logger
}

// New returns a Runtime. Nothing is touched on disk.
func New(o RuntimeOptions) *Runtime {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Runtime{opts: o, log: log}
}

// CreateOptions are the choices of create and run.
type CreateOptions struct {
	ID     string
	Bundle string // "" is the working directory
	// ConfigFile is read instead of config.json in the bundle.
	ConfigFile    string
	ConsoleSocket string
	PidfdSocket   string
	PidFile       string
	NoPivot       bool
	NoNewKeyring  bool
	// PreserveFds more fds, from 3 on, reach the container's process.
	PreserveFds int

	// The rest is for Run.

	// Detach returns once the process runs.
	Detach bool
	// Keep leaves the container's state and cgroup behind when it has ended.
	Keep        bool
	NoSubreaper bool
	// Signals are passed on to a foreground container's init. What a program
	// does with its own signals is its own business: Run takes over none.
	Signals <-chan os.Signal
	// Attach takes the master of a foreground container's terminal and
	// connects it to the user's; detach is called once the process has ended.
	Attach func(master *os.File) (detach func(), err error)
}

// initDeadline is how long init may take for what it does alone: everything
// between two messages. It is generous because a mount may wait for a slow
// network file system, and finite because a hang must name itself.
const initDeadline = 2 * time.Minute

// startDeadline is how long start waits for a created init to take its call.
const startDeadline = 10 * time.Second

// removeDeadline bounds the wait for dying processes when a cgroup is removed.
const removeDeadline = 10 * time.Second

func (r *Runtime) rootless() bool {
	switch r.opts.Rootless {
	case "true":
		return true
	case "false":
		return false
	}
	return os.Geteuid() != 0 || sys.InUserNamespace()
}

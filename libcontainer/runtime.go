package libcontainer

// runtime.go: the handle of the library and the options of its calls.

import (
	"context"
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
	// Init is what is executed as a container's init: a program's path and
	// its arguments, to which one is added, the argument of initstage.Main.
	// nil is the calling program with the argument "init", {"", "init"}; an
	// empty path is always the calling program.
	Init []string
	// Standalone says that the calling process is for this one call, as the
	// rt command is. Then the library does what a program with other things
	// to do would not want:
	//
	//   - all fds from 3 on become close-on-exec before a hook runs;
	//   - a foreground Run without a pid namespace becomes the subreaper of
	//     its descendants and waits for every child of the process, see
	//     CreateOptions.NoSubreaper;
	//   - the service manager's environment is the container's: LISTEN_FDS
	//     (sd_listen_fds(3)) and NOTIFY_SOCKET (sd_notify(3));
	//   - the init of a container that is left behind is not waited for: it
	//     becomes somebody else's child when the process ends.
	Standalone bool
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

// Runtime manages the containers below one root. It may be used by any number
// of goroutines, and beside others for the same root, in this process or in
// another. It needs no Close: all that it holds is, for each container whose
// init it has started and not seen the end of, a pidfd and a goroutine.
type Runtime struct {
	opts     RuntimeOptions
	log      *slog.Logger
	children children
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
	ConfigFile string
	// ConsoleSocket and PidfdSocket are listening unix sockets: the first
	// gets the master of the container's terminal, which it must have when
	// process.terminal is set and Attach is not; the second a pidfd of init.
	ConsoleSocket string
	PidfdSocket   string
	// PidFile is written with init's pid as a decimal number, once the
	// container is created.
	PidFile string
	// NoPivot moves the root with MS_MOVE instead of pivot_root(2), for a
	// host on a ramdisk.
	NoPivot bool
	// NoNewKeyring leaves the caller's session keyring to the container.
	NoNewKeyring bool
	// Stdin, Stdout and Stderr are those of the container's process; nil is
	// the calling process's fd 0, 1 or 2. With a terminal only init has them.
	Stdin, Stdout, Stderr *os.File
	// PreserveFds more fds of the calling process, from 3 on, reach the
	// container's under the same numbers.
	PreserveFds int
	// Interruptible makes of a context one that also ends when the caller is
	// interrupted, as signal.NotifyContext does. It is asked while prestart and
	// createRuntime hooks run, which take the longest.
	Interruptible func(context.Context) (context.Context, context.CancelFunc)

	// The rest is for Run.

	// Detach: Run returns once the process runs, and somebody calls Delete.
	Detach bool
	// Keep leaves the container's state and cgroup behind when it has ended.
	Keep bool
	// NoSubreaper leaves orphans to others, see RuntimeOptions.Standalone.
	NoSubreaper bool
	// Signals are passed on to a foreground container's init. What a program
	// does with its own signals is its own business: Run takes over none.
	// Relay is another way for signals to come.
	Signals <-chan os.Signal
	Relay   *SignalRelay
	// Attach takes the master of a foreground container's terminal and
	// connects it to the user's; detach is called once the process has ended.
	Attach func(master *os.File) (detach func(), err error)
}

// initDeadline is how long init may take for what it does alone: everything
// between two messages. It is generous because a mount may wait for a slow
// network file system, and finite because a hang must name itself.
const initDeadline = 2 * time.Minute

// handOverDeadline is how long a started init may take until it reads its plan:
// a Go program's start and one call of initstage.Main.
const handOverDeadline = 30 * time.Second

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

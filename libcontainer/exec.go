package libcontainer

// exec.go: another process in a running container. exec_join.go has the
// conversation with its joiner, exec_process.go what it is to be.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// ExecOptions are the choices of Exec.
type ExecOptions struct {
	ID string

	// Process is what to run; with ProcessFile it is read from there. With
	// neither it is the container's own process with Override.
	Process     *specs.Process
	ProcessFile string
	Override    ProcessOverride

	// ConsoleSocket and PidfdSocket are listening unix sockets: the first
	// gets the master of the process's terminal, the second its pidfd.
	ConsoleSocket string
	PidfdSocket   string
	// PidFile is written with the process's pid once its program runs.
	PidFile string
	// Stdin, Stdout and Stderr are those of the process; nil is the calling
	// process's fd 0, 1 or 2. With a terminal nothing but the joiner has them.
	Stdin, Stdout, Stderr *os.File
	// PreserveFds more fds, from 3 on, reach the process.
	PreserveFds int
	// Cgroups are cgroups below the container's that are there already:
	// "PATH", or "CONTROLLER[,CONTROLLER]:PATH" any number of times.
	Cgroups []string
	// IgnorePaused goes into a paused container: the process begins when the
	// container goes on.
	IgnorePaused bool
	// Detach returns once the program runs.
	Detach bool

	// Signals and Attach are those of CreateOptions, for the foreground.
	// Relay is another way for signals to come.
	Signals <-chan os.Signal
	Relay   *SignalRelay
	Attach  func(master *os.File) (detach func(), err error)
}

// ProcessOverride changes the container's own process into another one. Zero
// values leave things as they are.
type ProcessOverride struct {
	Args            []string // never empty
	Cwd             string
	Env             []string // appended
	Terminal        bool     // not the container's own wish
	UID, GID        *uint32
	AdditionalGids  []uint32 // appended
	AppArmor        string
	SELinux         string
	NoNewPrivileges *bool
	// Capabilities are added: permitted, effective and bounding, and ambient
	// where they are inheritable.
	Capabilities []string
}

// ExecResult says what has become of the process.
type ExecResult struct {
	Pid int // on the host
	// Status is the exit status, 128+n for signal n; 0 when detached.
	Status int
}

// Exec runs a process in the container. In the foreground it forwards signals
// and the terminal and returns the process's status. When ctx ends a process in
// the foreground is killed; a detached one only until its program runs. Errors:
// fault.ErrNotExist, fault.ErrPaused, spec.Errors for a wrong process, or what
// kept the program from being executed; nothing is left in the container then.
func (r *Runtime) Exec(ctx context.Context, o ExecOptions) (ExecResult, error) {
	if nsenter.InInit() {
		return ExecResult{}, notHandedOver()
	}
	if o.Detach {
		o.Attach = nil
	}
	x, err := r.prepareExec(o)
	if err != nil {
		return ExecResult{}, err
	}
	defer x.close()
	stop := context.AfterFunc(ctx, x.kill)
	defer stop()
	if err := x.start(); err != nil {
		x.undo()
		return ExecResult{}, x.ended(ctx, err)
	}
	result := ExecResult{Pid: x.born.pid}
	if o.Detach && stop() { // else it is killed
		x.leave()
		return result, nil
	}
	status, err := x.wait()
	x.detach()
	if err != nil {
		return result, fault.New("wait", "pid "+strconv.Itoa(result.Pid), "waitid", err)
	}
	result.Status = exitCode(status)
	if result.Status == 128+int(syscall.SIGKILL) {
		err = x.ended(ctx, nil)
	}
	if err == nil {
		x.explainEnd(result.Status)
	}
	return result, err
}

// ended is the error of an exec: that of its context, if that is over.
func (x *execution) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fault.New("", x.opts.ID, "killed", ctx.Err())
	}
	return err
}

// wait passes signals on until the process has ended, and reaps it.
func (x *execution) wait() (syscall.WaitStatus, error) {
	pidfd := x.born.pidfd
	if x.opts.Signals != nil {
		done, gone := make(chan struct{}), make(chan struct{})
		defer func() { close(done); <-gone }() // before the pidfd's number is somebody else's
		go func() {
			defer close(gone)
			forward(x.opts.Signals, pidfd, done)
		}()
	}
	if x.opts.Relay != nil {
		if err := x.opts.Relay.untilDead(pidfd); err != nil {
			return 0, err
		}
	}
	reap := sys.Reap
	if !x.rt.opts.Standalone {
		reap = sys.ReapParked
	}
	status, err := reap(pidfd)
	x.mu.Lock()
	x.born.reaped = true
	x.mu.Unlock()
	return status, err
}

// leave has a detached process reaped when it ends. A process that is for this
// call alone ends before, and leaves that to others.
func (x *execution) leave() {
	if x.rt.opts.Standalone {
		return
	}
	born := x.take(&x.born)
	go func() {
		_, _ = sys.ReapParked(born.pidfd)
		sys.Close(born.pidfd)
	}()
}

// execution is one process on its way. Fds are plan.None when not open.
type execution struct {
	rt      *Runtime
	opts    ExecOptions
	c       *container
	root    string      // of the states
	spec    *specs.Spec // the container's, with the process of now
	ns      planner.Namespaces
	maps    *specs.Linux // see idMaps
	process plan.Process
	filter  *plan.Seccomp
	agent   int
	cgroup  cgroups.Record
	dirs    []string // to go to

	init    int        // pidfd of the container's
	sock    int        // to the joiner
	mu      sync.Mutex // for what kill uses: killed, bearing, joiner and born
	killed  bool
	bearing bool // the joiner has been told to give birth
	known   bool // and has said of whom
	joiner  *child
	born    *child
	console *console
	detach  func()
	mask    *uint64   // signals that the program begins with blocked
	ops     []plan.Op // what the joiner is at
}

func (r *Runtime) prepareExec(o ExecOptions) (_ *execution, err error) {
	if err := checkPreserved(o.PreserveFds); err != nil {
		return nil, err
	}
	x := &execution{rt: r, opts: o, agent: plan.None, init: plan.None, sock: plan.None, detach: func() {}}
	defer func() {
		if err != nil {
			x.close()
		}
	}()
	store, err := r.store(o.ID)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	x.root = store.Path()
	rec, err := store.Read(o.ID)
	if err != nil {
		return nil, err
	}
	if x.c, err = r.container(rec, x.root+"/"+o.ID); err != nil {
		return nil, err
	}
	if err := x.enterable(); err != nil {
		return nil, err
	}
	raw, err := store.ReadConfig(o.ID)
	if err != nil {
		return nil, err
	}
	if x.spec, err = spec.Decode(raw, x.root+"/"+o.ID+"/config.json"); err != nil {
		return nil, err
	}
	x.ns = planner.PlanNamespaces(x.spec.Linux)
	if err := x.planProcess(); err != nil {
		return nil, err
	}
	if err := x.planCgroup(); err != nil {
		return nil, err
	}
	return x, x.compile()
}

// enterable opens the container's init and says whether one can exec into it
// now.
func (x *execution) enterable() (err error) {
	stopped := fault.New("", x.opts.ID, "", errors.New("cannot exec in a stopped container"))
	rec := x.c.rec
	if rec.Init.Pid == 0 || !rec.Ready {
		if rec.Init.Alive() || rec.Init.Pid == 0 {
			stopped.Err = errors.New("cannot exec in a container that is being created")
		}
		return stopped
	}
	x.init, err = openProcess(rec.Init)
	if errors.Is(err, fault.ErrNotRunning) {
		return stopped
	}
	if err != nil || x.opts.IgnorePaused || !x.frozen() {
		return err
	}
	return fault.New("", x.opts.ID, "", fmt.Errorf("%w (use --ignore-paused to override)", fault.ErrPaused)).
		WithHint("rt resume it first")
}

func (x *execution) frozen() bool {
	if x.c.cg == nil {
		return false
	}
	frozen, err := x.c.cg.Frozen()
	return err == nil && frozen
}

func (x *execution) planCgroup() error {
	if x.c.cg == nil {
		return nil
	}
	x.cgroup = x.c.cg.Record()
	sub, err := cgroups.SubPaths(x.opts.Cgroups)
	if err != nil {
		return err
	}
	x.dirs, err = x.cgroup.ExecPaths(sub)
	return err
}

func (x *execution) compile() (err error) {
	if !planner.HasSeccomp(x.spec) {
		return nil
	}
	var notify bool
	if x.filter, notify, err = x.rt.compileFilter(x.root, x.spec); err != nil || !notify {
		return err
	}
	x.filter.NotifyFd = 0
	x.agent, err = connectAgent(seccompProfile(x.spec))
	return err
}

// start brings the process up to the point where its program runs, and gives
// the caller what it asked for of it.
func (x *execution) start() error {
	if p := &x.process; !p.Terminal { // a terminal is made for its user
		maps, err := x.idMaps()
		if err != nil {
			return err
		}
		given, err := x.rt.giveStdio([3]**os.File{&x.opts.Stdin, &x.opts.Stdout, &x.opts.Stderr}, p.UID, maps)
		if err != nil {
			return err
		}
		defer given()
	}
	// What can be wrong with these is told before the program has begun.
	var receiver receiver
	if path := x.opts.PidfdSocket; path != "" {
		var err error
		if receiver, err = connectReceiver("--pidfd-socket", path); err != nil {
			return err
		}
		defer receiver.close()
	}
	var pidFile *pidFile
	if x.opts.PidFile != "" {
		var err error
		if pidFile, err = newPidFile(x.opts.PidFile); err != nil {
			return err
		}
		defer pidFile.drop()
	}
	if err := x.spawn(); err != nil {
		return err
	}
	if err := x.join(); err != nil {
		return err
	}
	if err := x.lateScheduler(); err != nil {
		return err
	}
	x.rt.log.Debug("process started", "id", x.opts.ID, "pid", x.born.pid)
	if x.opts.PidfdSocket != "" {
		if err := receiver.send(x.born.pidfd); err != nil {
			return err
		}
	}
	if pidFile != nil {
		return pidFile.write(x.born.pid)
	}
	return nil
}

// lateScheduler sets what a parent cannot set for its child: it is our right,
// not the container's.
func (x *execution) lateScheduler() error {
	s := x.process.Scheduler
	if s == nil || !planner.LateScheduler(s) {
		return nil
	}
	err := sys.SetSchedulerOf(x.born.pid, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: s.Policy, Flags: s.Flags, Nice: s.Nice, Priority: s.Priority,
		Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
	})
	if errors.Is(err, unix.ESRCH) {
		return nil // it was quick
	}
	if err != nil {
		return fault.New("process", "process.scheduler", "sched_setattr", err)
	}
	return nil
}

// explainEnd says what an exit status alone does not.
func (x *execution) explainEnd(status int) {
	switch status {
	case 128 + int(syscall.SIGKILL):
		if x.c.cg == nil {
			return
		}
		if n, err := x.c.cg.OOMKills(); err == nil && n > 0 {
			x.rt.log.Warn(fmt.Sprintf("killed: perhaps by the kernel, as the memory limit of container %s was used up before (OOM kills: %d)", x.opts.ID, n))
		}
	case 128 + int(syscall.SIGSYS):
		if x.filter == nil {
			return // somebody has sent it
		}
		x.rt.log.Warn("the process was killed by the seccomp filter of container " + x.opts.ID + ": bad system call")
	}
}

// strictTime is how long a filter that may kill the program before it has begun
// has for it.
const strictTime = 20 * time.Millisecond

// killedByFilter says whether the child is dead already, by the filter.
func (x *execution) killedByFilter() bool {
	if x.filter == nil || !x.filter.KillsThread {
		return false
	}
	if i, err := sys.Readable(strictTime, x.born.pidfd); err != nil || i < 0 {
		return false
	}
	p, err := state.Identify(x.born.pid)
	if err != nil {
		return false
	}
	status, ok := zombieStatus(p)
	return ok && status.Signaled() && status.Signal() == syscall.SIGSYS
}

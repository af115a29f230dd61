package libcontainer

// outside.go makes a container's namespaces and file system on a thread of its
// own: the thread makes the namespaces, gives birth to init in them, and mounts
// while init begins and its cgroups are made. It ends when init has what it
// needs, and with it all that init does not hold. Whatever takes Go is done
// here, in a process that the container cannot see.

import (
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/program"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// outside is the thread, and what it and the launch have to say to each other.
// What it is told first is told by newOutside's caller.
type outside struct {
	ns   planner.Namespaces
	join []plan.Namespace // the thread's to close

	birth   chan birth    // how to start init
	spawned chan error    // init and mask stand, or not
	work    chan work     // what to make
	rooted  chan struct{} // closed: init is in its cgroup namespace
	begun   chan struct{} // closed: all is there that must be before the pivot
	built   chan struct{} // closed: it is time for the hooks of the runtime
	hooked  chan struct{} // closed: they have run
	quit    chan struct{} // closed: the launch gives up
	failed  chan error    // what the thread could not do; init is killed then

	conn  int
	child child
	born  atomic.Int32 // the pidfd of an init that may not have been executed yet
	mask  uint64       // what init's program begins with blocked
	// placed: init is in its cgroups from its first instruction.
	placed bool

	// over says that the launch's fds are no more; last is what init was told
	// to do. Whoever uses them, or the fds, holds mu.
	mu   sync.Mutex
	over bool
	last []plan.Op

	tid   atomic.Int32
	procs []int // procfs of init's pid namespace
	root  *rootfs.Root
	slave int // the terminal
}

// birth is how init is started. conn is our end of its socket, the launch's own.
type birth struct {
	nsenter.Spawn
	conn int
}

// work is what the thread makes. The fds are its own.
type work struct {
	plan              *plan.Plan
	fds               []int
	console, listener int
	// become is what init does at the end, but for what is known only then.
	become planner.Becoming
}

func newOutside(ns planner.Namespaces, join []plan.Namespace) *outside {
	o := &outside{
		ns: ns, join: join,
		birth: make(chan birth, 1), spawned: make(chan error, 1), work: make(chan work, 1), rooted: make(chan struct{}), begun: make(chan struct{}),
		built: make(chan struct{}), hooked: make(chan struct{}), quit: make(chan struct{}), failed: make(chan error, 1),
		slave: plan.None,
	}
	o.born.Store(plan.None)
	return o
}

var errGivenUp = errors.New("given up")

// run is the thread's life.
func (o *outside) run() {
	defer o.close()
	o.tid.Store(int32(sys.Gettid()))
	err := o.enter()
	if err == nil {
		err = o.spawn()
	}
	o.spawned <- err
	if err != nil {
		return
	}
	select {
	case w := <-o.work:
		err = o.do(&w)
	case <-o.quit:
		return
	}
	if err != nil {
		o.failed <- err
		_ = o.use(func() error { return sys.PidfdSignal(o.child.pidfd, sys.SIGKILL) })
	}
}

// failure is what the thread could not do, if so. It may be nil.
func (o *outside) failure() error {
	if o == nil {
		return nil
	}
	select {
	case err := <-o.failed:
		return err
	default:
		return nil
	}
}

// use does something with the launch's fds, unless they are closed.
func (o *outside) use(do func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return errGivenUp
	}
	return do()
}

// end says that nobody waits for the thread any more.
func (o *outside) end() {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	close(o.quit)
	select {
	case w := <-o.work: // it has not come to it
		w.close()
	default:
	}
}

func (w *work) close() { sys.CloseAll(append(w.fds, w.console, w.listener)) }

func (o *outside) await(what <-chan struct{}) error {
	select {
	case <-what:
		return nil
	case <-o.quit:
		return errGivenUp
	}
}

func (o *outside) close() {
	o.root.Close()
	sys.CloseAll(append(o.procs, o.slave))
	closeNamespaces(o.join)
}

// enter takes the thread into the container's namespaces, but that of pids. It
// has a root and a working directory of its own then; the root is the host's.
func (o *outside) enter() error {
	for i, ns := range o.join {
		if err := sys.Setns(ns.Fd, ns.Flag); err != nil {
			return &sys.JoinError{Index: i, Errno: err}
		}
	}
	if err := sys.Unshare(uint64(o.ns.Clone &^ unix.CLONE_NEWPID)); err != nil {
		return err
	}
	// What is at the root goes along with the pivot: init is not left behind
	// in a directory of the host.
	return sys.Chdir("/")
}

// spawn starts init and takes what it sends.
func (o *outside) spawn() (err error) {
	var b birth
	select {
	case b = <-o.birth:
	case <-o.quit:
		return errGivenUp
	}
	o.conn = b.conn
	b.NewPID, b.Born = o.ns.Clone&unix.CLONE_NEWPID != 0, &o.born
	start := func() (err error) {
		if err = o.use(func() error { return nil }); err == nil { // its fds are open still
			o.child.pid, o.child.pidfd, o.mask, err = b.Start()
		}
		return err
	}
	err = start()
	o.placed = b.CgroupFd != plan.None || len(b.Doors) > 0
	if err != nil && o.placed {
		// It may not go there by itself. Who moves it knows why, or a way.
		b.CgroupFd, b.Doors, o.placed = plan.None, nil, false
		err = start()
	}
	if err != nil {
		return err
	}
	// The launch may have given up meanwhile, and closed its fds.
	if err = o.use(func() error { return o.takeProcs(b.Procs) }); err != nil {
		o.child.kill()
	}
	return err
}

// takeProcs takes what init has sent before it was executed. If somebody has
// killed it, there may be nothing.
func (o *outside) takeProcs(count int) error {
	if count == 0 {
		return nil
	}
	missing := errors.New("init was killed before it had begun")
	if i, err := sys.Poll(o.conn); err != nil || i < 0 {
		return fault.Join(missing, err)
	}
	var byte [1]byte
	_, procs, err := sys.Recv(o.conn, byte[:])
	o.procs = procs
	if err == nil && len(procs) != count {
		err = missing
	}
	return err
}

// do makes everything, and lets init do the rest.
func (o *outside) do(w *work) error {
	defer w.close()
	err := o.build(w)
	if err == nil {
		err = o.await(o.begun)
	}
	if err == nil && w.plan.Loopback {
		if err = sys.LoopbackUp(); err != nil {
			err = fault.New("network", "lo", "set up", err)
		}
	}
	if err == nil && w.plan.RuntimeHooks {
		close(o.built)
		err = o.await(o.hooked)
	}
	if err == nil {
		err = o.seal(&w.plan.Process)
	}
	if err == nil {
		err = o.use(func() error { return o.become(w) })
	}
	return err
}

// build is what has to wait for nobody but the cgroups: names, and everything
// that is mounted.
func (o *outside) build(w *work) (err error) {
	p := w.plan
	if p.Hostname != "" {
		if err := sys.Sethostname(p.Hostname); err != nil {
			return fault.New("hostname", p.Hostname, "sethostname", err)
		}
	}
	if p.Domainname != "" {
		if err := sys.Setdomainname(p.Domainname); err != nil {
			return fault.New("domainname", p.Domainname, "setdomainname", err)
		}
	}
	o.root, err = rootfs.PrepareOutside(p.Rootfs, w.fds, &rootfs.Outside{Procs: o.procs, Cgroups: o.enterCgroups})
	if err != nil {
		return named("mounts", err)
	}
	if p.Process.Terminal {
		o.slave, err = o.root.Terminal(&p.Process, w.console)
	}
	return err
}

// enterCgroups: what shows cgroups shows the namespace of its maker.
func (o *outside) enterCgroups() error {
	if o.ns.Unshare&unix.CLONE_NEWCGROUP == 0 {
		return nil
	}
	if err := o.await(o.rooted); err != nil {
		return err
	}
	err := o.use(func() error { return sys.Setns(o.child.pidfd, unix.CLONE_NEWCGROUP) })
	if err != nil {
		return fault.New("namespaces", "cgroup namespace of init", "setns", err)
	}
	return nil
}

// seal is what comes behind the hooks. In the end the thread sees no more of the
// host than init does.
func (o *outside) seal(p *plan.Process) error {
	if !program.HasHome(p.Env) { // while /proc is the host's
		p.Env = append(p.Env, "HOME="+program.Root(o.root.Fd()).Home(p.UID))
	}
	if err := o.root.Pivot(); err != nil {
		return named("pivot", err)
	}
	// The read-only root comes after it.
	if err := rootfs.MakeCwd(p.Cwd); err != nil {
		return err
	}
	return named("mounts", o.root.Finish())
}

// become sends init the rest of its operations.
func (o *outside) become(w *work) error {
	b := w.become
	b.Mask = o.mask
	b.TerminalFd, b.ListenFd = plan.None, plan.None
	var fds []int
	if w.listener != plan.None {
		b.ListenFd, fds = len(fds), append(fds, w.listener)
	}
	if o.slave != plan.None {
		b.TerminalFd, fds = len(fds), append(fds, o.slave)
	}
	o.last = planner.LastOps(&w.plan.Process, b)
	return sendOps(o.conn, o.last, fds)
}

// sendOps has an init without Go, or a joiner, do operations.
func sendOps(sock int, ops []plan.Op, fds []int) error {
	err := nsenter.SendOps(sock, ops, fds)
	if errors.Is(err, unix.E2BIG) {
		return fault.New("process", "", "", err).WithHint("process.args and process.env are too long together")
	}
	return err
}

package libcontainer

// launch.go: from a bundle to an init that waits for start. The steps are in
// the order of the design's "way of the data"; what was begun is undone in
// reverse when a later one fails.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/cgroups/intelrdt"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
	"rt/nsenter"
)

// launch is one container on its way. Fds are plan.None when not open.
type launch struct {
	rt    *Runtime
	ctx   context.Context // ends the start, or in the foreground the container
	opts  CreateOptions
	spec  *specs.Spec
	raw   []byte // of the configuration, until it is saved
	ns    planner.Namespaces
	store *state.Store
	dir   *state.Dir
	rec   *state.Record
	cg    cgroups.Manager
	rdt   *intelrdt.Group // nil when the spec asks for none
	init  *child
	conn  wire.Conn

	listenFd int // for `start`; None in run
	console  *console
	// sent are the fds that travel with the plan.
	sent []int

	// filter is what HasSeccomp promises, once it is compiled; notifies: it has
	// a listener.
	filter   *plan.Seccomp
	notifies bool

	doors []int // of the cgroups, until init is born

	// isDirect: init is C; see launch_direct.go. The rest is for that only.
	isDirect   bool
	outside    *outside   // nil once it has ended
	plan       *plan.Plan // what it was told to make
	ops        []plan.Op  // what init is at, nil for the last list
	candidates []string   // the files that the program may be
}

// child is a process of ours.
type child struct {
	pid, pidfd int
	reaped     bool
}

// prepare reads and checks the bundle: nothing on the host changes.
func (r *Runtime) prepare(ctx context.Context, o CreateOptions) (*launch, error) {
	if nsenter.InInit() {
		return nil, notHandedOver()
	}
	if err := state.ValidID(o.ID); err != nil {
		return nil, err
	}
	if err := checkPreserved(o.PreserveFds); err != nil {
		return nil, err
	}
	bundle, err := filepath.Abs(o.Bundle)
	if err != nil {
		return nil, fault.New("bundle", o.Bundle, "", err)
	}
	o.Bundle = bundle
	if o.ConfigFile == "" {
		o.ConfigFile = filepath.Join(bundle, "config.json")
	}
	raw, err := spec.Read(o.ConfigFile)
	if err != nil {
		return nil, err
	}
	s, err := spec.Decode(raw, o.ConfigFile)
	if err != nil {
		return nil, err
	}
	spec.Modernize(s)
	if err := r.defaultIDMaps(s); err != nil {
		return nil, err
	}
	warnings, err := spec.Validate(s, r.validationHost(s))
	if err != nil {
		return nil, err
	}
	r.warn(warnings)
	spec.Apply(s)
	terminal := s.Process != nil && s.Process.Terminal
	if err := checkTerminal(terminal, o.ConsoleSocket, o.Attach != nil); err != nil {
		return nil, err
	}
	r.listenFds(s, &o)
	return &launch{
		rt: r, ctx: ctx, opts: o, spec: s, raw: raw, ns: planner.PlanNamespaces(s.Linux),
		conn: wire.Conn{Fd: plan.None}, listenFd: plan.None,
	}, nil
}

func (r *Runtime) warn(warnings []string) {
	for _, w := range warnings {
		r.log.Warn(w)
	}
}

// create runs every step up to the recorded, waiting init. own says that the
// caller itself will start it (`run`); otherwise init listens for `start`.
func (l *launch) create(own bool) (err error) {
	if err := l.beginOutside(); err != nil {
		return err
	}
	if err := l.reserve(); err != nil {
		l.endOutside()
		return err
	}
	defer func() {
		if err != nil {
			l.undo(l.container())
		}
	}()
	if err := l.openCgroup(); err != nil {
		return err
	}
	if err := l.openRdt(); err != nil {
		return err
	}
	// Recorded before anything is made, so that whatever a kill leaves
	// behind can be found.
	if err := l.dir.Save(l.rec); err != nil {
		return err
	}
	if err := l.dir.SaveConfig(l.raw); err != nil {
		return err
	}
	l.raw = nil
	if err := l.setUpNotify(); err != nil {
		return err
	}
	if !own {
		if err := l.listen(); err != nil {
			return err
		}
	}
	if p := l.spec.Process; p != nil && !p.Terminal { // a terminal is made for its user
		given, err := l.rt.giveStdio([3]**os.File{&l.opts.Stdin, &l.opts.Stdout, &l.opts.Stderr}, p.User.UID, l.spec.Linux)
		if err != nil {
			return err
		}
		defer given()
	}
	if err := l.chooseInit(); err != nil {
		return err
	}
	if err := l.spawn(); err != nil {
		return l.explainDeath(err)
	}
	stop := l.killOnCancel()
	err = l.converse()
	stop()
	if err != nil {
		return l.explainDeath(err)
	}
	return l.commit(own)
}

// reserve takes the id: from here on it is ours or somebody else's.
func (l *launch) reserve() (err error) {
	if l.store, err = state.Open(l.rt.opts.Root, true); err != nil {
		return err
	}
	if l.dir, err = l.store.Reserve(l.opts.ID); err != nil {
		l.store.Close()
		return err
	}
	l.rec = newRecord(l.opts, l.spec, l.ns)
	return nil
}

func (l *launch) openCgroup() (err error) {
	o := cgroups.Options{ID: l.opts.ID, Rootless: l.rt.rootless(), Annotations: l.spec.Annotations}
	switch l.rt.opts.CgroupManager {
	case "", CgroupFS:
	case CgroupSystemd:
		o.Systemd = true
	case CgroupDisabled:
		o.Disabled = true
	default:
		return fault.New("cgroup", "manager", strconv.Quote(l.rt.opts.CgroupManager), errors.ErrUnsupported)
	}
	if l.spec.Linux != nil {
		o.Path = l.spec.Linux.CgroupsPath
	}
	if l.cg, err = cgroups.New(o); err != nil {
		return err
	}
	return setCgroup(l.rec, l.cg.Record())
}

func (l *launch) resources() *specs.LinuxResources {
	if l.spec.Linux == nil {
		return nil
	}
	return l.spec.Linux.Resources
}

// listen makes the socket on which a created init waits for `start`.
func (l *launch) listen() (err error) {
	l.listenFd, err = sys.Listen(l.dir.SocketPath(startSocket))
	if err != nil {
		return fault.New("state", startSocket, "bind", err)
	}
	return nil
}

// converse brings init from its first breath to created.
func (l *launch) converse() (err error) {
	if err := l.place(); err != nil {
		return err
	}
	if l.isDirect {
		err = l.converseDirect()
	} else {
		err = l.converseGo()
	}
	if err != nil {
		return err
	}
	// From here on init does next to nothing until it is the program.
	if err := l.unpark(); err != nil {
		return err
	}
	if _, late := splitPids(l.resources()); late != nil {
		if err := l.cg.Set(late); err != nil {
			return err
		}
	}
	if err := l.enterDelegated(); err != nil {
		return err
	}
	l.rt.log.Debug("container created", "id", l.opts.ID, "pid", l.init.pid, "bundle", l.opts.Bundle)
	return l.receiveConsole()
}

// place puts init where its limits are.
func (l *launch) place() error {
	if err := l.attachCgroup(); err != nil {
		return err
	}
	if err := l.attachRdt(); err != nil {
		return err
	}
	if err := l.delegate(); err != nil {
		return err
	}
	return l.enterSubgroup()
}

// makePlan plans, and opens what is to be sent. An unprivileged user knows only
// once the cgroup is made which ones there are.
func (l *launch) makePlan() (*plan.Plan, error) {
	p, warnings, err := planner.Plan(l.spec, l.ns, l.facts(), l.options())
	if err != nil {
		return nil, err
	}
	l.rt.warn(warnings)
	if err := l.openFds(p); err != nil {
		return nil, err
	}
	return p, l.sendHookOutput(p)
}

// converseGo is the conversation with an init that runs initstage. The order
// matters: cgroups and id maps before the plan, because init relies on both; the
// filter after it, because compiling may take longer than all of the mounts.
func (l *launch) converseGo() error {
	if err := l.joinedIDMaps(); err != nil {
		return err
	}
	// Up to here init dies with us. From the plan on it may hang in a
	// mount, and who deletes it must know its pid.
	if err := l.identify(); err != nil {
		return err
	}
	p, err := l.makePlan()
	if err != nil {
		return err
	}
	if err := l.privileged(p); err != nil {
		return err
	}
	if err := l.moveNetDevices(); err != nil {
		return err
	}
	if err := l.hookStates(p); err != nil {
		return err
	}
	return l.execute(p)
}

// execute has init execute the plan, up to where it waits.
func (l *launch) execute(p *plan.Plan) error {
	p.CgroupBarrier = l.parked() && p.Unshare&unix.CLONE_NEWCGROUP != 0
	err := l.conn.Send(wire.Plan, plan.Marshal(p), l.sent)
	sys.CloseAll(l.sent)
	l.sent = nil
	if err != nil {
		return err
	}
	if p.CgroupBarrier {
		if err := l.rootCgroup(); err != nil {
			return err
		}
	}
	filter, agent, err := l.compileSeccomp()
	if err != nil {
		return err
	}
	defer sys.CloseAll(agent)
	if p.RuntimeHooks {
		if err := l.expect(wire.Barrier, "init to prepare the file system"); err != nil {
			return err
		}
		if err := l.runtimeHooks(); err != nil {
			return err
		}
		if err := l.conn.Send(wire.Go, nil, nil); err != nil {
			return err
		}
	}
	if filter != nil {
		if err := l.conn.Send(wire.Seccomp, plan.Marshal(filter), agent); err != nil {
			return err
		}
	}
	return l.expect(wire.Ready, "init to set the container up")
}

// runtimeHooks runs prestart and createRuntime while the container's file system
// is made and not yet its root.
func (l *launch) runtimeHooks() error {
	// Hooks look for init's cgroup.
	if err := l.unpark(); err != nil {
		return err
	}
	st, err := hookStateJSON(l.rec, Creating, l.init.pid)
	if err != nil {
		return err
	}
	h := l.spec.Hooks
	ctx, stop := l.ctx, func() {}
	switch {
	case l.opts.Interruptible != nil:
		ctx, stop = l.opts.Interruptible(ctx)
	case l.opts.Relay != nil:
		if ctx, stop, err = l.opts.Relay.interruptible(ctx); err != nil {
			return err
		}
	}
	defer stop()
	//lint:ignore SA1019 deprecated in the specification, and how Docker sets up networks
	if err := l.rt.runHooks(ctx, "prestart", planner.Hooks(h.Prestart), l.opts.Bundle, st, l.spec.Annotations); err != nil {
		return err
	}
	if err := l.rt.runHooks(ctx, "createRuntime", planner.Hooks(h.CreateRuntime), l.opts.Bundle, st, l.spec.Annotations); err != nil {
		return err
	}
	return l.park()
}

// commit records the container. Before it, init dies with us; after it, init
// is the container's and `delete` finds everything in the record.
func (l *launch) commit(own bool) error {
	l.rec.Ready = true
	l.rec.Started = own // nobody else can start it, so one record says both
	if ns, err := sys.NamespaceAt(userNSPath(l.rec.Init.Pid)); err == nil {
		l.rec.UserNS = &ns
	}
	if err := l.dir.Save(l.rec); err != nil {
		return err
	}
	if err := l.handOut(); err != nil {
		return err
	}
	if own {
		return nil
	}
	if err := l.conn.Send(wire.Detach, nil, nil); err != nil {
		return l.explainDeath(err)
	}
	return nil
}

func (l *launch) container() *container {
	return &container{rt: l.rt, dir: l.dir, rec: l.rec, cg: l.cg, path: l.dir.Path()}
}

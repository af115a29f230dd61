package libcontainer

// launch_direct.go: the start of a container whose init is C from its first
// instruction; planner.Direct says which. init gets operations where others get
// a plan, and the rest is done by a thread outside; see outside.go. The two and
// the launch work at the same time, so the order here is that of their waiting
// for one another.

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/program"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// beginOutside starts the thread on its way to where init is to be born, which
// takes a while: network namespaces are slow to make. It is in vain, and does no
// harm, when init has to be another.
func (l *launch) beginOutside() error {
	if !planner.Direct(l.spec, l.ns, l.options(), nil) {
		return nil
	}
	join, err := openNamespaces(l.ns.Thread)
	if err != nil {
		return err
	}
	l.outside = newOutside(l.ns, join)
	go sys.OnOwnThread(l.outside.run)
	return nil
}

// chooseInit decides which init the container has. The filter has a say in it,
// so it is compiled, or taken from the cache, before init begins.
func (l *launch) chooseInit() error {
	if l.outside == nil {
		return nil
	}
	if planner.HasSeccomp(l.spec) {
		if err := l.compileFilter(); err != nil {
			return err
		}
	}
	l.isDirect = planner.Direct(l.spec, l.ns, l.options(), l.filter)
	if !l.isDirect {
		l.endOutside()
	}
	return nil
}

// spawnDirect has the thread start init. Meanwhile the cgroup is made, and what
// the thread is to make is planned.
func (l *launch) spawnDirect(exe, theirs int) error {
	if err := areInherited(l.opts.PreserveFds); err != nil {
		return err
	}
	o := l.outside
	merr := l.meanwhile(birth{conn: l.conn.Fd, Spawn: nsenter.Spawn{
		Exe: exe, Sock: theirs, Target: 3 + l.opts.PreserveFds, CgroupFd: plan.None, Nofile: true,
		Stdio: stdio(l.opts.Stdin, l.opts.Stdout, l.opts.Stderr),
		Procs: planner.Procs(l.spec), Hide: l.ns.Visible(), SmallPages: l.rt.opts.Standalone,
	}})
	if merr != nil {
		l.endOutside() // before or behind its birth
	}
	err := l.awaitBirth(o)
	sys.CloseAll(l.doors)
	l.doors = nil
	if err == nil {
		l.init = &child{pid: o.child.pid, pidfd: o.child.pidfd}
		l.rt.log.Debug("init started", "id", l.opts.ID, "pid", l.init.pid)
	}
	if merr != nil {
		return merr
	}
	return err
}

// awaitBirth waits until init is executed. Before that others can be in its way:
// who is in its pid namespace can stop it, and its cgroup may be frozen.
func (l *launch) awaitBirth(o *outside) error {
	timer := time.NewTimer(handOverDeadline)
	defer timer.Stop()
	var e *fault.Error
	select {
	case err := <-o.spawned:
		if err != nil {
			return explainSpawn(err, l.ns, o.join)
		}
		return nil
	case <-l.ctx.Done():
		e = fault.New("init", "", "", fmt.Errorf("killed: %w", l.ctx.Err()))
	case <-timer.C:
		e = fault.New("init", "", "waiting for it to be executed",
			fmt.Errorf("it has not begun in %v (kernel function %s)", handOverDeadline, waitChannel(int(o.tid.Load())))).
			WithHint("its cgroup may be frozen, or a process in the pid namespace that it joins has stopped it")
	}
	l.endOutside()
	if pidfd := int(o.born.Load()); pidfd >= 0 {
		_ = sys.PidfdSignal(pidfd, sys.SIGKILL)
	}
	// One that is frozen dies later. It has fds of its own by now.
	timer.Reset(time.Second)
	select {
	case err := <-o.spawned:
		if err == nil { // in that moment
			o.child.kill()
		}
	case <-timer.C:
	}
	return e
}

// meanwhile is what is done while init is born. Where it can be it is born in its
// cgroup.
func (l *launch) meanwhile(b birth) error {
	born := l.bornInCgroup()
	if !born {
		l.outside.birth <- b
	}
	if err := l.createCgroup(); err != nil {
		return err
	}
	if born {
		if dir, ok := l.cg.Dir(); ok {
			b.CgroupFd = dir
		}
		var err error
		if l.doors, err = l.cg.Doors(); err != nil {
			return err
		}
		b.Doors = l.doors
		l.outside.birth <- b
	}
	if l.cg.Record().Unit != nil {
		return nil // its directories come with it, and it begins with init
	}
	return l.handOver()
}

// handOver gives the thread its work.
func (l *launch) handOver() (err error) {
	if l.plan, err = l.makePlan(); err != nil {
		return err
	}
	p := l.plan
	w := work{plan: p, listener: l.takeSent(p.ListenFd), console: l.takeSent(p.Process.ConsoleFd)}
	w.fds, l.sent = l.sent, nil
	l.candidates = program.Candidates(p.Process.Args[0], p.Process.Env)
	w.become = planner.Becoming{Candidates: l.candidates, Filter: l.filter}
	l.outside.work <- w
	return nil
}

// converseDirect is the conversation with an init without Go, which is in its
// cgroups.
func (l *launch) converseDirect() error {
	if l.plan == nil {
		if err := l.handOver(); err != nil {
			return err
		}
	}
	if err := l.do(planner.FirstOps(l.plan)); err != nil {
		return err
	}
	close(l.outside.rooted)
	for _, limit := range l.plan.Process.Rlimits {
		if err := sys.RaiseHard(l.init.pid, limit.Resource, limit.Hard); err != nil {
			return fault.New("process", "process.rlimits "+limit.Name, "prlimit", err).WithHint(opHint(plan.OpLimit, errnoOf(err)))
		}
	}
	if err := l.identify(); err != nil {
		return err
	}
	if err := l.moveNetDevices(); err != nil {
		return err
	}
	close(l.outside.begun)
	if l.plan.RuntimeHooks {
		if err := l.awaitBuilt(); err != nil {
			return err
		}
		if err := l.runtimeHooks(); err != nil {
			return err
		}
		close(l.outside.hooked)
	}
	if err := l.answer(nsenter.AnswerReady); err != nil {
		return err
	}
	l.endOutside()
	return nil
}

func errnoOf(err error) (errno unix.Errno) {
	errors.As(err, &errno)
	return errno
}

// takeSent takes an fd out of those that were to travel with the plan.
func (l *launch) takeSent(index int) int {
	if index == plan.None {
		return plan.None
	}
	fd := l.sent[index]
	l.sent[index] = plan.None
	return fd
}

// awaitBuilt waits until the hooks of the runtime can run.
func (l *launch) awaitBuilt() error {
	timer := time.NewTimer(initDeadline)
	defer timer.Stop()
	select {
	case <-l.outside.built:
		return nil
	case err := <-l.outside.failed:
		return err
	case <-l.ctx.Done():
		return fault.New("init", fmt.Sprintf("pid %d", l.init.pid), "", fmt.Errorf("killed: %w", l.ctx.Err()))
	case <-timer.C:
		return l.noAnswer("the file system to be made")
	}
}

// do has init do operations and waits until they are done.
func (l *launch) do(ops []plan.Op) error {
	l.ops = ops
	if err := sendOps(l.conn.Fd, ops, nil); err != nil {
		return err
	}
	err := l.answer(nsenter.AnswerDone)
	l.ops = nil
	return err
}

// answer waits for an answer of init's.
func (l *launch) answer(want nsenter.AnswerKind) error {
	if err := l.hear("init to set the container up"); err != nil {
		return err
	}
	a, err := nsenter.RecvAnswer(l.conn.Fd)
	if err == nil && a.Kind == nsenter.AnswerFailed {
		return l.initFailed(a)
	}
	if err == nil && a.Kind != want {
		sys.CloseAll(a.Fds)
		err = fault.New("init", "", "", fmt.Errorf("unexpected answer %d", a.Kind))
	}
	return err
}

// initFailed is the error of an operation of init's.
func (l *launch) initFailed(a nsenter.Answer) error {
	defer sys.CloseAll(a.Fds)
	ops := l.ops
	if ops == nil && l.outside != nil {
		l.outside.mu.Lock()
		ops = l.outside.last
		l.outside.mu.Unlock()
	}
	return explainOp(ops, a, l.spec.Process.Args[0], l.candidates)
}

// endOutside ends the thread, when it has done what it is at. The fds that the
// launch shares with it may be closed then.
func (l *launch) endOutside() {
	if l.outside != nil {
		l.outside.end()
		l.outside = nil
	}
}

package libcontainer

// exec_join.go starts the joiner and talks with it. The joiner (nsenter/join.c)
// goes into the container's namespaces, all but the pid namespace, in which
// only its child is born: the program.

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/program"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// spawn starts the joiner and puts it into the container's cgroups.
func (x *execution) spawn() error {
	ours, theirs, err := sys.Socketpair()
	if err != nil {
		return fault.New("init", "", "socketpair", err)
	}
	x.sock = ours
	defer sys.Close(theirs)
	program, _ := x.rt.initCommand()
	exe, err := sys.Executable(program)
	if err != nil {
		return fault.New("init", program, "make a read-only clone", err).
			WithHint("a /proc must be mounted where rt runs")
	}
	defer sys.Close(exe)
	if err := areInherited(x.opts.PreserveFds); err != nil {
		return err
	}
	placed := false
	start := func() {
		if placed, err = x.startJoiner(exe, theirs); err != nil {
			err = explainSpawn(err, planner.Namespaces{}, nil)
		}
	}
	if a := x.spec.Process.ExecCPUAffinity; a != nil && a.Initial != "" {
		// Of the thread that the joiner is a clone of.
		sys.OnOwnThread(func() {
			if err = setInitialAffinity(a.Initial); err == nil {
				start()
			}
		})
	} else {
		start()
	}
	if err != nil {
		return err
	}
	if err := x.raise(); err != nil {
		return err
	}
	if placed {
		return nil
	}
	own := len(x.opts.Cgroups) == 0
	err = x.cgroup.Enter(x.dirs, x.joiner.pid, x.c.rec.Init.Pid, own)
	if own && x.cgroup.Unit != nil && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) {
		return x.c.cg.Attach(x.joiner.pid)
	}
	return err
}

func setInitialAffinity(list string) error {
	mask, err := planner.CPUMask(list)
	if err == nil {
		err = sys.SetAffinity(mask)
	}
	if err != nil {
		return fault.New("process", "process.execCPUAffinity.initial", "sched_setaffinity", err)
	}
	return nil
}

// startJoiner starts it right in its cgroups, and says whether it is there. Where
// that is refused, Enter knows more. In a paused one the child would not come to
// its execve, for which we wait.
func (x *execution) startJoiner(exe, sock int) (placed bool, err error) {
	s := nsenter.Spawn{
		Exe: exe, Sock: sock, Target: 3 + x.opts.PreserveFds, CgroupFd: plan.None, Nofile: true, Hide: true,
		OOMScoreAdj: x.process.OOMScoreAdj,
		Stdio:       stdio(x.opts.Stdin, x.opts.Stdout, x.opts.Stderr),
	}
	if len(x.dirs) > 0 && len(x.opts.Cgroups) == 0 && !(x.opts.IgnorePaused && x.frozen()) && x.openCgroups(&s) == nil {
		err := x.spawned(&s)
		sys.CloseAll(append(s.Doors, s.CgroupFd))
		if err == nil {
			return true, nil
		}
		s.Doors, s.CgroupFd = nil, plan.None
	}
	return len(x.dirs) == 0, x.spawned(&s)
}

// openCgroups opens the container's own cgroups for the joiner: the directory of
// cgroup2, the doors of v1.
func (x *execution) openCgroups(s *nsenter.Spawn) (err error) {
	var v1 []string
	for _, dir := range x.dirs {
		if dir != x.cgroup.Paths[""] {
			v1 = append(v1, dir)
		}
	}
	if s.Doors, err = cgroups.OpenDoors(v1); err != nil || len(v1) == len(x.dirs) {
		return err
	}
	if s.CgroupFd, err = cgroups.OpenDir(x.cgroup.Paths[""]); err != nil {
		sys.CloseAll(s.Doors)
		s.Doors, s.CgroupFd = nil, plan.None
	}
	return err
}

func (x *execution) spawned(s *nsenter.Spawn) error {
	pid, pidfd, mask, err := s.Start()
	if err != nil {
		return err
	}
	x.put(&x.joiner, &child{pid: pid, pidfd: pidfd})
	x.mask = &mask
	return nil
}

// raise does what needs the privileges of the host: it goes over to the child.
func (x *execution) raise() error {
	p := &x.process
	group, err := x.c.rdt()
	if err == nil && group != nil {
		err = group.Add(x.joiner.pid)
	}
	if err != nil {
		return err
	}
	for _, limit := range p.Rlimits {
		if err := sys.RaiseHard(x.joiner.pid, limit.Resource, limit.Hard); err != nil {
			return fault.New("process", "process.rlimits "+limit.Name, "prlimit", err).
				WithHint("raising a hard limit needs CAP_SYS_RESOURCE")
		}
	}
	return nil
}

// join has the joiner do its two lists. Between them stands what only the
// container's root can tell, HOME, and what must be ready before the program
// is, a terminal in the foreground.
func (x *execution) join() error {
	p := &x.process
	if !program.HasHome(p.Env) {
		x.home()
	}
	j := planner.Joining{Flags: x.ns.Has, RootFd: plan.None, SendRoot: !program.HasHome(p.Env)}
	if x.ns.Has&unix.CLONE_NEWUSER != 0 {
		maps, err := x.idMaps()
		if err != nil {
			return err
		}
		j.NSUID, j.NSGID = planner.Owner(maps)
	}
	fds := []int{x.init}
	var own []int // to be closed once they are sent
	defer func() { sys.CloseAll(own) }()
	if x.spec.Root != nil && x.ns.New&unix.CLONE_NEWNS == 0 {
		root, err := sys.OpenPath("/proc/" + strconv.Itoa(x.c.rec.Init.Pid) + "/root")
		if err != nil {
			return fault.New("namespaces", "root of init", "open", err)
		}
		own = append(own, root)
		j.RootFd, fds = len(fds), append(fds, root)
	}
	if p.Terminal {
		fd, console, err := openConsole(x.opts.ConsoleSocket)
		if err != nil {
			return err
		}
		x.console = console
		own = append(own, fd)
		j.ConsoleFd, fds = len(fds), append(fds, fd)
	}
	if err := x.first(planner.EnterOps(p, j), fds); err != nil {
		return err
	}
	// Not before: it is the namespaces that the joiner is in that matter.
	if err := x.c.notStrayed(); err != nil {
		return err
	}
	if !x.bear() {
		return fault.New("", "", "", fault.ErrNotRunning)
	}
	ops := planner.BecomeOps(p, x.candidates(), x.filter, x.mask, x.ns.Has&unix.CLONE_NEWUSER != 0)
	if err := x.send(ops, nil); err != nil {
		return err
	}
	return x.awaitBirth()
}

// home reads HOME by way of init's root, where we may. Where not, the joiner
// has a way in.
func (x *execution) home() {
	root, err := sys.OpenPath("/proc/" + strconv.Itoa(x.c.rec.Init.Pid) + "/root")
	if err != nil {
		return
	}
	defer sys.Close(root)
	x.setHome(root)
}

// homeTime is how long the file system with the container's /etc/passwd, which
// may be a program of its own, may take.
const homeTime = 5 * time.Second

func (x *execution) setHome(root int) {
	home := "/"
	if fd, err := sys.DupCloexec(root); err == nil {
		uid, found := x.process.UID, ""
		inTime := sys.Within(homeTime, func() {
			defer sys.Close(fd)
			found = program.Root(fd).Home(uid)
		})
		if inTime {
			home = found
		} else {
			x.rt.log.Warn(fmt.Sprintf("HOME is %s: the container's /etc/passwd does not answer in %v", home, homeTime))
		}
	}
	x.process.Env = append(x.process.Env, "HOME="+home)
}

func (x *execution) candidates() []string {
	return program.Candidates(x.process.Args[0], x.process.Env)
}

// idMaps are the mappings in force of the container's user namespace, nil
// without one: config.json may name none.
func (x *execution) idMaps() (*specs.Linux, error) {
	if x.maps != nil || x.ns.Has&unix.CLONE_NEWUSER == 0 {
		return x.maps, nil
	}
	var maps specs.Linux
	if err := readIDMaps(x.c.rec.Init.Pid, &maps); err != nil {
		return nil, err
	}
	x.maps = &maps
	return x.maps, nil
}

func (x *execution) send(ops []plan.Op, fds []int) error {
	x.ops = ops
	return x.explainDeath(sendOps(x.sock, ops, fds))
}

// first is the first list alone.
func (x *execution) first(ops []plan.Op, fds []int) error {
	if err := x.send(ops, fds); err != nil {
		return err
	}
	for {
		a, err := x.recv()
		if err != nil {
			return err
		}
		if a.Kind == nsenter.AnswerDone {
			break
		}
		if a.Kind == nsenter.AnswerRoot {
			x.setHome(a.Fds[0])
		}
		sys.CloseAll(a.Fds)
	}
	if x.console == nil {
		return nil
	}
	if err := x.console.receive(); err != nil {
		return err
	}
	detach, err := x.opts.Attach(x.console.master)
	if err == nil {
		x.detach = detach
	}
	return err
}

// awaitBirth waits until the program runs, or cannot.
func (x *execution) awaitBirth() error {
	for {
		a, err := x.recv()
		if err != nil {
			return err
		}
		switch a.Kind {
		case nsenter.AnswerListener:
			err := x.delivered(a.Fds[0])
			if err == nil {
				err = x.handOver(a.Fds[1])
			}
			sys.Close(a.Fds[1])
			if err != nil {
				return err
			}
		case nsenter.AnswerBorn:
			if err := x.delivered(a.Fds[0]); err != nil {
				sys.CloseAll(a.Fds[1:])
				return err
			}
			if a.Errno != 0 {
				defer sys.CloseAll(a.Fds[1:])
				return explainOp(x.ops, a, x.process.Args[0], x.candidates())
			}
			sys.CloseAll(a.Fds[1:])
			if x.killedByFilter() {
				return fault.New("seccomp", "linux.seccomp", "execve", errors.New("bad system call")).
					WithHint("the profile kills the process before the program has begun; it must allow execve")
			}
			return x.reapJoiner()
		default:
			sys.CloseAll(a.Fds)
		}
	}
}

// delivered takes the child over from the joiner, who may tell of it twice. The
// pid is the kernel's word, not the message's: for a moment the child had the
// joiner's socket too, and who may trace it could have used that.
func (x *execution) delivered(pidfd int) error {
	x.known = true
	if x.born != nil {
		sys.Close(pidfd)
		return nil
	}
	pid, err := sys.PidfdPid(pidfd)
	x.put(&x.born, &child{pid: pid, pidfd: pidfd})
	if err != nil {
		return fault.New("init", "", "read the pid of the process", err)
	}
	return nil
}

// handOver gives the listener of the child's filter to the agent and lets the
// child go on.
func (x *execution) handOver(listener int) error {
	text, err := agentState(x.c.rec, seccompProfile(x.spec), Running, x.born.pid, x.c.rec.Init.Pid)
	if err == nil {
		err = sys.SendAll(x.agent, text, []int{listener})
	}
	sys.Close(x.agent) // the agent waits for the end of the message
	x.agent = plan.None
	if err != nil {
		e := fault.New("seccomp", "linux.seccomp.listenerPath", "failed to connect with seccomp agent: sendmsg", err)
		if errors.Is(err, unix.EAGAIN) {
			e.Hint = "the agent accepts connections and does not read"
		}
		return e
	}
	return x.explainDeath(sys.SendAll(x.sock, []byte{1}, nil))
}

// reapJoiner: its work is done when the child has executed.
func (x *execution) reapJoiner() error {
	joiner := x.take(&x.joiner)
	_, err := sys.Reap(joiner.pidfd)
	sys.Close(joiner.pidfd)
	return err
}

// recv waits for the joiner's next answer; a failure is an error. When the
// container's init dies, so must whoever is on the way to it: the joiner is not
// in the pid namespace that the kernel clears.
func (x *execution) recv() (nsenter.Answer, error) {
	fds := []int{x.sock, x.init}
	if x.opts.Relay != nil {
		fds = append(fds, x.opts.Relay.fd)
	}
	limit, wish := initDeadline, syscall.Signal(0)
	for {
		i, err := sys.Readable(limit, fds...)
		switch {
		case err != nil:
			return nsenter.Answer{}, fault.New("init", "", "poll", err)
		case i < 0 && wish != 0:
			return nsenter.Answer{}, fault.New("", "", "", errors.New("interrupted before the process had started: "+wish.String()))
		case i < 0 && x.frozen():
			continue // it goes on when the container does
		case i < 0:
			return nsenter.Answer{}, fault.New("init", fmt.Sprintf("pid %d", x.joiner.pid), "waiting for the process to start",
				fmt.Errorf("no answer in %v (kernel function %s)", initDeadline, waitChannel(x.joiner.pid))).
				WithHint("a program or a directory on a dead network file system hangs like this")
		case i == 1:
			return nsenter.Answer{}, fault.New("", "", "", errors.New("the container has stopped meanwhile"))
		case i == 2:
			// It is the program's, which may run already: its execve comes
			// before the answer. Who wants it to end does not wait for long.
			if s := x.opts.Relay.hold(); endsProgram(s) {
				limit, wish = interruptTime, s
			}
			continue
		}
		break
	}
	a, err := nsenter.RecvAnswer(x.sock)
	if err == nil && a.Kind == nsenter.AnswerFailed {
		defer sys.CloseAll(a.Fds)
		return nsenter.Answer{}, explainOp(x.ops, a, x.process.Args[0], x.candidates())
	}
	return a, x.explainDeath(err)
}

// interruptTime is how long a process that is wanted to end may still take to
// start.
const interruptTime = 500 * time.Millisecond

// endsProgram says whether a signal is a wish to end.
func endsProgram(s syscall.Signal) bool {
	switch s {
	case unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP:
		return true
	}
	return false
}

// explainDeath gives the end of the joiner's socket a reason: how it died.
func (x *execution) explainDeath(err error) error {
	if !isHangup(err) {
		return err
	}
	status, werr := x.joiner.death()
	if werr != nil {
		return werr
	}
	x.mu.Lock()
	x.joiner.reaped = true
	x.mu.Unlock()
	e := fault.New("init", "", "", fmt.Errorf("died before the process had started: %s", describe(status)))
	if x.c.cg != nil && status.Signaled() {
		if n, err := x.c.cg.OOMKills(); err == nil && n > 0 {
			e.Hint = "the container's memory limit may be used up"
		}
	}
	return e
}

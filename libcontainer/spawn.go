package libcontainer

// spawn.go starts init into its namespaces: one clone and exec, the id maps of
// a new user namespace, and for joined user and time namespaces the
// conversation with nsenter's C.

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
	"rt/libcontainer/wire"
	"rt/nsenter"
)

// initEnv is all that init's Go runtime is told: no collections (it lives for
// milliseconds, or sleeps), one processor, and no preemption signals: their
// handlers would return by a system call that a seccomp filter may forbid. Nor
// is it to hold the files of its cgroup's CPU limit open.
var initEnv = [...]string{
	"GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0",
}

// notHandedOver answers a program that uses the library where it should be an
// init. Without this it would start itself, and that again itself.
func notHandedOver() error {
	return fault.New("init", "", "", errors.New("this process was started as a container's init, and has not called initstage.Main")).
		WithHint(handOverHint)
}

const handOverHint = "a program that uses libcontainer calls initstage.Main first thing in main when it is started as RuntimeOptions.Init says"

func (l *launch) spawn() error {
	program, argv := l.rt.initCommand()
	exe, err := sys.Executable(program)
	if err != nil {
		e := fault.New("init", program, "make a read-only clone", err)
		if program == selfExe {
			e.Hint = "a /proc must be mounted where rt runs"
		}
		return e
	}
	defer sys.Close(exe)
	ours, theirs, err := sys.Socketpair()
	if err != nil {
		return fault.New("init", "", "socketpair", err)
	}
	l.conn = wire.Conn{Fd: ours}
	defer sys.Close(theirs)
	if l.isDirect {
		return l.spawnDirect(exe, theirs)
	}
	join, err := openNamespaces(l.ns.Thread)
	if err != nil {
		return err
	}
	defer closeNamespaces(join)

	s := sys.Spawn{
		Exe:        exe,
		Cloneflags: l.ns.Clone,
		CgroupFd:   plan.None,
		KeepCaps:   l.ns.Clone&unix.CLONE_NEWUSER != 0,
	}
	for _, ns := range join {
		s.Join = append(s.Join, sys.NamespaceFd{Fd: ns.Fd, Flag: int(ns.Flag)})
	}
	s.Files, err = inheritedFiles(stdio(l.opts.Stdin, l.opts.Stdout, l.opts.Stderr), l.opts.PreserveFds, theirs)
	if err != nil {
		return err
	}
	wireFd := len(s.Files) - 1
	s.Argv = append(argv, strconv.Itoa(wireFd))
	s.Env = append(initEnv[:len(initEnv):len(initEnv)], nsenter.InitEnv(wireFd))
	if l.ns.Enter != nil {
		s.Env = append(s.Env, nsenter.Env(wireFd))
	}
	// On pure v2 init is born in its cgroup. v1 has no such clone: init is
	// moved there, while it already runs.
	if l.bornInCgroup() {
		if err := l.createCgroup(); err != nil {
			return err
		}
		if fd, ok := l.cg.Dir(); ok && !l.parked() {
			s.CgroupFd = fd
		}
	}
	pid, pidfd, err := s.Start()
	if err != nil {
		return explainSpawn(err, l.ns, join)
	}
	l.init = &child{pid: pid, pidfd: pidfd}
	l.rt.log.Debug("init started", "id", l.opts.ID, "pid", pid)
	if l.ns.Clone&unix.CLONE_NEWUSER != 0 {
		if err := writeIDMaps(pid, l.spec.Linux); err != nil {
			return err
		}
	}
	return l.enter()
}

const selfExe = "/proc/self/exe"

// initCommand is the program to execute as init and its arguments but the last.
func (r *Runtime) initCommand() (program string, argv []string) {
	if len(r.opts.Init) == 0 {
		return selfExe, []string{"rt", "init"}
	}
	program, argv = r.opts.Init[0], slices.Clone(r.opts.Init)
	if program == "" {
		program, argv[0] = selfExe, "rt"
	}
	return program, argv
}

// checkPreserved refuses what can be no number of fds.
func checkPreserved(n int) error {
	switch {
	case n < 0:
		return fault.New("", "--preserve-fds", strconv.Itoa(n), errors.New("must not be negative"))
	case n > math.MaxInt32:
		return fault.New("", "--preserve-fds", strconv.Itoa(n), errors.New("more than there can be"))
	}
	return nil
}

// areInherited says whether the fds are open that a child is to have besides
// stdio, and will reach it.
func areInherited(preserved int) error {
	for fd := 3; fd < 3+preserved; fd++ {
		if !sys.IsInherited(fd) {
			return fault.New("init", fmt.Sprintf("fd %d", fd), "", unix.EBADF).
				WithHint("--preserve-fds (or LISTEN_FDS) counts fds that the caller must have open, from 3 on")
		}
	}
	return nil
}

// stdio are a child's first three fds; nil is our own.
func stdio(files ...*os.File) (fds [3]int) {
	for fd, f := range files {
		fds[fd] = fd
		if f != nil {
			fds[fd] = int(f.Fd())
		}
	}
	return fds
}

// inheritedFiles are a child's fds: stdio, for which the caller may have named
// others than our own, the preserved ones in place, its socket last.
func inheritedFiles(stdio [3]int, preserved, sock int) ([]uintptr, error) {
	if err := areInherited(preserved); err != nil {
		return nil, err
	}
	files := []uintptr{uintptr(stdio[0]), uintptr(stdio[1]), uintptr(stdio[2])}
	for fd := 3; fd < 3+preserved; fd++ {
		files = append(files, uintptr(fd))
	}
	return append(files, uintptr(sock)), nil
}

// enter lets nsenter's C do its part and takes over the process that goes on.
func (l *launch) enter() error {
	e := l.ns.Enter
	if e == nil {
		return nil
	}
	join, err := openNamespaces(e.Join)
	if err != nil {
		return err
	}
	defer closeNamespaces(join)
	if err := l.setOOMScoreAdj(); err != nil {
		return err
	}
	req := nsenter.Request{Join: join, Unshare: e.Unshare, Fork: e.Fork, Offsets: e.Offsets}
	pid, err := req.Send(l.conn.Fd)
	if err != nil || pid == 0 {
		return err
	}
	first := l.init
	pidfd, err := sys.PidfdOpen(pid) // our child, so the pid cannot be reused
	if err != nil {
		return fault.New("init", fmt.Sprintf("pid %d", pid), "pidfd_open", err)
	}
	l.init = &child{pid: pid, pidfd: pidfd}
	_, err = sys.Reap(first.pidfd)
	sys.Close(first.pidfd)
	return err
}

func openNamespaces(list []planner.Namespace) ([]plan.Namespace, error) {
	var open []plan.Namespace
	for _, ns := range list {
		fd, flag, err := sys.OpenNamespace(ns.Path)
		object := fmt.Sprintf("linux.namespaces[%d].path", ns.Index)
		if err != nil {
			closeNamespaces(open)
			e := fault.New("namespaces", object, "open "+ns.Path, err)
			switch {
			case errors.Is(err, unix.ENOTTY):
				e.Err = errors.New("not a namespace")
				e.Hint = "the path must be a namespace file such as /proc/PID/ns/net or a bind mount of one"
			case errors.Is(err, unix.ENOENT):
				e.Hint = "the process or container that the namespace belonged to may have ended"
			}
			return nil, e
		}
		open = append(open, plan.Namespace{Fd: fd, Flag: flag, Path: ns.Path})
		if flag != uint64(ns.Flag) {
			closeNamespaces(open)
			return nil, fault.New("namespaces", object, ns.Path,
				fmt.Errorf("is a namespace of type %s, not %s", nsName(flag), nsName(uint64(ns.Flag))))
		}
	}
	return open, nil
}

func closeNamespaces(list []plan.Namespace) {
	for _, ns := range list {
		sys.Close(ns.Fd)
	}
}

// nsName is the specification's name of a CLONE_NEW* bit.
func nsName(flag uint64) string {
	for _, t := range spec.NamespaceTypes() {
		if uint64(planner.NamespaceFlag(t)) == flag {
			return string(t)
		}
	}
	return fmt.Sprintf("%#x", flag)
}

// explainSpawn names what clone or setns refused.
func explainSpawn(err error, ns planner.Namespaces, join []plan.Namespace) error {
	var je *sys.JoinError
	if errors.As(err, &je) {
		return fault.New("namespaces", join[je.Index].Path, "setns", je.Errno)
	}
	if errors.Is(err, nsenter.ErrOOMScoreAdj) {
		var errno unix.Errno
		errors.As(err, &errno)
		return fault.New("process", "process.oomScoreAdj", "write /proc/self/oom_score_adj", errno).
			WithHint("lowering it needs CAP_SYS_RESOURCE")
	}
	e := fault.New("namespaces", "", fmt.Sprintf("clone with flags %#x", ns.Clone), err)
	switch {
	case errors.Is(err, sys.ErrNotExecuted):
		e.Hint = "a process in the pid namespace that it joins has stopped it"
	case errors.Is(err, unix.EPERM) && ns.Clone&unix.CLONE_NEWUSER == 0:
		e.Hint = "only root may make these namespaces: run as root, or add a user namespace (rt spec --rootless)"
	case errors.Is(err, unix.EPERM):
		e.Hint = "the host may forbid user namespaces: see kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns"
	case errors.Is(err, unix.ENOSPC):
		e.Hint = "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces"
	case errors.Is(err, unix.EINVAL):
		e.Hint = "the kernel may lack one of these namespaces; rt needs Linux 5.14"
	case errors.Is(err, unix.EAGAIN):
		e.Hint = "a limit on processes is reached: ulimit -u, the cgroup's pids.max, or kernel.pid_max"
	}
	return e
}

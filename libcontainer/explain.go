package libcontainer

// explain.go turns what a joiner or an init without Go could not do into errors
// that say what to do.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/program"
	"rt/libcontainer/sys"
	"rt/nsenter"
)

// explainOp is the error of one of ops, whose answer has an fd of the
// container's root last, if any. name is process.args[0], and candidates are the
// files that it may be.
func explainOp(ops []plan.Op, a nsenter.Answer, name string, candidates []string) error {
	if a.Op < 0 || a.Op >= len(ops) {
		return fault.New("init", "", "", a.Errno)
	}
	op := ops[a.Op]
	root := program.Root(plan.None)
	if n := len(a.Fds); n > 0 {
		root = program.Root(a.Fds[n-1])
	}
	path := ""
	if a.Path >= 0 && a.Path < len(candidates) {
		path = candidates[a.Path]
	}
	switch op.Code {
	case plan.OpFind:
		if strings.Contains(name, "/") {
			return named("process", root.LookupError(name, a.Errno))
		}
		return named("process", program.NotInPath(name, path))
	case plan.OpExec:
		return fault.New("exec", path, "", a.Errno).WithHint(root.ExecHint(path, a.Errno))
	}
	e := fault.New(op.Step, op.Object, op.Call, a.Errno)
	switch {
	case op.Code == plan.OpCwd && errors.Is(a.Errno, unix.EXDEV):
		e.Op, e.Err = "getcwd", errors.New("outside of the container's root")
	case op.Code == plan.OpScheduler && errors.Is(a.Errno, unix.EPERM) && op.B != 0:
		e.Op, e.Err = "", errors.New("process scheduler can't be used together with AllowedCPUs")
		return e
	}
	return e.WithHint(opHint(op.Code, a.Errno))
}

// explainRefusal is the error of an init that has been told to start.
func explainRefusal(payload []byte, fds []int) error {
	defer sys.CloseAll(fds)
	r, err := nsenter.ParseRefusal(payload)
	if err != nil {
		return fault.New("start", "", "receive init's report", err)
	}
	root := program.Root(plan.None)
	if len(fds) > 0 {
		root = program.Root(fds[0])
	}
	if r.Code == plan.OpExec {
		return fault.New("exec", r.Path, "", r.Errno).WithHint(root.ExecHint(r.Path, r.Errno))
	}
	step, object, call := planner.LastCall(r.Code, r.Detail)
	return fault.New(step, object, call, r.Errno).WithHint(opHint(r.Code, r.Errno))
}

func named(step string, err error) error {
	var e *fault.Error
	if errors.As(err, &e) && e.Step == "" {
		e.Step = step
	}
	return err
}

// opHint is what to do about an operation that the kernel refuses.
func opHint(code plan.OpCode, errno unix.Errno) string {
	switch {
	case code == plan.OpSetns && errno == unix.ESRCH:
		return "the container has stopped meanwhile"
	case code == plan.OpSetns && errno == unix.EPERM:
		return "only the host's root, or whoever has made the container's user namespace, may enter it"
	case code == plan.OpKeyring && errno == unix.EPERM:
		return "something around rt forbids keyctl; --no-new-keyring does without"
	case code == plan.OpKeyring && errno == unix.EDQUOT:
		return "the user's key quota is used up; see /proc/sys/kernel/keys/maxkeys and --no-new-keyring of create and run"
	case code == plan.OpPty && (errno == unix.ENOENT || errno == unix.ENODEV):
		return "a terminal needs a mount of type devpts on /dev/pts"
	case code == plan.OpWrite && errno == unix.ENOENT:
		return "the profile is not loaded, or the security module is off"
	case code == plan.OpWrite && errno == unix.EACCES:
		return "lowering an OOM score needs CAP_SYS_RESOURCE; a security module may forbid a change of label"
	case code == plan.OpCwd && errno == unix.ENOENT:
		return "the working directory must be there: exec makes none"
	case code == plan.OpCwd && errno == unix.ELOOP:
		return "the working directory leads through a link of /proc that could lead out of the container"
	case (code == plan.OpUID || code == plan.OpGID || code == plan.OpGroups) && errno == unix.EINVAL:
		return "the container's user namespace must map it"
	case code == plan.OpGroups && errno == unix.EPERM:
		return "this user namespace may not set groups (/proc/self/setgroups)"
	case code == plan.OpLimit && errno == unix.EPERM:
		return "raising a hard limit needs CAP_SYS_RESOURCE; RLIMIT_NOFILE cannot go above /proc/sys/fs/nr_open"
	case code == plan.OpScheduler && errno == unix.EPERM:
		return "it needs CAP_SYS_NICE; a real-time policy on cgroup v1 also needs linux.resources.cpu.realtimeRuntime"
	case code == plan.OpSeccomp && errno == unix.EACCES:
		return "without process.noNewPrivileges it needs CAP_SYS_ADMIN"
	case code == plan.OpSeccomp && errno == unix.EINVAL:
		return "one of linux.seccomp.flags may be newer than this kernel, or run.oci.seccomp_bpf_data no valid program"
	case code == plan.OpSeccomp && errno == unix.EBUSY:
		return "a filter around rt has a listener already; a process can have one only"
	case code == plan.OpBirth && errno == unix.EAGAIN:
		return "the container's pids limit, or a limit on processes of the host, is reached"
	case code == plan.OpBirth && errno == unix.ENOMEM:
		return "the container may have stopped meanwhile"
	}
	return ""
}

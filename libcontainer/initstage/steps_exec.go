package initstage

// steps_exec.go: the program is found, and init becomes it.

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/program"
	"rt/libcontainer/sys"
	"rt/seccomp/load"
)

// findProgram resolves args[0] as the container's user, so that a missing
// program is an error of create.
func (s *stage) findProgram() (err error) {
	if p := &s.plan.Process; len(p.Args) > 0 {
		s.program, err = lookProgram(p.Args[0], p.Env)
	}
	return err
}

// filterHooks loads the filter for the container's own hooks, which then run
// under it as their program does, and does before what the filter might forbid.
// A filter with a listener waits for the program, whose agent gets but one.
func (s *stage) filterHooks() error {
	f := s.seccomp
	if f == nil || f.NotifyFd != plan.None {
		return nil
	}
	if err := s.lastSettings(); err != nil {
		return err
	}
	program := load.Program{BPF: f.BPF, Flags: f.Flags, Report: s.reportLast}
	if err := program.Load(); err != nil {
		return explain(err, "")
	}
	s.filtered = true
	return nil
}

// lastSettings are those that nothing but the filter and execve come after.
func (s *stage) lastSettings() error {
	p := &s.plan.Process
	if err := sys.CloseFrom(3 + p.PreserveFds); err != nil {
		return fault.New("exec", "", "close_range", err)
	}
	sys.DefaultThreadSignals()
	if err := setLimits(p); err != nil {
		return err
	}
	if s.seccomp != nil && !p.NoNewPrivileges {
		useAdmin(p.Caps)
	}
	return nil
}

// becomeProgram is the end of init.
func (s *stage) becomeProgram() error {
	p := &s.plan.Process
	if len(p.Args) == 0 {
		return fault.New("exec", "process", "", errors.New("the container has no process to start"))
	}
	if !s.filtered {
		if err := s.lastSettings(); err != nil {
			return err
		}
	}
	program := load.Program{Path: s.program, Args: p.Args, Env: p.Env, Agent: plan.None, Report: s.reportLast}
	if f := s.seccomp; f != nil && !s.filtered {
		program.BPF, program.Flags, program.Strict = f.BPF, f.Flags, f.KillsThread
		program.Agent, program.State = f.NotifyFd, f.NotifyState
	}
	return explain(program.Exec(), s.program)
}

// reportLast reports what happened behind the filter. It runs on a thread
// that has none.
func (s *stage) reportLast(f *load.Failure) (status int) {
	_ = s.conn.SendFault(explain(f, s.program))
	if f.Killed {
		return load.KilledStatus
	}
	return s.exitCode
}

// lookProgram finds the file to execute, as execvp(3) would.
func lookProgram(name string, env []string) (string, error) {
	refused := ""
	for _, candidate := range program.Candidates(name, env) {
		err := executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if candidate == name {
			return "", program.Own.LookupError(name, err)
		}
		if refused == "" && errors.Is(err, unix.EACCES) {
			refused = candidate
		}
	}
	return "", program.NotInPath(name, refused)
}

// executable says whether the caller may execute the file. A directory is
// refused as what it is to execve: EACCES, and clients know the text.
func executable(unsafePath string) error {
	if err := sys.CanExecute(unsafePath); err != nil {
		return err
	}
	mode, err := sys.Mode(unsafePath)
	if err == nil && mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.EACCES
	}
	return err
}

// explain turns what execve answered into an error that says why.
func explain(err error, path string) error {
	f, ok := err.(*load.Failure) //nolint:errorlint // Exec returns nothing else
	if !ok {
		return err
	}
	switch {
	case f.Killed:
		return fault.New("seccomp", "linux.seccomp", f.Stage.String(), errors.New("bad system call")).
			WithHint("the profile kills init before the program has begun; it must allow execve")
	case f.Stage == sys.StageFilter:
		return filterError(f.Errno)
	case f.Stage == sys.StageListener:
		return fault.New("seccomp", "linux.seccomp.listenerPath", "failed to connect with seccomp agent: sendmsg", f.Errno)
	}
	return fault.New("exec", path, "", f.Errno).WithHint(program.Own.ExecHint(path, f.Errno))
}

func filterError(errno syscall.Errno) error {
	e := fault.New("seccomp", "linux.seccomp", "seccomp SECCOMP_SET_MODE_FILTER", errno)
	switch errno {
	case unix.EACCES:
		e.Hint = "without process.noNewPrivileges it needs CAP_SYS_ADMIN"
	case unix.EINVAL:
		e.Hint = "one of linux.seccomp.flags may be newer than this kernel, or run.oci.seccomp_bpf_data no valid program"
	case unix.EBUSY:
		e.Hint = "a filter around rt has a listener already; a process can have one only"
	}
	return e
}

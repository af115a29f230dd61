package initstage

// steps_exec.go: the program is found, and init becomes it.

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
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

// becomeProgram is the end of init.
func (s *stage) becomeProgram() error {
	p := &s.plan.Process
	if len(p.Args) == 0 {
		return fault.New("exec", "process", "", errors.New("the container has no process to start"))
	}
	if err := sys.CloseFrom(3 + p.PreserveFds); err != nil {
		return fault.New("exec", "", "close_range", err)
	}
	sys.DefaultThreadSignals()
	if err := setLimits(p); err != nil {
		return err
	}
	program := load.Program{Path: s.program, Args: p.Args, Env: p.Env, Agent: plan.None, Report: s.reportLast}
	if f := s.seccomp; f != nil {
		if !p.NoNewPrivileges {
			useAdmin(p.Caps)
		}
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

// defaultPath is where programs are looked for without PATH: what execvp(3)
// of glibc does.
const defaultPath = "/bin:/usr/bin"

// lookProgram finds the file to execute, as execvp(3) would: a name with a
// slash is taken as it is, another is looked for in PATH.
func lookProgram(name string, env []string) (string, error) {
	quoted := `"` + name + `"`
	if strings.Contains(name, "/") {
		if err := executable(name); err != nil {
			return "", explainLookup(name, err)
		}
		return name, nil
	}
	path := defaultPath
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	refused := ""
	for dir := range strings.SplitSeq(path, ":") {
		if name == "" {
			break
		}
		candidate := filepath.Join(dir, name)
		if !strings.Contains(candidate, "/") {
			candidate = "./" + candidate // an empty entry is the working directory
		}
		err := executable(candidate)
		if err == nil {
			return candidate, nil
		}
		if refused == "" && errors.Is(err, unix.EACCES) {
			refused = candidate
		}
	}
	e := fault.New("", "exec: "+quoted, "", fault.ErrNotFoundInPath)
	if refused != "" {
		e.Hint = refused + " is there but may not be executed; check its mode and owner"
	}
	return "", e
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

// explainLookup is the error for a program that was named by path. A missing
// one is told as os/exec tells it.
func explainLookup(path string, err error) error {
	e := fault.New("", `exec: "`+path+`"`, "", err)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		e.Err = &os.PathError{Op: "stat", Path: path, Err: err}
	}
	e.Hint = lookupHint(path, err)
	return e
}

func lookupHint(path string, err error) string {
	mode, statErr := sys.Mode(path)
	switch {
	case errors.Is(err, unix.ENOENT):
		return "process.args[0] is looked for inside the container's root"
	case !errors.Is(err, unix.EACCES) || statErr != nil:
		return ""
	case mode&unix.S_IFMT == unix.S_IFDIR:
		return "it is a directory"
	case sys.OnNoexecMount(path):
		return "it lies on a mount with the option noexec"
	case mode&0o111 == 0:
		return "it has no execute bit; chmod +x"
	}
	return "process.user may not execute it"
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
	return fault.New("exec", path, "", f.Errno).WithHint(execHint(path, f.Errno))
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

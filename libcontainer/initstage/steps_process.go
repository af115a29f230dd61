package initstage

// steps_process.go: the attributes of the process that are not credentials.
// Each function sets one of them from the plan. The methods at the top gather
// them for the table; where an attribute stands in them is said there.

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/program"
	"rt/libcontainer/rootfs"
	"rt/libcontainer/sys"
)

// keyring runs early, before anything could use the caller's keys.
func (s *stage) keyring() error { return joinKeyring(&s.plan.Process) }

// selfAttributes are written to files of /proc/self. It runs before the pivot,
// while /proc is the host's: the container's may be missing, read-only or made
// by the image; and after the hooks of create, which must not be confined.
func (s *stage) selfAttributes() error {
	p := &s.plan.Process
	if err := oomScoreAdj(p); err != nil {
		return err
	}
	return labels(p)
}

// privilegedAttributes runs inside the container's root, with all privileges
// at its begin and with the container's at its end.
func (s *stage) privilegedAttributes() error {
	p := &s.plan.Process
	if len(p.Args) == 0 {
		return nil // a spec without a process: start will refuse it
	}
	p.Env = home(p.Env, p.UID)
	for _, do := range []func(*plan.Process) error{
		raiseLimits, setScheduler, setIOPriority, setAffinity, setMemPolicy, setPersonality,
	} {
		if err := do(p); err != nil {
			return err
		}
	}
	// A directory that only root may enter, or that only the user may.
	cwdErr := enterCwd(p.Cwd, true)
	if p.Umask != plan.None {
		sys.Umask(p.Umask)
	}
	// CAP_SYS_ADMIN is for loading the filter without no_new_privs. execve
	// takes it away; see package load.
	keepAdmin := s.plan.SeccompFollows && !p.NoNewPrivileges
	if err := becomeUser(p, keepAdmin, s.plan.UserNS); err != nil {
		return err
	}
	if cwdErr != nil {
		cwdErr = enterCwd(p.Cwd, false)
	}
	if cwdErr != nil {
		return cwdErr
	}
	// From here on init may be seen by processes of the container's user: in
	// a shared pid namespace, or a hook of the image's. execve undoes it.
	if err := sys.NotDumpable(); err != nil {
		return fault.New("process", "", "prctl PR_SET_DUMPABLE", err)
	}
	return noNewPrivs(p)
}

// joinKeyring gives the container a session keyring of its own. A kernel
// without keyrings has nothing that could be shared.
func joinKeyring(p *plan.Process) error {
	if !p.NewKeyring {
		return nil
	}
	if p.KeyringLabel != "" {
		if err := sys.WriteProcSelf("attr/keycreate", p.KeyringLabel); err != nil {
			return fault.New("keyring", "process.selinuxLabel "+p.KeyringLabel, "write /proc/self/attr/keycreate", err)
		}
		defer func() { _ = sys.WriteProcSelf("attr/keycreate", "") }()
	}
	err := sys.NewSessionKeyring()
	if err == nil || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	e := fault.New("keyring", "", "join session keyring", err)
	switch {
	case errors.Is(err, unix.EPERM):
		e.Hint = "something around rt forbids keyctl; --no-new-keyring does without"
	case errors.Is(err, unix.EDQUOT):
		e.Hint = "the user's key quota is used up; see /proc/sys/kernel/keys/maxkeys and --no-new-keyring"
	}
	return e
}

// oomScoreAdj: in a user namespace the right to lower it is the parent's, and
// nothing of it is left in the plan.
func oomScoreAdj(p *plan.Process) error {
	if p.OOMScoreAdj == nil {
		return nil
	}
	err := sys.SetOOMScoreAdj(0, *p.OOMScoreAdj)
	if err != nil {
		e := fault.New("process", "process.oomScoreAdj", "write /proc/self/oom_score_adj", err)
		if errors.Is(err, unix.EACCES) {
			e.Hint = "lowering it needs CAP_SYS_RESOURCE"
		}
		return e
	}
	return nil
}

// labels tell the security modules what the next execve becomes.
func labels(p *plan.Process) error {
	if p.AppArmor != "" {
		// The module's own directory came with Linux 5.8; the plain file
		// belongs to whichever module was first.
		err := sys.WriteProcSelf("attr/apparmor/exec", "exec "+p.AppArmor)
		if errors.Is(err, unix.ENOENT) && p.SELinux == "" {
			err = sys.WriteProcSelf("attr/exec", "exec "+p.AppArmor)
		}
		if err != nil {
			e := fault.New("process", "process.apparmorProfile "+p.AppArmor, "write /proc/self/attr", err)
			if errors.Is(err, unix.ENOENT) {
				e.Hint = "the profile is not loaded, or AppArmor is off"
			}
			return e
		}
	}
	if p.SELinux != "" {
		if err := sys.WriteProcSelf("attr/exec", p.SELinux); err != nil {
			return fault.New("process", "process.selinuxLabel "+p.SELinux, "write /proc/self/attr/exec", err)
		}
	}
	return nil
}

// raiseLimits does the part of the limits that needs privilege, while there is
// some. In a user namespace there is none, and the parent has done it.
func raiseLimits(p *plan.Process) error {
	for _, l := range p.Rlimits {
		if err := sys.RaiseHard(0, l.Resource, l.Hard); err != nil {
			return limitError(l, err)
		}
	}
	return nil
}

// setLimits sets the limits. It comes last: they could hit init itself.
func setLimits(p *plan.Process) error {
	nofile := false
	for _, l := range p.Rlimits {
		nofile = nofile || l.Resource == unix.RLIMIT_NOFILE
	}
	if !nofile {
		sys.RestoreNofile()
	}
	for _, l := range p.Rlimits {
		if err := sys.SetLimit(l.Resource, l.Soft, l.Hard); err != nil {
			return limitError(l, err)
		}
	}
	return nil
}

func limitError(l plan.Rlimit, err error) error {
	e := fault.New("process", "process.rlimits "+l.Name, "prlimit", err)
	if errors.Is(err, unix.EPERM) {
		e.Hint = "raising a hard limit needs CAP_SYS_RESOURCE; RLIMIT_NOFILE cannot go above /proc/sys/fs/nr_open"
	}
	return e
}

func setScheduler(p *plan.Process) error {
	s := p.Scheduler
	if s == nil {
		return nil
	}
	err := sys.SetScheduler(&unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: s.Policy, Flags: s.Flags, Nice: s.Nice, Priority: s.Priority,
		Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
	})
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EPERM) && s.Cpuset {
		return fault.New("process", "process.scheduler", "",
			errors.New("process scheduler can't be used together with AllowedCPUs"))
	}
	e := fault.New("process", "process.scheduler", "sched_setattr", err)
	if errors.Is(err, unix.EPERM) {
		e.Hint = "it needs CAP_SYS_NICE; a real-time policy on cgroup v1 also needs linux.resources.cpu.realtimeRuntime"
	}
	return e
}

func setIOPriority(p *plan.Process) error {
	if p.IOPriority == nil {
		return nil
	}
	if err := sys.SetIOPriority(*p.IOPriority); err != nil {
		return fault.New("process", "process.ioPriority", "ioprio_set", err)
	}
	return nil
}

// setAffinity undoes, without a wish of the plan, what the caller was bound
// to: the container has all CPUs of its cpuset. That is best effort.
func setAffinity(p *plan.Process) error {
	if p.Affinity == nil {
		_ = sys.SetAffinity(allCPUs())
		return nil
	}
	if err := sys.SetAffinity(p.Affinity); err != nil {
		return fault.New("process", "process.execCPUAffinity", "sched_setaffinity", err)
	}
	return nil
}

func allCPUs() []byte {
	mask := make([]byte, 1024) // the kernel knows at most 8192
	for i := range mask {
		mask[i] = 0xff
	}
	return mask
}

func setMemPolicy(p *plan.Process) error {
	if p.MemPolicy == nil {
		return nil
	}
	if err := sys.SetMemPolicy(p.MemPolicy.Mode, p.MemPolicy.Nodes); err != nil {
		return fault.New("process", "linux.memoryPolicy", "set_mempolicy", err)
	}
	return nil
}

func setPersonality(p *plan.Process) error {
	if p.Personality == nil {
		return nil
	}
	if err := sys.SetPersonality(*p.Personality); err != nil {
		return fault.New("process", "linux.personality", "personality", err)
	}
	return nil
}

// enterCwd changes into the program's directory and makes sure that it lies
// inside the container: neither a magic link of /proc nor a working directory
// from before the pivot may lead out (CVE-2024-21626).
func enterCwd(unsafeCwd string, create bool) error {
	fault := func(op string, err error) error {
		return fault.New("process", "process.cwd "+unsafeCwd, op, err)
	}
	if !strings.HasPrefix(unsafeCwd, "/") {
		return fault("open", errors.New("must be an absolute path"))
	}
	fd, err := sys.OpenDirPath(unsafeCwd)
	if errors.Is(err, unix.ENOENT) && create {
		fd, err = rootfs.MakeDirs(unsafeCwd)
	}
	if err != nil {
		return fault("open", err)
	}
	defer sys.Close(fd)
	if err := sys.Fchdir(fd); err != nil {
		return fault("chdir", err)
	}
	now, err := sys.Getcwd()
	if err == nil && !strings.HasPrefix(now, "/") {
		err = errors.New("outside of the container's root")
	}
	if err != nil {
		return fault("getcwd", err)
	}
	return nil
}

// home adds HOME where it is missing: the directory of the uid's first line in
// the container's /etc/passwd, else "/".
func home(env []string, uid uint32) []string {
	if program.HasHome(env) {
		return env
	}
	return append(env, "HOME="+program.Own.Home(uid))
}

package planner

// process.go translates the spec's process, with the personality and the
// memory policy that stand under linux, into the kernel's numbers. What has to
// be looked up inside the container (the program, HOME, the directory) is left
// to init.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
)

// Process translates s.Process. The warnings name what the spec asks for and
// will not have. A spec without a process gives the zero value. Errors are
// *fault.Error with the JSON path as object.
func Process(s *specs.Spec, f Facts, o Options) (plan.Process, []string, error) {
	if s.Process == nil {
		return plan.Process{Umask: plan.None, ConsoleFd: plan.None}, nil, nil
	}
	p := plan.Process{
		Args:            slices.Clone(s.Process.Args),
		Env:             environment(s.Process.Env),
		Cwd:             s.Process.Cwd,
		UID:             s.Process.User.UID,
		GID:             s.Process.User.GID,
		AdditionalGids:  slices.Clone(s.Process.User.AdditionalGids),
		KeepGroups:      spec.KeepGroups(s.Annotations),
		Umask:           umask(s.Process.User.Umask),
		Terminal:        s.Process.Terminal,
		ConsoleFd:       plan.None,
		NoNewPrivileges: s.Process.NoNewPrivileges,
		OOMScoreAdj:     s.Process.OOMScoreAdj,
		AppArmor:        s.Process.ApparmorProfile,
		SELinux:         s.Process.SelinuxLabel,
		PreserveFds:     o.PreserveFds,
	}
	if b := s.Process.ConsoleSize; b != nil {
		p.Width, p.Height = clamp16(b.Width), clamp16(b.Height)
	}
	if !o.NoNewKeyring {
		p.NewKeyring, p.KeyringLabel = true, p.SELinux
	}
	var warnings []string
	p.Caps, warnings = capabilities(s.Process.Capabilities, s.Process.User.UID == 0, grantable(s, f), f.LastCap)

	var err error
	if p.Rlimits, err = rlimits(s.Process.Rlimits); err != nil {
		return p, warnings, err
	}
	if p.Scheduler, err = scheduler(s.Process.Scheduler, hasCpuset(s)); err != nil {
		return p, warnings, err
	}
	if p.IOPriority, err = ioPriority(s.Process.IOPriority); err != nil {
		return p, warnings, err
	}
	if s.Linux == nil {
		return p, warnings, nil
	}
	if l := s.Linux.Personality; l != nil {
		if p.Personality, err = personality(l.Domain); err != nil {
			return p, warnings, err
		}
		if len(l.Flags) > 0 {
			warnings = append(warnings, fmt.Sprintf("linux.personality.flags: ignored, none is defined: %q", l.Flags))
		}
	}
	p.MemPolicy, err = memoryPolicy(s.Linux.MemoryPolicy)
	return p, warnings, err
}

// environment drops what a later entry of the same key overrides, and an empty
// HOME, which init is to replace.
func environment(env []string) []string {
	last := make(map[string]int, len(env))
	for i, e := range env {
		key, _, _ := strings.Cut(e, "=")
		last[key] = i
	}
	out := make([]string, 0, len(env)+1)
	for i, e := range env {
		if key, _, _ := strings.Cut(e, "="); last[key] == i && e != "HOME=" {
			out = append(out, e)
		}
	}
	return out
}

// umask is plan.None when the spec leaves it to the caller.
func umask(mask *uint32) int {
	if mask == nil {
		return plan.None
	}
	return int(*mask & 0o777)
}

func clamp16(n uint) uint16 { return uint16(min(n, math.MaxUint16)) }

func hasCpuset(s *specs.Spec) bool {
	return s.Linux != nil && s.Linux.Resources != nil && s.Linux.Resources.CPU != nil &&
		s.Linux.Resources.CPU.Cpus != ""
}

func rlimits(list []specs.POSIXRlimit) ([]plan.Rlimit, error) {
	var out []plan.Rlimit
	for i, l := range list {
		object := "process.rlimits[" + strconv.Itoa(i) + "]"
		resource, ok := resource(l.Type)
		if !ok {
			return nil, bad(object+".type", "unknown resource limit %q", l.Type)
		}
		if slices.ContainsFunc(out, func(r plan.Rlimit) bool { return r.Resource == resource }) {
			return nil, bad(object+".type", "%s is there twice", l.Type)
		}
		if l.Soft > l.Hard {
			return nil, bad(object+".soft", "must not be above hard (%d > %d)", l.Soft, l.Hard)
		}
		out = append(out, plan.Rlimit{Resource: resource, Name: l.Type, Soft: l.Soft, Hard: l.Hard})
	}
	return out, nil
}

// resources are the kernel's numbers of the specification's names. It is data
// only: nothing runs at start.
var resources = [...]struct {
	name   string
	number int
}{
	{"RLIMIT_AS", unix.RLIMIT_AS},
	{"RLIMIT_CORE", unix.RLIMIT_CORE},
	{"RLIMIT_CPU", unix.RLIMIT_CPU},
	{"RLIMIT_DATA", unix.RLIMIT_DATA},
	{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", unix.RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", unix.RLIMIT_NICE},
	{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE},
	{"RLIMIT_NPROC", unix.RLIMIT_NPROC},
	{"RLIMIT_RSS", unix.RLIMIT_RSS},
	{"RLIMIT_RTPRIO", unix.RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", unix.RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", unix.RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", unix.RLIMIT_STACK},
}

func resource(name string) (int, bool) {
	for _, r := range resources {
		if r.name == name {
			return r.number, true
		}
	}
	return 0, false
}

func limitName(number int) string {
	for _, r := range resources {
		if r.number == number {
			return r.name
		}
	}
	return strconv.Itoa(number)
}

func personality(domain specs.LinuxPersonalityDomain) (*uint64, error) {
	var persona uint64 // PER_LINUX
	switch domain {
	case specs.PerLinux:
	case specs.PerLinux32:
		persona = 0x0008
	default:
		return nil, bad("linux.personality.domain", "unknown domain %q", domain)
	}
	return &persona, nil
}

func bad(object, format string, args ...any) error {
	return fault.New("config", object, "", fmt.Errorf(format, args...))
}

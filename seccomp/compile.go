// Package seccomp turns the spec's seccomp profile into a filter that init
// only has to load. It runs in the parent and is the one user of libseccomp;
// loading is package load's part, beneath this one.
//
// The meaning of a profile is the spec's, and runc's where the spec is silent:
// names that libseccomp does not know are left out, rules that repeat the
// default action too, SCMP_ACT_ERRNO and SCMP_ACT_TRACE without errnoRet mean
// EPERM.
package seccomp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// Filter is a compiled profile.
type Filter struct {
	// BPF is an array of struct sock_filter in native byte order.
	BPF []byte
	// Flags are SECCOMP_FILTER_FLAG_* for seccomp(2), without NEW_LISTENER.
	Flags uint32
	// KillsThread: the filter does not plainly allow everything that init's
	// thread may call behind it, so init needs a watcher beside it. The
	// worst of what may happen there is that only the thread is killed.
	KillsThread bool
	// Notify: some action is SCMP_ACT_NOTIFY, so loading gives a listener.
	Notify bool
	// Skipped are the names in the profile that libseccomp does not know,
	// in the profile's order.
	Skipped []string
}

// Version is the version of the linked libseccomp, "2.5.4".
func Version() string {
	major, minor, micro := libseccomp.GetLibraryVersion()
	return fmt.Sprintf("%d.%d.%d", major, minor, micro)
}

// Compile compiles the profile. The warnings name what was left out of it and
// could be missed. Errors are *fault.Error with the JSON path as object.
func Compile(p *specs.LinuxSeccomp) (Filter, []string, error) {
	c := compiler{profile: p}
	if err := c.compile(); err != nil {
		return Filter{}, nil, err
	}
	return c.out, c.warnings, nil
}

type compiler struct {
	profile  *specs.LinuxSeccomp
	filter   *libseccomp.ScmpFilter
	fallback libseccomp.ScmpAction // the default action
	archs    []libseccomp.ScmpArch // with the native one
	names    []string              // known syscalls that the profile names
	out      Filter
	warnings []string
}

func (c *compiler) compile() error {
	p := c.profile
	if p.DefaultAction == specs.ActNotify {
		return bad("defaultAction", "SCMP_ACT_NOTIFY cannot be used as default action")
	}
	var err error
	if c.fallback, err = withCode(p.DefaultAction, p.DefaultErrnoRet, "defaultAction", "defaultErrnoRet"); err != nil {
		return err
	}
	if c.filter, err = libseccomp.NewFilter(c.fallback); err != nil {
		return fault.New("seccomp", "linux.seccomp.defaultAction", "new filter", err)
	}
	defer c.filter.Release()
	if err := c.addArchitectures(); err != nil {
		return err
	}
	for i := range p.Syscalls {
		if err := c.addRule(i, &p.Syscalls[i]); err != nil {
			return err
		}
	}
	if err := c.setFlags(); err != nil {
		return err
	}
	return c.export()
}

// addArchitectures adds those the profile names to the native one, which is
// always there.
func (c *compiler) addArchitectures() error {
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return fault.New("seccomp", "", "native architecture", err)
	}
	c.archs = []libseccomp.ScmpArch{native}
	known := len(c.profile.Architectures) == 0
	for i, name := range c.profile.Architectures {
		object := "architectures[" + strconv.Itoa(i) + "]"
		if !slices.Contains(specArchitectures(), string(name)) {
			return bad(object, fmt.Sprintf("unknown architecture %q", name))
		}
		arch, ok := architecture(name)
		if !ok {
			c.warn(object, fmt.Sprintf("libseccomp %s does not know %s: left out", Version(), name))
			continue
		}
		known = true
		if slices.Contains(c.archs, arch) {
			continue
		}
		err := c.filter.AddArch(arch)
		if errors.Is(err, unix.EDOM) {
			// The other byte order: no program of it can run here.
			c.warn(object, fmt.Sprintf("%s is not of this machine's byte order: left out", name))
			continue
		}
		if err != nil {
			return fault.New("seccomp", "linux.seccomp."+object, string(name), err)
		}
		c.archs = append(c.archs, arch)
	}
	if !known {
		return bad("architectures", fmt.Sprintf("libseccomp %s knows none of them", Version()))
	}
	return nil
}

func (c *compiler) addRule(index int, s *specs.LinuxSyscall) error {
	object := "syscalls[" + strconv.Itoa(index) + "]"
	act, err := withCode(s.Action, s.ErrnoRet, object+".action", object+".errnoRet")
	if err != nil {
		return err
	}
	conditions, repeated, err := conditions(object, s.Args)
	if err != nil {
		return err
	}
	if len(s.Names) == 0 {
		return bad(object+".names", "must name a syscall")
	}
	for _, name := range s.Names {
		if name == "" {
			return bad(object+".names", "an empty string is no syscall")
		}
		nr, err := libseccomp.GetSyscallFromName(name)
		if err != nil {
			c.out.Skipped = append(c.out.Skipped, name)
			if lets(c.profile.DefaultAction) && !lets(s.Action) {
				c.warn(object+".names", fmt.Sprintf("%s is no system call that libseccomp %s knows: it is not refused", name, Version()))
			}
			continue
		}
		if s.Action == specs.ActNotify && name == "write" {
			return bad(object, "SCMP_ACT_NOTIFY cannot be used for the write syscall")
		}
		c.names = append(c.names, name)
		if act == c.fallback {
			continue // libseccomp refuses it: nothing would change
		}
		c.out.Notify = c.out.Notify || s.Action == specs.ActNotify
		if err := c.add(nr, act, conditions, repeated); err != nil {
			return fault.New("seccomp", "linux.seccomp."+object, name, err)
		}
	}
	return nil
}

// add adds the rule for one syscall. All conditions of one rule must hold, but
// libseccomp takes only one for each argument: if an argument has several,
// every condition becomes a rule of its own, and one that holds is enough.
func (c *compiler) add(nr libseccomp.ScmpSyscall, act libseccomp.ScmpAction, conditions []libseccomp.ScmpCondition, repeated bool) error {
	if len(conditions) == 0 {
		return c.filter.AddRule(nr, act)
	}
	if !repeated {
		return c.filter.AddRuleConditional(nr, act, conditions)
	}
	for i := range conditions {
		if err := c.filter.AddRuleConditional(nr, act, conditions[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func conditions(object string, args []specs.LinuxSeccompArg) (list []libseccomp.ScmpCondition, repeated bool, err error) {
	var seen [6]bool
	for i, a := range args {
		object := object + ".args[" + strconv.Itoa(i) + "]"
		op, ok := operator(a.Op)
		if !ok {
			return nil, false, bad(object+".op", fmt.Sprintf("unknown operator %q", a.Op))
		}
		if a.Index >= uint(len(seen)) {
			return nil, false, bad(object+".index", "must be at most 5")
		}
		repeated = repeated || seen[a.Index]
		seen[a.Index] = true
		condition, err := libseccomp.MakeCondition(a.Index, op, a.Value, a.ValueTwo)
		if err != nil {
			return nil, false, fault.New("seccomp", "linux.seccomp."+object, "", err)
		}
		list = append(list, condition)
	}
	return list, repeated, nil
}

// withCode is the action with its return code.
func withCode(name specs.LinuxSeccompAction, code *uint, object, codeObject string) (libseccomp.ScmpAction, error) {
	act, ok := action(name)
	switch {
	case !ok:
		return act, bad(object, fmt.Sprintf("unknown action %q", name))
	case !hasCode(name):
		if code != nil {
			return act, bad(codeObject, string(name)+" returns no errno")
		}
		return act, nil
	case code == nil:
		return act.SetReturnCode(int16(unix.EPERM)), nil
	case *code > 0xffff: // SECCOMP_RET_DATA
		return act, bad(codeObject, "must be at most 65535")
	}
	return act.SetReturnCode(int16(uint16(*code))), nil
}

// setFlags: no list means the default, an empty list means none.
func (c *compiler) setFlags() error {
	if c.profile.Flags == nil {
		c.out.Flags = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		return nil
	}
	for i, name := range c.profile.Flags {
		bit, ok := flag(name)
		if !ok {
			return bad("flags["+strconv.Itoa(i)+"]", fmt.Sprintf("unknown flag %q", name))
		}
		c.out.Flags |= bit
	}
	if c.out.Flags&unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV != 0 && !c.out.Notify {
		// The kernel refuses it without a listener.
		c.out.Flags &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		c.warn("flags", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV has no meaning without SCMP_ACT_NOTIFY: left out")
	}
	return nil
}

func (c *compiler) export() error {
	bpf, err := exportBPF(c.filter)
	if err != nil {
		return fault.New("seccomp", "linux.seccomp", "export", err)
	}
	stub, err := c.enosysStub()
	if err != nil {
		return fault.New("seccomp", "linux.seccomp.syscalls", "", err)
	}
	c.out.BPF = append(encode(stub), bpf...)
	if n := len(c.out.BPF) / instructionSize; n > unix.BPF_MAXINSNS {
		return bad("", fmt.Sprintf("the filter has %d instructions, the kernel allows %d", n, unix.BPF_MAXINSNS))
	}
	c.out.KillsThread = strict(c.out.BPF)
	return nil
}

// exportBPF reads libseccomp's program through a pipe: exporting to memory
// came with libseccomp 2.6. Delete with the 2.6 floor.
func exportBPF(filter *libseccomp.ScmpFilter) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	exported := make(chan error, 1)
	go func() { // a long program does not fit into the pipe at once
		err := filter.ExportBPF(w)
		exported <- errors.Join(err, w.Close())
	}()
	bpf, err := io.ReadAll(r)
	return bpf, errors.Join(<-exported, err)
}

// lets: the system call is made, whatever is said of it.
func lets(a specs.LinuxSeccompAction) bool { return a == specs.ActAllow || a == specs.ActLog }

func (c *compiler) warn(object, text string) {
	c.warnings = append(c.warnings, "linux.seccomp."+object+": "+text)
}

func bad(object, text string) error {
	path := "linux.seccomp"
	if object != "" {
		path += "." + object
	}
	return fault.New("seccomp", path, "", errors.New(text))
}

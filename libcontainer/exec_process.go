package libcontainer

// exec_process.go: what exec is to run: a process of its own, or the
// container's with changes. What it leaves open is as in the container's
// configuration, which runc takes for process.json too.

import (
	"errors"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
)

func (x *execution) planProcess() error {
	p, err := x.wanted()
	if err != nil {
		return err
	}
	o := x.opts
	if err := checkTerminal(p.Terminal, o.ConsoleSocket, o.Attach != nil); err != nil {
		return err
	}
	if o.ConsoleSocket != "" && !o.Detach {
		return fault.New("terminal", "--console-socket", "", errors.New("cannot use console socket if rt will not detach or allocate tty")).
			WithHint("add --detach")
	}
	x.spec.Process = p
	host := &spec.Host{Rootless: os.Geteuid() != 0}
	host.AppArmor = p.ApparmorProfile != "" && appArmorEnabled()
	host.SELinux = p.SelinuxLabel != "" && seLinuxEnabled()
	warnings, err := spec.ValidateProcess(x.spec, host)
	if err != nil {
		return fault.New("process", "", "", err)
	}
	x.rt.warn(warnings)
	facts := planner.Facts{LastCap: sys.LastCap(), AppArmor: host.AppArmor, SELinux: host.SELinux}
	facts.CallerCaps, _ = sys.PermittedCaps()
	options := planner.Options{ContainerID: o.ID, NoNewKeyring: x.c.rec.NoNewKeyring, PreserveFds: o.PreserveFds}
	if x.process, warnings, err = planner.Process(x.spec, facts, options); err != nil {
		return err
	}
	x.rt.warn(warnings)
	if a := p.ExecCPUAffinity; a != nil && a.Final != "" {
		x.process.Affinity, err = planner.CPUMask(a.Final)
	}
	return err
}

// wanted is the process as the caller and the container's configuration
// together want it.
func (x *execution) wanted() (*specs.Process, error) {
	own := x.spec.Process
	if own == nil {
		own = &specs.Process{Cwd: "/"}
	}
	switch {
	case x.opts.ProcessFile != "":
		p, err := spec.LoadProcess(x.opts.ProcessFile)
		if err != nil {
			return nil, err
		}
		return inherit(*p, own), nil
	case x.opts.Process != nil:
		return inherit(*x.opts.Process, own), nil
	case len(x.opts.Override.Args) == 0:
		return nil, fault.New("", "process", "", errors.New("process args cannot be empty"))
	}
	return override(*own, x.opts.Override), nil
}

// inherit fills in what a process of its own does not say.
func inherit(p specs.Process, own *specs.Process) *specs.Process {
	if p.Capabilities == nil {
		p.Capabilities = own.Capabilities
	}
	if len(p.Rlimits) == 0 {
		p.Rlimits = own.Rlimits
	}
	if p.ApparmorProfile == "" {
		p.ApparmorProfile = own.ApparmorProfile
	}
	if p.SelinuxLabel == "" {
		p.SelinuxLabel = own.SelinuxLabel
	}
	if p.OOMScoreAdj == nil {
		p.OOMScoreAdj = own.OOMScoreAdj
	}
	if p.Scheduler == nil {
		p.Scheduler = own.Scheduler
	}
	if p.IOPriority == nil {
		p.IOPriority = own.IOPriority
	}
	if p.ExecCPUAffinity == nil {
		p.ExecCPUAffinity = own.ExecCPUAffinity
	}
	if p.User.Umask == nil {
		p.User.Umask = own.User.Umask
	}
	return &p
}

// override is the container's own process with changes.
func override(p specs.Process, o ProcessOverride) *specs.Process {
	p.Args = o.Args
	p.Terminal = o.Terminal
	p.ConsoleSize = nil
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	p.Env = slices.Concat(p.Env, o.Env)
	if o.UID != nil {
		p.User.UID = *o.UID
	}
	if o.GID != nil {
		p.User.GID = *o.GID
	}
	p.User.AdditionalGids = slices.Concat(p.User.AdditionalGids, o.AdditionalGids)
	if o.AppArmor != "" {
		p.ApparmorProfile = o.AppArmor
	}
	if o.SELinux != "" {
		p.SelinuxLabel = o.SELinux
	}
	if o.NoNewPrivileges != nil {
		p.NoNewPrivileges = *o.NoNewPrivileges
	}
	if len(o.Capabilities) > 0 {
		p.Capabilities = addCapabilities(p.Capabilities, o.Capabilities)
	}
	return &p
}

// addCapabilities adds to a copy of the sets. Ambient ones must be inheritable
// (capabilities(7)); making them so would be more than was asked for.
func addCapabilities(old *specs.LinuxCapabilities, names []string) *specs.LinuxCapabilities {
	var c specs.LinuxCapabilities
	if old != nil {
		c = *old
	}
	c.Bounding = slices.Concat(c.Bounding, names)
	c.Permitted = slices.Concat(c.Permitted, names)
	c.Effective = slices.Concat(c.Effective, names)
	c.Ambient = slices.Clone(c.Ambient)
	for _, name := range names {
		if slices.Contains(c.Inheritable, name) {
			c.Ambient = append(c.Ambient, name)
		}
	}
	return &c
}

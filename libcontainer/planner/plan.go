package planner

// plan.go puts the whole plan together. What it leaves open is marked
// plan.None and opened by the parent: fds.

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
)

// Plan turns a validated spec into the plan of its init. The warnings are for
// the user: what the spec asks for and will not have.
func Plan(s *specs.Spec, ns Namespaces, f Facts, o Options) (*plan.Plan, []string, error) {
	p := &plan.Plan{
		NotDumpable:    ns.Visible(),
		UserNS:         ns.Has&unix.CLONE_NEWUSER != 0,
		Unshare:        uint64(ns.Unshare),
		Loopback:       ns.New&unix.CLONE_NEWNET != 0,
		Hostname:       s.Hostname,
		Domainname:     s.Domainname,
		SeccompFollows: HasSeccomp(s),
		Bundle:         o.Bundle,
		ListenFd:       plan.None,
		HookStdout:     plan.None, HookStderr: plan.None,
	}
	if p.UserNS {
		p.NSUID, p.NSGID = Owner(s.Linux)
	}
	if h := s.Hooks; h != nil {
		//lint:ignore SA1019 deprecated in the specification, and how Docker sets up networks
		p.RuntimeHooks = len(h.Prestart)+len(h.CreateRuntime) > 0
		p.CreateContainer = Hooks(h.CreateContainer)
		p.StartContainer = Hooks(h.StartContainer)
	}
	var err error
	if s.Root != nil {
		if p.Rootfs, err = Rootfs(s, f, o); err != nil {
			return nil, nil, err
		}
	}
	var warnings []string
	p.Process, warnings, err = Process(s, f, o)
	return p, warnings, err
}

// HasSeccomp says that the process gets a filter: that of the profile, or the
// one that an annotation puts in its place.
func HasSeccomp(s *specs.Spec) bool {
	return s.Process != nil && (s.Linux != nil && s.Linux.Seccomp != nil || spec.SeccompBPF(s.Annotations) != nil)
}

// Owner are the ids that a process of rt's is in the container's user namespace
// until it becomes the container's user: 0, which owns things there, or else
// the lowest there is. A joined namespace need not be described; everybody's
// has 0.
func Owner(l *specs.Linux) (uid, gid uint32) { return lowest(l.UIDMappings), lowest(l.GIDMappings) }

func lowest(mappings []specs.LinuxIDMapping) uint32 {
	if len(mappings) == 0 {
		return 0
	}
	id := mappings[0].ContainerID
	for _, m := range mappings {
		id = min(id, m.ContainerID)
	}
	return id
}

// Visible says that others are in the pid namespace that init is born in.
func (n Namespaces) Visible() bool { return n.Joins(unix.CLONE_NEWPID) }

// Joins says whether an existing namespace of this kind, a CLONE_NEW* bit, is
// entered.
func (n Namespaces) Joins(flag uintptr) bool { return n.Has&^n.New&flag != 0 }

// Hooks translates a list of hooks.
func Hooks(list []specs.Hook) []plan.Hook {
	var hooks []plan.Hook
	for _, h := range list {
		hook := plan.Hook{Path: h.Path, Args: slices.Clone(h.Args), Env: slices.Clone(h.Env)}
		if h.Timeout != nil {
			hook.Timeout = *h.Timeout
		}
		hooks = append(hooks, hook)
	}
	return hooks
}

package libcontainer

// launch_init.go: what is done to an init that has been started and has not yet
// got its plan: cgroups, privileges, its place in the record.

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/spec"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

// attachCgroup makes the cgroup, sets its limits and puts init into it, where
// spawn has not done so already. An init that is parked stays out of where
// memory is charged.
func (l *launch) attachCgroup() error {
	if l.isDirect && l.outside.placed || !l.isDirect && l.bornInCgroup() {
		return nil
	}
	if !l.isDirect { // else it was made while init began
		if err := l.createCgroup(); err != nil {
			return err
		}
	}
	attach := l.cg.Attach
	if l.parked() {
		attach = l.cg.AttachParked
	}
	err := attach(l.init.pid)
	l.rt.warn(l.cg.Warnings())
	return err
}

// bornInCgroup: on pure v2 init begins its life in its cgroup, unless that is a
// unit of systemd, which needs init to begin. On v1 one that is C goes there by
// itself before it is executed, but not where its execution would not fit in.
func (l *launch) bornInCgroup() bool {
	switch r := l.cg.Record(); {
	case r.Unit != nil || r.Manager == cgroups.ManagerNone:
		return false
	case r.Manager == cgroups.ManagerV2:
		return true
	}
	return l.isDirect && !littleMemory(l.resources())
}

func (l *launch) createCgroup() error {
	early, _ := splitPids(l.resources())
	err := l.cg.Create(early)
	l.rt.warn(l.cg.Warnings())
	return err
}

// initPids is what init itself needs: the threads of its Go runtime, and hooks.
const initPids = 32

// splitPids takes out a limit of processes with which init could not even
// start: late, if not nil, is set when init is ready. The threads that are there
// then stay, and end with execve.
func splitPids(res *specs.LinuxResources) (early, late *specs.LinuxResources) {
	const file = "pids.max"
	if res == nil {
		return nil, nil
	}
	few := func(limit int64) bool { return limit >= 0 && limit < initPids }
	unified, err := strconv.ParseInt(strings.TrimSpace(res.Unified[file]), 10, 64)
	switch {
	case err == nil && few(unified): // it would overwrite the other
		late = &specs.LinuxResources{Unified: map[string]string{file: res.Unified[file]}}
	case res.Unified[file] == "" && res.Pids != nil && res.Pids.Limit != nil && few(*res.Pids.Limit):
		late = &specs.LinuxResources{Pids: res.Pids}
	default:
		return res, nil
	}
	rest := *res
	rest.Pids, rest.Unified = nil, maps.Clone(res.Unified)
	delete(rest.Unified, file)
	return &rest, late
}

// privileged sets what the root of a user namespace may not set for itself.
func (l *launch) privileged(p *plan.Plan) error {
	if !p.UserNS {
		return nil
	}
	if l.ns.Enter == nil {
		if err := l.setOOMScoreAdj(); err != nil {
			return err
		}
	}
	p.Process.OOMScoreAdj = nil // done
	for _, limit := range p.Process.Rlimits {
		if err := sys.RaiseHard(l.init.pid, limit.Resource, limit.Hard); err != nil {
			return fault.New("process", "process.rlimits "+limit.Name, "prlimit", err).
				WithHint("raising a hard limit needs CAP_SYS_RESOURCE")
		}
	}
	return nil
}

// setOOMScoreAdj is the parent's where there is a user namespace: what init may
// not lower itself. Of an init that joins one this must come before: its files
// in /proc become root's.
func (l *launch) setOOMScoreAdj() error {
	if l.spec.Process == nil || l.spec.Process.OOMScoreAdj == nil {
		return nil
	}
	err := sys.SetOOMScoreAdj(l.init.pid, *l.spec.Process.OOMScoreAdj)
	if err == nil {
		return nil
	}
	e := fault.New("process", "process.oomScoreAdj", fmt.Sprintf("write /proc/%d/oom_score_adj", l.init.pid), err)
	if errors.Is(err, unix.EACCES) {
		e.Hint = "lowering it needs CAP_SYS_RESOURCE"
	}
	return e
}

// identify records init and the cgroups that are now the container's.
func (l *launch) identify() error {
	process, err := state.Identify(l.init.pid)
	if err != nil {
		return fault.New("state", fmt.Sprintf("pid %d", l.init.pid), "read start time", err)
	}
	l.rec.Init = process
	if err := setCgroup(l.rec, l.cg.Record()); err != nil {
		return err
	}
	return l.dir.Save(l.rec)
}

// enterSubgroup moves init into the cgroup that an annotation names below the
// unit's own, while init has not made its cgroup namespace: that begins there.
func (l *launch) enterSubgroup() error {
	name := l.subgroup()
	if name == "" {
		return nil
	}
	if err := l.cg.Enter(name, l.init.pid); err != nil {
		return annotated("run.oci.systemd.subgroup", err)
	}
	return l.park()
}

// subgroup: only a unit of systemd's has one.
func (l *launch) subgroup() string {
	if l.cg.Record().Unit == nil {
		return ""
	}
	return spec.SystemdSubgroup(l.spec.Annotations)
}

// enterDelegated moves init, which has made its cgroup namespace, into the
// cgroup that an annotation names below its own: there the container is to do
// as it likes, below the limits.
func (l *launch) enterDelegated() error {
	name := spec.DelegateCgroup(l.spec.Annotations)
	if name == "" {
		return nil
	}
	if err := l.cg.Enter(path.Join(l.subgroup(), name), l.init.pid); err != nil {
		return annotated("run.oci.delegate-cgroup", err)
	}
	return nil
}

func annotated(name string, err error) error {
	return fault.New("cgroup", `annotations["`+name+`"]`, "", err).WithHint(fault.Hint(err))
}

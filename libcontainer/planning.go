package libcontainer

// planning.go gathers what the pure planner must know, and prepares the parts
// of the conversation that go beside the plan: hook states and the filter.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups"
	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
	"rt/seccomp"
)

func (l *launch) options() planner.Options {
	return planner.Options{
		ContainerID:  l.opts.ID,
		Bundle:       l.opts.Bundle,
		NoPivot:      l.opts.NoPivot,
		NoNewKeyring: l.opts.NoNewKeyring,
		PreserveFds:  l.opts.PreserveFds,
	}
}

func (l *launch) facts() planner.Facts {
	f := planner.Facts{Rootless: l.rt.rootless(), LastCap: sys.LastCap()}
	f.CallerCaps, _ = sys.PermittedCaps()
	if p := l.spec.Process; p != nil {
		f.AppArmor = p.ApparmorProfile != "" && appArmorEnabled()
	}
	f.SELinux = wantsSELinux(l.spec) && seLinuxEnabled()
	systemd := spec.SystemdV1(l.spec.Annotations)
	for _, m := range l.spec.Mounts {
		if m.Type == "cgroup" || m.Type == "cgroup2" || systemd != "" && m.Destination == systemd {
			f.Cgroup = cgroupFacts(l.cg.Record())
			break
		}
	}
	return f
}

// hookStates writes the state that hooks inside the container get. In it is
// the pid as the container sees it (runtime-spec runtime.md, "State").
func (l *launch) hookStates(p *plan.Plan) error {
	if len(p.CreateContainer)+len(p.StartContainer) == 0 {
		return nil
	}
	pid, err := pidInside(l.init.pid)
	if err != nil {
		return fault.New("state", fmt.Sprintf("pid %d", l.init.pid), "read its pid in the container", err)
	}
	if p.CreateState, err = hookStateJSON(l.rec, Creating, pid); err != nil {
		return err
	}
	p.StartState, err = hookStateJSON(l.rec, Created, pid)
	return err
}

// pidInside is the pid of a process in its own pid namespace: the last one of
// the line NSpid (proc_pid_status(5)).
func pidInside(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			pids := strings.Fields(list)
			return strconv.Atoi(pids[len(pids)-1])
		}
	}
	return 0, errors.ErrUnsupported
}

// compileSeccomp returns the container's filter, compiled or from the cache,
// and, when it notifies, the connection to the agent.
func (l *launch) compileSeccomp() (*plan.Seccomp, []int, error) {
	if !planner.HasSeccomp(l.spec) {
		return nil, nil, nil
	}
	var profile *specs.LinuxSeccomp
	if l.spec.Linux != nil {
		profile = l.spec.Linux.Seccomp
	}
	filter, err := l.seccompFilter(profile)
	if err != nil {
		return nil, nil, err
	}
	if len(filter.Skipped) > 0 {
		l.rt.log.Debug("seccomp: system calls unknown to libseccomp " + seccomp.Version() + ": " + strings.Join(filter.Skipped, " "))
	}
	l.rt.log.Debug("seccomp filter flags: " + strconv.Itoa(int(filter.Flags)))
	s := &plan.Seccomp{BPF: filter.BPF, Flags: filter.Flags, KillsThread: filter.KillsThread, NotifyFd: plan.None}
	if !filter.Notify {
		return s, nil, nil
	}
	agent, err := l.connectAgent(profile, s)
	if err != nil {
		return nil, nil, err
	}
	return s, []int{agent}, nil
}

// seccompFilter is the profile's filter, or the one given in an annotation.
func (l *launch) seccompFilter(profile *specs.LinuxSeccomp) (seccomp.Filter, error) {
	if bpf := spec.SeccompBPF(l.spec.Annotations); bpf != nil {
		return seccomp.Ready(bpf, profile)
	}
	filter, warnings, err := seccomp.Cached(l.store.Path()+"/"+state.CacheDir, profile)
	l.rt.warn(warnings)
	return filter, err
}

// connectAgent connects to the seccomp agent and writes the message that init
// will send with the listener (runtime-spec config-linux.md, "The Container
// Process State").
func (l *launch) connectAgent(profile *specs.LinuxSeccomp, s *plan.Seccomp) (int, error) {
	if profile == nil || profile.ListenerPath == "" {
		return -1, fault.New("seccomp", "linux.seccomp.listenerPath", "", errors.New("must be set: an action is SCMP_ACT_NOTIFY"))
	}
	fd, err := sys.Connect(profile.ListenerPath)
	if err != nil {
		return -1, fault.New("seccomp", "linux.seccomp.listenerPath", "failed to connect with seccomp agent at "+profile.ListenerPath, err)
	}
	st := specs.State{
		Version: l.rec.OCIVersion, ID: l.rec.ID, Status: Creating, Pid: l.init.pid,
		Bundle: l.rec.Bundle, Annotations: l.rec.Annotations,
	}
	s.NotifyState, err = json.Marshal(specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: l.init.pid,
		Metadata: profile.ListenerMetadata, State: st,
	})
	s.NotifyFd = 0
	if err != nil {
		sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

// cgroupFacts is what a mount of type cgroup must know.
func cgroupFacts(own cgroups.Record) planner.CgroupFacts {
	layout, err := cgroups.Host()
	if err != nil {
		return planner.CgroupFacts{}
	}
	f := planner.CgroupFacts{Unified: layout.Unified, V2: layout.Mode == cgroups.ManagerV2, Own: own.Paths[""]}
	for _, h := range layout.Hierarchies {
		fact := planner.HierarchyFacts{Name: h.Name, Options: h.Options, Own: own.Paths[""]}
		if !h.V2 {
			fact.Own = own.Paths[h.Controllers[0]]
			fact.Links = links(h)
		}
		f.Hierarchies = append(f.Hierarchies, fact)
	}
	return f
}

// links are the controllers' own names beside a hierarchy's directory name:
// "cpu" and "cpuacct" for "cpu,cpuacct".
func links(h cgroups.Hierarchy) []string {
	if len(h.Controllers) < 2 {
		return nil
	}
	var names []string
	for _, c := range h.Controllers {
		if c != h.Name {
			names = append(names, c)
		}
	}
	return names
}

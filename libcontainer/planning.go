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
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

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
	if err := l.compileFilter(); err != nil || !l.notifies {
		return l.filter, nil, err
	}
	s := l.filter
	profile := seccompProfile(l.spec)
	agent, err := connectAgent(profile)
	if err != nil {
		return nil, nil, err
	}
	if s.NotifyState, err = agentState(l.rec, profile, Creating, l.init.pid, l.init.pid); err != nil {
		sys.Close(agent)
		return nil, nil, err
	}
	return s, []int{agent}, nil
}

// compileFilter compiles the container's filter, once.
func (l *launch) compileFilter() (err error) {
	if l.filter != nil {
		return nil
	}
	l.filter, l.notifies, err = l.rt.compileFilter(l.store.Path(), l.spec)
	if l.notifies {
		l.filter.NotifyFd = 0
	}
	return err
}

// compileFilter is the filter of the profile, compiled or taken from the cache
// below the state root, or the one given in an annotation. notify: it has a
// listener, which is for an agent.
func (r *Runtime) compileFilter(root string, s *specs.Spec) (_ *plan.Seccomp, notify bool, err error) {
	filter, err := r.seccompFilter(root, s)
	if err != nil {
		return nil, false, err
	}
	if len(filter.Skipped) > 0 {
		r.log.Debug("seccomp: system calls unknown to libseccomp " + seccomp.Version() + ": " + strings.Join(filter.Skipped, " "))
	}
	flags := filter.Flags
	if filter.Notify {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // whoever loads it asks for one
	}
	r.log.Debug("seccomp filter flags: " + strconv.FormatUint(uint64(flags), 10))
	return &plan.Seccomp{BPF: filter.BPF, Flags: filter.Flags, KillsThread: filter.KillsThread, NotifyFd: plan.None}, filter.Notify, nil
}

// seccompProfile is the specification's, or nil.
func seccompProfile(s *specs.Spec) *specs.LinuxSeccomp {
	if s.Linux == nil {
		return nil
	}
	return s.Linux.Seccomp
}

func (r *Runtime) seccompFilter(root string, s *specs.Spec) (seccomp.Filter, error) {
	profile := seccompProfile(s)
	if bpf := spec.SeccompBPF(s.Annotations); bpf != nil {
		return seccomp.Ready(bpf, profile)
	}
	filter, warnings, err := seccomp.Cached(root+"/"+state.CacheDir, profile)
	r.warn(warnings)
	return filter, err
}

// agentTime is how long the agent may take to read: a process waits meanwhile,
// without a system call.
const agentTime = 10 * time.Second

// connectAgent connects to the seccomp agent.
func connectAgent(profile *specs.LinuxSeccomp) (int, error) {
	if profile == nil || profile.ListenerPath == "" {
		return -1, fault.New("seccomp", "linux.seccomp.listenerPath", "", errors.New("must be set: an action is SCMP_ACT_NOTIFY"))
	}
	fd, err := sys.Connect(profile.ListenerPath)
	if err == nil {
		if err = sys.LimitSend(fd, agentTime); err != nil {
			sys.Close(fd)
		}
	}
	if err != nil {
		return -1, fault.New("seccomp", "linux.seccomp.listenerPath", "failed to connect with seccomp agent at "+profile.ListenerPath, err)
	}
	return fd, nil
}

// agentState is the message that goes to the agent with the listener of process
// pid (runtime-spec config-linux.md, "The Container Process State").
func agentState(rec *state.Record, profile *specs.LinuxSeccomp, status specs.ContainerState, pid, init int) ([]byte, error) {
	return json.Marshal(specs.ContainerProcessState{
		Version: specs.Version, Fds: []string{specs.SeccompFdName}, Pid: pid,
		Metadata: profile.ListenerMetadata,
		State: specs.State{
			Version: rec.OCIVersion, ID: rec.ID, Status: status, Pid: init,
			Bundle: rec.Bundle, Annotations: rec.Annotations,
		},
	})
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

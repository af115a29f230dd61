package planner

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

func ptr[T any](v T) *T { return &v }

var rootFacts = Facts{LastCap: 40, CallerCaps: 1<<41 - 1}

func TestProcessWhole(t *testing.T) {
	s := &specs.Spec{
		Process: &specs.Process{
			Args: []string{"sh"}, Env: []string{"A=1", "HOME=", "B=2", "A=3", "PATH=/bin"}, Cwd: "/srv",
			Terminal: true, ConsoleSize: &specs.Box{Width: 80, Height: 1 << 20},
			User:            specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}, Umask: ptr(uint32(0o27))},
			NoNewPrivileges: true, OOMScoreAdj: ptr(-5), ApparmorProfile: "docker-default", SelinuxLabel: "u:r:t:s0",
			Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
			Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: math.MaxUint64}},
			Scheduler:    &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 3, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}},
			IOPriority:   &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 4},
			// For exec only.
			ExecCPUAffinity: &specs.CPUAffinity{Initial: "0"},
		},
		Linux: &specs.Linux{
			Personality:  &specs.LinuxPersonality{Domain: specs.PerLinux32},
			MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0,2", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes}},
			Resources:    &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}},
		},
	}
	got, warnings, err := Process(s, rootFacts, Options{ContainerID: "web", PreserveFds: 2})
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	want := plan.Process{
		Args: []string{"sh"}, Env: []string{"B=2", "A=3", "PATH=/bin"}, Cwd: "/srv",
		Terminal: true, ConsoleFd: plan.None, Width: 80, Height: math.MaxUint16,
		UID: 1, GID: 2, AdditionalGids: []uint32{3}, Umask: 0o27,
		NoNewPrivileges: true, OOMScoreAdj: ptr(-5), AppArmor: "docker-default", SELinux: "u:r:t:s0",
		Caps:      &plan.Caps{Bounding: 1 << unix.CAP_KILL, Last: 40},
		Rlimits:   []plan.Rlimit{{Resource: unix.RLIMIT_NOFILE, Name: "RLIMIT_NOFILE", Soft: 10, Hard: math.MaxUint64}},
		Scheduler: &plan.Scheduler{Policy: 1, Priority: 3, Flags: 1, Cpuset: true}, IOPriority: ptr(2<<13 | 4),
		Personality: ptr(uint64(8)), MemPolicy: &plan.MemPolicy{Mode: 2 | 1<<15, Nodes: []uint64{5}},
		NewKeyring: true, KeyringLabel: "u:r:t:s0", PreserveFds: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProcessLeast(t *testing.T) {
	got, warnings, err := Process(&specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}},
		Facts{LastCap: 40, Rootless: true}, Options{NoNewKeyring: true})
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	want := plan.Process{Args: []string{"x"}, Env: []string{}, Cwd: "/", Umask: plan.None, ConsoleFd: plan.None,
		Caps: &plan.Caps{Last: 40}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, _, err = Process(&specs.Spec{}, Facts{}, Options{})
	if diff := cmp.Diff(plan.Process{Umask: plan.None, ConsoleFd: plan.None}, got); err != nil || diff != "" {
		t.Errorf("no process: %v (-want +got):\n%s", err, diff)
	}
}

func TestCapabilities(t *testing.T) {
	const chown, kill, bind, admin, bpf = 1 << 0, 1 << 5, 1 << 10, 1 << 21, 1 << 39
	for name, c := range map[string]struct {
		caps      specs.LinuxCapabilities
		grantable uint64
		last      int
		want      plan.Caps
		warnings  []string
	}{
		"all sets": {
			specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN"},
				Effective: []string{"CAP_CHOWN"}, Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"}},
			1<<41 - 1, 40,
			plan.Caps{Bounding: chown | kill, Permitted: chown, Effective: chown, Inheritable: chown, Ambient: chown}, nil,
		},
		"unknown": {
			specs.LinuxCapabilities{Bounding: []string{"CAP_WARP", "CAP_KILL"}, Permitted: []string{"CAP_WARP", "cap_kill", "NET_ADMIN", "ALL"}},
			1<<41 - 1, 40, plan.Caps{Bounding: kill},
			[]string{"ignoring unknown capability CAP_WARP", "ignoring unknown capability cap_kill: it is called CAP_KILL",
				"ignoring unknown capability NET_ADMIN: it is called CAP_NET_ADMIN", "ignoring unknown capability ALL"},
		},
		"unknown to this kernel": {
			specs.LinuxCapabilities{Bounding: []string{"CAP_BPF", "CAP_KILL"}}, 1<<41 - 1, 38, plan.Caps{Bounding: kill},
			[]string{"ignoring unknown capability CAP_BPF"},
		},
		"not grantable": {
			specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}, Permitted: []string{"CAP_SYS_ADMIN", "CAP_KILL"}, Effective: []string{"CAP_SYS_ADMIN"}},
			kill, 40, plan.Caps{Bounding: admin, Permitted: kill},
			[]string{"can't grant permitted capability CAP_SYS_ADMIN: the caller does not have it",
				"can't grant effective capability CAP_SYS_ADMIN: it is not permitted"},
		},
		"ambient": {
			specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN"}, Permitted: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"}},
			1<<41 - 1, 40, plan.Caps{Bounding: chown, Permitted: chown},
			[]string{"can't raise ambient capability CAP_CHOWN: not both permitted and inheritable"},
		},
		"inheritable": {
			specs.LinuxCapabilities{Inheritable: []string{"CAP_NET_BIND_SERVICE"}}, 1<<41 - 1, 40, plan.Caps{},
			[]string{"can't grant inheritable capability CAP_NET_BIND_SERVICE: it is not in the bounding set"},
		},
	} {
		got, warnings := capabilities(&c.caps, false, c.grantable, c.last)
		c.want.Last = c.last
		if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.warnings, warnings); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	_, _ = bind, bpf
}

// What root cannot have as ambient it has anyway. That is not worth a warning
// to those who never ask for inheritable ones.
func TestAmbientOfRoot(t *testing.T) {
	both := []string{"CAP_CHOWN", "CAP_KILL"}
	caps := &specs.LinuxCapabilities{Bounding: both, Permitted: both, Effective: both, Ambient: both}
	if got, warnings := capabilities(caps, true, 1<<41-1, 40); got.Ambient != 0 || warnings != nil {
		t.Errorf("ambient %#x, %q", got.Ambient, warnings)
	}
	caps.Inheritable = both[:1]
	if got, warnings := capabilities(caps, true, 1<<41-1, 40); got.Ambient != 1 || len(warnings) != 1 {
		t.Errorf("ambient %#x, %q", got.Ambient, warnings)
	}
}

func TestGrantable(t *testing.T) {
	f := Facts{LastCap: 3, CallerCaps: 0xff}
	if got := grantable(&specs.Spec{}, f); got != 0xf {
		t.Errorf("host: %#x", got)
	}
	s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}}}}
	if got := grantable(s, Facts{LastCap: 40}); got != 1<<41-1 {
		t.Errorf("user namespace: %#x", got)
	}
	if upTo(-1) != 0 || upTo(63) != ^uint64(0) || upTo(100) != ^uint64(0) {
		t.Error("upTo")
	}
	if got := Capabilities(1); !cmp.Equal(got, []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE"}) || len(Capabilities(99)) != 41 {
		t.Errorf("%q", got)
	}
}

// TestProcessRefused pins the texts, some of which users' tests look for.
func TestProcessRefused(t *testing.T) {
	limit := func(name string, soft, hard uint64) specs.POSIXRlimit {
		return specs.POSIXRlimit{Type: name, Soft: soft, Hard: hard}
	}
	sched := func(s specs.Scheduler) *specs.Process { return &specs.Process{Scheduler: &s} }
	mem := func(mode, nodes string, flags ...specs.MemoryPolicyFlagType) *specs.Linux {
		return &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: specs.MemoryPolicyModeType(mode), Nodes: nodes, Flags: flags}}
	}
	for want, s := range map[string]*specs.Spec{
		`config: process.rlimits[0].type: unknown resource limit "RLIMIT_X"`:                                 {Process: &specs.Process{Rlimits: []specs.POSIXRlimit{limit("RLIMIT_X", 0, 0)}}},
		`config: process.rlimits[1].type: RLIMIT_CPU is there twice`:                                         {Process: &specs.Process{Rlimits: []specs.POSIXRlimit{limit("RLIMIT_CPU", 0, 0), limit("RLIMIT_CPU", 0, 0)}}},
		`config: process.rlimits[0].soft: must not be above hard (2 > 1)`:                                    {Process: &specs.Process{Rlimits: []specs.POSIXRlimit{limit("RLIMIT_CPU", 2, 1)}}},
		`config: process.scheduler.policy: unknown policy ""`:                                                {Process: sched(specs.Scheduler{})},
		`config: process.scheduler.nice: must be from -20 to 19, is 20`:                                      {Process: sched(specs.Scheduler{Policy: specs.SchedOther, Nice: 20})},
		`config: process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only`:                            {Process: sched(specs.Scheduler{Policy: specs.SchedOther, Priority: 1})},
		`config: process.scheduler.priority: must not be negative, is -1`:                                    {Process: sched(specs.Scheduler{Policy: specs.SchedRR, Priority: -1})},
		`config: process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only`:                {Process: sched(specs.Scheduler{Policy: specs.SchedIdle, Runtime: 1})},
		`config: process.scheduler.flags[0]: unknown flag "F"`:                                               {Process: sched(specs.Scheduler{Policy: specs.SchedISO, Flags: []specs.LinuxSchedulerFlag{"F"}})},
		`config: process.ioPriority.class: unknown class "IOPRIO_CLASS_NONE"`:                                {Process: &specs.Process{IOPriority: &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_NONE"}}},
		`config: process.ioPriority.priority: must be from 0 to 7, is 8`:                                     {Process: &specs.Process{IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 8}}},
		`config: linux.personality.domain: unknown domain "BSD"`:                                             {Process: &specs.Process{}, Linux: &specs.Linux{Personality: &specs.LinuxPersonality{Domain: "BSD"}}},
		`config: linux.memoryPolicy.mode: invalid memory policy mode "MPOL_X"`:                               {Process: &specs.Process{}, Linux: mem("MPOL_X", "")},
		`config: linux.memoryPolicy.flags: invalid memory policy flag "MPOL_F_X"`:                            {Process: &specs.Process{}, Linux: mem("MPOL_BIND", "0", "MPOL_F_X")},
		`config: linux.memoryPolicy.nodes: invalid memory policy node: "bad" is not a number`:                {Process: &specs.Process{}, Linux: mem("MPOL_BIND", "bad")},
		`config: linux.memoryPolicy.nodes: invalid memory policy: mode requires 0 nodes but got 8`:           {Process: &specs.Process{}, Linux: mem("MPOL_DEFAULT", "0-7")},
		`config: linux.memoryPolicy.nodes: invalid memory policy: mode requires at least one node but got 0`: {Process: &specs.Process{}, Linux: mem("MPOL_INTERLEAVE", "")},
	} {
		if _, _, err := Process(s, rootFacts, Options{}); err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}

func TestCPUMask(t *testing.T) {
	for list, want := range map[string][]byte{
		"0":           {1, 0, 0, 0, 0, 0, 0, 0},
		"0-3,7":       {0x8f, 0, 0, 0, 0, 0, 0, 0},
		" 1 - 2 , 9 ": {6, 2, 0, 0, 0, 0, 0, 0},
		"63-64":       {0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		got, err := CPUMask(list)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", list, err, diff)
		}
	}
	for _, list := range []string{"", ",", "1,", "-", "3-1", "a", "+1", "-1", "1-2-3", "0x1", "8192", "0-99999999999999999999"} {
		if got, err := CPUMask(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}

func FuzzParseList(f *testing.F) {
	f.Add("0-3,7")
	f.Fuzz(func(t *testing.T, list string) {
		words, err := parseList(list)
		if err == nil && (len(words) == 0 || words[len(words)-1] == 0 || len(words) > (maxList+1)/64) {
			t.Errorf("%q: %v", list, words)
		}
	})
}

// TestScheduler: every policy and number of the specification in the kernel's
// terms (linux/sched.h).
func TestScheduler(t *testing.T) {
	for name, policy := range map[specs.LinuxSchedulerPolicy]uint32{
		specs.SchedOther: 0, specs.SchedFIFO: 1, specs.SchedRR: 2, specs.SchedBatch: 3, specs.SchedISO: 4, specs.SchedIdle: 5, specs.SchedDeadline: 6,
	} {
		if got, err := scheduler(&specs.Scheduler{Policy: name}, false); err != nil || got.Policy != policy {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err := scheduler(&specs.Scheduler{
		Policy: specs.SchedDeadline, Nice: 1, Runtime: 2, Deadline: 3, Period: 4,
		Flags: []specs.LinuxSchedulerFlag{
			specs.SchedFlagResetOnFork, specs.SchedFlagReclaim, specs.SchedFlagDLOverrun, specs.SchedFlagKeepPolicy,
			specs.SchedFlagKeepParams, specs.SchedFlagUtilClampMin, specs.SchedFlagUtilClampMax,
		},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	want := &plan.Scheduler{Policy: 6, Flags: 0x7f, Nice: 1, Runtime: 2, Deadline: 3, Period: 4, Cpuset: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package planner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// script is a list of operations for people: one line each.
func script(ops []plan.Op) string {
	var b strings.Builder
	for _, op := range ops {
		text := op.Text
		if bytes.Equal(text, everyCPU()) {
			text = []byte("every CPU")
		}
		fmt.Fprintf(&b, "%d %s|%s|%s %#x %#x %#x", op.Code, op.Step, op.Object, op.Call, op.A, op.B, op.C)
		if op.Extra != 0 {
			fmt.Fprintf(&b, " +%d", op.Extra)
		}
		if len(text) > 0 {
			fmt.Fprintf(&b, " %q", text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestJoinGolden(t *testing.T) {
	plain := func() plan.Process {
		return plan.Process{
			Args: []string{"sh", "-c", "id"}, Env: []string{"PATH=/bin", "HOME=/"}, Cwd: "/srv",
			Umask: plan.None, ConsoleFd: plan.None, NewKeyring: true,
			Caps: &plan.Caps{Bounding: 0xa80425fb, Effective: 0xa80425fb, Permitted: 0xa80425fb, Last: 40},
		}
	}
	const five = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC
	everything := plain()
	everything.Terminal, everything.Width, everything.Height = true, 80, 24
	everything.UID, everything.GID, everything.AdditionalGids = 1000, 100, []uint32{5, 6}
	everything.AppArmor, everything.SELinux, everything.KeyringLabel = "docker-default", "u:r:t:s0", "u:r:t:s0"
	everything.Umask, everything.NoNewPrivileges, everything.PreserveFds = 0o27, true, 2
	everything.Caps.Ambient, everything.Caps.Inheritable = 1<<unix.CAP_NET_RAW, 1<<unix.CAP_NET_RAW|1<<unix.CAP_KILL
	everything.Rlimits = []plan.Rlimit{{Resource: unix.RLIMIT_NOFILE, Name: "RLIMIT_NOFILE", Soft: 10, Hard: 20}}
	everything.Scheduler, everything.IOPriority = &plan.Scheduler{Policy: unix.SCHED_BATCH, Nice: 3}, ptr(2<<13|4)
	everything.Affinity, everything.Personality = []byte{3}, ptr(uint64(8))
	everything.MemPolicy = &plan.MemPolicy{Mode: 2, Nodes: []uint64{5}}
	late := plain()
	late.Scheduler = &plan.Scheduler{Policy: unix.SCHED_FIFO, Priority: 3, Flags: unix.SCHED_FLAG_RESET_ON_FORK}
	filter := func(notify int) *plan.Seccomp {
		return &plan.Seccomp{BPF: []byte("12345678"), Flags: 4, NotifyFd: notify}
	}
	mask := uint64(1 << 14)
	for name, c := range map[string]struct {
		process plan.Process
		join    Joining
		filter  *plan.Seccomp
		mask    *uint64
		userNS  bool
	}{
		"docker":     {plain(), Joining{Flags: five, RootFd: plan.None}, filter(plan.None), &mask, false},
		"everything": {everything, Joining{Flags: five | unix.CLONE_NEWUSER, RootFd: plan.None, ConsoleFd: 1, SendRoot: true}, filter(0), nil, true},
		"host":       {late, Joining{RootFd: 1}, nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := script(EnterOps(&c.process, c.join)) + "--\n" +
				script(BecomeOps(&c.process, []string{"/bin/sh"}, c.filter, c.mask, c.userNS))
			golden(t, "join-"+name+".golden", got)
		})
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBirthIsLast: whatever the process, nothing privileged is done where the
// container can see it, and nothing at all between the filter and execve.
func TestBirthIsLast(t *testing.T) {
	p := plan.Process{Args: []string{"x"}, Umask: plan.None, UID: 7, Caps: &plan.Caps{Last: 40}, NoNewPrivileges: true}
	for _, noNewPrivs := range []bool{false, true} {
		p.NoNewPrivileges = noNewPrivs
		ops := BecomeOps(&p, nil, &plan.Seccomp{NotifyFd: plan.None}, nil, false)
		at := func(code plan.OpCode) int {
			for i, op := range ops {
				if op.Code == code {
					return i
				}
			}
			return -1
		}
		birth := at(plan.OpBirth)
		for _, before := range []plan.OpCode{plan.OpBounding, plan.OpGroups, plan.OpGID, plan.OpUID, plan.OpCaps, plan.OpCloseFrom} {
			if i := at(before); i < 0 || i > birth {
				t.Errorf("operation %d at %d, the birth at %d", before, i, birth)
			}
		}
		if last := len(ops) - 1; at(plan.OpSeccomp) != last-1 || at(plan.OpExec) != last {
			t.Errorf("the end:\n%s", script(ops[birth:]))
		}
		if useAdmin := at(plan.OpTryCaps) >= 0; useAdmin == noNewPrivs {
			t.Errorf("CAP_SYS_ADMIN for the filter: %v, noNewPrivileges %v", useAdmin, noNewPrivs)
		}
	}
}

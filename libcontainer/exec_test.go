package libcontainer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func pointer[T any](v T) *T { return &v }

func containerProcess() specs.Process {
	return specs.Process{
		Args: []string{"init"}, Env: []string{"A=1"}, Cwd: "/srv", Terminal: true, ConsoleSize: &specs.Box{Width: 1},
		User:         specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}, Umask: pointer(uint32(7))},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Inheritable: []string{"CAP_CHOWN"}},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}}, NoNewPrivileges: true, OOMScoreAdj: pointer(5),
		ApparmorProfile: "profile", SelinuxLabel: "label",
		Scheduler:  &specs.Scheduler{Policy: specs.SchedBatch},
		IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE}, ExecCPUAffinity: &specs.CPUAffinity{Final: "0"},
	}
}

func TestOverride(t *testing.T) {
	own := containerProcess()
	before := containerProcess()
	got := override(own, ProcessOverride{
		Args: []string{"ls"}, Cwd: "/tmp", Env: []string{"B=2"}, UID: pointer(uint32(0)), GID: pointer(uint32(9)),
		AdditionalGids: []uint32{4}, AppArmor: "p", SELinux: "l", NoNewPrivileges: pointer(false), Capabilities: []string{"CAP_CHOWN", "CAP_MKNOD"},
	})
	want := containerProcess()
	want.Args, want.Cwd, want.Env, want.Terminal, want.ConsoleSize = []string{"ls"}, "/tmp", []string{"A=1", "B=2"}, false, nil
	want.User.UID, want.User.GID, want.User.AdditionalGids = 0, 9, []uint32{3, 4}
	want.ApparmorProfile, want.SelinuxLabel, want.NoNewPrivileges = "p", "l", false
	added := []string{"CAP_CHOWN", "CAP_MKNOD"}
	want.Capabilities = &specs.LinuxCapabilities{
		Bounding: append([]string{"CAP_KILL"}, added...), Effective: added, Permitted: added,
		Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"},
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	least := override(own, ProcessOverride{Args: []string{"init"}})
	want = containerProcess()
	want.Terminal, want.ConsoleSize = false, nil
	if diff := cmp.Diff(&want, least); diff != "" {
		t.Errorf("nothing to change (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, own); diff != "" {
		t.Errorf("the container's own has changed (-want +got):\n%s", diff)
	}
}

func TestInherit(t *testing.T) {
	own := containerProcess()
	got := inherit(specs.Process{Args: []string{"ls"}, Cwd: "/"}, &own)
	want := containerProcess()
	want.Args, want.Env, want.Cwd, want.Terminal, want.ConsoleSize, want.NoNewPrivileges = []string{"ls"}, nil, "/", false, nil, false
	want.User = specs.User{Umask: own.User.Umask}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	whole := containerProcess()
	whole.OOMScoreAdj, whole.SelinuxLabel, whole.Capabilities = pointer(0), "other", &specs.LinuxCapabilities{}
	if diff := cmp.Diff(&whole, inherit(whole, &own)); diff != "" {
		t.Errorf("nothing to fill in (-want +got):\n%s", diff)
	}
}

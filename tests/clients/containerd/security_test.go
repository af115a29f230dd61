//go:build clients

package containerd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

const statusOfSelf = "grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\\t'"

func security() []check {
	return []check{
		{"default", func(t *testing.T, e *engine) {
			e.run(t, nil, "sh", "-c", statusOfSelf).WantOutput(t, "CapEff:00000000a80425fb\nCapBnd:00000000a80425fb\nNoNewPrivs:1\nSeccomp:0\n")
		}},
		{"privileged", func(t *testing.T, e *engine) {
			r := e.run(t, words("--privileged"), "sh", "-c", "grep CapEff /proc/self/status; mkdir /tmp/m && mount -t tmpfs none /tmp/m && echo mounted; ls /dev/kmsg")
			wantMatch(t, r, `CapEff:\t000001ff.*\nmounted\n/dev/kmsg\n`)
		}},
		{"privileged-exec", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--privileged"), "sleep", "1000")
			wantMatch(t, c.exec(nil, "grep", "CapEff", "/proc/self/status"), `CapEff:\t000001ff`)
		}},
		{"cap-drop", func(t *testing.T, e *engine) {
			e.fails(t, words("--cap-drop", "CAP_CHOWN"), "grep CapEff /proc/self/status; touch /tmp/f; chown 5 /tmp/f",
				"CapEff:\t00000000a80425fa\n", "Operation not permitted")
		}},
		{"cap-add", func(t *testing.T, e *engine) {
			e.run(t, words("--cap-add", "CAP_SYS_ADMIN"), "grep", "CapEff", "/proc/self/status").WantOutput(t, "CapEff:\t00000000a82425fb\n")
		}},
		{"new-privileges", func(t *testing.T, e *engine) {
			e.run(t, words("--allow-new-privs"), "grep", "NoNewPrivs", "/proc/self/status").WantOutput(t, "NoNewPrivs:\t0\n")
		}},
		{"seccomp-default", func(t *testing.T, e *engine) {
			e.fails(t, words("--seccomp"), "grep Seccomp: /proc/self/status; unshare -U true", "Seccomp:\t2\n", "Operation not permitted")
		}},
		{"seccomp-profile", func(t *testing.T, e *engine) {
			path := filepath.Join(t.TempDir(), "profile.json")
			profile := `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}`
			if err := os.WriteFile(path, []byte(profile), 0o600); err != nil {
				t.Fatal(err)
			}
			e.fails(t, words("--seccomp", "--seccomp-profile", path), "mkdir /tmp/d", "No space left on device")
		}},
		{"seccomp-in-exec", func(t *testing.T, e *engine) {
			c := e.detached(t, words("--seccomp"), "sleep", "1000")
			c.exec(nil, "grep", "Seccomp:", "/proc/self/status").WantOutput(t, "Seccomp:\t2\n")
		}},
		{"apparmor-default", func(t *testing.T, e *engine) {
			harness.AppArmor(t)
			wantMatch(t, e.run(t, words("--apparmor-default-profile", "rt-clients-containerd"), "cat", "/proc/self/attr/current"), "rt-clients-containerd .enforce.")
		}},
		{"masked-and-read-only-paths", func(t *testing.T, e *engine) {
			e.run(t, nil, "sh", "-c", "cat /proc/kcore 2>/dev/null | wc -c; ls /sys/firmware | wc -l").WantOutput(t, "0\n0\n")
			e.fails(t, nil, "echo 1 >/proc/sys/kernel/panic", "Read-only file system")
		}},
	}
}

// configFile runs a container from a config.json of the test's own, with what
// ctr has no flags for.
func configFile(t *testing.T, e *engine) {
	t.Helper()
	root := t.TempDir()
	if err := harness.Busybox(root); err != nil {
		t.Fatal(err)
	}
	limit := int64(17)
	config := specs.Spec{
		Version:  "1.0.2-dev",
		Root:     &specs.Root{Path: root, Readonly: true},
		Hostname: "of-a-file",
		Process:  &specs.Process{Args: words("sh", "-c", "hostname; cat /proc/sys/kernel/msgmax; pwd; umask"), Cwd: "/tmp", Env: words("PATH=/bin")},
		Mounts:   []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
		Linux: &specs.Linux{
			CgroupsPath: "/default/" + id(t),
			Sysctl:      map[string]string{"kernel.msgmax": "4242"},
			Resources:   &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}},
			Namespaces:  []specs.LinuxNamespace{{Type: "pid"}, {Type: "mount"}, {Type: "uts"}, {Type: "ipc"}, {Type: "network"}},
		},
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	e.removeAtEnd(t, id(t))
	r := e.logged(t, "run", "--rm", "--runc-binary", e.runtime, "--config", path, id(t))
	if !strings.HasPrefix(r.Stdout, "of-a-file\n4242\n/tmp\n") || r.Code != 0 {
		t.Error(r)
	}
}

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// TestRootless runs containers as a user without privileges, whose ids
// newuidmap and newgidmap map.
func TestRootless(t *testing.T) {
	harness.Root(t)
	harness.Need(t, "newuidmap", "newgidmap", "runuser")
	const name, uid, sub = "nobody", 65534, 300000
	// The user's range of ids, in the tests' own mount namespace only.
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		own := filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(own, []byte(name+":"+strconv.Itoa(sub)+":65536\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is missing", file)
		}
		if err := syscall.Mount(own, file, "", syscall.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(file, 0) })
	}
	for _, test := range []struct{ name, script, stdout string }{
		{"ids", "id -u; cat /proc/self/uid_map | tr -s ' '", "0\n 0 65534 1\n 1 300000 65536\n"},
		{"files", "touch /made; chown 5:6 /made; stat -c %u:%g /made; hostname", "5:6\ne2e\n"},
		{"exit", "echo on", "on\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(test.script))
			spec := c.Spec
			spec.Linux.CgroupsPath = ""
			spec.Linux.Resources = nil
			if c.Runtime.Is("rt") { // without a cgroup of its own, too
				spec.Mounts = append(spec.Mounts, specs.Mount{
					Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
					Options: []string{"nosuid", "noexec", "nodev", "ro"},
				})
			}
			spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uid, Size: 1}, {ContainerID: 1, HostID: sub, Size: 65536}}
			spec.Linux.UIDMappings, spec.Linux.GIDMappings = ids, ids
			c.Save()
			run := c.Host("xdg")
			if err := os.Mkdir(run, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("chown", "-R", "65534:65534", c.Dir).CombinedOutput(); err != nil {
				t.Fatalf("chown: %v: %s", err, out)
			}
			runtime := c.Host("runtime") // on a path that the user can reach
			if err := harness.CopyFile(c.Runtime.Path, runtime, 0o755); err != nil {
				t.Fatal(err)
			}
			// No PATH either: conmon calls with next to no environment.
			line := strings.Join([]string{"cd /; unset PATH; export XDG_RUNTIME_DIR=" + run + ";", runtime, "run --bundle", c.Dir, c.ID}, " ")
			cmd := exec.Command("runuser", "-u", name, "--", "sh", "-c", line)
			harness.Exec(t, cmd).WantOutput(t, test.stdout)
			if c.Runtime.Is("rt") {
				if _, err := os.Stat(filepath.Join(run, "rt")); err != nil {
					t.Errorf("the state root of a user: %v", err)
				}
			}
		})
	}
}

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// loadProfile loads an AppArmor profile under which all is allowed but reading
// /secret, and returns its name.
func loadProfile(t *testing.T) string {
	t.Helper()
	harness.Root(t)
	harness.AppArmor(t)
	name := fmt.Sprintf("rt-e2e-profile-%d", os.Getpid())
	text := "profile " + name + ` flags=(attach_disconnected,mediate_deleted) {
	file,
	capability,
	network,
	signal,
	mount,
	umount,
	pivot_root,
	ptrace,
	unix,
	deny /secret r,
}
`
	file := filepath.Join(t.TempDir(), "profile")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	parser := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("apparmor_parser", append(args, file)...).CombinedOutput(); err != nil {
			t.Fatalf("apparmor_parser %v: %v: %s", args, err, out)
		}
	}
	parser("--skip-cache", "--replace")
	t.Cleanup(func() { parser("--remove") })
	return name
}

func inUserNamespace(s *specs.Spec) {
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	s.Linux.GIDMappings = s.Linux.UIDMappings
}

const secretScript = "cat /proc/self/attr/current; cat /secret 2>/dev/null || echo denied"

func TestAppArmorProfile(t *testing.T) {
	profile := loadProfile(t)
	for _, test := range []struct {
		name, profile, want string
		change              func(*specs.Spec)
	}{
		{name: "enforced", profile: profile, want: profile + " (enforce)\ndenied\n"},
		{name: "unconfined", profile: "unconfined", want: "unconfined\nthe secret\n"},
		{name: "none", want: "unconfined\nthe secret\n"},
		{"no new privileges", profile, profile + " (enforce)\ndenied\n", func(s *specs.Spec) { s.Process.NoNewPrivileges = true }},
		{"another user", profile, profile + " (enforce)\ndenied\n", func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 7} }},
		{"user namespace", profile, profile + " (enforce)\ndenied\n", inUserNamespace},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(secretScript))
			c.Write("secret", "the secret\n", 0o644)
			c.Spec.Process.ApparmorProfile = test.profile
			if test.change != nil {
				test.change(c.Spec)
			}
			c.Run().WantOutput(t, test.want)
		})
	}
}

// TestAppArmorAbsentProfile: the error names the profile, and says what to do.
func TestAppArmorAbsentProfile(t *testing.T) {
	harness.Root(t)
	harness.AppArmor(t)
	c := harness.New(t, sh("true"))
	c.Spec.Process.ApparmorProfile = "rt-e2e-not-loaded"
	c.TryCreate().WantFailure(t, "process.apparmorProfile", "rt-e2e-not-loaded", "hint:")
	c.CheckGone()
}

const processLabel, fileLabel = "system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0"

// TestSELinuxProcessLabel: the program has the label, and so has its keyring.
func TestSELinuxProcessLabel(t *testing.T) {
	harness.Root(t)
	harness.SELinux(t)
	for _, test := range []struct {
		name   string
		change func(*specs.Spec)
	}{
		{name: "plain"},
		{"no new privileges", func(s *specs.Spec) { s.Process.NoNewPrivileges = true }},
		{"another user", func(s *specs.Spec) { s.Process.User = specs.User{UID: 7, GID: 7} }},
		{"mounts too", func(s *specs.Spec) { s.Linux.MountLabel = fileLabel }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("tr -d '\\0' < /proc/self/attr/current; echo; probe keylabel"))
			harness.AddProbe(t, c.Rootfs)
			c.Spec.Process.SelinuxLabel = processLabel
			if test.change != nil {
				test.change(c.Spec)
			}
			c.Run().WantOutput(t, processLabel+"\n"+processLabel+"\n")
		})
	}
}

// TestSELinuxMountLabel: file systems made for the container have the label,
// with and without one for the process; the host's files keep theirs.
func TestSELinuxMountLabel(t *testing.T) {
	harness.Root(t)
	harness.SELinux(t)
	for _, test := range []struct {
		label  string
		userns bool
	}{{processLabel, false}, {"", false}, {processLabel, true}} {
		label := test.label
		t.Run(fmt.Sprintf("process label %s, user namespace %v", label, test.userns), func(t *testing.T) {
			c := harness.New(t, sh("touch /data/f; exec sleep 100"))
			if test.userns {
				inUserNamespace(c.Spec)
			}
			c.Spec.Process.SelinuxLabel, c.Spec.Linux.MountLabel = label, fileLabel
			c.Write("../bound/f", "", 0o644)
			c.Write("data/.keep", "", 0o644) // the root of a user namespace may not make it
			c.Write("bound/.keep", "", 0o644)
			before := labelOf(t, c.Host("bound/f"))
			c.Spec.Mounts = append(c.Spec.Mounts,
				specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m"}},
				specs.Mount{Destination: "/bound", Type: "bind", Source: c.Host("bound"), Options: []string{"bind"}},
			)
			c.Detached()
			root := fmt.Sprintf("/proc/%d/root", c.Status().Pid)
			awaitFile(t, root+"/data/f")
			for path, want := range map[string]string{
				"/data": fileLabel, "/data/f": fileLabel, "/dev": fileLabel,
				"/dev/shm": fileLabel, "/dev/mqueue": fileLabel, "/dev/pts": fileLabel, "/bound/f": before,
			} {
				if got := labelOf(t, root+path); got != want {
					t.Errorf("the label of %s is %s, want %s", path, got, want)
				}
			}
		})
	}
}

// TestSELinuxWrongLabel: the kernel's answer comes with the field and the label.
func TestSELinuxWrongLabel(t *testing.T) {
	harness.Root(t)
	harness.SELinux(t)
	for field, change := range map[string]func(*specs.Spec){
		"process.selinuxLabel": func(s *specs.Spec) { s.Process.SelinuxLabel = "no:such:label_t:s0" },
		"mounts":               func(s *specs.Spec) { s.Linux.MountLabel = "no:such:label_t:s0" },
	} {
		t.Run(field, func(t *testing.T) {
			c := harness.New(t, sh("true"))
			change(c.Spec)
			c.TryCreate().WantFailure(t, field, "invalid argument")
			c.CheckGone()
		})
	}
}

func labelOf(t *testing.T, path string) string {
	t.Helper()
	buf := make([]byte, 256)
	n, err := unix.Lgetxattr(path, "security.selinux", buf)
	if err != nil {
		t.Errorf("the label of %s: %v", path, err)
		return ""
	}
	return strings.TrimRight(string(buf[:n]), "\x00")
}

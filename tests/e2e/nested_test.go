package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// nested puts the runtime and a bundle for it into c's root, and makes running
// that c's program.
func nested(t *testing.T, c *harness.Container, inner *specs.Spec) {
	t.Helper()
	if err := harness.CopyFile(c.Runtime.Path, filepath.Join(c.Rootfs, "bin/runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(c.Rootfs, "bundle")
	if err := os.MkdirAll(filepath.Join(c.Rootfs, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := harness.Busybox(filepath.Join(bundle, "rootfs")); err != nil {
		t.Fatal(err)
	}
	inner.Hostname = "inner"
	if err := harness.SaveSpec(bundle, inner); err != nil {
		t.Fatal(err)
	}
	c.Spec.Process.Args = []string{"sh", "-c", `runtime --root /run/r run --bundle /bundle inner && test -z "$(ls /run/r)"`}
}

const insideScript = "hostname; id -u; cat /proc/self/uid_map | tr -s ' '; echo $$; echo n > /dev/null && test -d /sys/class && echo well"

// allCaps are enough to be a runtime.
func allCaps() *specs.LinuxCapabilities {
	caps := harness.DefaultCaps()
	caps = append(caps, "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")
	return &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps}
}

// TestNestedPrivileged: the runtime in a container that has the capabilities, a
// cgroup namespace and its cgroups to write.
func TestNestedPrivileged(t *testing.T) {
	for _, user := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "user namespace"}[user]
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, harness.Spec())
			c.Runtime.Only(t, "is not static")
			c.Spec.Process.Capabilities = allCaps()
			c.Spec.Linux.Resources = nil
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
				Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev"}})
			inner := sh(insideScript)
			inner.Linux.CgroupsPath, inner.Linux.Resources = "/inner", nil
			want := "inner\n0\n 0 0 4294967295\n1\nwell\n"
			if user {
				inner.Linux.Namespaces = append(inner.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
				ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1000}}
				inner.Linux.UIDMappings, inner.Linux.GIDMappings = ids, ids
				want = "inner\n0\n 0 1000 1000\n1\nwell\n"
			}
			nested(t, c, inner)
			c.Run().WantOutput(t, want)
		})
	}
}

// TestNestedRootless: in a user namespace, where /proc is partly hidden and
// there is no cgroup at all, another user namespace.
func TestNestedRootless(t *testing.T) {
	c := harness.New(t, harness.Spec())
	c.Runtime.Only(t, "is not static")
	c.Spec.Process.Capabilities = allCaps()
	inner := sh(strings.Replace(insideScript, "echo $$;", "", 1))
	inner.Linux.Resources = nil
	inner.Linux.Namespaces = append(inner.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: 1, HostID: 100, Size: 100}}
	inner.Linux.UIDMappings, inner.Linux.GIDMappings = ids, ids
	nested(t, c, inner)
	userns(t, c)
	c.Run().WantOutput(t, "inner\n0\n 0 0 1\n 1 100 100\nwell\n")
}

// TestNestedUnprivileged: a user's container runs one more, whose only id is
// the user's. No capability is needed for an id that is not 0.
func TestNestedUnprivileged(t *testing.T) {
	c := harness.New(t, harness.Spec())
	c.Runtime.Only(t, "refuses the usual mounts")
	inner := sh(strings.Replace(insideScript, "echo $$;", "", 1))
	inner.Linux.Resources = nil
	inner.Linux.Namespaces = append(inner.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	nested(t, c, inner) // without mappings: the default ones
	c.Spec.Process.Capabilities = nil
	c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	c.Spec.Process.Env = append(c.Spec.Process.Env, "XDG_RUNTIME_DIR=/run")
	c.Spec.Process.Args = []string{"sh", "-c", "runtime run --bundle /bundle inner"}
	unprivileged(t, c)
	c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = one(1000, nobody), one(1000, nobody)
	runAs(t, c, "").WantOutput(t, "inner\n0\n 0 1000 1\nwell\n")
}

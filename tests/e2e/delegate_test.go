package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

const cgroup2Magic = 0x63677270

// pureV2 has c see a pure cgroup v2: on a host that has other hierarchies every
// call of the runtime gets a mount namespace with cgroup2 alone.
func pureV2(t *testing.T, c *harness.Container) {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/sys/fs/cgroup", &fs); err == nil && fs.Type == cgroup2Magic {
		return
	}
	if len(cgroup2Mounts(t)) == 0 {
		t.Skip("cgroup2 is missing")
	}
	wrapper := c.Host("runtime-on-v2")
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -m sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec %s \"$@\"' sh \"$@\"\n", c.Runtime.Path)
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Runtime.Path = wrapper
}

// cgroup2Mounts are the mount points of cgroup2.
func cgroup2Mounts(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, dir := range harness.CgroupMounts(t) {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err == nil && fs.Type == cgroup2Magic {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// A container with a cgroup namespace and a writable mount of its cgroup can
// make cgroups in it, as the user that it runs as, and cannot touch its limits.
func TestDelegation(t *testing.T) {
	const inside = `exec 2>&1; cd /sys/fs/cgroup
mkdir sub && echo $$ > sub/cgroup.procs && cat /proc/self/cgroup
echo 5 > cgroup.max.depth && echo limits in reach; rmdir sub 2>/dev/null; true`
	for _, test := range []struct {
		name   string
		set    func(*harness.Container)
		own    bool // it can make cgroups
		denied string
	}{
		{name: "root of a user namespace", set: func(c *harness.Container) { userns(t, c) }, own: true},
		{name: "other user", set: func(c *harness.Container) { c.Spec.Process.User = specs.User{UID: 4711, GID: 4711} }, own: true},
		{name: "read-only mount", denied: "Read-only file system", set: func(c *harness.Container) {
			userns(t, c)
			m := &c.Spec.Mounts[len(c.Spec.Mounts)-1]
			m.Options = append(m.Options, "ro")
		}},
		{name: "no cgroup namespace", denied: "Permission denied", set: func(c *harness.Container) {
			c.Spec.Linux.Namespaces = c.Spec.Linux.Namespaces[:len(c.Spec.Linux.Namespaces)-1]
			userns(t, c)
		}},
		{name: "not at its place", denied: "Permission denied", set: func(c *harness.Container) {
			userns(t, c)
			c.Spec.Mounts[len(c.Spec.Mounts)-1].Destination = "/cgroup"
			c.Spec.Process.Args[2] = strings.Replace(c.Spec.Process.Args[2], "/sys/fs/cgroup", "/cgroup", 1)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(inside))
			c.Runtime.Only(t, "differs in the conditions")
			pureV2(t, c)
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev"}})
			test.set(c)
			r := c.Run().WantExit(t, 0)
			if got := strings.Contains(r.Stdout, "0::/sub\n"); got != test.own {
				t.Errorf("a cgroup of its own: %v, want %v: %v", got, test.own, r)
			}
			if test.denied != "" && !strings.Contains(r.Stdout, test.denied) {
				t.Errorf("%q wanted: %v", test.denied, r)
			}
			if strings.Contains(r.Stdout, "limits in reach") {
				t.Errorf("the container can change its own limits: %v", r)
			}
		})
	}
}

// v1 is never delegated.
func TestNoDelegationOnV1(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	if len(cgroup2Mounts(t)) == len(harness.CgroupMounts(t)) {
		t.Skip("cgroup v1 is missing")
	}
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup"})
	userns(t, c)
	c.Create()
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Dir(c.CgroupFile("pids.max")), &st); err != nil || st.Uid != 0 {
		t.Errorf("the cgroup belongs to %d (%v)", st.Uid, err)
	}
}

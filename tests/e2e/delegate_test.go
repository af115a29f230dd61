package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		{name: "annotation", own: true, set: func(c *harness.Container) {
			userns(t, c)
			c.Spec.Annotations = map[string]string{"run.oci.delegate-cgroup": "part/mine"}
			c.Spec.Process.Args[2] = strings.Replace(c.Spec.Process.Args[2], "/sys/fs/cgroup", "/sys/fs/cgroup/part/mine", 1)
		}},
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
			if got := strings.Contains(r.Stdout, "/sub\n"); got != test.own {
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

// A user to whom a cgroup was delegated gets limits without any manager.
func TestRootlessDelegated(t *testing.T) {
	harness.Need(t, "runuser", "unshare")
	const name, uid = "nobody", 65534
	mounts := cgroup2Mounts(t)
	if len(mounts) == 0 {
		t.Skip("cgroup2 is missing")
	}
	top := mounts[0]
	controller, file := "memory", "memory.max"
	limits := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}
	if has := inCgroup2(t); !slices.Contains(has, "memory") {
		controller, file = "hugetlb", "hugetlb.2MB.max"
		limits = &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 64 << 20}}}
		if _, err := os.Stat("/sys/kernel/mm/hugepages/hugepages-2048kB"); err != nil || !slices.Contains(has, "hugetlb") {
			t.Skip("neither memory nor hugetlb is in cgroup2")
		}
	}
	c := harness.New(t, sh("cat /sys/fs/cgroup/"+file))
	c.Runtime.Only(t, "differs in what it takes")
	user := filepath.Join(top, c.ID+"-user")
	own := filepath.Join(user, "own")
	t.Cleanup(func() { _, _ = os.Remove(own), os.Remove(user) })
	give := func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil {
			t.Fatal(err)
		}
	}
	give(top)
	for _, dir := range []string{user, own} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
			if err := os.Chown(filepath.Join(dir, file), uid, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	spec := c.Spec
	spec.Linux.CgroupsPath, spec.Linux.Resources = "", limits
	spec.Mounts = slices.DeleteFunc(spec.Mounts, func(m specs.Mount) bool { return m.Type == "devpts" }) // gid 5 is not mapped
	spec.Mounts = append(spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uid, Size: 1}}
	spec.Linux.UIDMappings, spec.Linux.GIDMappings = ids, ids
	c.Save()
	if err := filepath.Walk(c.Dir, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	}); err != nil {
		t.Fatal(err)
	}
	runtime := c.Host("runtime")
	if err := harness.CopyFile(c.Runtime.Path, runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "echo $$ > " + own + "/cgroup.procs && "
	if !onV2(t) {
		script += "mount -t cgroup2 none /sys/fs/cgroup && "
	}
	script += "exec runuser -u " + name + " -- " + runtime + " --root " + c.State + " run --bundle " + c.Dir + " " + c.ID
	r := harness.Exec(t, exec.Command("unshare", "-m", "sh", "-c", script)).WantOutput(t, "67108864\n")
	if r.Stderr != "" {
		t.Errorf("warnings of a container that has its limits: %v", r)
	}
}

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// nsFile is the name below /proc/PID/ns of a namespace type.
func nsFile(typ specs.LinuxNamespaceType) string {
	switch typ {
	case specs.MountNamespace:
		return "mnt"
	case specs.NetworkNamespace:
		return "net"
	}
	return string(typ)
}

func TestNewAndSharedNamespaces(t *testing.T) {
	types := []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.CgroupNamespace, specs.TimeNamespace,
	}
	for _, typ := range types {
		for _, fresh := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s new=%v", typ, fresh), func(t *testing.T) {
				c := harness.New(t, harness.Spec("readlink", "/proc/self/ns/"+nsFile(typ)))
				if typ == specs.TimeNamespace {
					c.Runtime.Only(t, "has no time namespace")
				}
				var list []specs.LinuxNamespaceType
				for _, other := range append(types, specs.MountNamespace) {
					if other != typ && other != specs.TimeNamespace || other == typ && fresh {
						list = append(list, other)
					}
				}
				harness.WithNamespaces(c.Spec, list...)
				if typ == specs.UTSNamespace && !fresh {
					c.Spec.Hostname = ""
				}
				dropMount(c.Spec, "/sys") // sysfs wants a network namespace of the user namespace
				r := c.Run().WantExit(t, 0)
				same := strings.TrimSpace(r.Stdout) == link(t, "/proc/self/ns/"+nsFile(typ))
				if same == fresh {
					t.Errorf("namespace %s shared with the host: %v", strings.TrimSpace(r.Stdout), same)
				}
			})
		}
	}
}

func dropMount(s *specs.Spec, destination string) {
	for i, m := range s.Mounts {
		if m.Destination == destination {
			s.Mounts = append(s.Mounts[:i:i], s.Mounts[i+1:]...)
			return
		}
	}
}

func TestJoinNamespaces(t *testing.T) {
	holder := harness.New(t, sh("exec sleep 100"))
	holder.Detached()
	pid := holder.Status().Pid
	for _, typ := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.UTSNamespace, specs.IPCNamespace} {
		t.Run(string(typ), func(t *testing.T) {
			path := fmt.Sprintf("/proc/%d/ns/%s", pid, nsFile(typ))
			c := harness.New(t, harness.Spec("readlink", "/proc/self/ns/"+nsFile(typ)))
			harness.JoinNamespace(c.Spec, typ, path)
			c.Run().WantOutput(t, link(t, path)+"\n")
		})
	}
	t.Run("wrong type", func(t *testing.T) {
		c := harness.New(t, sh("true"))
		harness.JoinNamespace(c.Spec, specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/uts", pid))
		c.TryCreate().WantFailure(t)
		c.CheckGone()
	})
	t.Run("missing", func(t *testing.T) {
		c := harness.New(t, sh("true"))
		harness.JoinNamespace(c.Spec, specs.NetworkNamespace, "/run/netns/nothing-here")
		c.TryCreate().WantFailure(t, "no such file or directory")
	})
}

func TestMountNamespaceJoined(t *testing.T) {
	holder := harness.New(t, sh("exec sleep 100"))
	holder.Detached()
	pid := holder.Status().Pid
	c := harness.New(t, sh("readlink /proc/self/ns/mnt"))
	c.Runtime.Only(t, "sets its mounts up in a joined mount namespace")
	harness.JoinNamespace(c.Spec, specs.MountNamespace, fmt.Sprintf("/proc/%d/ns/mnt", pid))
	c.Do("list") // the call below may refuse, but must not hang or leak
	c.Run()
}

func TestHostAndDomainname(t *testing.T) {
	c := harness.New(t, sh("hostname; cat /proc/sys/kernel/domainname"))
	c.Spec.Hostname = "web-1"
	want := "web-1\n(none)\n"
	if c.Runtime.Is("rt") {
		c.Spec.Domainname = "example.test"
		want = "web-1\nexample.test\n"
	}
	c.Run().WantOutput(t, want)
}

func TestLoopbackIsUp(t *testing.T) {
	c := harness.New(t, sh("cat /proc/net/dev | grep -c : ; ip addr show lo | grep -c 127.0.0.1"))
	c.Run().WantOutput(t, "1\n1\n")
}

// userns gives c a user namespace of 65536 ids from 100000 and its rootfs to
// that range.
func userns(t *testing.T, c *harness.Container) {
	t.Helper()
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	c.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	c.Spec.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 65536}}
	if err := filepath.Walk(c.Rootfs, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 100000, 200000)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestUserNamespace(t *testing.T) {
	script := `id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; echo x > /made
stat -c '%u:%g' /made /proc/1/status; echo n > /dev/null; mknod /tmp/dev c 1 3 2>/dev/null || echo no mknod`
	c := harness.New(t, sh(script))
	userns(t, c)
	c.Run().WantOutput(t, "0\n0\n 0 100000 65536\n 0 200000 65536\n0:0\n0:0\nno mknod\n")
	info, err := os.Stat(filepath.Join(c.Rootfs, "made"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(info.Sys()); !strings.Contains(got, "100000") {
		t.Errorf("on the host the file is %s", got)
	}
}

func TestUserNamespaceJoined(t *testing.T) {
	holder := harness.New(t, sh("exec sleep 100"))
	userns(t, holder)
	holder.Detached()
	pid := holder.Status().Pid
	c := harness.New(t, sh("readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u"))
	userns(t, c)
	if c.Runtime.Is("rt") { // the joined namespace has its own
		c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = nil, nil
	}
	want := "0\n"
	for _, typ := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.UserNamespace} {
		path := fmt.Sprintf("/proc/%d/ns/%s", pid, nsFile(typ))
		harness.JoinNamespace(c.Spec, typ, path)
		want = link(t, path) + "\n" + want
	}
	c.Run().WantOutput(t, want)
}

func TestTimeNamespace(t *testing.T) {
	c := harness.New(t, sh("cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets | tr -s ' '"))
	c.Runtime.Only(t, "has no time namespace")
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	c.Spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1000000}, "monotonic": {Secs: 7, Nanosecs: 5}}
	lines := strings.Split(c.Run().WantExit(t, 0).Stdout, "\n")
	if len(lines) < 3 || len(lines[0]) < 7 || strings.TrimSpace(lines[1]) != "monotonic 7 5" || strings.TrimSpace(lines[2]) != "boottime 1000000 0" {
		t.Errorf("uptime and offsets %q", lines)
	}

	holder := harness.New(t, sh("exec sleep 100"))
	holder.Spec.Linux.Namespaces = c.Spec.Linux.Namespaces
	holder.Spec.Linux.TimeOffsets = c.Spec.Linux.TimeOffsets
	holder.Detached()
	path := fmt.Sprintf("/proc/%d/ns/time", holder.Status().Pid)
	joiner := harness.New(t, harness.Spec("readlink", "/proc/self/ns/time"))
	harness.JoinNamespace(joiner.Spec, specs.TimeNamespace, path)
	joiner.Run().WantOutput(t, link(t, path)+"\n")
}

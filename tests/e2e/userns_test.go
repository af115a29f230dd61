package e2e

import (
	"fmt"
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

// nobody is the unprivileged user of these tests.
const nobody = 65534

func one(inside, outside uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: inside, HostID: outside, Size: 1}}
}

// unprivileged makes c one that nobody may run: a user namespace, no cgroup, a
// bundle of its own.
func unprivileged(t *testing.T, c *harness.Container) {
	t.Helper()
	harness.Need(t, "setpriv")
	c.Spec.Linux.CgroupsPath, c.Spec.Linux.Resources = "", nil
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	if err := harness.CopyFile(c.Runtime.Path, c.Host("runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.Host("xdg"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// runAs runs the container as nobody with these supplementary groups.
func runAs(t *testing.T, c *harness.Container, groups string, flags ...string) harness.Result {
	t.Helper()
	c.Save()
	if out, err := exec.Command("chown", "-R", "65534:65534", c.Dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	args := []string{"--reuid", "65534", "--regid", "65534", "--clear-groups"}
	if groups != "" {
		args[len(args)-1] = "--groups=" + groups
	}
	args = append(args, "env", "-i", "PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR="+c.Host("xdg"), c.Host("runtime"), "run", "--bundle", c.Dir)
	cmd := exec.Command("setpriv", append(append(args, flags...), c.ID)...)
	cmd.Dir = "/"
	return harness.Exec(t, cmd)
}

// subordinate gives nobody these lines in /etc/subuid and /etc/subgid, in the
// tests' mount namespace.
func subordinate(t *testing.T, text string) {
	t.Helper()
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is missing", file)
		}
		own := filepath.Join(t.TempDir(), filepath.Base(file))
		if err := os.WriteFile(own, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount(own, file, "", syscall.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(file, 0) })
	}
}

const maps = "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; "

func TestDefaultIDMaps(t *testing.T) {
	harness.Root(t)
	t.Run("nobody without ranges", func(t *testing.T) {
		subordinate(t, "somebody:1:2\n")
		c := harness.New(t, sh(maps+"cat /proc/self/setgroups"))
		c.Runtime.Only(t, "wants mappings")
		unprivileged(t, c)
		runAs(t, c, "").WantOutput(t, "0\n0\n 0 65534 1\n 0 65534 1\ndeny\n")
	})
	t.Run("nobody with ranges, as a user", func(t *testing.T) {
		harness.Need(t, "newuidmap", "newgidmap")
		subordinate(t, "nobody:300000:10\n65534:400000:5\n")
		c := harness.New(t, sh(maps))
		c.Runtime.Only(t, "wants mappings")
		c.Spec.Process.User = specs.User{UID: 3, GID: 0}
		unprivileged(t, c)
		runAs(t, c, "").WantOutput(t, "3\n0\n 3 65534 1\n 0 300000 3\n 4 300003 7\n 11 400000 5\n 0 65534 1\n 1 300000 10\n 11 400000 5\n")
	})
	t.Run("root", func(t *testing.T) {
		subordinate(t, "root:300000:65536\n")
		c := harness.New(t, sh(maps))
		c.Runtime.Only(t, "wants mappings")
		c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		c.Run().WantOutput(t, "0\n0\n 0 0 1\n 1 300000 65536\n 0 0 1\n 1 300000 65536\n")
	})
}

// TestSingleID: without newuidmap and newgidmap, and without the id 0.
func TestSingleID(t *testing.T) {
	for _, inside := range []uint32{0, 1000} {
		t.Run(strconv.Itoa(int(inside)), func(t *testing.T) {
			c := harness.New(t, sh(maps+"touch /made; stat -c %u:%g /made /dev; grep Cap /proc/self/status | cut -f2 | sort -u; mount | grep -c ' /dev/null '"))
			c.Runtime.Only(t, "refuses the usual mounts")
			unprivileged(t, c)
			c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = one(inside, nobody), one(inside, nobody)
			c.Spec.Process.User = specs.User{UID: inside, GID: inside}
			c.Spec.Process.Capabilities = nil // and the mapped root's do not come through
			runAs(t, c, "").WantOutput(t, fmt.Sprintf("%[1]d\n%[1]d\n %[1]d 65534 1\n %[1]d 65534 1\n%[1]d:%[1]d\n%[1]d:%[1]d\n0000000000000000\n1\n", inside))
		})
	}
}

// TestMappedRootsCaps: only listed capabilities reach the program.
func TestMappedRootsCaps(t *testing.T) {
	c := harness.New(t, sh("grep Cap /proc/self/status | cut -f2"))
	userns(t, c)
	list := []string{"CAP_CHOWN"}
	c.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: list, Permitted: list, Effective: list}
	const none, chown = "0000000000000000\n", "0000000000000001\n"
	c.Run().WantOutput(t, none+chown+chown+chown+none)
}

func TestGroupsOfAUser(t *testing.T) {
	for _, keep := range []string{"", "0", "1"} {
		t.Run("nobody "+keep, func(t *testing.T) {
			c := harness.New(t, sh("cat /shared/secret; echo back > /shared/answer"))
			c.Runtime.Only(t, "has no such annotation")
			unprivileged(t, c)
			// All ids mapped, so that setgroups is allowed.
			harness.Need(t, "newuidmap", "newgidmap")
			subordinate(t, "nobody:300000:10\n")
			if keep != "" {
				c.Spec.Annotations = map[string]string{"run.oci.keep_original_groups": keep}
			}
			// A directory of a group that no mapping has.
			dir, err := os.MkdirTemp("/tmp", "rt-e2e-shared-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("for the group\n"), 0o640); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{dir, filepath.Join(dir, "secret")} {
				if err := os.Chown(f, 0, 4242); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, 0o770); err != nil {
				t.Fatal(err)
			}
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/shared", Source: dir, Options: []string{"rbind"}})
			r := runAs(t, c, "4242")
			if keep == "1" {
				r.WantOutput(t, "for the group\n")
			} else if r.Code == 0 || strings.Contains(r.Stdout, "group") {
				t.Errorf("the caller's group is the program's: %v", r)
			}
		})
	}
}

func TestIDMappedFileSystem(t *testing.T) {
	mapping := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	needTmpfs := func(t *testing.T) {
		t.Helper()
		if !harness.KernelSince(t, 6, 3) {
			t.Skip("id-mapped tmpfs (Linux 6.3) is missing")
		}
	}
	t.Run("own", func(t *testing.T) {
		needTmpfs(t)
		c := harness.New(t, sh("stat -c %u:%g:%a /mapped; mount | grep -c 'on /mapped type tmpfs.*idmapped'"))
		c.Runtime.Only(t, "maps the ids of binds only")
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
			Destination: "/mapped", Type: "tmpfs", Source: "tmpfs", Options: []string{"mode=711", "idmap"},
			UIDMappings: mapping, GIDMappings: mapping,
		})
		c.Run().WantOutput(t, "100000:100000:711\n1\n")
	})
	t.Run("of the user namespace", func(t *testing.T) {
		needTmpfs(t)
		c := harness.New(t, sh("touch /mapped/x; chown 5:6 /mapped/x; stat -c %u:%g /mapped /mapped/x; mount | grep -c 'on /mapped type tmpfs.*idmapped'"))
		c.Runtime.Only(t, "maps the ids of binds only")
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
			Destination: "/mapped", Type: "tmpfs", Source: "tmpfs", Options: []string{"idmap"},
		})
		userns(t, c)
		c.Run().WantOutput(t, "0:0\n5:6\n1\n")
	})
	t.Run("not supported", func(t *testing.T) {
		c := harness.New(t, sh("true"))
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
			Destination: "/mapped", Type: "sysfs", Source: "sysfs", Options: []string{"idmap"},
			UIDMappings: mapping, GIDMappings: mapping,
		})
		c.TryCreate().WantFailure(t, "mapp")
		c.CheckGone()
	})
	t.Run("rootless", func(t *testing.T) {
		c := harness.New(t, sh("true"))
		c.Runtime.Only(t, "says it in other words")
		unprivileged(t, c)
		c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = one(0, nobody), one(0, nobody)
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/mapped", Type: "tmpfs", Source: "tmpfs", Options: []string{"idmap"}})
		runAs(t, c, "").WantFailure(t, "mounts[6] /mapped: idmap: operation not permitted", "only be made by the host's root")
	})
}

// TestIDMappedBind: several ranges, and a mapping of the mount's own.
func TestIDMappedBind(t *testing.T) {
	c := harness.New(t, sh("stat -c %u:%g /volume/*; touch /volume/c; chown 7:7 /volume/c"))
	userns(t, c)
	dir := c.Host("volume")
	for name, id := range map[string]int{"a": 0, "b": 5} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, id, id); err != nil {
			t.Fatal(err)
		}
	}
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 5}, {ContainerID: 5, HostID: 100050, Size: 10}}
	gids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 5}, {ContainerID: 5, HostID: 200050, Size: 10}}
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
		Destination: "/volume", Type: "bind", Source: dir, Options: []string{"bind"}, UIDMappings: ids, GIDMappings: gids,
	})
	// The container's 52 is the volume's 7.
	c.Spec.Process.Args[2] = "stat -c %u:%g /volume/*; touch /volume/c; chown 52:52 /volume/c"
	c.Run().WantOutput(t, "0:0\n50:50\n")
	info, err := os.Stat(filepath.Join(dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 7 || st.Gid != 7 {
		t.Errorf("the container's 52 is %d:%d in the volume, want 7:7", st.Uid, st.Gid)
	}
}

// TestSeveralRanges: each range of linux.uidMappings counts.
func TestSeveralRanges(t *testing.T) {
	c := harness.New(t, sh("cat /proc/self/uid_map | tr -s ' '; touch /f; chown 1500:1500 /f; stat -c %u:%g /f; chown 500 /f 2>/dev/null || echo unmapped"))
	userns(t, c)
	for _, list := range []*[]specs.LinuxIDMapping{&c.Spec.Linux.UIDMappings, &c.Spec.Linux.GIDMappings} {
		base := (*list)[0].HostID
		*list = []specs.LinuxIDMapping{
			{ContainerID: 0, HostID: base, Size: 100}, {ContainerID: 1000, HostID: base + 5000, Size: 1000}, {ContainerID: 5000, HostID: base + 9000, Size: 1}}
	}
	c.Run().WantOutput(t, " 0 100000 100\n 1000 105000 1000\n 5000 109000 1\n1500:1500\nunmapped\n")
	info, err := os.Stat(filepath.Join(c.Rootfs, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 105500 || st.Gid != 205500 {
		t.Errorf("on the host the file is %d:%d, want 105500:205500", st.Uid, st.Gid)
	}
}

// TestFileSystemsOfTheHost: proc and sysfs that the kernel refuses, because the
// namespace that they show is the host's, are bound from the host.
func TestFileSystemsOfTheHost(t *testing.T) {
	c := harness.New(t, sh("mount | grep -E ' on /(proc|sys) ' | cut -d' ' -f1-5; readlink /proc/self/ns/net; touch /sys/x 2>/dev/null || echo read-only"))
	c.Runtime.Only(t, "refuses the usual mounts")
	unprivileged(t, c)
	c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = one(0, nobody), one(0, nobody)
	harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.UserNamespace, specs.UTSNamespace, specs.IPCNamespace)
	c.Spec.Linux.MaskedPaths, c.Spec.Linux.ReadonlyPaths = nil, nil
	runAs(t, c, "").WantOutput(t, "proc on /proc type proc\nsysfs on /sys type sysfs\n"+link(t, "/proc/self/ns/net")+"\nread-only\n")
}

// TestNoUserRanges: what is missing is named, with what to do.
func TestNoUserRanges(t *testing.T) {
	harness.Root(t)
	harness.Need(t, "newuidmap", "newgidmap")
	for _, test := range []struct{ name, subids string }{{"none", ""}, {"another's", "daemon:300000:65536\n"}, {"too short", "nobody:300000:5\n"}} {
		t.Run(test.name, func(t *testing.T) {
			subordinate(t, test.subids)
			c := harness.New(t, sh("true"))
			c.Runtime.Only(t, "says it in other words")
			unprivileged(t, c)
			ids := append(one(0, nobody), specs.LinuxIDMapping{ContainerID: 1, HostID: 300000, Size: 65536})
			c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = ids, ids
			runAs(t, c, "").WantFailure(t, "user namespace: gid_map: newgidmap:", "hint: ", "/etc/subgid")
			if left, _ := filepath.Glob(c.Host("xdg/rt/*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	t.Run("no newuidmap", func(t *testing.T) {
		c := harness.New(t, sh("true"))
		c.Runtime.Only(t, "says it in other words")
		unprivileged(t, c)
		ids := append(one(0, nobody), specs.LinuxIDMapping{ContainerID: 1, HostID: 300000, Size: 65536})
		c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = ids, ids
		c.Save()
		if out, err := exec.Command("chown", "-R", "65534:65534", c.Dir).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v: %s", err, out)
		}
		cmd := exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", c.Host("runtime"), "run", "--bundle", c.Dir, c.ID)
		cmd.Dir, cmd.Env = "/", []string{"PATH=" + c.Dir, "XDG_RUNTIME_DIR=" + c.Host("xdg")}
		harness.Exec(t, cmd).WantFailure(t, "newgidmap: not installed", "package uidmap")
	})
}

// TestNoRuntimeDir: a user without XDG_RUNTIME_DIR is told of it.
func TestNoRuntimeDir(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "says it in other words")
	unprivileged(t, c)
	c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = one(0, nobody), one(0, nobody)
	c.Save()
	cmd := exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", c.Host("runtime"), "run", "--bundle", c.Dir, c.ID)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/bin"}
	// Where root has used rt, the directory is there and not the user's.
	harness.Exec(t, cmd).WantFailure(t, "state root: ", "/run/rt: ", "permission denied", "XDG_RUNTIME_DIR")
}

// TestJoinAsUser: a user joins the user and network namespaces of a container
// of their own.
func TestJoinAsUser(t *testing.T) {
	holder := harness.New(t, sh("echo; exec sleep 100"))
	holder.Runtime.Only(t, "refuses the usual mounts")
	unprivileged(t, holder)
	holder.Spec.Linux.UIDMappings, holder.Spec.Linux.GIDMappings = one(0, nobody), one(0, nobody)
	pidFile := holder.Host("pid")
	runAs(t, holder, "", "--detach", "--pid-file", pidFile).WantExit(t, 0)
	pid, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		args := []string{"--reuid", "65534", "--regid", "65534", "--clear-groups", "env", "XDG_RUNTIME_DIR=" + holder.Host("xdg")}
		cmd := exec.Command("setpriv", append(args, holder.Host("runtime"), "delete", "--force", holder.ID)...)
		harness.Exec(t, cmd).WantExit(t, 0)
	})
	c := harness.New(t, sh("readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u; grep CapEff /proc/self/status | cut -f2; cat /proc/self/oom_score_adj; ulimit -n"))
	unprivileged(t, c)
	c.Spec.Process.Capabilities = nil
	c.Spec.Process.OOMScoreAdj = new(300)
	c.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
	want := "0\n0000000000000000\n300\n100\n"
	for _, typ := range []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.UserNamespace} {
		path := fmt.Sprintf("/proc/%s/ns/%s", pid, nsFile(typ))
		harness.JoinNamespace(c.Spec, typ, path)
		want = link(t, path) + "\n" + want
	}
	runAs(t, c, "").WantOutput(t, want)
}

// TestOOMScoreInUserNamespace: the parent sets it, whose right it is.
func TestOOMScoreInUserNamespace(t *testing.T) {
	c := harness.New(t, sh("cat /proc/self/oom_score_adj"))
	userns(t, c)
	c.Spec.Process.OOMScoreAdj = new(123)
	c.Run().WantOutput(t, "123\n")
}

// TestBindOverDevice: what the configuration mounts in a default device's place is
// not covered by the host's node.
func TestBindOverDevice(t *testing.T) {
	c := harness.New(t, sh("stat -c %t:%T /dev/random; cat /dev/zero | head -c 5"))
	userns(t, c)
	for dest, source := range map[string]string{"/dev/random": "/dev/urandom", "/dev/zero": c.Host("empty")} {
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source, Options: []string{"bind"}})
	}
	if err := os.WriteFile(c.Host("empty"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.Run().WantOutput(t, "1:9\n")
}

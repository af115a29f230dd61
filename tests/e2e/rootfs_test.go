package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

func TestRootfs(t *testing.T) {
	src := t.TempDir()
	for dir := src; dir != "/"; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) // the container's users pass through
		if filepath.Dir(dir) == os.TempDir() {
			break
		}
	}
	if err := os.WriteFile(filepath.Join(src, "f"), []byte("from the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mount := func(m specs.Mount) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) }
	}
	bind := func(options ...string) func(*specs.Spec) {
		return mount(specs.Mount{Destination: "/data", Type: "bind", Source: src, Options: options})
	}
	opts := `grep ' /data ' /proc/self/mountinfo | cut -d' ' -f6`
	// A bind mount has its source's atime setting, and the host may have noatime.
	anyAtime := opts + " | sed s/noatime/relatime/"
	edits{
		{"default devices", func(*specs.Spec) {}, "cd /dev; for n in null zero full random urandom tty; do stat -c '%n %t:%T %a' $n; done",
			"null 1:3 666\nzero 1:5 666\nfull 1:7 666\nrandom 1:8 666\nurandom 1:9 666\ntty 5:0 666\n", ""},
		{"links of /dev", func(*specs.Spec) {}, "cd /dev; for n in fd stdin stdout stderr ptmx; do echo $n $(readlink $n); done",
			"fd /proc/self/fd\nstdin /proc/self/fd/0\nstdout /proc/self/fd/1\nstderr /proc/self/fd/2\nptmx pts/ptmx\n", ""},
		{"other devices are not opened", func(s *specs.Spec) { s.Process.Capabilities.Effective = harness.DefaultCaps() },
			"mknod /tmp/loop c 10 237; head -c 0 /tmp/loop 2>&1 | grep -o 'Operation not permitted'", "Operation not permitted\n", ""},
		{"linux.devices", func(s *specs.Spec) {
			mode, id := os.FileMode(0o640), uint32(6)
			s.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5, FileMode: &mode, UID: &id, GID: &id},
				{Path: "/dev/sub/pipe", Type: "p", FileMode: &mode},
			}
		}, "stat -c '%F %t:%T %a %u:%g' /dev/mine; stat -c '%F %a' /dev/sub/pipe", "character special file 1:5 640 6:6\nfifo 640\n", ""},
		{"bind in a default device's place", func(s *specs.Spec) {
			for dest, source := range map[string]string{"/dev/random": "/dev/urandom", "/dev/zero": filepath.Join(src, "f")} {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source, Options: []string{"bind"}})
			}
		}, "stat -c %t:%T /dev/random; cat /dev/zero", "1:9\nfrom the host\n", ""},
		{"readonly root", func(s *specs.Spec) { s.Root.Readonly = true }, "touch /x 2>&1 | grep -o 'Read-only file system'; touch /dev/shm/x && echo on", "Read-only file system\non\n", ""},
		{"masked file", func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/etc/passwd") }, "wc -c < /etc/passwd", "0\n", ""},
		{"masked, of whoever looks", func(s *specs.Spec) {
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/proc/self/environ", "/proc/net")
		},
			"wc -c < /proc/1/environ; ls /proc/1/net", "0\n", ""},
		{"read-only, of whoever looks", func(s *specs.Spec) { s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/proc/self") },
			"echo 500 2>/dev/null >/proc/1/oom_score_adj || echo refused", "refused\n", ""},
		{"working directory of whoever looks", func(s *specs.Spec) { s.Process.Cwd = "/proc/self" }, "cat comm", "cat\n", ""},
		{"masked directory", func(s *specs.Spec) { s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/bin/../etc") }, "ls -A /etc; touch /etc/x 2>&1 | grep -o 'Read-only.*'", "Read-only file system\n", ""},
		{"readonly paths", func(*specs.Spec) {}, "echo h > /proc/sys/kernel/hostname 2>&1; echo 1 2>/dev/null > /proc/sysrq-trigger || echo refused", "refused\n", "prints"},
		{"sysctl", func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "16384", "net.ipv4.conf.lo.log_martians": "1"}
		}, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/ipv4/conf/lo/log_martians", "1\n16384\n1\n", ""},
		{"bind", bind("bind"), "cat /data/f; echo x > /data/w && rm /data/w && echo writable", "from the host\nwritable\n", ""},
		{"bind ro", bind("rbind", "ro", "nosuid", "nodev", "noexec"), anyAtime + "; echo 2>/dev/null x > /data/w || echo refused", "ro,nosuid,nodev,noexec,relatime\nrefused\n", ""},
		{"bind rro", bind("rbind", "rro"), anyAtime, "ro,relatime\n", "has none"},
		{"bind nosymfollow", bind("bind", "nosymfollow"), anyAtime, "rw,relatime,nosymfollow\n", "has none"},
		{"bind noatime", bind("bind", "noatime", "nodiratime"), opts, "rw,noatime,nodiratime\n", ""},
		{"bind onto a file", mount(specs.Mount{Destination: "/etc/made/f", Type: "bind", Source: filepath.Join(src, "f"), Options: []string{"bind"}}), "cat /etc/made/f", "from the host\n", ""},
		{"type none", mount(specs.Mount{Destination: "/data", Type: "none", Source: src, Options: []string{"rbind", "ro"}}), "cat /data/f", "from the host\n", ""},
		{"relative source", mount(specs.Mount{Destination: "/data", Type: "bind", Source: "rootfs/etc", Options: []string{"bind"}}), "ls /data", "passwd\n", ""},
		{"tmpfs", mount(specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1m", "mode=1700", "nr_inodes=77", "nosuid"}}),
			"stat -c %a /data; " + opts + "; grep ' /data ' /proc/self/mountinfo | grep -o 'size=1024k,nr_inodes=77'; dd if=/dev/zero of=/data/f bs=1M count=2 2>&1 | grep -o 'No space left'",
			"1700\nrw,nosuid,relatime\nsize=1024k,nr_inodes=77\nNo space left\n", ""},
		{"tmpfs takes the directory's mode", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/root", Type: "tmpfs", Source: "tmpfs"})
		}, "stat -c %a /root", "755\n", ""},
		{"tmpcopyup", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/etc", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}})
		}, "ls /etc; stat -f -c %T /etc", "passwd\ntmpfs\n", ""},
		{"bind over a mount of the list", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/dev/shm/deep", Type: "bind", Source: src, Options: []string{"bind"}})
		}, "cat /dev/shm/deep/f", "from the host\n", ""},
		{"proc and sys", func(*specs.Spec) {}, "grep -E ' (/proc|/sys) ' /proc/self/mounts | cut -d' ' -f2-3 | sort", "/proc proc\n/sys sysfs\n", ""},
		{"mqueue and shm", func(*specs.Spec) {}, "grep -E ' /dev/(mqueue|shm) ' /proc/self/mounts | cut -d' ' -f2-3 | sort", "/dev/mqueue mqueue\n/dev/shm tmpfs\n", ""},
		{"overlay", func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/data", Type: "overlay", Source: "overlay", Options: []string{"lowerdir=" + src + ":/etc"}})
		}, "cat /data/f", "from the host\n", ""},
		{"private asked", bind("bind", "rprivate"), "cat /data/f", "from the host\n", ""},
	}.run(t)
}

func TestNoPivot(t *testing.T) {
	c := harness.New(t, sh("ls /bin/busybox; cd ..; pwd; ls -d /proc/1/root/bin"))
	c.Run("--no-pivot").WantOutput(t, "/bin/busybox\n/\n/proc/1/root/bin\n")
}

func TestPropagation(t *testing.T) {
	for _, test := range []struct{ propagation, want string }{
		{"private", "private"}, {"rprivate", "private"}, {"slave", "slave"}, {"rslave", "slave"}, {"shared", "shared"}, {"rshared", "shared"}, {"unbindable", "unbindable"},
	} {
		t.Run(test.propagation, func(t *testing.T) {
			c := harness.New(t, sh("grep ' / / ' /proc/self/mountinfo || cat /proc/self/mountinfo | head -n 1"))
			if test.want != "private" && test.want != "slave" {
				c.Runtime.Only(t, "leaves a root of a private mount private")
			}
			c.Spec.Linux.RootfsPropagation = test.propagation
			r := c.Run().WantExit(t, 0)
			line, _, _ := strings.Cut(r.Stdout, "\n")
			optional := strings.Fields(line)[6:]
			has := func(tag string) bool { return strings.HasPrefix(optional[0], tag) }
			ok := map[string]bool{
				"private": optional[0] == "-", "shared": has("shared:"), "unbindable": has("unbindable"),
				// A slave of a private mount of the tests' world is private.
				"slave": has("master:") || optional[0] == "-",
			}[test.want]
			if !ok {
				t.Errorf("/ is %q, want %s", line, test.want)
			}
		})
	}
}

func TestCgroupMount(t *testing.T) {
	for _, private := range []bool{false, true} {
		c := harness.New(t, sh("ls /sys/fs/cgroup | wc -l; cat /sys/fs/cgroup/memory/cgroup.procs /sys/fs/cgroup/cgroup.procs 2>/dev/null | head -n 1; mkdir 2>/dev/null /sys/fs/cgroup/pids/x /sys/fs/cgroup/x || echo ro"))
		c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}})
		if private {
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		}
		r := c.Run().WantExit(t, 0)
		lines := strings.Fields(r.Stdout)
		if len(lines) != 3 || lines[0] == "0" || lines[1] != "1" || lines[2] != "ro" {
			t.Errorf("cgroup namespace %v: the container's own cgroup, read-only, wanted: %v", private, r)
		}
	}
}

func TestMissingSource(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/nothing/here", Options: []string{"bind"}})
	r := c.TryCreate().WantFailure(t, "/nothing/here", "no such file or directory")
	if c.Runtime.Is("rt") && !strings.Contains(r.Stderr, "mounts[6]") {
		t.Errorf("the JSON path is not named: %v", r)
	}
	c.CheckGone()
}

// TestInAChroot: "/" that is no mount point is told, with the way out; where it
// is one, containers run as anywhere.
func TestInAChroot(t *testing.T) {
	c := harness.New(t, sh("echo in"))
	c.Runtime.Only(t, "has the kernel's word alone")
	c.Save()
	dir := c.Host("chroot")
	for _, sub := range []string{"proc", "sys", "dev", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := harness.CopyFile(c.Runtime.Path, filepath.Join(dir, "rt"), 0o755); err != nil {
		t.Fatal(err)
	}
	mount := func(source, target, fstype string, flags uintptr) {
		t.Helper()
		if err := syscall.Mount(source, target, fstype, flags, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) })
	}
	run := func() harness.Result {
		t.Helper()
		cmd := exec.Command("/rt", "--root", "/state", "run", "--bundle", "/b", c.ID)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
		return harness.Exec(t, cmd)
	}
	fill := func() {
		t.Helper()
		mount("proc", filepath.Join(dir, "proc"), "proc", 0)
		mount("/sys", filepath.Join(dir, "sys"), "", syscall.MS_BIND|syscall.MS_REC)
		mount("/dev", filepath.Join(dir, "dev"), "", syscall.MS_BIND|syscall.MS_REC)
		mount(c.Dir, filepath.Join(dir, "b"), "", syscall.MS_BIND)
	}
	fill()
	run().WantFailure(t, "hint: rt runs in a chroot that is no mount point")
	mount(dir, dir, "", syscall.MS_BIND)
	fill()
	run().WantOutput(t, "in\n")
}

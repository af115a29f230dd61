package e2e

//lint:file-ignore SA1019 prestart is deprecated in the spec, and is what Docker uses

import (
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// annotate sets one annotation; runc knows none of those that the tests of this
// file are about.
func annotate(t *testing.T, c *harness.Container, name, value string) {
	t.Helper()
	if c.Runtime.Is("runc") {
		t.Skip("runc: knows no annotation of crun's")
	}
	if c.Spec.Annotations == nil {
		c.Spec.Annotations = map[string]string{}
	}
	c.Spec.Annotations[name] = value
}

// TestKeepOriginalGroups: the supplementary groups of rt's caller stay, also
// through a user namespace.
func TestKeepOriginalGroups(t *testing.T) {
	const groups = "grep Groups: /proc/self/status | tr -s '\\t ' ' '"
	asCaller := func(c *harness.Container, gids ...uint32) harness.Result {
		c.Save()
		cmd := c.Command("run", "--bundle", c.Dir, c.ID)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: gids}}
		return harness.Exec(t, cmd)
	}
	c := harness.New(t, sh(groups))
	annotate(t, c, "run.oci.keep_original_groups", "1")
	c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
	asCaller(c, 4321, 4322).WantOutput(t, "Groups: 4321 4322 \n")
	c.Spec.Annotations["run.oci.keep_original_groups"] = "0"
	c.Spec.Process.User.AdditionalGids = []uint32{5}
	asCaller(c, 4321).WantOutput(t, "Groups: 5 \n")
	c.Spec.Annotations["run.oci.keep_original_groups"] = "1"
	r := asCaller(c, 4321).WantOutput(t, "Groups: 4321 \n")
	if c.Runtime.Is("rt") && !strings.Contains(r.Stderr, "process.user.additionalGids: not set") {
		t.Errorf("no word about the groups that are not set: %v", r)
	}

	u := harness.New(t, sh(groups))
	annotate(t, u, "run.oci.keep_original_groups", "1")
	userns(t, u)
	asCaller(u, 200007, 4321).WantOutput(t, "Groups: 65534 7 \n")
}

// TestHookOutput: what hooks of every kind print is appended to the files.
func TestHookOutput(t *testing.T) {
	c := harness.New(t, sh("true"))
	out, errs := c.Host("out"), c.Host("err")
	annotate(t, c, "run.oci.hooks.stdout", out)
	annotate(t, c, "run.oci.hooks.stderr", errs)
	if err := os.WriteFile(out, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	say := func(name string) []specs.Hook {
		return shHook("cat > /dev/null; echo "+name+"; echo e "+name+" >&2", 0)
	}
	c.Spec.Hooks = &specs.Hooks{
		Prestart: say("prestart"), CreateRuntime: say("createRuntime"), CreateContainer: say("createContainer"),
		StartContainer: say("startContainer"), Poststart: say("poststart"), Poststop: say("poststop"),
	}
	c.Create()
	c.OK("start", c.ID)
	c.OK("delete", "--force", c.ID)
	const all = "prestart createRuntime createContainer startContainer poststart poststop"
	for file, want := range map[string]string{
		out:  "before\n" + strings.ReplaceAll(all, " ", "\n") + "\n",
		errs: "e " + strings.ReplaceAll(all, " ", "\ne ") + "\n",
	} {
		data, err := os.ReadFile(file)
		if err != nil || string(data) != want {
			t.Errorf("%s: %q, %v; want %q", filepath.Base(file), data, err, want)
		}
	}

	c.Runtime.Only(t, "has other words")
	c.Spec.Hooks = &specs.Hooks{Poststop: say("poststop")}
	c.Spec.Annotations["run.oci.hooks.stderr"] = c.Host("no/such/dir/err")
	c.TryCreate().WantFailure(t, `hooks: annotations["run.oci.hooks.stderr"]: open `+c.Host("no/such/dir/err")+": no such file or directory")
	fifo := c.Host("fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Spec.Annotations["run.oci.hooks.stderr"] = fifo
	c.TryCreate().WantFailure(t, fifo+": no such device or address", "hint: it is a fifo that nobody reads")
	c.CheckGone()
}

// bpf is a program that answers one system call with an action and allows all
// others.
func bpf(nr, action uint32) string {
	var b []byte
	for _, i := range []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},                      // the number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jf: 1},       //
		{Code: unix.BPF_RET | unix.BPF_K, K: action},                         //
		{Code: unix.BPF_RET | unix.BPF_K, K: uint32(unix.SECCOMP_RET_ALLOW)}, //
	} {
		b = binary.NativeEndian.AppendUint16(b, i.Code)
		b = append(b, i.Jt, i.Jf)
		b = binary.NativeEndian.AppendUint32(b, i.K)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// TestSeccompBPFData: the program of the annotation stands in for the profile,
// or for none.
func TestSeccompBPFData(t *testing.T) {
	c := harness.New(t, harness.Spec("probe", "syscall", strconv.Itoa(unix.SYS_SYSINFO)))
	harness.AddProbe(t, c.Rootfs)
	annotate(t, c, "run.oci.seccomp_bpf_data", bpf(unix.SYS_SYSINFO, unix.SECCOMP_RET_ERRNO|42))
	c.Run().WantOutput(t, "42\n")
	errno := uint(7)
	c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, specs.LinuxSyscall{Names: []string{"sysinfo"}, Action: specs.ActErrno, ErrnoRet: &errno})
	c.Run().WantOutput(t, "42\n")
	delete(c.Spec.Annotations, "run.oci.seccomp_bpf_data")
	c.Run().WantOutput(t, "7\n")

	c.Runtime.Only(t, "has other words")
	bad := base64.StdEncoding.EncodeToString(make([]byte, 16)) // BPF_LD|BPF_IMM and no return
	c.Spec.Annotations["run.oci.seccomp_bpf_data"] = bad
	c.Run().WantFailure(t, "seccomp: linux.seccomp: seccomp SECCOMP_SET_MODE_FILTER: invalid argument", "run.oci.seccomp_bpf_data")
	c.Spec.Annotations["run.oci.seccomp_bpf_data"] = bpf(unix.SYS_SYSINFO, unix.SECCOMP_RET_USER_NOTIF)
	c.Run().WantFailure(t, "linux.seccomp.listenerPath: must be set")
}

func TestPidfdReceiver(t *testing.T) {
	c := harness.New(t, sh("exec sleep 100"))
	path := c.Host("pidfd.sock")
	annotate(t, c, "run.oci.pidfd_receiver", path)
	accept := harness.Console(t, path)
	c.Detached()
	pidfd := accept()
	defer pidfd.Close()
	wantPidfd(t, c, pidfd)

	c.Runtime.Only(t, "has other words")
	path = c.Host("nobody.sock")
	other := harness.New(t, sh("true"))
	annotate(t, other, "run.oci.pidfd_receiver", path)
	other.Run().WantFailure(t, `pidfd: annotations["run.oci.pidfd_receiver"]: `+path, "no such file or directory")
	other.CheckGone()
}

func TestTimensOffset(t *testing.T) {
	c := harness.New(t, sh("cat /proc/self/timens_offsets | tr -s ' '"))
	c.Runtime.Only(t, "has no time namespace")
	annotate(t, c, "run.oci.timens_offset", "monotonic 7 5\n7 1000000 0")
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	c.Run().WantOutput(t, "monotonic 7 5\nboottime 1000000 0\n")
}

// TestSystemdV1Mount: what is mounted at the place becomes systemd's named
// hierarchy and no other.
func TestSystemdV1Mount(t *testing.T) {
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mounted), "name=systemd") {
		t.Skip("the host has no v1 hierarchy of systemd's")
	}
	c := harness.New(t, sh("ls /sys/fs/cgroup; mount | grep '^[^ ]* on /sys/fs/cgroup/systemd type cgroup .*name=systemd' | wc -l; mkdir /sys/fs/cgroup/systemd/mine && rmdir /sys/fs/cgroup/systemd/mine && echo writable"))
	c.Runtime.Only(t, "refuses this host")
	annotate(t, c, "run.oci.systemd.force_cgroup_v1", "/sys/fs/cgroup")
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
		Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime"},
	})
	c.Run().WantOutput(t, "systemd\n1\nwritable\n")
}

// TestDelegateCgroup: the program is below the cgroup that has the limits, and
// its cgroup namespace begins there.
func TestDelegateCgroup(t *testing.T) {
	c := harness.New(t, sh("grep ^0: /proc/self/cgroup; mkdir /sys/fs/cgroup/init/mine && echo $$ > /sys/fs/cgroup/init/mine/cgroup.procs && grep ^0: /proc/self/cgroup"))
	pureV2(t, c)
	annotate(t, c, "run.oci.delegate-cgroup", "/init")
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
		Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime"},
	})
	c.Run().WantOutput(t, "0::/init\n0::/init/mine\n")
	c.CheckGone()
	c.Runtime.Only(t, "leaves it to root")
	userns(t, c)
	c.Spec.Process.Args[2] += "; stat -c %u /sys/fs/cgroup/init/cgroup.procs /sys/fs/cgroup/init/cgroup.max.depth"
	c.Run().WantOutput(t, "0::/init\n0::/init/mine\n0\n65534\n")
	c.CheckGone()
}

// TestSystemdSubgroup: the container is below its unit, whose limits hold, and
// its cgroup namespace begins there; what is delegated is below that.
func TestSystemdSubgroup(t *testing.T) {
	c, unit := inScope(t, "grep ^0: /proc/self/cgroup")
	annotate(t, c, "run.oci.systemd.subgroup", "app")
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		c.Runtime.Only(t, "has other words")
		c.Run().WantFailure(t, `annotations["run.oci.systemd.subgroup"]`, "on cgroup v2 only")
		return
	}
	c.Run().WantOutput(t, "0::/system.slice/"+unit+"/app\n")
	c.Spec.Annotations["run.oci.delegate-cgroup"] = "init"
	c.Run().WantOutput(t, "0::/system.slice/"+unit+"/app/init\n")
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	c.Run().WantOutput(t, "0::/init\n")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(6 << 20))} // init itself stays out of it
	c.Run().WantOutput(t, "0::/init\n")
	c.Spec.Annotations["run.oci.systemd.subgroup"] = ""
	c.Spec.Annotations["run.oci.delegate-cgroup"] = ""
	c.Run().WantOutput(t, "0::/\n")
}

func TestDelegateCgroupOnV1(t *testing.T) {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		t.Skip("the host has cgroup v2 alone")
	}
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "has other words")
	annotate(t, c, "run.oci.delegate-cgroup", "init")
	c.TryCreate().WantFailure(t, `annotations["run.oci.delegate-cgroup"]`, "hint: cgroups can be delegated on cgroup v2 only")
	c.CheckGone()
}

// TestMalformedAnnotations: each error names its annotation.
func TestMalformedAnnotations(t *testing.T) {
	for name, values := range map[string][]string{
		"run.oci.keep_original_groups":    {"", "yes"},
		"run.oci.hooks.stdout":            {"", "log"},
		"run.oci.hooks.stderr":            {"./log"},
		"run.oci.seccomp_bpf_data":        {"", "*", "AAAA", "/tmp/seccomp.bpf"},
		"run.oci.pidfd_receiver":          {"", "sock", "/" + strings.Repeat("x", 107)},
		"run.oci.timens_offset":           {"", "boottime", "boottime x 0", "realtime 1 0", "boottime 1 0"}, // the last for want of a namespace
		"run.oci.systemd.subgroup":        {"/", ".."},
		"run.oci.delegate-cgroup":         {"/", "..", "a/../b", "a//b", "cgroup.procs"},
		"run.oci.systemd.force_cgroup_v1": {"", "sys", "/not/a/mount"},
	} {
		for _, value := range values {
			c := harness.New(t, sh("true"))
			c.Runtime.Only(t, "takes them")
			annotate(t, c, name, value)
			c.Run().WantFailure(t, `invalid configuration: annotations["`+name+`"]: `)
		}
	}
}

// TestMountLinks are crun's three options about symbolic links.
func TestMountLinks(t *testing.T) {
	for _, test := range []struct {
		name, script string
		destination  string
		options      []string
		stdout       string
	}{
		{"a link is followed", `[ -L /at ] || cat /at`, "/at", []string{"bind"}, "from the host\n"},
		{"copy-symlink", "readlink /at; cat /at", "/at", []string{"bind", "copy-symlink"}, "file\nof the image\n"},
		{"src-nofollow", "readlink /at", "/at", []string{"bind", "src-nofollow", "dest-nofollow"}, "file\n"},
		{"dest-nofollow", "readlink /link; cat /file", "/link", []string{"bind", "src-nofollow", "dest-nofollow"}, "file\nof the image\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(test.script))
			c.Runtime.Only(t, "has older ways with them")
			c.Write("file", "of the image\n", 0o644)
			if err := os.Symlink("elsewhere", filepath.Join(c.Rootfs, "link")); err != nil {
				t.Fatal(err)
			}
			src := c.Host("src")
			if err := os.Mkdir(src, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(src, "file"), []byte("from the host\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("file", filepath.Join(src, "link")); err != nil {
				t.Fatal(err)
			}
			c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{
				Destination: test.destination, Type: "bind", Source: filepath.Join(src, "link"), Options: test.options,
			})
			c.Run().WantOutput(t, test.stdout)
		})
	}
}

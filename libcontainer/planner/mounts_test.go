package planner

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/*.golden.json")

// v1 is a host as Debian 11 and older set it up, v2 one of today.
func v1() CgroupFacts {
	return CgroupFacts{
		Unified: "/sys/fs/cgroup/unified",
		Hierarchies: []HierarchyFacts{
			{Name: "cpu,cpuacct", Options: "cpu,cpuacct", Links: []string{"cpu", "cpuacct"}, Own: "/sys/fs/cgroup/cpu,cpuacct/web"},
			{Name: "pids", Options: "pids", Own: "/sys/fs/cgroup/pids/web"},
			{Name: "systemd", Options: "none,name=systemd", Own: "/sys/fs/cgroup/systemd/web"},
			{Name: "unified", Own: ""},
		},
	}
}

func v2() CgroupFacts {
	return CgroupFacts{Unified: "/sys/fs/cgroup", V2: true, Own: "/sys/fs/cgroup/web"}
}

func namespaced(types ...specs.LinuxNamespaceType) *specs.Linux {
	l := new(specs.Linux)
	for _, t := range types {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: t})
	}
	return l
}

// docker is what Docker writes for `docker run` without options.
func docker() *specs.Spec {
	l := namespaced(specs.MountNamespace, specs.NetworkNamespace, specs.UTSNamespace, specs.PIDNamespace, specs.IPCNamespace, specs.CgroupNamespace)
	l.MaskedPaths = []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"}
	l.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	l.Sysctl = map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
	file := func(name string) specs.Mount {
		return specs.Mount{Destination: "/etc/" + name, Type: "bind", Source: "/var/lib/docker/containers/web/" + name, Options: []string{"rbind", "rprivate"}}
	}
	return &specs.Spec{
		Root: &specs.Root{Path: "/var/lib/docker/overlay2/web/merged"},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
			file("resolv.conf"), file("hostname"), file("hosts"),
		},
		Linux: l,
	}
}

// TestCgroup2Mount: on pure v2 a cgroup2 mount of the host's cgroup namespace
// is a bind of the container's own directory, else a mount of its own.
func TestCgroup2Mount(t *testing.T) {
	for _, test := range []struct {
		private bool
		facts   CgroupFacts
		want    *plan.CgroupMount
	}{
		{false, v2(), &plan.CgroupMount{V2: true, Bind: true, BindSource: "/sys/fs/cgroup/web"}},
		{true, v2(), nil},
		{false, v1(), nil},
	} {
		s := docker()
		s.Mounts = []specs.Mount{{Destination: "/sys/fs/cgroup", Type: "cgroup2", Source: "cgroup"}}
		s.Linux = namespaced(specs.MountNamespace)
		if test.private {
			s.Linux = namespaced(specs.MountNamespace, specs.CgroupNamespace)
		}
		r, err := Rootfs(s, Facts{Cgroup: test.facts}, Options{Bundle: "/b"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, r.Mounts[0].Cgroup); diff != "" {
			t.Errorf("private %v: (-want +got)\n%s", test.private, diff)
		}
	}
}

func TestRootfsGolden(t *testing.T) {
	for name, c := range map[string]struct {
		facts  Facts
		opts   Options
		change func(*specs.Spec)
	}{
		"docker-v1": {Facts{Cgroup: v1()}, Options{Bundle: "/b"}, func(*specs.Spec) {}},
		"docker-v2": {Facts{Cgroup: v2()}, Options{Bundle: "/b"}, func(*specs.Spec) {}},
		"docker-userns-selinux": {Facts{Cgroup: v2(), SELinux: true}, Options{Bundle: "/b", NoPivot: true}, func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
			s.Linux.MountLabel = "system_u:object_r:svirt_sandbox_file_t:s0:c1,c2"
		}},
		"host-namespaces": {Facts{Cgroup: v1()}, Options{Bundle: "/b"}, func(s *specs.Spec) {
			s.Linux = &specs.Linux{RootfsPropagation: "shared"}
			s.Root.Path = "rootfs"
			s.Mounts = s.Mounts[4:5]
		}},
		"volumes": {Facts{}, Options{Bundle: "/b"}, func(s *specs.Spec) {
			s.Linux = namespaced(specs.MountNamespace)
			s.Linux.RootfsPropagation = "rshared"
			s.Root.Readonly = true
			mode := os.FileMode(0o640)
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/null", Type: "u", Major: 1, Minor: 3, FileMode: &mode}, {Path: "dev/p", Type: "p", Major: 9}}
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5, Size: 7}}
			s.Mounts = []specs.Mount{
				{Destination: "data", Source: "vol", Options: []string{"rbind", "ro", "rshared", "size=1k", "sync"}},
				{Destination: "/rro", Type: "none", Source: "/srv", Options: []string{"rbind", "rro", "rnoatime", "ridmap"}, UIDMappings: ids, GIDMappings: ids},
				{Destination: "/ext4", Type: "ext4", Source: "/dev/sdb1", Options: []string{"ro", "noload", "x-systemd.automount", "nofail"}},
				{Destination: "/scratch", Type: "tmpfs", Options: []string{"tmpcopyup", "ro", "size=1m,mode=700"}},
				{Destination: "/scratch", Options: []string{"remount", "bind", "nosuid"}},
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := docker()
			c.change(s)
			r, err := Rootfs(s, c.facts, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(r, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "rootfs-"+name+".golden.json", string(got)+"\n")
		})
	}
}

func TestRootfsRefuses(t *testing.T) {
	ids := []specs.LinuxIDMapping{{Size: 1}}
	for name, c := range map[string]struct {
		change func(*specs.Spec)
		want   string
	}{
		"propagation": {func(s *specs.Spec) { s.Linux.RootfsPropagation = "sharde" },
			`mounts: linux.rootfsPropagation: "sharde" is none of shared, slave, private, unbindable and their recursive forms`},
		"read-only root of the host": {func(s *specs.Spec) { s.Linux.Namespaces, s.Root.Readonly = nil, true },
			"mounts: root.readonly: needs a mount namespace in linux.namespaces"},
		"root": {func(s *specs.Spec) { s.Mounts[0].Destination = "/./" },
			`mounts: mounts[0].destination: "/./": nothing can be mounted on the container's root`},
		"no type": {func(s *specs.Spec) { s.Mounts[1].Type = "" }, "mounts: mounts[1].type: must be set"},
		"proc": {func(s *specs.Spec) { s.Mounts[1].Destination = "/proc/" },
			`mounts: mounts[1].type: "tmpfs" cannot be mounted on /proc: it must be of type proc`},
		"in proc": {func(s *specs.Spec) { s.Mounts[1].Destination = "/proc/./acpi" },
			`mounts: mounts[1].destination: "/proc/./acpi" cannot be mounted because it is inside /proc`},
		"idmapped remount": {func(s *specs.Spec) {
			s.Mounts[1].UIDMappings, s.Mounts[1].GIDMappings, s.Mounts[1].Options = ids, ids, []string{"remount"}
		}, "mounts: mounts[1].options: the ids of a mount that is there already cannot be mapped"},
		"idmap of nothing": {func(s *specs.Spec) { s.Mounts[7].Options = []string{"bind", "idmap"} },
			"mounts: mounts[7].options: idmap needs uidMappings and gidMappings, or a user namespace to take them from"},
		"a mistyped option of a bind": {func(s *specs.Spec) { s.Mounts[7].Options = []string{"rbind", "mode=777", "RO"} },
			`mounts: mounts[7].options[2]: "RO" is no option of a bind mount`},
		"crun's mapping": {func(s *specs.Spec) { s.Mounts[7].Options = []string{"rbind", "size=1k", "idmap=uids=0-1-10"} },
			`mounts: mounts[7].options[2]: "idmap=uids=0-1-10" is no option of a bind mount`},
		"two options in one of a bind": {func(s *specs.Spec) { s.Mounts[7].Options = []string{"rbind,ro"} },
			`mounts: mounts[7].options[0]: "rbind,ro" is no option of a bind mount`},
		"an option before a value": {func(s *specs.Spec) { s.Mounts[7].Options = []string{"rbind", "size=1k,mode=700", "ro,size=1k"} },
			`mounts: mounts[7].options[2]: "ro,size=1k" is no option of a bind mount`},
		"half a mapping": {func(s *specs.Spec) { s.Mounts[7].UIDMappings = ids },
			"mounts: mounts[7].uidMappings: uidMappings and gidMappings must be set together"},
		"sysctl": {func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/../../self/mem": "1"} },
			`sysctl: linux.sysctl["net/../../self/mem"]: is not the name of a kernel parameter`},
		"device type": {func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "x"}} },
			`devices: linux.devices[0].type: "x" is none of c, u, b, p`},
		"device minor": {func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "c", Minor: -1}} },
			"devices: linux.devices[0].minor: -1 is not in 0..1048575"},
		"device path": {func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/..", Type: "c"}} },
			`devices: linux.devices[0].path: "/dev/.." is not the path of a file`},
	} {
		s := docker()
		c.change(s)
		_, err := Rootfs(s, Facts{Cgroup: v2()}, Options{Bundle: "/b"})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

// TestRedundantPtmx: the container's own ptmx is no node.
func TestRedundantPtmx(t *testing.T) {
	s := docker()
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2}, {Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11}}
	p, err := Rootfs(s, Facts{}, Options{Bundle: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	var last []string
	for _, d := range p.Devices[len(defaultDevices()):] {
		last = append(last, d.Path)
	}
	if diff := cmp.Diff([]string{"/dev/kmsg"}, last); diff != "" {
		t.Error(diff)
	}
}

// TestInRoot: which sources are looked for inside the container.
func TestInRoot(t *testing.T) {
	s := docker()
	s.Root.Path = "root"
	bind := func(source, destination string) specs.Mount {
		return specs.Mount{Type: "bind", Source: source, Destination: destination, Options: []string{"rbind"}}
	}
	s.Mounts = []specs.Mount{
		bind("/v", "/a"), bind("/b/root/a", "/c"), bind("/b/root/a/d/../e", "/b/root/f"), bind("root/f/g", "/h"),
		bind("/b/root/ab", "/i"), bind("/b/root", "/j"), bind("/b/rootless/a", "/k"), bind("/b/root/l", "/l"),
	}
	p, err := Rootfs(s, Facts{}, Options{Bundle: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Mounts {
		got = append(got, m.Destination+" "+m.InRoot)
	}
	want := []string{"/a ", "/c /a", "/f /a/e", "/h /f/g", "/i ", "/j ", "/k ", "/l "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSysctlPath(t *testing.T) {
	for key, want := range map[string]string{
		"kernel.msgmax":                     "kernel/msgmax",
		"net.ipv4.conf.eth0/100.forwarding": "net/ipv4/conf/eth0.100/forwarding",
		"net/ipv4/conf/eth0.100/forwarding": "net/ipv4/conf/eth0.100/forwarding",
	} {
		if got := sysctlPath(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

func TestMountOptionsAreSortedAndWhole(t *testing.T) {
	names := MountOptions()
	if !slices.IsSorted(names) {
		t.Error("the table is not sorted: its search fails")
	}
	// config.md of runtime-spec 1.3.0, "Linux mount options".
	spec := strings.Fields(`async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime
		noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime
		remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw
		rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup
		unbindable idmap ridmap`)
	for _, o := range append(spec, "rnodev", "copy-symlink", "src-nofollow", "dest-nofollow") {
		if !slices.Contains(names, o) {
			t.Errorf("option %q is missing", o)
		}
	}
}

// One row for each rule of the options; what each option does to a mount is
// observed in the kernel by package rootfs.
func TestOptions(t *testing.T) {
	const (
		atime = unix.MOUNT_ATTR__ATIME
		// What a bind with options loses when they do not name it.
		rest    = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW
		restDir = rest | unix.MOUNT_ATTR_NODIRATIME
	)
	for _, c := range []struct {
		fstype  string // "bind" for a bind
		options string
		want    plan.Mount
	}{
		{"tmpfs", "", plan.Mount{DirMode: true}},
		{"tmpfs", "mode=700", plan.Mount{Data: []string{"mode=700"}}},
		{"tmpfs", "ro", plan.Mount{DirMode: true, LateReadOnly: true, AttrSet: 0}},
		{"tmpfs", "ro|rrw", plan.Mount{DirMode: true, RecClr: unix.MOUNT_ATTR_RDONLY}},
		{"tmpfs", "tmpcopyup", plan.Mount{DirMode: true, CopyUp: true}},
		{"proc", "ro|hidepid=2", plan.Mount{AttrSet: unix.MOUNT_ATTR_RDONLY, Data: []string{"hidepid=2"}}},
		{"ext4", "ro", plan.Mount{AttrSet: unix.MOUNT_ATTR_RDONLY, SBFlags: []string{"ro"}}},
		{"ext4", "ro|rw", plan.Mount{AttrClr: unix.MOUNT_ATTR_RDONLY}},
		{"ext4", "sync|dirsync|lazytime|mand", plan.Mount{SBFlags: []string{"sync", "dirsync", "lazytime", "mand"}}},
		{"ext4", "sync|async|iversion|noiversion|silent|loud|defaults|auto|x-a=b", plan.Mount{}},
		{"ext4", "iversion", plan.Mount{LegacyFlags: unix.MS_I_VERSION}},
		{"ext4", `context="u:r:t:s0:c1,c2",noload`, plan.Mount{Data: []string{"context=u:r:t:s0:c1,c2", "noload"}}},
		{"overlay", `lowerdir=/a\,b:/c,index=off`, plan.Mount{Data: []string{`lowerdir=/a\,b:/c`, "index=off"}}},
		{"bind", "mode=755|sync|iversion|tmpcopyup", plan.Mount{}},
		{"bind", "noatime", plan.Mount{AttrSet: unix.MOUNT_ATTR_NOATIME, AttrClr: atime, AttrRest: restDir}},
		{"bind", "noatime|atime", plan.Mount{AttrRest: rest}},
		{"bind", "atime", plan.Mount{AttrRest: rest}},
		{"bind", "strictatime|noatime", plan.Mount{AttrSet: unix.MOUNT_ATTR_NOATIME, AttrClr: atime, AttrRest: restDir}},
		{"bind", "noatime|strictatime", plan.Mount{AttrSet: unix.MOUNT_ATTR_STRICTATIME, AttrClr: atime, AttrRest: restDir}},
		{"bind", "strictatime|atime", plan.Mount{AttrSet: unix.MOUNT_ATTR_STRICTATIME, AttrClr: atime, AttrRest: restDir}},
		{"bind", "noatime|nostrictatime", plan.Mount{AttrSet: unix.MOUNT_ATTR_NOATIME, AttrClr: atime, AttrRest: restDir}},
		{"bind", "norelatime|nostrictatime", plan.Mount{AttrRest: rest}},
		{"bind", "nodiratime", plan.Mount{AttrSet: unix.MOUNT_ATTR_NODIRATIME, AttrClr: atime, AttrRest: rest}},
		{"bind", "rnoatime|nodev|rdev", plan.Mount{AttrSet: unix.MOUNT_ATTR_NODEV, RecSet: unix.MOUNT_ATTR_NOATIME, RecClr: atime | unix.MOUNT_ATTR_NODEV, AttrRest: rest &^ unix.MOUNT_ATTR_NODEV}},
		{"bind", "nosuid|suid|ro|rw", plan.Mount{AttrClr: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_RDONLY, AttrRest: rest &^ (unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_RDONLY)}},
		{"bind", "shared|rslave", plan.Mount{Propagation: []uint64{unix.MS_SHARED, unix.MS_SLAVE | unix.MS_REC}}},
		{"bind", "src-nofollow|dest-nofollow|copy-symlink", plan.Mount{SrcNoFollow: true, DstNoFollow: true, CopySymlink: true}},
	} {
		var options []string
		if c.options != "" {
			options = strings.Split(c.options, "|")
		}
		p := parseOptions(options)
		got := plan.Mount{Type: c.fstype, Bind: c.fstype == "bind"}
		p.fill(&got)
		c.want.Type, c.want.Bind = got.Type, got.Bind
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", c.fstype, c.options, diff)
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add("ro,nosuid")
	f.Add(`context="a,b",x\,y`)
	f.Fuzz(func(t *testing.T, option string) {
		p := parseOptions([]string{option, "ro"})
		if p.top.set&unix.MOUNT_ATTR_RDONLY == 0 {
			t.Error("the option before swallowed ro")
		}
		for _, d := range p.data {
			if d == "" {
				t.Error("empty option for the file system")
			}
		}
	})
}

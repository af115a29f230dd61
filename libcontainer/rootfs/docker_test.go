package rootfs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestDockerDefault(t *testing.T) {
	base, root := newRoot(t)
	s := dockerSpec(t, base, root)
	s.Root.Readonly = true
	s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "12345"}
	rep := mustRun(t, &job{
		Spec: s, Facts: factsOf(), Console: true,
		Look: []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fd", "/dev/stdin",
			"/dev/stdout", "/dev/stderr", "/dev/ptmx", "/dev/console", "/dev/pts/ptmx", "/proc/kcore", "/proc/timer_list"},
		Read:  []string{"/etc/hostname", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax", "/proc/timer_list"},
		Write: []string{"/etc/new", "/proc/sys/kernel/msgmax", "/dev/shm/x", "/sys/x", "/dev/x", "/sys/firmware/x", "/sys/fs/cgroup/x"},
	})
	wantLook := map[string]found{
		"/dev/null":        {Mode: "20666", Rdev: "1:3"},
		"/dev/zero":        {Mode: "20666", Rdev: "1:5"},
		"/dev/full":        {Mode: "20666", Rdev: "1:7"},
		"/dev/random":      {Mode: "20666", Rdev: "1:8"},
		"/dev/urandom":     {Mode: "20666", Rdev: "1:9"},
		"/dev/tty":         {Mode: "20666", Rdev: "5:0"},
		"/dev/fd":          {Mode: "120777", Target: "/proc/self/fd", Size: 13},
		"/dev/stdin":       {Mode: "120777", Target: "/proc/self/fd/0", Size: 15},
		"/dev/stdout":      {Mode: "120777", Target: "/proc/self/fd/1", Size: 15},
		"/dev/stderr":      {Mode: "120777", Target: "/proc/self/fd/2", Size: 15},
		"/dev/ptmx":        {Mode: "120777", Target: "pts/ptmx", Size: 8},
		"/dev/pts/ptmx":    {Mode: "20666", Rdev: "5:2"},
		"/proc/kcore":      {Mode: "20666", Rdev: "1:3"},
		"/proc/timer_list": {Mode: "20666", Rdev: "1:3"},
	}
	console := rep.Look["/dev/console"]
	delete(rep.Look, "/dev/console")
	if !strings.HasPrefix(console.Rdev, "136:") {
		t.Errorf("/dev/console is %+v, want a pty's slave", console)
	}
	for p := range wantLook {
		if rep.Look[p].Err == "ENOENT" && strings.HasPrefix(p, "/proc/") {
			delete(rep.Look, p)
			delete(wantLook, p)
		}
	}
	if diff := cmp.Diff(wantLook, rep.Look); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantRead := map[string]string{
		"/etc/hostname": "hostname", "/proc/sys/net/ipv4/ip_forward": "1\n", "/proc/sys/kernel/msgmax": "12345\n", "/proc/timer_list": "",
	}
	if strings.HasPrefix(rep.Read["/proc/timer_list"], "error: ENOENT") {
		rep.Read["/proc/timer_list"] = ""
	}
	if diff := cmp.Diff(wantRead, rep.Read); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	wantWrite := map[string]string{
		"/etc/new": "EROFS", "/proc/sys/kernel/msgmax": "EROFS", "/dev/shm/x": "ok", "/sys/x": "EROFS", "/dev/x": "ok",
		"/sys/firmware/x": "EROFS", "/sys/fs/cgroup/x": "EROFS",
	}
	if diff := cmp.Diff(wantWrite, rep.Write); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	for point, want := range map[string]mounted{
		"/proc":       {Root: "/", Point: "/proc", Options: "rw,nosuid,nodev,noexec,relatime", Type: "proc", Source: "proc", Super: "rw"},
		"/dev/mqueue": {Root: "/", Point: "/dev/mqueue", Options: "rw,nosuid,nodev,noexec,relatime", Type: "mqueue", Source: "mqueue", Super: "rw"},
		"/sys":        {Root: "/", Point: "/sys", Options: "ro,nosuid,nodev,noexec,relatime", Type: "sysfs", Source: "sysfs", Super: "rw"},
		"/dev/pts":    {Root: "/", Point: "/dev/pts", Options: "rw,nosuid,noexec,relatime", Type: "devpts", Source: "devpts", Super: "rw,gid=5,mode=620,ptmxmode=666"},
		"/dev/shm":    {Root: "/", Point: "/dev/shm", Options: "rw,nosuid,nodev,noexec,relatime", Type: "tmpfs", Source: "shm", Super: "rw,size=65536k"},
		"/dev":        {Root: "/", Point: "/dev", Options: "rw,nosuid", Type: "tmpfs", Source: "tmpfs", Super: "rw,size=65536k,mode=755"},
	} {
		got := rep.at(point)
		got.Super = strings.TrimSuffix(got.Super, ",inode64") // a default of some kernels
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", point, diff)
		}
	}
	if m := rep.at("/"); !has(m.Options, "ro") {
		t.Errorf("/ is mounted %s", m.Options)
	}
	for line := range strings.Lines(rep.Mountinfo) {
		if m := parseMount(line); strings.HasPrefix(m.Point, base) {
			t.Errorf("a mount of the host is in sight: %s", line)
		}
	}
}

// Every variant of a container's life must come up and end at its own root.
func TestVariants(t *testing.T) {
	needRoot(t)
	for name, change := range map[string]func(*job){
		"no pivot":   func(j *job) { j.Opts.NoPivot = true },
		"twice":      func(j *job) { j.Twice = true },
		"shared":     func(j *job) { j.Spec.Linux.RootfsPropagation = "shared" },
		"rshared":    func(j *job) { j.Spec.Linux.RootfsPropagation = "rshared" },
		"rprivate":   func(j *job) { j.Spec.Linux.RootfsPropagation = "rprivate" },
		"unbindable": func(j *job) { j.Spec.Linux.RootfsPropagation = "unbindable" },
		"shared no pivot": func(j *job) {
			j.Spec.Linux.RootfsPropagation = "shared"
			j.Opts.NoPivot = true
		},
		"no cgroup namespace": func(j *job) { dropNamespace(j.Spec, specs.CgroupNamespace) },
		"user namespace":      func(j *job) { userNamespace(j.Spec) },
		"user namespace, no pivot": func(j *job) {
			userNamespace(j.Spec)
			j.Opts.NoPivot = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			base, root := newRoot(t)
			chownAll(t, root)
			write(t, root+"/etc/mine", "mine")
			j := &job{
				Spec: dockerSpec(t, base, root), Facts: factsOf(),
				Look:  []string{"/dev/null", "/dev/fd"},
				Read:  []string{"/etc/mine", "/etc/hosts"},
				Write: []string{"/tmp/x", "/dev/null"},
			}
			change(j)
			rep := mustRun(t, j)
			if len(rep.OpenFds) > 0 && !j.Twice { // the first of two is not finished
				t.Errorf("fds left open: %q", rep.OpenFds)
			}
			if rep.Look["/dev/null"].Rdev != "1:3" || rep.Look["/dev/fd"].Target != "/proc/self/fd" {
				t.Errorf("/dev: %+v", rep.Look)
			}
			if diff := cmp.Diff(map[string]string{"/etc/mine": "mine", "/etc/hosts": "hosts"}, rep.Read); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(map[string]string{"/tmp/x": "ok", "/dev/null": "ok"}, rep.Write); diff != "" {
				t.Error(diff)
			}
			for line := range strings.Lines(rep.Mountinfo) {
				if m := parseMount(line); strings.HasPrefix(m.Point, base) {
					t.Errorf("a mount of the host is in sight: %s", line)
				}
			}
		})
	}
}

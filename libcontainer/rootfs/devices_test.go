package rootfs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestDevices(t *testing.T) {
	_, root := newRoot(t)
	mode, id := os.FileMode(0o640), uint32(5)
	devices := []specs.LinuxDevice{
		{Path: "/dev/my/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &id, GID: &id},
		{Path: "/opt/loop", Type: "b", Major: 7, Minor: 0},
		{Path: "/dev/pipe", Type: "p", Major: 99, Minor: 99},
		{Path: "/dev/zero", Type: "u", Major: 1, Minor: 5, FileMode: &mode},
	}
	paths := []string{"/dev/my/null", "/opt/loop", "/dev/pipe", "/dev/zero", "/dev/full"}
	want := map[string]found{
		"/dev/my/null": {Mode: "20640", Rdev: "1:3", UID: 5, GID: 5},
		"/opt/loop":    {Mode: "60666", Rdev: "7:0"},
		"/dev/pipe":    {Mode: "10666"},
		"/dev/zero":    {Mode: "20640", Rdev: "1:5"},
		"/dev/full":    {Mode: "20666", Rdev: "1:7"},
	}
	for name, mounts := range map[string][]specs.Mount{
		"own /dev": nil,
		"tmpfs":    {{Destination: "/dev", Type: "tmpfs", Options: []string{"mode=755"}}},
	} {
		s := newSpec(root, mounts...)
		s.Linux.Devices = devices
		for range 2 { // the second time they are there
			rep := mustRun(t, &job{Spec: s, Look: paths})
			if diff := cmp.Diff(want, rep.Look); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestConflictingDevice(t *testing.T) {
	needRoot(t)
	for name, make := range map[string]func(p string) error{
		"file":         func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) },
		"empty file":   func(p string) error { return os.WriteFile(p, nil, 0o644) },
		"directory":    func(p string) error { return os.Mkdir(p, 0o755) },
		"link":         func(p string) error { return os.Symlink("null", p) },
		"other device": func(p string) error { return unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"fifo":         func(p string) error { return unix.Mkfifo(p, 0o666) },
	} {
		_, root := newRoot(t)
		if err := make(root + "/dev/mine"); err != nil {
			t.Fatal(err)
		}
		s := newSpec(root)
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 3}}
		rep := run(t, &job{Spec: s})
		const want = "devices: linux.devices[0] /dev/mine: another file is there already, and it is not that device"
		if rep.Err != want {
			t.Errorf("%s: %q, want %q", name, rep.Err, want)
		}
	}
}

// In a user namespace nodes are bound from the host.
func TestDevicesInUserNamespace(t *testing.T) {
	needRoot(t)
	_, root := newRoot(t)
	chownAll(t, root)
	s := newSpec(root, procMount())
	userNamespace(s)
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/pipe", Type: "p"}}
	for range 2 { // the second time the places to bind on are there
		rep := mustRun(t, &job{Spec: s, Look: []string{"/dev/null", "/dev/pipe"}, Write: []string{"/dev/null"}})
		if rep.Look["/dev/null"].Rdev != "1:3" || rep.Look["/dev/pipe"].Mode != "10666" || rep.Write["/dev/null"] != "ok" {
			t.Errorf("%+v %+v", rep.Look, rep.Write)
		}
	}
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/null", Type: "c", Major: 1, Minor: 5}}
	if rep := run(t, &job{Spec: s}); !strings.Contains(rep.Err, "the host's /dev/null is another device") {
		t.Errorf("wrong numbers: %q", rep.Err)
	}
}

// A host directory bound on /dev stays as it is.
func TestBoundDev(t *testing.T) {
	base, root := newRoot(t)
	write(t, base+"/hostdev/thing", "")
	s := newSpec(root, specs.Mount{Destination: "/dev", Source: base + "/hostdev", Options: []string{"rbind"}})
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/extra", Type: "c", Major: 1, Minor: 3}}
	before := snapshot(t, base+"/hostdev")
	mustRun(t, &job{Spec: s})
	if after := snapshot(t, base+"/hostdev"); after != before {
		t.Errorf("made in the host's directory:\n%s", after)
	}
}

// Without a mount namespace the mounts land in the host's tree, here that of a
// child, and the container is only chrooted.
func TestNoMountNamespace(t *testing.T) {
	base, root := newRoot(t)
	write(t, root+"/etc/mine", "mine")
	s := dockerSpec(t, base, root)
	dropNamespace(s, specs.MountNamespace)
	rep := inSource(t, &job{Spec: s, Share: t.TempDir(), Facts: factsOf(), Read: []string{"/etc/mine", "/etc/hosts"}, Look: []string{"/dev/null", "/proc/self"}})
	if rep.Read["/etc/mine"] != "mine" || rep.Read["/etc/hosts"] != "hosts" || rep.Look["/dev/null"].Rdev != "1:3" {
		t.Errorf("%+v %+v", rep.Read, rep.Look)
	}
	if rep.Host == "" || !strings.Contains(rep.Host, root+"/dev/shm") {
		t.Errorf("mounts of the namespace: %s", rep.Host)
	}
}

// An image whose link leads from where devices are made to a host directory
// that the configuration binds elsewhere: nothing may be made in it.
func TestDevLeadsIntoABind(t *testing.T) {
	for name, test := range map[string]struct {
		link, to string
		device   string
		console  bool
		object   string
	}{
		"dev":               {link: "/dev", to: "/vol", object: "devices: /dev"},
		"new directory":     {link: "/dev", to: "/vol/new/dir", object: "devices: /dev"},
		"hop":               {link: "/dev", to: "/data/../vol", object: "devices: /dev"},
		"console":           {link: "/dev", to: "/vol", console: true, object: "devices: /dev"},
		"device elsewhere":  {link: "/opt", to: "/vol", device: "/opt/mine", object: "devices: linux.devices[0] /opt/mine"},
		"device in the way": {link: "/opt", to: "/vol", device: "/opt/new/mine", object: "devices: linux.devices[0] /opt/new/mine"},
		"device in a bind":  {link: "/opt", to: "/data", device: "/vol/mine", object: "devices: linux.devices[0] /vol/mine"},
		"below dev":         {link: "/dev/my", to: "/vol", device: "/dev/my/mine", object: "devices: linux.devices[0] /dev/my/mine"},
	} {
		t.Run(name, func(t *testing.T) {
			base, root := newRoot(t)
			write(t, base+"/host/ptmx", "host")
			write(t, base+"/host/thing", "host")
			if err := os.RemoveAll(root + test.link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(test.to, root+test.link); err != nil {
				t.Fatal(err)
			}
			s := newSpec(root, specs.Mount{Destination: "/vol", Type: "bind", Source: base + "/host", Options: []string{"rbind"}})
			if test.device != "" {
				s.Linux.Devices = []specs.LinuxDevice{{Path: test.device, Type: "c", Major: 1, Minor: 5}}
			}
			before := snapshot(t, base+"/host")
			for _, mountNS := range []bool{true, false} {
				j := &job{Spec: s, Console: test.console}
				var rep report
				if mountNS {
					rep = run(t, j)
				} else {
					dropNamespace(s, specs.MountNamespace)
					j.Share, j.Facts = t.TempDir(), factsOf()
					rep = trySource(t, j)
				}
				if after := snapshot(t, base+"/host"); after != before {
					t.Errorf("made in the host's directory:\n%s\nwas:\n%s", after, before)
				}
				if want := test.object + ": leads to another mount"; rep.Err != want {
					t.Errorf("%q, want %q", rep.Err, want)
				}
			}
		})
	}
}

// A link that stays in the image, and one into the /dev that is mounted, are
// the image's own business.
func TestDevLinkInTheImage(t *testing.T) {
	_, root := newRoot(t)
	for link, to := range map[string]string{"/dev": "/data/dev", "/opt": "/dev/sub"} {
		if err := os.RemoveAll(root + link); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, root+link); err != nil {
			t.Fatal(err)
		}
	}
	for name, mounts := range map[string][]specs.Mount{
		"own /dev": nil,
		"tmpfs":    {{Destination: "/dev", Type: "tmpfs", Options: []string{"mode=755"}}},
	} {
		s := newSpec(root, mounts...)
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/opt/mine", Type: "c", Major: 1, Minor: 5}}
		rep := mustRun(t, &job{Spec: s, Console: true, Look: []string{"/dev/null", "/dev/sub/mine"}})
		if rep.Look["/dev/null"].Rdev != "1:3" || rep.Look["/dev/sub/mine"].Rdev != "1:5" {
			t.Errorf("%s: %+v", name, rep.Look)
		}
	}
}

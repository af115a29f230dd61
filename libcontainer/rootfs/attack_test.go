package rootfs_test

// attack_test.go: images that lead the way out of the root. Whatever the
// answer is (an error, or a container that comes up), nothing outside of the
// root file system may be created, changed, or covered by a mount.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// checkOutside compares the host's part with what it was, and looks for mounts
// of the container's namespace outside of the root.
func checkOutside(t *testing.T, rep report, base, before string) {
	t.Helper()
	if after := snapshot(t, base+"/host"); after != before {
		t.Errorf("the host's files changed:\n%s\nwere:\n%s", after, before)
	}
	// rep.Host has the whole namespace, before the pivot: the root is at
	// base/rootfs there.
	for line := range strings.Lines(rep.Host) {
		if m := parseMount(line); strings.HasPrefix(m.Point, base) && !strings.HasPrefix(m.Point, base+"/rootfs") {
			t.Errorf("mounted outside: %s", line)
		}
	}
}

func hostTree(t *testing.T, base string) {
	t.Helper()
	for _, f := range []string{"file", "dir/file", "dev/console", "dev/null"} {
		write(t, base+"/host/"+f, "host")
	}
}

func TestLinksToTheHost(t *testing.T) {
	places := []string{"/proc", "/sys", "/dev", "/dev/console", "/dev/null", "/dev/pts", "/dev/ptmx", "/dev/shm", "/dev/fd", "/dst", "/dst/deep", "/etc/hosts"}
	targets := map[string]func(base string) string{
		"absolute":      func(base string) string { return base + "/host/dir" },
		"absolute file": func(base string) string { return base + "/host/file" },
		"relative":      func(base string) string { return "../../../../../../../../.." + base + "/host/dir" },
		"dangling":      func(base string) string { return base + "/host/new" },
		"magic root":    func(base string) string { return "/proc/self/root" + base + "/host/dir" },
		"magic cwd":     func(string) string { return "/proc/self/cwd" },
		"magic fd":      func(string) string { return "/proc/self/fd/0" },
		"magic thread":  func(base string) string { return "/proc/1/root" + base + "/host/file" },
		"loop":          func(string) string { return "self" },
		"to the root":   func(string) string { return "/" },
		"into proc":     func(string) string { return "/proc/sys" },
		"fifo":          nil,
		"regular file":  nil,
		"directory":     nil,
	}
	for name, target := range targets {
		for _, place := range places {
			t.Run(name+place, func(t *testing.T) {
				t.Parallel()
				linkToTheHost(t, name, target, false, place)
			})
		}
		// With a tmpfs on /dev, all that an image has below it at once.
		t.Run(name+" below a tmpfs", func(t *testing.T) {
			t.Parallel()
			linkToTheHost(t, name, target, true, "/dev/console", "/dev/null", "/dev/pts", "/dev/ptmx", "/dev/shm", "/dev/fd")
		})
	}
}

func linkToTheHost(t *testing.T, name string, target func(base string) string, tmpfsDev bool, places ...string) {
	base, root := newRoot(t)
	hostTree(t, base)
	for _, place := range places {
		os.RemoveAll(root + place)
		os.MkdirAll(filepath.Dir(root+place), 0o755)
		switch name {
		case "fifo":
			unix.Mkfifo(root+place, 0o666)
		case "regular file":
			write(t, root+place, "image")
		case "directory":
			os.MkdirAll(root+place, 0o755)
		case "loop":
			os.Symlink(filepath.Base(place), root+place)
		default:
			os.Symlink(target(base), root+place)
		}
	}
	place := places[0]
	before := snapshot(t, base+"/host")
	s := dockerSpec(t, base, root)
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool {
		return m.Type == "cgroup" || m.Destination == "/dev" && !tmpfsDev
	})
	s.Mounts = append(s.Mounts,
		specs.Mount{Destination: "/dst", Type: "tmpfs", Options: []string{"tmpcopyup"}},
		specs.Mount{Destination: "/dst/deep", Source: base + "/hosts", Options: []string{"bind"}})
	s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/etc/hosts", "/dst")
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/extra", Type: "c", Major: 1, Minor: 3}, {Path: "/dst2/fifo", Type: "p"}}
	rep := run(t, &job{Spec: s, Facts: factsOf(), Console: true, Read: []string{"/dev/null", "/dst/file"}})
	checkOutside(t, rep, base, before)
	if rep.Stage == "pty" {
		t.Fatal(rep.Err)
	}
	for p, text := range rep.Read {
		if text == "host" {
			t.Errorf("%s is a file of the host", p)
		}
	}
	if (place == "/proc" || place == "/sys") && name != "directory" && !strings.Contains(rep.Err, "must be mounted on ordinary directory") {
		t.Errorf("%s as %s: %q", place, name, rep.Err)
	}
	if tmpfsDev && rep.Err != "" {
		t.Errorf("what the image has below /dev counts, with a tmpfs on it: %s", rep.Err)
	}
}

// Masks and read-only paths resolve inside the root as well, and the file that
// hides others is the host's /dev/null whatever the image's is.
func TestMasksOfAnEvilImage(t *testing.T) {
	base, root := newRoot(t)
	hostTree(t, base)
	write(t, root+"/secret", "secret")
	write(t, root+"/dev/null", "image's null")
	os.Symlink(base+"/host/file", root+"/out")
	os.Symlink(base+"/host/dir", root+"/outdir")
	os.Symlink("/secret", root+"/in")
	before := snapshot(t, base+"/host")
	s := newSpec(root, procMount(), specs.Mount{Destination: "/dev", Source: root + "/dev", Options: []string{"bind"}})
	s.Linux.MaskedPaths = []string{"/in", "/out", "/outdir", "/missing", "/secret/no"}
	s.Linux.ReadonlyPaths = []string{"/outdir", "/out", "/missing", "/data"}
	rep := mustRun(t, &job{Spec: s, Look: []string{"/secret"}, Read: []string{"/secret"}, Write: []string{"/data/x"}})
	checkOutside(t, rep, base, before)
	if rep.Look["/secret"].Rdev != "1:3" || rep.Read["/secret"] != "" {
		t.Errorf("masked file: %+v %q", rep.Look, rep.Read)
	}
	if rep.Write["/data/x"] != "EROFS" {
		t.Errorf("read-only path: %v", rep.Write)
	}
	s.Linux.MaskedPaths = []string{"/etc/.."}
	if rep := run(t, &job{Spec: s}); !strings.Contains(rep.Err, "is the container's root") {
		t.Errorf("masked root: %q", rep.Err)
	}
}

func TestRefusals(t *testing.T) {
	base, root := newRoot(t)
	write(t, base+"/file", "")
	os.Symlink("/", root+"/toroot")
	os.Symlink("/proc/sys", root+"/toproc")
	os.Symlink("/proc/self/root/etc", root+"/magic")
	for name, c := range map[string]struct {
		m    specs.Mount
		want string
	}{
		"root":              {specs.Mount{Destination: "/", Type: "tmpfs"}, "nothing can be mounted on the container's root"},
		"root by dots":      {specs.Mount{Destination: "/etc/..", Type: "tmpfs"}, "nothing can be mounted on the container's root"},
		"root by link":      {specs.Mount{Destination: "/toroot", Type: "tmpfs"}, "leads to the container's root"},
		"inside proc":       {specs.Mount{Destination: "/proc/sys/net", Type: "tmpfs"}, "cannot be mounted because it is inside /proc"},
		"inside by link":    {specs.Mount{Destination: "/toproc", Type: "tmpfs"}, "cannot be mounted because it is inside /proc"},
		"tmpfs on proc":     {specs.Mount{Destination: "/proc", Type: "tmpfs"}, "must be of type proc"},
		"bind on proc":      {specs.Mount{Destination: "/proc", Source: base, Options: []string{"bind"}}, "is no procfs"},
		"magic link":        {specs.Mount{Destination: "/magic/x", Type: "tmpfs"}, "too many levels of symbolic links"},
		"missing source":    {specs.Mount{Destination: "/x", Source: base + "/nope", Options: []string{"bind"}}, "mounts[1] /x: open " + base + "/nope: no such file or directory"},
		"file on directory": {specs.Mount{Destination: "/etc", Source: base + "/file", Options: []string{"bind"}}, "error mounting bind: not a directory"},
		"no such type":      {specs.Mount{Destination: "/x", Type: "nosuchfs"}, "error mounting nosuchfs: no such device"},
		"bad option":        {specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"size=much"}}, `option "size=much": invalid argument (tmpfs: Bad value for 'size')`},
		"unknown option":    {specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"nosuchoption"}}, `option "nosuchoption": invalid argument (tmpfs: Unknown parameter 'nosuchoption')`},
	} {
		if rep := run(t, &job{Spec: newSpec(root, procMount(), c.m)}); !strings.Contains(rep.Err, c.want) {
			t.Errorf("%s: %s: %q, want %q", name, rep.Stage, rep.Err, c.want)
		}
	}
}

// A neighbour that shares the image swaps directories and links while the
// mounts are made.
func TestRace(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	base, root := newRoot(t)
	hostTree(t, base)
	for _, d := range []string{"/swap/a/dir", "/swap/b"} {
		os.MkdirAll(root+d, 0o755)
	}
	// Each place is a directory at one moment and a link to the host at the next.
	pairs := [][2]string{}
	for _, p := range []string{"/swap/a", "/swap/b", "/dev", "/proc", "/sys", "/etc"} {
		os.MkdirAll(root+p, 0o755)
		evil := root + "/evil" + strings.ReplaceAll(p, "/", "-")
		os.Symlink("../../../../../../../../../.."+base+"/host/dir", evil)
		pairs = append(pairs, [2]string{root + p, evil})
	}
	s := dockerSpec(t, base, root)
	s.Mounts = append(s.Mounts[:1], s.Mounts[2:]...) // /dev is the image's own
	s.Mounts = append(s.Mounts,
		specs.Mount{Destination: "/swap/a/dir/../made/deep", Type: "tmpfs"},
		specs.Mount{Destination: "/swap/b/file", Source: base + "/hosts", Options: []string{"bind"}})
	s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/swap/a/dir")
	s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/swap/b")
	before := snapshot(t, base+"/host")
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		swaps := 0
		defer func() { done <- swaps }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, p := range pairs {
				if unix.Renameat2(unix.AT_FDCWD, p[0], unix.AT_FDCWD, p[1], unix.RENAME_EXCHANGE) == nil {
					swaps++
				}
			}
		}
	}()
	runs, up := 0, 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); runs++ {
		rep := run(t, &job{Spec: s, Facts: factsOf(), Console: true})
		if rep.Err == "" {
			up++
		}
		checkOutside(t, rep, base, before)
		if t.Failed() {
			break
		}
	}
	close(stop)
	swaps := <-done
	t.Logf("%d containers, %d of them came up, %d swaps", runs, up, swaps)
	if swaps == 0 || runs == 0 {
		t.Error("nothing raced")
	}
}

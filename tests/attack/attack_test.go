// Package attack plays a hostile image against the runtime, as root, for run
// and for create: see docs/security.md, which lists these tests. The question
// is always the same: was anything outside the container's root made,
// changed, bound or readable?
package attack

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const secret = "a secret of the host\n"

// victim is a directory outside the rootfs that an attack aims at.
type victim struct {
	dir    string
	before []string
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "rt-victim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"dir/secret", "dir/null", "dir/console", "secret"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v := &victim{dir: dir}
	v.before = v.look(t)
	return v
}

// look describes every file below the victim: name, mode, owner, device,
// times of change and content.
func (v *victim) look(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.Walk(v.dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%s %v %d:%d dev %d rdev %d ctime %v", path, info.Mode(), st.Uid, st.Gid, st.Dev, st.Rdev, st.Ctim)
		if info.Mode().IsRegular() {
			line += " " + hash(t, path)
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func hash(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// unharmed fails the test if anything of the victim differs, if it shows in
// the host's mount table, or if its secret was printed.
func (v *victim) unharmed(t *testing.T, r harness.Result) {
	t.Helper()
	now := v.look(t)
	for _, line := range now {
		if !slices.Contains(v.before, line) {
			t.Errorf("changed on the host: %s\nby %v", line, r)
		}
	}
	if len(now) != len(v.before) {
		t.Errorf("%d files on the host, %d before: %v", len(now), len(v.before), r)
	}
	if strings.Contains(r.Stdout, strings.TrimSpace(secret)) {
		t.Errorf("the host's secret was read: %v", r)
	}
	for _, line := range harness.Mounts(t) {
		if strings.Contains(line, v.dir) {
			t.Errorf("on the host a mount: %s", line)
		}
	}
}

// inside fails the test if the container's mount table holds the victim.
func (v *victim) inside(t *testing.T, c *harness.Container) {
	t.Helper()
	pid := c.Status().Pid
	if pid == 0 {
		return
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(fields[3], v.dir) { // the root of the mount
			t.Errorf("in the container a mount of the host's: %s", line)
		}
	}
}

// alike counts the cases of [both].
var alike int

// both plays one attack for run and for create. The container may start or
// be refused: it may only not get out. Its program reads what it can.
func both(t *testing.T, prepare func(t *testing.T, c *harness.Container, v *victim)) {
	script := `read='cat /dev/secret /dev/null /dev/console /proc/secret /sys/secret /data/secret /data /dev/pts/secret secret'
write='for d in /dev /dev/pts /proc /sys /data; do touch $d/made-by-container; mkdir $d/dir-by-container; echo x > $d/secret; done'
timeout 1 sh -c "$read" 2>&-; timeout 1 sh -c "$write" 2>&-; true`
	for _, command := range []string{"run", "create"} {
		alike++
		t.Run(command, func(t *testing.T) {
			if !harness.Some(alike) {
				t.Skip("time is missing for more than every fifth of these cases on a slow machine")
			}
			v := newVictim(t)
			c := harness.New(t, harness.Spec("sh", "-c", script))
			prepare(t, c, v)
			if command == "run" {
				v.unharmed(t, c.Run())
				return
			}
			r := c.TryCreate()
			v.unharmed(t, r)
			if r.Code == 0 {
				v.inside(t, c)
				r = c.Do("start", c.ID)
				v.unharmed(t, r)
				c.Do("delete", "--force", c.ID)
			}
			v.unharmed(t, r)
		})
	}
}

// shape is what an image puts where the runtime wants to mount or to make
// something.
type shape struct {
	name string
	make func(c *harness.Container, v *victim, path string) error
}

func shapes() []shape {
	symlink := func(target func(c *harness.Container, v *victim, path string) string) func(*harness.Container, *victim, string) error {
		return func(c *harness.Container, v *victim, path string) error {
			return os.Symlink(target(c, v, path), path)
		}
	}
	return []shape{
		{"absolute link to a directory", symlink(func(_ *harness.Container, v *victim, _ string) string { return v.dir + "/dir" })},
		{"absolute link to a file", symlink(func(_ *harness.Container, v *victim, _ string) string { return v.dir + "/secret" })},
		{"relative link", symlink(func(_ *harness.Container, v *victim, path string) string {
			return strings.Repeat("../", strings.Count(path, "/")+4) + v.dir[1:] + "/dir"
		})},
		{"dangling link", symlink(func(_ *harness.Container, v *victim, _ string) string { return v.dir + "/not/yet/there" })},
		{"dangling link beside a file", symlink(func(_ *harness.Container, v *victim, _ string) string { return v.dir + "/dir/new" })},
		{"magic link to a cwd", symlink(func(_ *harness.Container, _ *victim, _ string) string { return "/proc/self/cwd" })},
		{"magic link to the root of 1", symlink(func(_ *harness.Container, v *victim, _ string) string { return "/proc/1/root" + v.dir + "/dir" })},
		{"magic link to an fd", symlink(func(_ *harness.Container, _ *victim, _ string) string { return "/proc/self/fd/7" })},
		{"link to itself", symlink(func(_ *harness.Container, _ *victim, path string) string { return filepath.Base(path) })},
		{"fifo", func(_ *harness.Container, _ *victim, path string) error { return syscall.Mkfifo(path, 0o666) }},
		{"file", func(_ *harness.Container, _ *victim, path string) error { return os.WriteFile(path, nil, 0o644) }},
	}
}

func plant(t *testing.T, c *harness.Container, v *victim, s shape, path string) {
	t.Helper()
	full := filepath.Join(c.Rootfs, path)
	if err := os.RemoveAll(full); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.make(c, v, full); err != nil {
		t.Fatal(err)
	}
}

// TestMountPoints: /dev, /proc, /sys and a mount's destination, and a
// directory on the way to it, are not what they seem.
func TestMountPoints(t *testing.T) {
	for _, path := range []string{"/dev", "/proc", "/sys", "/data", "/way"} {
		for _, s := range shapes() {
			t.Run(strings.TrimPrefix(path, "/")+"/"+s.name, func(t *testing.T) {
				both(t, func(t *testing.T, c *harness.Container, v *victim) {
					plant(t, c, v, s, path)
					c.Spec.Mounts = append(c.Spec.Mounts,
						specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs"},
						specs.Mount{Destination: "/way/to/data", Type: "tmpfs", Source: "tmpfs"})
				})
			})
		}
	}
}

// TestDevWithoutMount: the image's own /dev is used, and holds traps where
// the runtime makes nodes, links, the console and pts.
func TestDevWithoutMount(t *testing.T) {
	for _, path := range []string{"/dev/null", "/dev/console", "/dev/pts", "/dev/ptmx", "/dev/fd", "/dev/stdin", "/dev/shm", "/dev/mine"} {
		for _, s := range shapes() {
			t.Run(strings.TrimPrefix(path, "/dev/")+"/"+s.name, func(t *testing.T) {
				both(t, func(t *testing.T, c *harness.Container, v *victim) {
					plant(t, c, v, s, path)
					c.Spec.Mounts = slices.DeleteFunc(c.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev" || m.Destination == "/dev/mqueue" })
					c.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5}}
					if path != "/dev/mine" {
						c.Spec.Linux.Devices = nil
					}
				})
			})
		}
	}
}

// TestConsoleTrap: /dev/console of the image, where the terminal is bound.
func TestConsoleTrap(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			v := newVictim(t)
			c := harness.New(t, harness.Spec("sh", "-c", "echo x > /dev/console; cat /dev/console"))
			c.Spec.Process.Terminal = true
			c.Spec.Mounts = slices.DeleteFunc(c.Spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev" || m.Destination == "/dev/mqueue" })
			plant(t, c, v, s, "/dev/console")
			accept := harness.Console(t, c.Host("tty.sock"))
			r := c.TryCreate("--console-socket", c.Host("tty.sock"))
			v.unharmed(t, r)
			if r.Code == 0 {
				defer accept().Close()
				v.inside(t, c)
				r = c.Do("start", c.ID)
				v.unharmed(t, r)
			}
		})
	}
}

// TestMasks: masked and read-only paths that are links outside.
func TestMasks(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			both(t, func(t *testing.T, c *harness.Container, v *victim) {
				plant(t, c, v, s, "/trap")
				c.Spec.Linux.MaskedPaths = []string{"/trap", "/trap/secret"}
				c.Spec.Linux.ReadonlyPaths = []string{"/trap", "/trap/dir"}
			})
		})
	}
}

// TestCopyUp: a tmpfs that starts with the image's files, which are links.
func TestCopyUp(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			both(t, func(t *testing.T, c *harness.Container, v *victim) {
				plant(t, c, v, s, "/data/secret")
				c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/data", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}})
			})
		})
	}
}

// TestCwdMade: the working directory that the runtime makes leads outside.
func TestCwdMade(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			both(t, func(t *testing.T, c *harness.Container, v *victim) {
				plant(t, c, v, s, "/work")
				c.Spec.Process.Cwd = "/work/new/dir"
			})
		})
	}
}

// TestPasswd: HOME is looked up in an image whose /etc/passwd is a trap.
func TestPasswd(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			both(t, func(t *testing.T, c *harness.Container, v *victim) {
				plant(t, c, v, s, "/etc/passwd")
			})
		})
	}
}

// TestSourceInsideImage: the way to a destination leads through a link that
// an earlier bind has brought in.
func TestSourceInsideImage(t *testing.T) {
	both(t, func(t *testing.T, c *harness.Container, v *victim) {
		// A bind whose destination passes through a link of an earlier mount.
		if err := os.Symlink("/data/link", filepath.Join(c.Rootfs, "hop")); err != nil {
			t.Fatal(err)
		}
		shared := c.Host("shared")
		if err := os.Mkdir(shared, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(v.dir+"/dir", filepath.Join(shared, "link")); err != nil {
			t.Fatal(err)
		}
		c.Spec.Mounts = append(c.Spec.Mounts,
			specs.Mount{Destination: "/data", Type: "bind", Source: shared, Options: []string{"bind"}},
			specs.Mount{Destination: "/hop/sub", Type: "tmpfs", Source: "tmpfs"},
			specs.Mount{Destination: "/data/link", Type: "tmpfs", Source: "tmpfs"})
	})
}

// TestCwdIsAnFd: cwd names an fd that the runtime may have open on the host
// (CVE-2024-21626).
func TestCwdIsAnFd(t *testing.T) {
	for n := range 21 {
		for i, form := range []string{"/proc/self/fd/%d", "/proc/self/fd/%d/../..", "/link%d"} {
			if !harness.Some(3*n + i) {
				continue
			}
			cwd := fmt.Sprintf(form, n)
			t.Run(cwd, func(t *testing.T) {
				c := harness.New(t, harness.Spec("sh", "-c", "pwd; ls -id .; for up in . .. ../.. ../../.. ../../../..; do cat $up/rt-canary; done 2>/dev/null; ls -id /"))
				if err := os.Symlink(fmt.Sprintf("/proc/self/fd/%d", n), filepath.Join(c.Rootfs, fmt.Sprintf("link%d", n))); err != nil {
					t.Fatal(err)
				}
				canary := c.Host("rt-canary")
				if err := os.WriteFile(canary, []byte(secret), 0o600); err != nil {
					t.Fatal(err)
				}
				c.Spec.Process.Cwd = cwd
				r := c.Run()
				if strings.Contains(r.Stdout, "secret") {
					t.Errorf("the host is read from the working directory: %v", r)
				}
				if r.Code == 0 && strings.Contains(r.Stdout, "(unreachable)") {
					t.Errorf("the working directory is outside the root: %v", r)
				}
			})
		}
	}
}

// TestHostBinary: the entrypoint is the runtime itself by way of
// /proc/self/exe, directly or as an interpreter, and tries to write to it
// (CVE-2019-5736). The image's program is a loader trap: whatever runs keeps
// trying to open the host's binary for writing.
func TestHostBinary(t *testing.T) {
	entry := []struct {
		name string
		set  func(c *harness.Container)
	}{
		{"entrypoint", func(c *harness.Container) { c.Spec.Process.Args = []string{"/proc/self/exe", "--version"} }},
		{"entrypoint init", func(c *harness.Container) { c.Spec.Process.Args = []string{"/proc/self/exe", "init"} }},
		{"interpreter", func(c *harness.Container) {
			c.Write("x", "#!/proc/self/exe\n", 0o755)
			c.Spec.Process.Args = []string{"/x"}
		}},
		{"link", func(c *harness.Container) {
			if err := os.Symlink("/proc/self/exe", filepath.Join(c.Rootfs, "x")); err != nil {
				panic(err)
			}
			c.Spec.Process.Args = []string{"/x", "--version"}
		}},
	}
	for _, e := range entry {
		for _, command := range []string{"run", "create"} {
			t.Run(e.name+"/"+command, func(t *testing.T) {
				c := harness.New(t, harness.Spec("x"))
				before := hash(t, c.Runtime.Path)
				e.set(c)
				r := c.TryCreate()
				if r.Code == 0 && command == "run" {
					c.Do("start", c.ID)
				}
				if r.Code == 0 {
					if pid := pidOf(c); pid != 0 {
						overwrite(t, c, pid)
					}
				}
				c.Do("delete", "--force", c.ID)
				if hash(t, c.Runtime.Path) != before {
					t.Fatalf("the host's %s was overwritten", c.Runtime.Path)
				}
			})
		}
	}
}

func pidOf(c *harness.Container) int {
	r := c.Do("state", c.ID)
	if r.Code != 0 {
		return 0
	}
	return c.Status().Pid
}

// overwrite opens /proc/PID/exe for writing, as a process in the container
// would: it must be refused (read-only) or be another file than the binary.
func overwrite(t *testing.T, c *harness.Container, pid int) {
	t.Helper()
	path := fmt.Sprintf("/proc/%d/exe", pid)
	own, err := os.Stat(c.Runtime.Path)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Stat(path)
	if err != nil {
		return // gone
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.Close()
		if os.SameFile(own, exe) {
			t.Errorf("%s can be opened for writing and is the host's binary", path)
		}
		return
	}
	// That it is busy passes once the process ends: only a mount that is
	// read-only holds, or a copy.
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err == nil && os.SameFile(own, exe) && fs.Flags&unix.ST_RDONLY == 0 {
		t.Errorf("%s is the host's binary on a writable mount", path)
	}
}

// TestInsideWriter: a program in the container that watches for the runtime
// in /proc and tries to write to each exe that it finds.
func TestInsideWriter(t *testing.T) {
	c := harness.New(t, harness.Spec("sh", "-c", "for p in /proc/[0-9]*; do probe write $p/exe; done; probe write /proc/self/exe"))
	harness.AddProbe(t, c.Rootfs)
	before := hash(t, c.Runtime.Path)
	c.Run()
	if hash(t, c.Runtime.Path) != before {
		t.Fatalf("the host's %s was overwritten", c.Runtime.Path)
	}
}

// TestIDs: ids that would leave the state root.
func TestIDs(t *testing.T) {
	for _, command := range []string{"run", "create", "start", "state", "kill", "delete", "delete --force"} {
		t.Run(command, func(t *testing.T) {
			v := newVictim(t)
			c := harness.New(t, harness.Spec("true"))
			c.Save()
			up := strings.Repeat("../", 8) + v.dir[1:]
			for _, id := range []string{"..", ".", "../x", up, up + "/dir", v.dir, "a/../../x", "x/", "", "\x00", "-x/../..", "%2e%2e"} {
				if strings.Contains(id, "\x00") {
					continue // cannot be an argument
				}
				args := strings.Fields(command)
				if args[0] == "run" || args[0] == "create" {
					args = append(args, "--bundle", c.Dir)
				}
				args = append(args, "--", id)
				if args[0] == "kill" {
					args = append(args, "KILL")
				}
				r := c.Do(args...)
				if r.Code == 0 && command != "delete --force" {
					t.Errorf("id %q was accepted: %v", id, r)
				}
				v.unharmed(t, r)
				if _, err := os.Stat(filepath.Join(c.Dir, "x")); err == nil {
					t.Errorf("id %q made a directory outside the state root", id)
				}
			}
		})
	}
}

// TestStateRootTraps: another user's links in the place of a state directory.
func TestStateRootTraps(t *testing.T) {
	v := newVictim(t)
	c := harness.New(t, harness.Spec("true"))
	c.Save()
	if err := os.Mkdir(c.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(v.dir+"/dir", filepath.Join(c.State, "trap")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--bundle", c.Dir, "trap"}, {"delete", "--force", "trap"}, {"state", "trap"}, {"list"}} {
		v.unharmed(t, c.Do(args...))
	}
	_ = os.Remove(filepath.Join(c.State, "trap"))
}

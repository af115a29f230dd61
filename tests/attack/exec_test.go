package attack

// exec_test.go: what a container can do to a process that is executed in it.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// TestExecSpied: a container looks into every process that comes to it, at each
// of its fds, its root, directory, program, memory, environment, and traces it,
// during 200 execs. It may see nothing before the program is its own; with
// CAP_SYS_PTRACE in the host's user namespace it sees the last moment, and may
// not get anything of the host in it.
func TestExecSpied(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, c *harness.Container)
		blind   bool
	}{
		"plain container": {func(*testing.T, *harness.Container) {}, true},
		"CAP_SYS_PTRACE":  {func(_ *testing.T, c *harness.Container) { grant(c, "CAP_SYS_PTRACE") }, false},
		"CAP_SYS_PTRACE in a user namespace": {func(t *testing.T, c *harness.Container) {
			grant(c, "CAP_SYS_PTRACE")
			inUserNamespace(t, c)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, harness.Spec("probe", "spy", "/tmp/spy", "/tmp/stop", "mark"))
			harness.AddProbe(t, c.Rootfs)
			c.Write("mark", "", 0o644)
			c.Write("tmp/mark", "", 0o644)
			test.prepare(t, c)
			c.Detached()
			log := filepath.Join(c.Rootfs, "tmp/spy")
			await(t, log, "ready")
			for i := range 200 {
				if !harness.Some(i) {
					continue
				}
				args := []string{"exec", "--cwd", "/tmp", c.ID, "true"}
				if i%4 == 1 { // without HOME to look up, and with more of its own to do
					args = []string{"exec", "-e", "HOME=/", "-u", "1000", c.ID, "true"}
				}
				cmd := c.Command(args...)
				cmd.Env = append(os.Environ(), "SECRET=of the host")
				if r := harness.Exec(t, cmd); r.Code != 0 && r.Code != 128+int(syscall.SIGTRAP) {
					t.Fatal(r)
				}
			}
			c.Write("tmp/stop", "", 0o644)
			got := await(t, log, "done")
			if strings.Contains(got, "got ") || test.blind && strings.Contains(got, "saw ") {
				t.Errorf("the spy:\n%s", got)
			}
		})
	}
}

// grant adds a capability to those of the container.
func grant(c *harness.Container, name string) {
	caps := c.Spec.Process.Capabilities
	for _, set := range []*[]string{&caps.Bounding, &caps.Effective, &caps.Permitted} {
		*set = append(slices.Clone(*set), name)
	}
}

// await waits for a word in a file and returns the whole.
func await(t *testing.T, path, word string) string {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		data, _ := os.ReadFile(path)
		if strings.Contains(string(data), word) {
			return string(data)
		}
		if time.Now().After(end) {
			t.Fatalf("%s: no %q in %q", path, word, data)
		}
	}
}

// TestExecPasswd: HOME is looked up in an /etc/passwd that the container has
// put there.
func TestExecPasswd(t *testing.T) {
	line := "x:x:0:0::/of-the-host:/bin/sh\n"
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			v := newVictim(t)
			if err := os.WriteFile(v.dir+"/dir/passwd", []byte(line), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(v.dir+"/secret", []byte(line), 0o644); err != nil {
				t.Fatal(err)
			}
			v.before = v.look(t)
			c := harness.New(t, sh("exec sleep 1000"))
			c.Spec.Process.Env = append(c.Spec.Process.Env, "HOME=/")
			plant(t, c, v, s, "etc/passwd")
			c.Detached()
			file := filepath.Join(c.Dir, "p.json")
			if err := os.WriteFile(file, []byte(`{"args":["sh","-c","echo $HOME"],"cwd":"/","env":["PATH=/bin"]}`), 0o600); err != nil {
				t.Fatal(err)
			}
			r := c.Do("exec", "-p", file, c.ID).WantOutput(t, "/\n")
			v.unharmed(t, r)
		})
	}
	t.Run("huge", func(t *testing.T) {
		c := harness.New(t, sh("exec sleep 1000"))
		path := filepath.Join(c.Rootfs, "etc/passwd")
		if err := os.Truncate(path, 1<<40); err != nil {
			t.Fatal(err)
		}
		c.Detached()
		c.Do("exec", c.ID, "sh", "-c", "echo $HOME").WantExit(t, 0)
	})
}

// TestExecOverProc: the container has put something of its own over /proc and
// /dev, where a runtime could rely on them.
func TestExecOverProc(t *testing.T) {
	v := newVictim(t)
	c := harness.New(t, sh(`mkdir -p /tmp/p/self/attr /tmp/p/self/fd /tmp/p/thread-self
for f in self/attr/exec self/attr/keycreate self/oom_score_adj self/uid_map; do ln -s `+v.dir+`/secret /tmp/p/$f; done
for n in 3 4 5 6 7 8 9; do ln -s /bin/false /tmp/p/self/fd/$n; done
mount --bind /tmp/p /proc && mount -t tmpfs none /dev/pts && touch /tmp/ready; exec sleep 1000`))
	grant(c, "CAP_SYS_ADMIN")
	c.Spec.Linux.ReadonlyPaths, c.Spec.Linux.MaskedPaths = nil, nil
	c.Detached()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(c.Rootfs, "tmp/ready")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the container is not ready")
		}
	}
	r := c.Do("exec", c.ID, "sh", "-c", "echo in; id -u").WantOutput(t, "in\n0\n")
	v.unharmed(t, r)
	c.Do("exec", "-t", c.ID, "true").WantFailure(t, "open a pty")
}

// TestExecCwd: the working directory is an fd of the runtime's, plain and by
// links of the image (CVE-2024-21626).
func TestExecCwd(t *testing.T) {
	c := harness.New(t, sh("exec sleep 1000"))
	for n := range 21 {
		if err := os.Symlink("/proc/self/fd/"+strconv.Itoa(n), filepath.Join(c.Rootfs, "link"+strconv.Itoa(n))); err != nil {
			t.Fatal(err)
		}
	}
	c.Detached()
	for n := range 21 {
		for _, cwd := range []string{fmt.Sprint("/proc/self/fd/", n), fmt.Sprintf("/proc/self/fd/%d/../..", n), fmt.Sprint("/link", n), fmt.Sprint("/proc/1/fd/", n), fmt.Sprint("/proc/thread-self/fd/", n)} {
			r := c.Do("exec", "--cwd", cwd, c.ID, "ls", "-d", ".", "home", "usr")
			if r.Code == 0 || strings.Contains(r.Stdout, "usr") {
				t.Errorf("%s: %v", cwd, r)
			}
		}
	}
}

// TestExecHostBinary: the program is the runtime's own (CVE-2019-5736).
func TestExecHostBinary(t *testing.T) {
	c := harness.New(t, sh("exec sleep 1000"))
	harness.AddProbe(t, c.Rootfs)
	runtime := c.Host("runtime")
	if err := harness.CopyFile(c.Runtime.Path, runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Runtime.Path = runtime
	before := hash(t, runtime)
	if err := os.Symlink("/proc/self/exe", filepath.Join(c.Rootfs, "bin/to-itself")); err != nil {
		t.Fatal(err)
	}
	c.Write("script", "#!/proc/self/exe\n", 0o755)
	c.Write("script-init", "#!/proc/self/exe init\n", 0o755)
	c.Detached()
	for _, args := range [][]string{{"/proc/self/exe"}, {"/proc/self/exe", "init"}, {"to-itself"}, {"to-itself", "list"}, {"/script"}, {"/script-init"}} {
		cmd := c.Command(append([]string{"exec", "-e", "_RT_JOIN_FD=0", c.ID}, args...)...)
		if r := harness.Exec(t, cmd); r.Code == 0 {
			t.Errorf("%v: %v", args, r)
		}
	}
	c.Do("exec", c.ID, "sh", "-c", "for p in /proc/[0-9]*/exe; do probe write $p; done").WantExit(t, 0)
	if hash(t, runtime) != before {
		t.Error("the runtime's program has changed")
	}
}

// TestExecLeakedFd: what the caller has left open does not reach the container,
// nor do files of the runtime's in the place of those that it was to preserve.
func TestExecLeakedFd(t *testing.T) {
	c := harness.New(t, sh("exec sleep 1000"))
	dir := c.Host("leaked")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Detached()
	r := leaky(t, c, dir, "exec", c.ID, "sh", "-c", "ls -l /proc/self/fd; ls /proc/self/fd/9/..")
	if strings.Contains(r.Stdout, "leaked") {
		t.Error(r)
	}
	if r := leaky(t, c, dir, "exec", "--cwd", "/proc/self/fd/9", c.ID, "true"); r.Code == 0 {
		t.Error(r)
	}
	// Whoever started the tests may have left fds open. Now the log's file would
	// be fd 3.
	if err := unix.CloseRange(3, 1<<31, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c.Global = []string{"--log", c.Host("log")}
	for _, command := range []string{"exec", "run", "create"} {
		other := harness.New(t, sh("ls -l /proc/self/fd"))
		other.Global = []string{"--log", other.Host("log")}
		for n := 1; n < 12; n++ {
			flag := "--preserve-fds=" + strconv.Itoa(n)
			switch command {
			case "exec":
				r = c.Do("exec", flag, c.ID, "ls", "-l", "/proc/self/fd")
			case "run":
				r = other.Run(flag)
			default:
				r = other.TryCreate(flag)
			}
			if r.Code == 0 {
				t.Errorf("%s %s: %v", command, flag, r)
				other.Do("delete", "--force", other.ID)
			}
		}
	}
}

// TestExecSharedPids: two containers of one pid namespace, the other
// one with CAP_SYS_PTRACE in a user namespace that is not ours.
func TestExecSharedPids(t *testing.T) {
	victim := harness.New(t, sh("exec sleep 1000"))
	victim.Write("tmp/mark", "", 0o644)
	victim.Detached()
	spy := harness.New(t, harness.Spec("probe", "spy", "/tmp/spy", "/tmp/stop", "mark"))
	harness.AddProbe(t, spy.Rootfs)
	harness.JoinNamespace(spy.Spec, specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", victim.Status().Pid))
	spy.Detached()
	log := filepath.Join(spy.Rootfs, "tmp/spy")
	await(t, log, "ready")
	for range 50 {
		victim.Do("exec", "-u", "1000", victim.ID, "true").WantExit(t, 0)
	}
	spy.Write("tmp/stop", "", 0o644)
	if got := await(t, log, "done"); strings.Contains(got, "saw ") {
		t.Errorf("the spy:\n%s", got)
	}
	spy.Do("delete", "--force", spy.ID)
	victim.Do("delete", "--force", victim.ID)
}

package attack

// review_test.go: what a review of the whole runtime found, each hole as the
// attack that went through it. docs/security.md lists these tests too.

import (
	"encoding/json"
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

func sh(script string) *specs.Spec { return harness.Spec("sh", "-c", script) }

// leaky calls the runtime as a caller does that leaks a directory of the host
// as fd 9.
func leaky(t *testing.T, c *harness.Container, dir string, args ...string) harness.Result {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := c.Command(args...)
	cmd.ExtraFiles = []*os.File{6: f}
	return harness.Exec(t, cmd)
}

// TestLeakedFd: the image's program is a link into a directory of the host that
// the runtime's caller has left open (CVE-2024-21626's other half).
func TestLeakedFd(t *testing.T) {
	for _, command := range []string{"run", "create"} {
		t.Run(command, func(t *testing.T) {
			c := harness.New(t, harness.Spec("/busybox", "echo", "got out"))
			dir := c.Host("leaked")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := harness.CopyFile(filepath.Join(c.Rootfs, "bin/busybox"), dir+"/bb", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("/proc/self/fd/9/bb", filepath.Join(c.Rootfs, "busybox")); err != nil {
				t.Fatal(err)
			}
			before := hash(t, dir+"/bb")
			c.Save()
			r := leaky(t, c, dir, command, "--bundle", c.Dir, c.ID)
			if command == "create" && r.Code == 0 {
				r = c.Do("start", c.ID)
			}
			if r.Code == 0 || strings.Contains(r.Stdout, "got out") {
				t.Errorf("a program of the host was executed: %v", r)
			}
			if hash(t, dir+"/bb") != before {
				t.Error("the host's file has changed")
			}
		})
	}
}

// TestLeakedFdIsNowhere: neither the waiting init nor any hook has it.
func TestLeakedFdIsNowhere(t *testing.T) {
	c := harness.New(t, sh("[ -e /proc/self/fd/9 ] && echo leaked; true"))
	log := c.Host("log")
	if err := os.Mkdir(log, 0o777); err != nil {
		t.Fatal(err)
	}
	look := func(name, dir string) []specs.Hook {
		script := fmt.Sprintf("if [ -e /proc/self/fd/9 ]; then echo leaked; fi > %s/%s", dir, name)
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}
	}
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/log", Type: "bind", Source: log, Options: []string{"bind"}})
	c.Spec.Hooks = &specs.Hooks{
		//lint:ignore SA1019 deprecated, not gone
		Prestart:        look("prestart", log),
		CreateRuntime:   look("createRuntime", log),
		CreateContainer: look("createContainer", log),
		StartContainer:  look("startContainer", "/log"),
		Poststart:       look("poststart", log),
		Poststop:        look("poststop", log),
	}
	c.Save()
	if r := leaky(t, c, log, "create", "--bundle", c.Dir, c.ID); r.Code != 0 {
		t.Fatal(r)
	}
	if link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/9", c.Status().Pid)); err == nil && strings.Contains(link, "log") {
		t.Errorf("init has %s", link)
	}
	for _, r := range []harness.Result{leaky(t, c, log, "start", c.ID), leaky(t, c, log, "delete", "--force", c.ID)} {
		if r.Code != 0 || strings.Contains(r.Stdout, "leaked") {
			t.Error(r)
		}
	}
	for _, name := range []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"} {
		if data, err := os.ReadFile(filepath.Join(log, name)); err != nil || len(data) > 0 {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

// status reads the fields of /proc/PID/status or of a thread's.
func status(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		fields[key] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// TestWaitingThreads: Go's other threads in a created init have nothing that
// whoever gets at them could use.
func TestWaitingThreads(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		for _, noNewPrivs := range []bool{false, true} {
			t.Run(fmt.Sprintf("uid %d, noNewPrivileges %v", uid, noNewPrivs), func(t *testing.T) {
				c := harness.New(t, sh("true"))
				c.Spec.Process.User.UID, c.Spec.Process.User.GID = uid, uid
				c.Spec.Process.NoNewPrivileges = noNewPrivs
				c.Create()
				pid := c.Status().Pid
				tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
				if err != nil || len(tasks) == 0 {
					t.Fatal(tasks, err)
				}
				ids := strings.TrimSpace(strings.Repeat(strconv.Itoa(int(uid))+" ", 4))
				for _, task := range tasks {
					got := status(t, task+"/status")
					if got["Uid"] != ids || got["Gid"] != ids {
						t.Errorf("%s: Uid %s, Gid %s, want %s", task, got["Uid"], got["Gid"], ids)
					}
					if noNewPrivs && got["NoNewPrivs"] != "1" {
						t.Errorf("%s: NoNewPrivs %s", task, got["NoNewPrivs"])
					}
					if filepath.Base(task) == strconv.Itoa(pid) {
						continue
					}
					for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
						if strings.Trim(got[set], "0") != "" {
							t.Errorf("%s: %s %s", task, set, got[set])
						}
					}
				}
				var st unix.Stat_t
				if err := unix.Stat(fmt.Sprintf("/proc/%d/fd", pid), &st); err != nil || st.Uid != 0 {
					t.Errorf("init is dumpable: /proc/PID/fd belongs to uid %d, %v", st.Uid, err)
				}
			})
		}
	}
}

// TestWaitingMemory: a container that shares the pid namespace of a created
// one looks into its init.
func TestWaitingMemory(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		t.Run(fmt.Sprint("uid ", uid), func(t *testing.T) {
			a := harness.New(t, sh("true"))
			a.Spec.Process.User.UID = uid
			a.Create()
			b := harness.New(t, sh(`for f in mem maps environ; do (: < /proc/1/$f) && echo opened $f; done 2>&-
readlink /proc/1/fd/* /proc/1/exe /proc/1/cwd 2>&-; ls /proc/1/root/ 2>&-
for t in /proc/1/task/*; do (: < $t/mem) && echo opened $t; done 2>&-; true`))
			b.Spec.Process.User.UID = uid
			harness.JoinNamespace(b.Spec, specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", a.Status().Pid))
			b.Run().WantOutput(t, "")
			b.Do("delete", "--force", b.ID)
			a.OK("delete", "--force", a.ID)
		})
	}
}

// inUserNamespace gives the container ids of its own, and its files to them.
func inUserNamespace(t *testing.T, c *harness.Container) {
	t.Helper()
	const first = 100000
	c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: 65536}}
	c.Spec.Linux.UIDMappings, c.Spec.Linux.GIDMappings = ids, ids
	err := filepath.Walk(c.Rootfs, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, first, first)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHunter: a container that may trace in its user namespace lies in wait for
// the init of another one that joins its user and pid namespaces.
func TestHunter(t *testing.T) {
	const seconds, rounds = 900, 15 // it ends with its container, long before that
	c := harness.New(t, harness.Spec("probe", "hunt", strconv.Itoa(seconds), "/tmp/hunt"))
	harness.AddProbe(t, c.Rootfs)
	inUserNamespace(t, c)
	for _, set := range []*[]string{&c.Spec.Process.Capabilities.Bounding, &c.Spec.Process.Capabilities.Effective, &c.Spec.Process.Capabilities.Permitted} {
		*set = append(slices.Clone(*set), "CAP_SYS_PTRACE")
	}
	c.Detached()
	pid := c.Status().Pid
	caught := func() string {
		data, _ := os.ReadFile(filepath.Join(c.Rootfs, "tmp/hunt"))
		return string(data)
	}
	for end := time.Now().Add(harness.Slow(10 * time.Second)); !strings.Contains(caught(), "ready"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the hunter does not start")
		}
	}
	for range rounds {
		b := harness.New(t, harness.Spec("true"))
		inUserNamespace(t, b)
		b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = nil, nil
		harness.JoinNamespace(b.Spec, specs.UserNamespace, fmt.Sprintf("/proc/%d/ns/user", pid))
		harness.JoinNamespace(b.Spec, specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", pid))
		r := b.TryCreate() // never started: its program it may have
		if r.Code == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		b.Do("delete", "--force", b.ID)
		if got := caught(); strings.Contains(got, "got ") || strings.Contains(got, "done") {
			t.Fatalf("the hunter: %s\nthe last create: %v", got, r)
		}
		if r.Code != 0 {
			t.Fatal(r)
		}
	}
	c.OK("delete", "--force", c.ID)
}

// TestSharedCgroup: a container comes into the cgroup of one that has stopped;
// deleting the stopped one leaves it alone.
func TestSharedCgroup(t *testing.T) {
	for _, test := range []struct {
		hostPids bool
		flags    []string
	}{{false, nil}, {false, []string{"--force"}}, {true, nil}, {true, []string{"--force"}}} {
		t.Run(fmt.Sprintf("delete%v, pids of the host %v", test.flags, test.hostPids), func(t *testing.T) {
			a, b := harness.New(t, sh("exec sleep 100")), harness.New(t, sh("exec sleep 100"))
			b.Spec.Linux.CgroupsPath, b.State = a.Spec.Linux.CgroupsPath, a.State
			if test.hostPids {
				for _, c := range []*harness.Container{a, b} {
					c.Spec.Linux.Namespaces = slices.DeleteFunc(c.Spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.PIDNamespace })
				}
			}
			t.Cleanup(func() { // before the look for what was left behind
				a.Do("delete", "--force", a.ID)
				b.Do("delete", "--force", b.ID)
				for _, dir := range harness.CgroupMounts(t) { // who comes to a cgroup leaves it
					_ = os.Remove(filepath.Join(dir, a.Spec.Linux.CgroupsPath))
				}
			})
			a.Detached()
			if err := syscall.Kill(a.Status().Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			a.Await(specs.StateStopped)
			b.Detached()
			r := a.Do(append(append([]string{"delete"}, test.flags...), a.ID)...)
			time.Sleep(50 * time.Millisecond)
			if got := b.Status().Status; got != specs.StateRunning {
				t.Errorf("the other is %s after %v", got, r)
			}
		})
	}
}

// TestCallersGroups: the groups of the caller are none of the container's.
func TestCallersGroups(t *testing.T) {
	for _, rootless := range []string{"auto", "true", "false"} {
		for _, userNS := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, user namespace %v", rootless, userNS), func(t *testing.T) {
				c := harness.New(t, sh("grep ^Groups: /proc/self/status | tr -d ' \t'"))
				c.Global = []string{"--rootless", rootless}
				if userNS {
					inUserNamespace(t, c)
				}
				c.Save()
				cmd := c.Command("run", "--bundle", c.Dir, c.ID)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{4321, 6}}}
				harness.Exec(t, cmd).WantOutput(t, "Groups:\n")
			})
		}
	}
}

// TestPidFileTrap: a link in the place of the pid file, and of the file that is
// to become it.
func TestPidFileTrap(t *testing.T) {
	v := newVictim(t)
	c := harness.New(t, sh("true"))
	dir := c.Host("pids")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pid", ".pid", ".pid.new", ".pid.tmp", "pid.tmp", "pid.new"} {
		if err := os.Symlink(v.dir+"/secret", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := c.Run("--pid-file", filepath.Join(dir, "pid"))
	v.unharmed(t, r)
	if fi, err := os.Lstat(filepath.Join(dir, "pid")); r.Code == 0 && (err != nil || !fi.Mode().IsRegular()) {
		t.Errorf("no pid file: %v, %v", fi, err)
	}
}

// TestDevLeadsIntoVolume: a link of the image leads from /dev, or from where a
// device is to be, into a directory of the host that is bound elsewhere.
func TestDevLeadsIntoVolume(t *testing.T) {
	for _, link := range []string{"/dev", "/dev/sub", "/opt"} {
		t.Run(strings.ReplaceAll(link[1:], "/", " "), func(t *testing.T) {
			both(t, func(t *testing.T, c *harness.Container, v *victim) {
				// The bind is the caller's wish: only what the runtime makes in it
				// counts.
				c.Spec.Process.Args = []string{"true"}
				c.Spec.Mounts = slices.DeleteFunc(c.Spec.Mounts, func(m specs.Mount) bool { return strings.HasPrefix(m.Destination, "/dev") })
				c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Destination: "/vol", Type: "bind", Source: v.dir, Options: []string{"rbind"}})
				c.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/sub/mine", Type: "c", Major: 1, Minor: 5}, {Path: "/opt/mine", Type: "c", Major: 1, Minor: 5}}
				plant(t, c, v, shape{make: func(_ *harness.Container, _ *victim, path string) error { return os.Symlink("/vol", path) }}, link)
				r := c.TryCreate()
				c.Do("delete", "--force", c.ID)
				if r.Code == 0 {
					t.Errorf("not refused: %v", r)
				} else if !strings.Contains(r.Stderr, "leads to another mount\nhint: mount a tmpfs on /dev") {
					t.Errorf("the error: %v", r)
				}
				v.unharmed(t, r)
			})
		})
	}
}

// TestStateOfAStoppedInit: a created init that somebody has stopped answers
// nobody, and state must not wait for it.
func TestStateOfAStoppedInit(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Create()
	pid := c.Status().Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	begin := time.Now()
	for i := range 20 {
		cmd := c.Command("state", c.ID)
		stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		r := harness.Exec(t, cmd)
		stop.Stop()
		if r.Code != 0 || !strings.Contains(r.Stdout, string(specs.StateCreated)) {
			t.Fatalf("round %d: %v", i, r)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("20 times state took %v", took)
	}
}

// TestKeyring: a container makes the session keyring that another one would
// join, and puts a key into it.
func TestKeyring(t *testing.T) {
	a, b := harness.New(t, harness.Spec("true")), harness.New(t, harness.Spec("probe", "planted"))
	a.Spec.Process.Args = []string{"probe", "plant", "_ses." + b.ID}
	for _, c := range []*harness.Container{a, b} {
		harness.AddProbe(t, c.Rootfs)
	}
	a.Detached()
	for end := time.Now().Add(harness.Slow(10 * time.Second)); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(a.Rootfs, "tmp/planted")); err == nil {
			break
		}
		if a.Status().Status == specs.StateStopped || time.Now().After(end) {
			t.Skip("keyrings are missing")
		}
	}
	r := b.Run().WantExit(t, 0)
	if want := fmt.Sprintln("search:", unix.ENOKEY); r.Stdout != want {
		t.Errorf("%q wanted: %v", want, r)
	}
	a.OK("delete", "--force", a.ID)
}

// TestNumbers: numbers of the command line and of the environment that the
// runtime counts fds with.
func TestNumbers(t *testing.T) {
	c := harness.New(t, sh("true"))
	numbers := []string{"-1", "-2147483648", "2147483647", "9223372036854775805", "9223372036854775807", "99999999999999999999"}
	lives := harness.New(t, sh("sleep 1000"))
	lives.Detached()
	for _, n := range numbers {
		r := lives.Do("exec", "--preserve-fds="+n, lives.ID, "true")
		if r.Code == 0 || r.Stderr == "" || strings.Contains(r.Stderr, "goroutine") {
			t.Errorf("exec --preserve-fds %s: %v", n, r)
		}
	}
	for _, n := range numbers {
		for _, command := range []string{"run", "create"} {
			r := c.TryCreate("--preserve-fds=" + n)
			if command == "run" {
				r = c.Run("--preserve-fds=" + n)
			}
			if r.Code == 0 || strings.Contains(r.Stderr, "goroutine") {
				t.Errorf("--preserve-fds %s: %v", n, r)
			}
			c.Do("delete", "--force", c.ID)
		}
	}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"0", "-1", "3", "99", "x", ""} {
		cmd := c.Command("list", "--quiet")
		cmd.Env = append(os.Environ(), "_RT_ENTER_FD="+n)
		harness.Exec(t, cmd).WantOutput(t, "")
	}
}

// TestForeignRecord: `delete --force` of a container whose record this rt cannot
// use ends the container, and nobody else.
func TestForeignRecord(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(record map[string]any)
		spared bool
	}{
		{"another version", func(r map[string]any) { r["version"] = 99 }, false},
		{"garbled fields", func(r map[string]any) { r["created"], r["owner"] = 7, "root" }, false},
		{"another process", func(r map[string]any) {
			r["version"] = 99
			r["init"].(map[string]any)["start"] = 1
			delete(r, "cgroup")
		}, true},
		{"cgroup garbled", func(r map[string]any) { r["cgroup"] = map[string]any{"manager": "x"} }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("sleep 100"))
			c.Runtime.Only(t, "its record is its own")
			c.Detached()
			pid := c.Status().Pid
			path := filepath.Join(c.State, c.ID, "state.json")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var record map[string]any
			if err := json.Unmarshal(data, &record); err != nil {
				t.Fatal(err)
			}
			test.change(record)
			if data, err = json.Marshal(record); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			r := c.OK("delete", "--force", c.ID)
			alive := syscall.Kill(pid, 0) == nil
			// It is a zombie until the tests' init has reaped it.
			for end := time.Now().Add(harness.Slow(5 * time.Second)); alive && !test.spared && time.Now().Before(end); time.Sleep(time.Millisecond) {
				alive = syscall.Kill(pid, 0) == nil
			}
			if alive != test.spared {
				t.Errorf("alive: %v, want %v after %v", alive, test.spared, r)
			}
			if alive {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			if test.name == "cgroup garbled" || test.spared { // nobody knows of it any more
				for _, dir := range harness.CgroupMounts(t) {
					dir = filepath.Join(dir, c.Spec.Linux.CgroupsPath)
					for range 100 {
						if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
							break
						}
						time.Sleep(10 * time.Millisecond)
					}
				}
			}
		})
	}
}

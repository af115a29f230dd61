package e2e

// shortage_test.go: what rt cannot see for want of something, it does not take
// for the end of a container.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// TestFewFiles: with too few file descriptors a running container is none that
// has stopped.
func TestFewFiles(t *testing.T) {
	for _, manager := range []string{"", "disabled"} {
		c := harness.New(t, sh("sleep 1000"))
		c.Runtime.Only(t, "has other needs")
		if manager != "" {
			c.Global = []string{"--cgroup-manager", manager}
			c.Spec.Linux.CgroupsPath, c.Spec.Linux.Resources = "", nil
		}
		c.Detached()
		pid := c.Status().Pid
		for files := 3; files < 14; files++ {
			few := script("ulimit -n " + strconv.Itoa(files))
			for _, args := range [][]string{
				{"state", c.ID}, {"list"}, {"delete", c.ID}, {"exec", c.ID, "true"}, {"kill", c.ID, "0"}, {"pause", c.ID}, {"resume", c.ID}, {"delete", "--force", c.ID},
			} {
				r := harness.Exec(t, under(t, c, few, args...))
				alive := unix.Kill(pid, 0) == nil
				call := fmt.Sprintf("%d files: %v", files, r)
				forced := slices.Contains(args, "--force")
				switch {
				case strings.Contains(r.Stdout+r.Stderr, "stopped"), strings.Contains(r.Stderr, "not running"):
					t.Error("taken for a stopped one: ", call)
				case args[0] == "delete" && !forced && r.Code == 0:
					t.Fatal("deleted without --force: ", call)
				case forced && r.Code == 0 && alive:
					t.Fatal("forgotten: ", call)
				case forced && !alive:
					c.Do("delete", "--force", c.ID).WantExit(t, 0) // of what had no place to finish
					c.CheckGone()
					c.Detached()
					pid = c.Status().Pid
				case !alive:
					t.Fatal("killed: ", call)
				}
				if args[0] == "pause" && r.Code == 0 {
					c.OK("resume", c.ID)
				}
			}
		}
	}
}

// TestWithoutProc: without a view of the processes nobody is killed or forgotten by
// his number.
func TestWithoutProc(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("sleep 1000"))
	c.Runtime.Only(t, "takes it for stopped")
	c.Detached()
	pid := c.Status().Pid
	unseen := append([]string{"unshare", "--mount"}, script("mount -t tmpfs none /proc")...)
	for _, args := range [][]string{{"state", c.ID}, {"kill", c.ID, "KILL"}, {"delete", c.ID}, {"delete", "--force", c.ID}} {
		harness.Exec(t, under(t, c, unseen, args...)).WantFailure(t, "is missing, though there is such a process", "rt must see the processes")
		if err := unix.Kill(pid, 0); err != nil {
			t.Fatalf("after %v: %v", args, err)
		}
	}
}

// TestForeignClock: who is in another time namespace sees other start times, and
// must not take the container's init for a stranger.
func TestForeignClock(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("sleep 1000"))
	c.Runtime.Only(t, "looks at the clock alone")
	c.Detached()
	for _, args := range [][]string{{"delete", c.ID}, {"delete", "--force", c.ID}} {
		later := []string{"unshare", "--time", "--boottime", "1000", "--fork"}
		harness.Exec(t, under(t, c, later, args...)).WantFailure(t, "began at another time", "time namespace")
	}
	if status := c.Status().Status; status != specs.StateRunning {
		t.Errorf("status %s", status)
	}
}

// TestCgroupsOutOfSight: where cgroups are not mounted, delete says what it leaves.
func TestCgroupsOutOfSight(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("sleep 1000"))
	c.Runtime.Only(t, "says nothing")
	c.Detached()
	unseen := append([]string{"unshare", "--mount"}, script("umount -R /sys/fs/cgroup")...)
	r := harness.Exec(t, under(t, c, unseen, "delete", "--force", c.ID)).WantExit(t, 0)
	if !strings.Contains(r.Stderr, "may stay, as their hierarchies are not mounted") || !strings.Contains(r.Stderr, "/"+c.ID) {
		t.Error(r)
	}
	for _, dir := range harness.CgroupMounts(t) {
		_ = os.Remove(filepath.Join(dir, c.ID))
	}
}

// TestStartFullDisk: what start cannot write down is no reason to call a start
// failed, whose program runs.
func TestStartFullDisk(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("sleep 1000"))
	c.Runtime.Only(t, "writes elsewhere")
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", c.State, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Do("delete", "--force", c.ID)
		if err := unix.Unmount(c.State, 0); err != nil {
			t.Error(err)
		}
	})
	c.Spec.Hooks = &specs.Hooks{Poststart: shHook("echo ran >"+c.Host("hook"), 0)}
	c.Create()
	f, err := os.Create(c.State + "/fill")
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil; n++ {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
	r := c.OK("start", c.ID)
	if !strings.Contains(r.Stderr, "no space left on device") {
		t.Errorf("the disk was not full: %v", r)
	}
	if _, err := os.Stat(c.Host("hook")); err != nil {
		t.Error("the hook has not run")
	}
	if status := c.Status().Status; status != specs.StateRunning {
		t.Errorf("status %s", status)
	}
}

// TestGivenFiles: without a limit in the configuration the program has the one that
// the caller has, not what the runtime makes of it for itself.
func TestGivenFiles(t *testing.T) {
	const limits = "ulimit -Sn; ulimit -Hn"
	given := script("ulimit -n 1000 && ulimit -S -n 500")
	for name, prepare := range map[string]func(c *harness.Container){
		"plain": func(*harness.Container) {}, "user namespace": func(c *harness.Container) { userns(t, c) },
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, sh(limits+"; sleep 1000"))
			c.Runtime.Only(t, "hands on what Go has made of it")
			c.Spec.Process.Rlimits = nil
			prepare(c)
			c.Save()
			out, err := os.Create(c.Host("out"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			cmd := under(t, c, given, "create", "--bundle", c.Dir, c.ID)
			cmd.Stdout = out
			harness.Exec(t, cmd).WantExit(t, 0)
			c.OK("start", c.ID)
			awaitFileText(t, c.Host("out"), "500\n1000\n")
			harness.Exec(t, under(t, c, given, "exec", c.ID, "sh", "-c", limits)).WantOutput(t, "500\n1000\n")
			c.OK("delete", "--force", c.ID)
			c.Spec.Process.Args = []string{"sh", "-c", limits}
			c.Save()
			harness.Exec(t, under(t, c, given, "run", "--bundle", c.Dir, c.ID)).WantOutput(t, "500\n1000\n")
		})
	}
}

// TestWithoutClone3: where a filter around rt does not know clone3(2), as those of
// older clients, nobody is born in a cgroup, and comes into it all the same.
func TestWithoutClone3(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("cat /proc/self/cgroup"))
	c.Runtime.Only(t, "is not asked")
	c.Save()
	outside := func(cmd *exec.Cmd) (r harness.Result) {
		err := onOwnThread(func() error {
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return err
			}
			filter := []unix.SockFilter{
				{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number
				{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jf: 1},
				{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
				{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
			}
			prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
			if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); errno != 0 {
				return errno
			}
			r = harness.Exec(t, cmd)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := outside(c.Command("run", "--bundle", c.Dir, c.ID)).WantExit(t, 0).Stdout
	if got := c.Run().Stdout; want != got || !strings.Contains(got, c.ID) {
		t.Errorf("in the cgroups\n%s, otherwise\n%s", want, got)
	}
	c.Spec.Process.Args = []string{"sleep", "1000"}
	c.Detached()
	if got := outside(c.Command("exec", c.ID, "cat", "/proc/self/cgroup")).WantExit(t, 0).Stdout; !strings.Contains(got, c.ID) {
		t.Errorf("exec in\n%s", got)
	}
}

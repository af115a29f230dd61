package initstage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
	"rt/libcontainer/sys"
	"rt/seccomp/load"
)

const (
	childVar = "RT_TEST_PROCESS_CHILD"
	busybox  = "/bin/busybox"
)

type processChild struct {
	Process   plan.Process
	KeepAdmin bool
	BPF       []byte
}

// TestProcessChild is not a test: children of TestBecomeUser start here and
// become the program.
func TestProcessChild(t *testing.T) {
	text := os.Getenv(childVar)
	if text == "" {
		t.Skip("runs only as a child of other tests")
	}
	runtime.LockOSThread()
	var c processChild
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	p := &c.Process
	for _, do := range []func() error{
		func() error { return joinAnother(p) },
		func() error { return raiseLimits(p) },
		func() error { return setScheduler(p) },
		func() error { return setIOPriority(p) },
		func() error { return setAffinity(p) },
		func() error { return setPersonality(p) },
		func() error { return setMemPolicy(p) },
		func() error { return becomeUser(p, c.KeepAdmin, false) },
		func() error { return noNewPrivs(p) },
		func() error { return setLimits(p) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if c.KeepAdmin {
		useAdmin(p.Caps)
	}
	t.Fatal((&load.Program{Path: p.Args[0], Args: p.Args, Env: p.Env, BPF: c.BPF, Agent: -1}).Exec())
}

// joinAnother is joinKeyring, and an error when the ring is still the caller's.
func joinAnother(p *plan.Process) error {
	ring := func() int {
		id, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true)
		if err != nil {
			return 0
		}
		return id
	}
	if !p.NewKeyring {
		return joinKeyring(p)
	}
	before := ring()
	if err := joinKeyring(p); err != nil {
		return err
	}
	if after := ring(); after == 0 || after == before {
		return fmt.Errorf("session keyring %d before, %d after", before, after)
	}
	return nil
}

// become runs the child under a shell prefix and gives its output.
func become(t *testing.T, c processChild, prefix string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("needs " + busybox)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(busybox, "sh", "-c", prefix+` exec "$0" "$@"`, os.Args[0], "-test.run=^TestProcessChild$")
	cmd.Env = append(os.Environ(), childVar+"="+string(text), "GODEBUG=asyncpreemptoff=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func statusArgs(fields string) []string {
	return []string{busybox, "grep", "-E", "^(" + fields + "):", "/proc/self/status"}
}

func TestBecomeUser(t *testing.T) {
	const chown, kill, admin = 1 << unix.CAP_CHOWN, 1 << unix.CAP_KILL, 1 << unix.CAP_SYS_ADMIN
	allow := []byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f} // ret ALLOW
	// An ALLOW filter except for capset, which is killed.
	noCapset := append([]byte{
		0x20, 0, 0, 0, 0, 0, 0, 0, // ld nr
		0x15, 0, 0, 1, unix.SYS_CAPSET, 0, 0, 0, // jeq capset
		6, 0, 0, 0, 0, 0, 0, 0x80, // ret KILL_PROCESS
	}, allow...)
	last := 40
	const fields = "Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp"
	for name, c := range map[string]struct {
		child processChild
		want  string
	}{
		"user, nothing": {
			processChild{Process: plan.Process{UID: 1000, GID: 1001, Caps: &plan.Caps{Last: last}, NoNewPrivileges: true}},
			"Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\nGroups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n" +
				"CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n",
		},
		"user with ambient": {
			processChild{Process: plan.Process{UID: 1000, AdditionalGids: []uint32{5, 6}, Caps: &plan.Caps{Last: last,
				Bounding: chown | kill, Permitted: chown | kill, Effective: chown, Inheritable: chown | kill, Ambient: chown}}},
			"Uid:\t1000\t1000\t1000\t1000\nGid:\t0\t0\t0\t0\nGroups:\t5 6 \nCapInh:\t0000000000000021\nCapPrm:\t0000000000000001\n" +
				"CapEff:\t0000000000000001\nCapBnd:\t0000000000000021\nCapAmb:\t0000000000000001\nNoNewPrivs:\t0\nSeccomp:\t0\n",
		},
		"root": {
			processChild{Process: plan.Process{Caps: &plan.Caps{Last: last, Bounding: chown | kill, Permitted: chown | kill, Effective: chown | kill}}},
			"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000021\n" +
				"CapEff:\t0000000000000021\nCapBnd:\t0000000000000021\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n",
		},
		// CAP_SYS_ADMIN is kept for the filter and gone behind execve, with
		// no capset between: the filter would kill it.
		"root, filter without no_new_privs": {
			processChild{Process: plan.Process{Caps: &plan.Caps{Last: last, Bounding: chown, Permitted: chown, Effective: chown}},
				KeepAdmin: true, BPF: noCapset},
			"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000001\n" +
				"CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n",
		},
		"user, filter without no_new_privs": {
			processChild{Process: plan.Process{UID: 7, GID: 7, Caps: &plan.Caps{Last: last, Bounding: chown | admin, Permitted: chown,
				Inheritable: chown, Ambient: chown, Effective: chown}}, KeepAdmin: true, BPF: noCapset},
			"Uid:\t7\t7\t7\t7\nGid:\t7\t7\t7\t7\nGroups:\t \nCapInh:\t0000000000000001\nCapPrm:\t0000000000000001\n" +
				"CapEff:\t0000000000000001\nCapBnd:\t0000000000200001\nCapAmb:\t0000000000000001\nNoNewPrivs:\t0\nSeccomp:\t2\n",
		},
		"user, filter with no_new_privs": {
			processChild{Process: plan.Process{UID: 7, GID: 7, Caps: &plan.Caps{Last: last}, NoNewPrivileges: true}, BPF: allow},
			"Uid:\t7\t7\t7\t7\nGid:\t7\t7\t7\t7\nGroups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n" +
				"CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
		},
	} {
		c.child.Process.Args = statusArgs(fields)
		if diff := cmp.Diff(c.want, become(t, c.child, "")); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
}

func TestAttributes(t *testing.T) {
	five, persona := 3<<13, uint64(8)
	sh := func(script string) []string { return []string{busybox, "sh", "-c", script} }
	for name, c := range map[string]struct {
		process plan.Process
		prefix  string
		want    string
	}{
		"the caller's soft NOFILE comes back": {plan.Process{Args: sh("ulimit -S -n")}, "ulimit -S -n 512;", "512\n"},
		"NOFILE of the plan": {plan.Process{Args: sh("ulimit -S -n; ulimit -H -n"),
			Rlimits: []plan.Rlimit{{Resource: unix.RLIMIT_NOFILE, Soft: 100, Hard: 200}}}, "ulimit -S -n 512;", "100\n200\n"},
		"a raised hard limit for a user": {plan.Process{UID: 9, Caps: &plan.Caps{Last: 40}, Args: sh("ulimit -H -c"),
			Rlimits: []plan.Rlimit{{Resource: unix.RLIMIT_CORE, Soft: 0, Hard: 5 << 10}}}, "ulimit -c 0;", "10\n"},
		"keyring":     {plan.Process{NewKeyring: true, Args: sh("echo another")}, "", "another\n"},
		"io priority": {plan.Process{IOPriority: &five, Args: []string{busybox, "ionice"}}, "", "idle\n"},
		"personality": {plan.Process{Personality: &persona, Args: []string{busybox, "uname", "-m"}}, "", "i686\n"},
		"scheduler": {plan.Process{Scheduler: &plan.Scheduler{Policy: unix.SCHED_BATCH, Nice: 3},
			Args: sh("chrt -p $$ | sed 's/.*: //'")}, "", "SCHED_BATCH\n0\n"},
		"affinity": {plan.Process{Affinity: []byte{1}, Args: statusArgs("Cpus_allowed_list")}, "", "Cpus_allowed_list:\t0\n"},
		"memory policy": {plan.Process{MemPolicy: &plan.MemPolicy{Mode: 2, Nodes: []uint64{1}},
			Args: sh("head -n 1 /proc/self/numa_maps | cut -d' ' -f2")}, "", "bind:0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "raised") && !hasCap(t, unix.CAP_SYS_RESOURCE) {
				t.Skip("needs CAP_SYS_RESOURCE")
			}
			if _, err := os.Stat("/proc/keys"); err != nil && name == "keyring" {
				t.Skip("needs a kernel with key rings")
			}
			if name == "memory policy" {
				if _, err := os.Stat("/proc/self/numa_maps"); err != nil {
					t.Skip("needs a kernel with NUMA")
				}
			}
			if diff := cmp.Diff(c.want, become(t, processChild{Process: c.process}, c.prefix)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// hasCap says whether the test is permitted the capability.
func hasCap(t *testing.T, capability int) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "CapPrm:\t")
	mask, err := strconv.ParseUint(rest[:16], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask&(1<<capability) != 0
}

// inCwd runs f, which changes the working directory, and gives it back.
func inCwd(t *testing.T, f func()) {
	t.Helper()
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Chdir(old); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

func TestEnterCwd(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/nowhere", dir+"/dangling"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	leak, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	magic := "/proc/self/fd/" + strconv.Itoa(int(leak.Fd()))
	if err := os.Symlink(magic, dir+"/magic"); err != nil {
		t.Fatal(err)
	}
	inCwd(t, func() {
		for path, want := range map[string]string{
			"/":                  "/",
			dir:                  dir,
			dir + "/link":        dir,
			dir + "/new/a//b/":   dir + "/new/a/b",
			dir + "/link/c/../d": dir + "/d",
		} {
			if err := enterCwd(path, true); err != nil {
				t.Error(err)
				continue
			}
			if got, err := sys.Getcwd(); got != want || err != nil {
				t.Errorf("%s: in %q, %v", path, got, err)
			}
		}
		for path, want := range map[string]error{
			magic:                 unix.ELOOP,
			magic + "/etc":        unix.ELOOP,
			magic + "/../x":       unix.ELOOP,
			dir + "/magic":        unix.ELOOP,
			dir + "/magic/new":    unix.ELOOP,
			dir + "/dangling":     unix.ENOENT,
			dir + "/dangling/new": unix.ENOENT,
			dir + "/file":         unix.ENOTDIR,
			dir + "/file/new":     unix.ENOTDIR,
		} {
			if err := enterCwd(path, true); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
		if err := enterCwd(dir+"/missing", false); !errors.Is(err, unix.ENOENT) {
			t.Errorf("not to be made: %v", err)
		}
		if err := enterCwd("relative", true); err == nil {
			t.Error("a relative path was taken")
		}
	})
	if _, err := os.Stat("/new"); err == nil {
		t.Error("a directory was made through a magic link")
	}
}

// TestCwdOutside: a working directory that chroot has left outside is told.
func TestCwdOutside(t *testing.T) {
	if os.Getenv(childVar) == "outside" {
		runtime.LockOSThread()
		if err := syscall.Chroot(os.Getenv("RT_TEST_ROOT")); err != nil {
			t.Fatal(err)
		}
		cwd, err := sys.Getcwd()
		if err != nil || !strings.HasPrefix(cwd, "(unreachable)") {
			t.Fatalf("%q, %v", cwd, err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root for chroot")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCwdOutside$")
	cmd.Env = append(os.Environ(), childVar+"=outside", "RT_TEST_ROOT="+t.TempDir())
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestHome(t *testing.T) {
	env := []string{"A=1", "HOME=/x"}
	if got := home(env, 0); !cmp.Equal(got, env) {
		t.Errorf("%q", got)
	}
	if got := home([]string{"A=1"}, 4294967294); !cmp.Equal(got, []string{"A=1", "HOME=/"}) {
		t.Errorf("%q", got)
	}
}

func TestOOMScoreAdj(t *testing.T) {
	cmd := exec.Command("/bin/sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip("needs /bin/sleep")
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if err := sys.SetOOMScoreAdj(cmd.Process.Pid, 123); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/oom_score_adj")
	if err != nil || string(bytes.TrimSpace(got)) != "123" {
		t.Errorf("%q, %v", got, err)
	}
	if err := oomScoreAdj(&plan.Process{}); err != nil {
		t.Error(err)
	}
	score := 5000
	if err := oomScoreAdj(&plan.Process{OOMScoreAdj: &score}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v", err)
	}
}

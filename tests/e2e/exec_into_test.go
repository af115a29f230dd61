package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

const sameNamespaces = "for n in mnt pid net uts ipc user time cgroup; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n differs; done; echo in"

// TestExecInto: containers of every kind of namespace, new, joined and none.
func TestExecInto(t *testing.T) {
	holder := sleeper(t)
	pid := holder.Status().Pid
	for name, test := range map[string]struct {
		prepare        func(t *testing.T, c *harness.Container)
		script, stdout string
		flags          []string
	}{
		"user namespace": {userns, sameNamespaces + "; id -u; cat /proc/self/uid_map | tr -s ' '; echo $HOME; stat -c %u:%g /proc/self/status",
			"in\n0\n 0 100000 65536\n/root\n0:0\n", nil},
		"user namespace, a user": {userns, "id -u; id -g; echo $HOME", "65534\n3\n/\n", []string{"-u", "65534:3"}},
		"user and time namespace": {func(t *testing.T, c *harness.Container) {
			userns(t, c)
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		}, sameNamespaces, "in\n", nil},
		"time namespace": {func(_ *testing.T, c *harness.Container) {
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
			c.Spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 5000000}}
		}, sameNamespaces + "; [ $(cut -d. -f1 /proc/uptime) -ge 5000000 ] && echo late", "in\nlate\n", nil},
		"cgroup namespace": {func(_ *testing.T, c *harness.Container) {
			c.Spec.Linux.Namespaces = append(c.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		}, sameNamespaces + "; grep -c ':/$' /proc/self/cgroup | grep -v ^0 >/dev/null && echo root", "in\nroot\n", nil},
		"joined namespaces": {func(_ *testing.T, c *harness.Container) {
			for _, typ := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.UTSNamespace, specs.IPCNamespace} {
				harness.JoinNamespace(c.Spec, typ, fmt.Sprintf("/proc/%d/ns/%s", pid, nsFile(typ)))
			}
			c.Spec.Hostname = ""
		}, "for n in pid net uts ipc; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n differs; done; cat /proc/1/comm", "sleep\n", nil},
		"joined network beside a user namespace": {func(t *testing.T, c *harness.Container) {
			userns(t, c)
			dropMount(c.Spec, "/sys")
			harness.JoinNamespace(c.Spec, specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", pid))
		}, sameNamespaces, "in\n", nil},
		"joined mount namespace": {func(_ *testing.T, c *harness.Container) {
			c.Spec.Mounts, c.Spec.Linux.MaskedPaths, c.Spec.Linux.ReadonlyPaths = nil, nil, nil
			c.Write("mark", "", 0o644)
			harness.JoinNamespace(c.Spec, specs.MountNamespace, fmt.Sprintf("/proc/%d/ns/mnt", pid))
		}, "ls /mark; pwd", "/mark\n/\n", nil},
		"no mount namespace": {func(_ *testing.T, c *harness.Container) {
			c.Spec.Mounts, c.Spec.Linux.MaskedPaths, c.Spec.Linux.ReadonlyPaths = nil, nil, nil
			harness.WithNamespaces(c.Spec, specs.PIDNamespace, specs.UTSNamespace)
		}, "ls -d /usr 2>&1 | grep -c No; pwd", "1\n/\n", nil},
		"no pid namespace": {func(_ *testing.T, c *harness.Container) {
			harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.UTSNamespace, specs.NetworkNamespace)
		}, "[ $(readlink /proc/self/ns/pid) = " + link(t, "/proc/self/ns/pid") + " ] && echo the host\\'s", "the host's\n", nil},
		"no pivot": {func(*testing.T, *harness.Container) {}, sameNamespaces + "; ls -d /usr 2>&1 | grep -c No", "in\n1\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, harness.Spec("sleep", "1000"))
			test.prepare(t, c)
			if name == "no pivot" {
				c.Detached("--no-pivot")
			} else {
				c.Detached()
			}
			c.Do(execIn(c, test.script, test.flags...)...).WantOutput(t, test.stdout)
			c.Do(execIn(c, "exit 9")...).WantExit(t, 9)
			c.Do("exec", c.ID, "no-such-program").WantFailure(t, "executable file not found in $PATH")
			c.Do("exec", c.ID, "/etc").WantFailure(t, "permission denied", "it is a directory")
		})
	}
}

func TestExecTerminal(t *testing.T) {
	c := sleeper(t)
	script := "tty; stty size; stat -c '%u %g' $(tty); [ $(awk '{print $7}' /proc/$$/stat) != 0 ] && echo controlling; test -t 0 && test -t 1 && test -t 2 && echo all"
	for _, pipe := range []bool{false, true} {
		p := specs.Process{
			Args: []string{"sh", "-c", script}, Cwd: "/", Env: []string{"PATH=/bin"}, Terminal: true,
			ConsoleSize: &specs.Box{Width: 91, Height: 37}, User: specs.User{UID: 1000, GID: 1000},
		}
		socket := c.Host(fmt.Sprintf("tty%v.sock", pipe))
		accept := harness.Console(t, socket)
		flags := []string{"exec", "--process", processFile(t, c, p), "--console-socket", socket, "--detach", "--pid-file", c.Host("pid")}
		if pipe { // as conmon says it
			flags = append(flags, "--tty")
		}
		c.OK(append(flags, c.ID)...)
		got := strings.ReplaceAll(drain(t, accept()), "\r", "")
		if want := "/dev/pts/0\n37 91\n1000 5\ncontrolling\nall\n"; got != want {
			t.Errorf("the terminal says %q, want %q", got, want)
		}
	}
	line := strings.Join(c.Command("exec", "-t", c.ID, "sh", "-c", "'tty; exit 6'").Args, " ")
	cmd := c.Command()
	cmd.Path = harness.Need(t, "script")
	cmd.Args = []string{"script", "-qec", line, "/dev/null"}
	if r := harness.Exec(t, cmd); r.Code != 6 || !strings.Contains(r.Stdout, "/dev/pts/0") {
		t.Errorf("exit 6 and /dev/pts/0 wanted: %v", r)
	}
	// Without a reader's terminal: output as it is.
	c.Do("exec", "-t", c.ID, "sh", "-c", "echo one; echo two; exit 3").WantExit(t, 3)

	none := sleeper(t, func(s *specs.Spec) { dropMount(s, "/dev/pts") })
	none.Do("exec", "-t", none.ID, "true").WantFailure(t, "open a pty in the container's /dev/pts", "needs a mount of type devpts")
}

// openFds prints the open fds of the shell.
const openFds = "for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo $n; done; true"

func TestExecFds(t *testing.T) {
	c := sleeper(t)
	files := threeFiles(t)
	cmd := c.Command("exec", "--preserve-fds", "2", c.ID, "sh", "-c", "cat <&3; cat <&4; "+openFds)
	cmd.ExtraFiles = files
	harness.Exec(t, cmd).WantOutput(t, "three\nfour\n0\n1\n2\n3\n4\n")
	cmd = c.Command("exec", c.ID, "sh", "-c", openFds)
	cmd.ExtraFiles = files
	harness.Exec(t, cmd).WantOutput(t, "0\n1\n2\n")

	accept := harness.Console(t, c.Host("pidfd.sock"))
	c.OK("exec", "-d", "--pidfd-socket", c.Host("pidfd.sock"), "--pid-file", c.Host("pid"), c.ID, "sleep", "700")
	pidfd := accept()
	defer pidfd.Close()
	pid, _ := os.ReadFile(c.Host("pid"))
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if err != nil || !strings.Contains(string(info), "Pid:\t"+string(pid)+"\n") {
		t.Errorf("the fd is not of process %s: %s, %v", pid, info, err)
	}
}

// TestExecSeccomp: the container's filter is on whatever is executed in it.
func TestExecSeccomp(t *testing.T) {
	for _, noNewPrivs := range []bool{false, true} {
		for _, user := range []string{"0", "1000"} {
			c := sleeper(t, func(s *specs.Spec) {
				s.Linux.Seccomp = seccomp(specs.ActAllow, rule(specs.ActErrno, 38, "mkdir", "mkdirat"), rule(specs.ActKillProcess, 0, "sysinfo"))
				s.Process.NoNewPrivileges = noNewPrivs
			})
			name := fmt.Sprintf("noNewPrivileges %v, user %s", noNewPrivs, user)
			r := c.Do(execIn(c, "mkdir /tmp/x 2>&1 | grep -c 'not implemented'; grep -E '^(Seccomp|CapPrm):' /proc/self/status | tr '\t' ' '", "-u", user)...)
			caps := map[string]string{"0": "00000000a80425fb", "1000": "0000000000000000"}[user]
			if want := "1\nCapPrm: " + caps + "\nSeccomp: 2\n"; r.Stdout != want {
				t.Errorf("%s: %q wanted: %v", name, want, r)
			}
			r = c.Do("exec", "-u", user, c.ID, "free")
			if r.Code != 159 || !strings.Contains(r.Stderr, "bad system call") {
				t.Errorf("%s: exit 159 wanted: %v", name, r)
			}
		}
	}
}

// TestExecSeccompStrict: filters that forbid what the way to the program takes.
func TestExecSeccompStrict(t *testing.T) {
	// Added once the container runs: its own start would be refused too.
	for _, test := range []struct {
		action specs.LinuxSeccompAction
		names  []string
		text   string
	}{
		{specs.ActKill, []string{"execve"}, "bad system call"},
		{specs.ActErrno, []string{"execve"}, "exec /bin/true"},
		{specs.ActErrno, []string{"execve", "exit_group", "exit", "write", "sendmsg", "kill"}, "exec /bin/true"},
	} {
		c := sleeper(t)
		config := filepath.Join(c.State, c.ID, "config.json")
		errno := uint(1)
		if test.action == specs.ActKill {
			errno = 0
		}
		c.Spec.Linux.Seccomp = seccomp(specs.ActAllow, rule(test.action, errno, test.names...))
		data, err := json.Marshal(c.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(config, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c.Do("exec", c.ID, "/bin/true").WantFailure(t, test.text)
		if pids := harness.Children(t, c.Status().Pid); len(pids) != 0 {
			t.Errorf("%s %v: left in the container: %v", test.action, test.names, pids)
		}
	}
	// Everything but the filter's own call and execve may be forbidden.
	c := harness.New(t, harness.Spec("sleep", "1000"))
	c.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, 0, append(allowList(), "nanosleep", "clock_nanosleep")...)}}
	c.Detached()
	c.Do("exec", c.ID, "true").WantExit(t, 0)
}

// TestExecSeccompNotify: the agent gets the listener of each process.
func TestExecSeccompNotify(t *testing.T) {
	c := harness.New(t, harness.Spec("sleep", "1000"))
	harness.AddProbe(t, c.Rootfs)
	l := notified(t, c)
	c.Save()
	accept := func() (specs.ContainerProcessState, int) { return acceptListener(t, l) }
	wait := harness.Start(t, c.Command("run", "--detach", "--bundle", c.Dir, c.ID))
	_, own := accept()
	defer unix.Close(own)
	wait().WantExit(t, 0)

	wait = harness.Start(t, c.Command("exec", "--pid-file", c.Host("pid"), c.ID, "probe", "syscall", "99"))
	state, listener := accept()
	unix.Close(listener) // every call that it would have judged is ENOSYS
	r := wait().WantOutput(t, "38\n")
	pid, _ := os.ReadFile(c.Host("pid"))
	if state.State.ID != c.ID || state.State.Pid != c.Status().Pid || strconv.Itoa(state.Pid) != string(pid) {
		t.Errorf("pid %s, the agent was told %+v: %v", pid, state, r)
	}
	wait = harness.Start(t, c.Command("exec", c.ID, "/bin/probe-is-gone"))
	_, listener = accept2(t, l)
	if listener >= 0 {
		unix.Close(listener)
	}
	wait().WantFailure(t, "no such file or directory")
}

// TestExecSeccompAgentGone: an agent that goes away before it has the listener is
// an error, and the process, which waits for it, goes.
func TestExecSeccompAgentGone(t *testing.T) {
	c := harness.New(t, harness.Spec("sleep", "1000"))
	l := notified(t, c)
	c.Save()
	wait := harness.Start(t, c.Command("run", "--detach", "--bundle", c.Dir, c.ID))
	_, own := acceptListener(t, l)
	defer unix.Close(own)
	wait().WantExit(t, 0)

	refused := 0
	for range 10 {
		wait := harness.Start(t, c.Command("exec", c.ID, "true"))
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		// It may have had the listener in its queue by then, and true asks
		// for nothing.
		if r := wait(); r.Code != 0 {
			r.WantExit(t, 255).WantFailure(t, "seccomp agent: sendmsg: broken pipe")
			refused++
		}
	}
	if refused == 0 {
		t.Error("the agent was never gone in time")
	}
	if left := strings.Fields(c.OK("ps", "--format", "json", c.ID).Stdout); len(left) != 1 || strings.Contains(left[0], ",") {
		t.Errorf("left in the container: %v", left)
	}
}

// TestExecSeccompAgentDeaf: an agent that takes the connection and does not read is
// an error in the end; and when rt is killed before, the process, which waits for
// the agent in its filter, goes as well.
func TestExecSeccompAgentDeaf(t *testing.T) {
	c := harness.New(t, harness.Spec("sleep", "1000"))
	c.Runtime.Only(t, "waits for ever")
	l := notified(t, c)
	c.Spec.Linux.Seccomp.ListenerMetadata = strings.Repeat("x", 2<<20) // more than a socket holds
	c.Save()
	start := func(args ...string) (cmd *exec.Cmd, wait func() harness.Result, conn *net.UnixConn) {
		cmd = c.Command(args...)
		wait = harness.Start(t, cmd)
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return cmd, wait, conn
	}
	_, wait, conn := start("run", "--detach", "--bundle", c.Dir, c.ID)
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
	wait().WantExit(t, 0)

	_, wait, _ = start("exec", c.ID, "true")
	wait().WantFailure(t, "seccomp agent: sendmsg: resource temporarily unavailable", "the agent accepts connections and does not read")

	processes := func() int {
		var pids []int
		if err := json.Unmarshal([]byte(c.OK("ps", "--format", "json", c.ID).Stdout), &pids); err != nil {
			t.Fatal(err)
		}
		return len(pids)
	}
	cmd, _, _ := start("exec", c.ID, "true")
	awaitProcesses := func(n int) {
		t.Helper()
		for end := time.Now().Add(harness.Slow(10 * time.Second)); processes() != n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d processes, not %d", processes(), n)
			}
		}
	}
	awaitProcesses(3) // with the joiner
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	awaitProcesses(1)
}

// accept2 takes a connection on which nothing may come.
func accept2(t *testing.T, l *net.UnixListener) (int, int) {
	t.Helper()
	conn, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	oob := make([]byte, 4096)
	if _, n, _, _, err := conn.ReadMsgUnix(make([]byte, 1), oob); err == nil && n > 0 {
		t.Error("a listener of a program that does not exist")
	}
	return 0, -1
}

func TestExecSubCgroup(t *testing.T) {
	c := sleeper(t)
	lead := filepath.Dir(c.CgroupFile("freezer.state", "cgroup.freeze"))
	var made []string
	for _, dir := range harness.CgroupMounts(t) {
		sub := filepath.Join(dir, c.Spec.Linux.CgroupsPath, "sub")
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		made = append(made, sub)
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} { // v1: an empty cpuset takes nobody
			if data, err := os.ReadFile(filepath.Join(filepath.Dir(sub), f)); err == nil {
				_ = os.WriteFile(filepath.Join(sub, f), data, 0)
			}
		}
	}
	own := c.Spec.Linux.CgroupsPath
	r := c.Do("exec", "--cgroup", "sub", c.ID, "cat", "/proc/self/cgroup").WantExit(t, 0)
	if n := strings.Count(r.Stdout, own+"/sub\n"); n != len(made) {
		t.Errorf("in %d of %d: %v", n, len(made), r)
	}
	r = c.Do("exec", "--cgroup", "/sub/", c.ID, "cat", "/proc/self/cgroup").WantExit(t, 0)
	if !strings.Contains(r.Stdout, own+"/sub\n") {
		t.Error(r)
	}
	if strings.HasSuffix(filepath.Dir(lead), "freezer") { // v1
		r = c.Do("exec", "--cgroup", "freezer,pids:sub", c.ID, "cat", "/proc/self/cgroup").WantExit(t, 0)
		if strings.Count(r.Stdout, own+"/sub\n") != 2 || !strings.Contains(r.Stdout, ":freezer:"+own+"/sub\n") {
			t.Error(r)
		}
	}
	c.Do("exec", "--cgroup", "sub/../..", c.ID, "true").WantFailure(t, "bad sub cgroup path")
	c.Do("exec", c.ID, "cat", "/proc/self/cgroup").WantExit(t, 0)
}

// TestExecPlacement: where and when the process runs.
func TestExecPlacement(t *testing.T) {
	c := sleeper(t)
	for _, test := range []struct{ process, script, stdout string }{
		{`"execCPUAffinity":{"initial":"0","final":"0"}`, "grep Cpus_allowed_list /proc/self/status | cut -f2", "0\n"},
		{`"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":6}`, "ionice -p $$", "best-effort: prio 6\n"},
		{`"scheduler":{"policy":"SCHED_BATCH","nice":5}`, "cut -d' ' -f19,41 /proc/self/stat", "5 3\n"},
		{`"scheduler":{"policy":"SCHED_OTHER","nice":-5,"flags":["SCHED_FLAG_RESET_ON_FORK"]}`, "sleep 0.3; echo $(cut -d' ' -f19 /proc/$$/stat) $(cut -d' ' -f19 /proc/self/stat)", "-5 0\n"},
		{`"oomScoreAdj":77`, "cat /proc/self/oom_score_adj", "77\n"},
		{`"rlimits":[{"type":"RLIMIT_NPROC","soft":50,"hard":60},{"type":"RLIMIT_CORE","soft":0,"hard":0}]`, "ulimit -u; ulimit -c", "50\n0\n"},
	} {
		p := `{"args":["sh","-c",` + strconv.Quote(test.script) + `],"cwd":"/","env":["PATH=/bin"],` + test.process + `}`
		file := c.Host("process.json")
		if err := os.WriteFile(file, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := c.Do("exec", "-p", file, c.ID); r.Stdout != test.stdout {
			t.Errorf("%s: %q wanted: %v", test.process, test.stdout, r)
		}
	}
	file := c.Host("process.json")
	if err := os.WriteFile(file, []byte(`{"args":["true"],"cwd":"/","execCPUAffinity":{"final":"8000"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Do("exec", "-p", file, c.ID).WantFailure(t, "process.execCPUAffinity.final", "invalid argument")
}

// TestExecAsItStops: the container ends, or is deleted, under many execs. Each
// of them ends too, and nothing is left.
func TestExecAsItStops(t *testing.T) {
	for round := range 6 {
		c := sleeper(t)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					cmd := c.Command("exec", c.ID, "true")
					out, err := cmd.CombinedOutput()
					if strings.Contains(string(out), "goroutine") || errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("%v: %s", err, out)
					}
				}
			})
		}
		time.Sleep(time.Duration(5+round*9) * time.Millisecond)
		if round%2 == 0 {
			if err := syscall.Kill(c.Status().Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		c.OK("delete", "--force", c.ID)
		all.Wait()
		c.CheckGone()
	}
}

// TestExecMany: RT_TEST_EXECS processes, eight at a time, leave nothing.
func TestExecMany(t *testing.T) {
	n := 300
	if s := os.Getenv("RT_TEST_EXECS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	c := sleeper(t)
	init := c.Status().Pid
	fds := func() int {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", init))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	c.OK("exec", c.ID, "true")
	before, kernel := fds(), c.Cgroup("memory.usage_in_bytes", "memory.current", "cgroup.procs")
	jobs := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range jobs {
				out, err := c.Command("exec", c.ID, "sh", "-c", "exit "+strconv.Itoa(i%100)).CombinedOutput()
				var code interface{ ExitCode() int }
				if i%100 != 0 && (!errors.As(err, &code) || code.ExitCode() != i%100) || i%100 == 0 && err != nil {
					t.Errorf("exec %d: %v: %s", i, err, out)
				}
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	all.Wait()
	if pids := harness.Children(t, init); len(pids) != 0 {
		t.Errorf("left in the container: %v", pids)
	}
	if now := fds(); now != before {
		t.Errorf("init has %d fds, %d before", now, before)
	}
	var grown, was int64
	if _, err := fmt.Sscan(kernel+" "+c.Cgroup("memory.usage_in_bytes", "memory.current", "cgroup.procs"), &was, &grown); err != nil {
		t.Fatal(err)
	}
	if grown > was+8<<20 {
		t.Errorf("memory of the container: %d bytes, %d before", grown, was)
	}
	if members := strings.Fields(c.Cgroup("cgroup.procs")); len(members) != 1 {
		t.Errorf("in the cgroup: %v", members)
	}
}

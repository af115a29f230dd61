package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// sleeper is a running container that only waits.
func sleeper(t *testing.T, edit ...func(*specs.Spec)) *harness.Container {
	t.Helper()
	c := harness.New(t, harness.Spec("sleep", "1000"))
	for _, e := range edit {
		e(c.Spec)
	}
	c.Detached()
	return c
}

// execIn is exec of a shell script, with flags in front.
func execIn(c *harness.Container, script string, flags ...string) []string {
	return append(append([]string{"exec"}, flags...), c.ID, "sh", "-c", script)
}

// processFile writes p for --process.
func processFile(t *testing.T, c *harness.Container, p any) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	path := c.Host("process.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExec(t *testing.T) {
	c := sleeper(t, func(s *specs.Spec) {
		s.Process.Env = append(s.Process.Env, "FROM=config", "BOTH=config")
		s.Process.User = specs.User{UID: 0, GID: 0, AdditionalGids: []uint32{6}}
		s.Process.Cwd = "/tmp"
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
		s.Process.Capabilities.Inheritable = []string{"CAP_NET_RAW"}
	})
	status := func(keys string) string { return "grep -E '^(" + keys + "):' /proc/self/status | tr '\t' ' '" }
	for _, test := range []struct {
		name   string
		args   []string
		stdout string
		code   int
	}{
		{"as the container's process", execIn(c, "id -u; id -g; pwd; echo $FROM $HOME; hostname; ulimit -n"), "0\n0\n/tmp\nconfig /root\ne2e\n100\n", 0},
		{"exit status", execIn(c, "exit 77"), "", 77},
		{"killed", execIn(c, "kill -9 $$"), "", 137},
		{"flags of the program", []string{"exec", c.ID, "echo", "-t", "--user", "x"}, "-t --user x\n", 0},
		{"end of flags", []string{"exec", "--cwd", "/", "--", c.ID, "pwd"}, "/\n", 0},
		{"path", []string{"exec", c.ID, "/bin/echo", "a b"}, "a b\n", 0},
		{"cwd", execIn(c, "pwd", "--cwd", "/etc"), "/etc\n", 0},
		{"env", execIn(c, "echo $A,$B,$BOTH", "-e", "A=1,2", "--env", "B=x y", "-e", "BOTH=flag"), "1,2,x y,flag\n", 0},
		{"HOME given", execIn(c, "echo $HOME", "-e", "HOME=/x"), "/x\n", 0},
		{"user", execIn(c, "id -u; id -g; echo $HOME; pwd", "--user", "65534:7"), "65534\n7\n/\n/tmp\n", 0},
		{"user alone", execIn(c, "id -u; id -g", "-u", "1000"), "1000\n0\n", 0},
		{"highest id", execIn(c, "id -u; id -g", "-u", "4294967294:4294967294"), "4294967294\n4294967294\n", 0},
		{"groups", execIn(c, status("Groups"), "-g", "8", "--additional-gids", "9"), "Groups: 6 8 9 \n", 0},
		{"no caps of a user", execIn(c, status("CapEff|CapPrm"), "-u", "1000"), "CapPrm: 0000000000000000\nCapEff: 0000000000000000\n", 0},
		{"cap", execIn(c, status("CapPrm|CapEff|CapBnd|CapAmb"), "-c", "CAP_SYS_PTRACE", "--cap", "CAP_NET_RAW"),
			"CapPrm: 00000000a80c25fb\nCapEff: 00000000a80c25fb\nCapBnd: 00000000a80c25fb\nCapAmb: 0000000000002000\n", 0},
		{"new privileges", execIn(c, status("NoNewPrivs")), "NoNewPrivs: 0\n", 0},
		{"no new privileges", execIn(c, status("NoNewPrivs"), "--no-new-privs"), "NoNewPrivs: 1\n", 0},
		{"session", execIn(c, "[ $(cut -d' ' -f1 /proc/self/stat) != '' ] && awk '{print ($5==$6) }' /proc/$$/stat"), "1\n", 0},
		{"fds", execIn(c, openFds), "0\n1\n2\n", 0},
		{"signals", execIn(c, status("SigBlk|SigIgn")), "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\n", 0},
		{"umask", execIn(c, "umask 022; umask"), "0022\n", 0},
		{"dumpable", execIn(c, "stat -c %u /proc/$$/fd"), "0\n", 0},
		{"the container's cgroup", execIn(c, "diff /proc/1/cgroup /proc/self/cgroup && echo same"), "same\n", 0},
		{"the container's namespaces", execIn(c, "for n in mnt pid net uts ipc user cgroup; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n; done"), "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := c.Do(test.args...); r.Code != test.code || r.Stdout != test.stdout {
				t.Errorf("exit %d and %q wanted: %v", test.code, test.stdout, r)
			}
		})
	}
}

// TestExecErrors: what clients look for, and 255.
func TestExecErrors(t *testing.T) {
	c := sleeper(t)
	c.Write("plain", "no program", 0o644)
	c.Write("bad.sh", "#!/no/such/shell\n", 0o755)
	c.Write("text", "hello\n", 0o755)
	for name, test := range map[string]struct {
		args  []string
		texts []string
	}{
		"not in PATH":         {[]string{"exec", c.ID, "no-such-program"}, []string{`exec: "no-such-program": executable file not found in $PATH`}},
		"no such file":        {[]string{"exec", c.ID, "/no/such"}, []string{`exec: "/no/such": stat /no/such: no such file or directory`}},
		"a directory":         {[]string{"exec", c.ID, "/etc"}, []string{`exec: "/etc": permission denied`, "hint: it is a directory"}},
		"not executable":      {[]string{"exec", c.ID, "/plain"}, []string{`exec: "/plain": permission denied`, "chmod +x"}},
		"missing interpreter": {[]string{"exec", c.ID, "/bad.sh"}, []string{"exec /bad.sh: no such file or directory"}},
		"no format":           {[]string{"exec", c.ID, "/text"}, []string{"exec /text: exec format error"}},
		"no command":          {[]string{"exec", c.ID}, []string{"process args cannot be empty"}},
		"no container":        {[]string{"exec"}, []string{"requires a minimum of 1 argument"}},
		"unknown container":   {[]string{"exec", "no-such-container", "true"}, []string{"does not exist"}},
		"relative cwd":        {[]string{"exec", "--cwd", "tmp", c.ID, "true"}, []string{"process.cwd", "must be an absolute path"}},
		"missing cwd":         {[]string{"exec", "--cwd", "/no/where", c.ID, "true"}, []string{"process.cwd /no/where: chdir: no such file or directory"}},
		"cwd is a file":       {[]string{"exec", "--cwd", "/plain", c.ID, "true"}, []string{"not a directory"}},
		"cwd is an fd":        {[]string{"exec", "--cwd", "/proc/self/fd/7", c.ID, "true"}, []string{"process.cwd /proc/self/fd/7"}},
		"user by name":        {[]string{"exec", "--user", "root", c.ID, "true"}, []string{`--user: "root" is not a number`, "ids are numbers"}},
		"user 01":             {[]string{"exec", "--user", "01", c.ID, "true"}, []string{`"01" is not how the number 1 is written`}},
		"user -1":             {[]string{"exec", "--user=-1", c.ID, "true"}, []string{`"-1" is not a number`}},
		"user :":              {[]string{"exec", "--user", ":", c.ID, "true"}, []string{`"" is not a number`}},
		"user 1:":             {[]string{"exec", "--user", "1:", c.ID, "true"}, []string{`"" is not a number`}},
		"user empty":          {[]string{"exec", "--user", "", c.ID, "true"}, []string{`"" is not a number`}},
		"user too large":      {[]string{"exec", "--user", "4294967296", c.ID, "true"}, []string{`"4294967296" is no id`}},
		"user no id":          {[]string{"exec", "--user", "4294967295", c.ID, "true"}, []string{`"4294967295" is no id`}},
		"user 1:2:3":          {[]string{"exec", "--user", "1:2:3", c.ID, "true"}, []string{`"2:3" is not a number`}},
		"group by name":       {[]string{"exec", "-g", "wheel", c.ID, "true"}, []string{`"wheel" is not a number`}},
		"unknown flag":        {[]string{"exec", "--no-such-flag", c.ID, "true"}, []string{"no-such-flag"}},
		"tty without reader":  {[]string{"exec", "-d", "-t", c.ID, "true"}, []string{"cannot allocate tty if rt will detach without setting console socket"}},
		"socket without tty":  {[]string{"exec", "-d", "--console-socket", "/x", c.ID, "true"}, []string{"cannot use console socket"}},
		"socket, foreground":  {[]string{"exec", "-t", "--console-socket", "/x", c.ID, "true"}, []string{"cannot use console socket"}},
		"preserve-fds":        {[]string{"exec", "--preserve-fds", "3", c.ID, "true"}, []string{"bad file descriptor"}},
		"process is gone":     {[]string{"exec", "--process", "/no/such.json", c.ID}, []string{"/no/such.json", "no such file or directory"}},
		"sub-cgroup above":    {[]string{"exec", "--cgroup", "..", c.ID, "true"}, []string{"bad sub cgroup path: .. is not a sub cgroup path"}},
		"sub-cgroup missing":  {[]string{"exec", "--cgroup", "nonexistent", c.ID, "true"}, []string{" adding pid ", " to cgroups: ", "/nonexistent/cgroup.procs: no such file"}},
		"unknown controller":  {[]string{"exec", "--cgroup", "whaaat:/", c.ID, "true"}, []string{"unknown controller "}},
		"two sub-cgroups":     {[]string{"exec", "--cgroup", "a", "--cgroup", "b", c.ID, "true"}, []string{"missing <controller>: prefix"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.Do(test.args...).WantFailure(t, test.texts...)
			want := 255
			if name == "unknown flag" || name == "no container" {
				want = 1
			}
			if r.Code != want {
				t.Errorf("exit %d, want %d: %v", r.Code, want, r)
			}
		})
	}
	c.OK("exec", c.ID, "true")
	if pids := harness.Children(t, c.Status().Pid); len(pids) != 0 {
		t.Errorf("left in the container: %v", pids)
	}
}

func TestExecStatus(t *testing.T) {
	c := harness.New(t, sh("exec sleep 1000"))
	c.Create()
	c.Do(execIn(c, "echo in")...).WantOutput(t, "in\n")
	c.OK("start", c.ID)
	if err := syscall.Kill(c.Status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.Await(specs.StateStopped)
	c.Do("exec", c.ID, "true").WantFailure(t, "cannot exec in a stopped container").WantExit(t, 255)
}

// kernelFreeze pauses or resumes by the kernel's own files.
func kernelFreeze(t *testing.T, c *harness.Container, on bool) {
	t.Helper()
	file := c.CgroupFile("freezer.state", "cgroup.freeze")
	value := map[bool]string{true: "FROZEN", false: "THAWED"}[on]
	if filepath.Base(file) == "cgroup.freeze" {
		value = map[bool]string{true: "1", false: "0"}[on]
	}
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

func TestExecPaused(t *testing.T) {
	c := sleeper(t)
	kernelFreeze(t, c, true)
	t.Cleanup(func() { kernelFreeze(t, c, false) })
	c.Await("paused")
	c.Do("exec", c.ID, "true").WantFailure(t, "cannot exec in a paused container (use --ignore-paused to override)").WantExit(t, 255)
	wait := harness.Start(t, c.Command("exec", "--ignore-paused", c.ID, "echo", "went on"))
	time.Sleep(200 * time.Millisecond)
	kernelFreeze(t, c, false)
	wait().WantOutput(t, "went on\n")
	// Who waits can be called off.
	kernelFreeze(t, c, true)
	cmd := c.Command("exec", "--ignore-paused", c.ID, "echo", "never")
	wait = harness.Start(t, cmd)
	time.Sleep(200 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	wait().WantFailure(t, "interrupted before the process had started: terminated").WantExit(t, 255)
	kernelFreeze(t, c, false)
	c.OK("exec", c.ID, "true")
}

// TestExecConfigGone: the bundle may change while the container runs.
func TestExecConfigGone(t *testing.T) {
	c := sleeper(t, func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "A=created") })
	for _, now := range []string{`{"ociVersion":"1.0.2","process":{"env":["A=changed"]}}`, "", "gone"} {
		file := filepath.Join(c.Dir, "config.json")
		if now == "gone" {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		c.Do(execIn(c, "echo $A")...).WantOutput(t, "created\n")
	}
}

// TestExecProcess: process.json, by file and by pipe.
func TestExecProcess(t *testing.T) {
	umask, score := uint32(0o007), 321
	c := sleeper(t, func(s *specs.Spec) {
		s.Process.User.Umask = &umask
		s.Process.OOMScoreAdj = &score
		s.Process.Env = append(s.Process.Env, "FROM=config")
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 100, Hard: 200}}
	})
	script := "id -u; id -g; pwd; echo $A,$FROM,$HOME; ulimit -n; umask; cat /proc/self/oom_score_adj; grep CapEff /proc/self/status | cut -f2"
	p := specs.Process{
		Args: []string{"/bin/sh", "-c", script}, Cwd: "/etc", Env: []string{"A=json", "PATH=/bin"},
		User: specs.User{UID: 65534, GID: 9},
	}
	file := processFile(t, c, p)
	const want = "65534\n9\n/etc\njson,,/\n100\n0007\n321\n0000000000000000\n"
	c.Do("exec", "--process", file, c.ID).WantOutput(t, want)
	c.Do("exec", "-p", file, "--user", "0", c.ID).WantOutput(t, want)

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := c.Command("exec", "--process", "/dev/fd/3", c.ID)
	cmd.ExtraFiles = []*os.File{r}
	wait := harness.Start(t, cmd)
	time.Sleep(50 * time.Millisecond) // it waits for the writer
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	wait().WantOutput(t, want)

	for name, test := range map[string]struct{ process, text string }{
		"all at once": {`{"args":[],"cwd":"x","oomScoreAdj":5000}`, "invalid configuration: 3 errors\n  process.args: must not be empty"},
		"wrong type":  {`{"args":["x",3],"cwd":"/"}`, "args[1]"},
		"no JSON":     {`nonsense`, "is not a JSON object"},
		"a label":     {`{"args":["true"],"cwd":"/","selinuxLabel":"a:b:c"}`, "process.selinuxLabel"},
		"an affinity": {`{"args":["true"],"cwd":"/","execCPUAffinity":{"final":"x"}}`, "process.execCPUAffinity.final"},
	} {
		if err := os.WriteFile(file, []byte(test.process), 0o600); err != nil {
			t.Fatal(err)
		}
		r := c.Do("exec", "--process", file, c.ID).WantFailure(t, test.text)
		if r.Code != 255 {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// TestExecDetached: the call of containerd's shim.
func TestExecDetached(t *testing.T) {
	c := sleeper(t)
	file := processFile(t, c, specs.Process{Args: []string{"sleep", "500"}, Cwd: "/"})
	pidFile := c.Host("exec.pid")
	c.Global = []string{"--log", c.Host("log"), "--log-format", "json"}
	c.OK("exec", "--process", file, "--detach", "--pid-file", pidFile, c.ID)
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	cmdline, err := os.ReadFile("/proc/" + string(data) + "/cmdline")
	if err != nil || string(cmdline) != "sleep\x00500\x00" {
		t.Errorf("process %d is %q, %v", pid, cmdline, err)
	}
	if diff := cmp.Diff(link(t, "/proc/"+strconv.Itoa(c.Status().Pid)+"/ns/pid"), link(t, "/proc/"+string(data)+"/ns/pid")); diff != "" {
		t.Error(diff)
	}
	file = processFile(t, c, specs.Process{Args: []string{"no-such-program"}, Cwd: "/"})
	c.Do("exec", "--process", file, "--detach", "--pid-file", pidFile+"2", c.ID).WantExit(t, 255)
	log, err := os.ReadFile(c.Host("log"))
	if err != nil || !strings.Contains(string(log), `{"level":"error","msg":"exec`) || !strings.Contains(string(log), "executable file not found") {
		t.Errorf("the shim's log: %s, %v", log, err)
	}
	if _, err := os.Stat(pidFile + "2"); err == nil {
		t.Error("a pid file of a process that is not there")
	}
	// What was started goes with the container.
	c.OK("delete", "--force", c.ID)
	if syscall.Kill(pid, 0) == nil {
		t.Error("the process outlives the container")
	}
}

func TestExecPidFileFails(t *testing.T) {
	c := sleeper(t)
	c.Do("exec", "-d", "--pid-file", "/no/such/dir/pid", c.ID, "sleep", "600").WantFailure(t, "--pid-file").WantExit(t, 255)
	if pids := harness.Children(t, c.Status().Pid); len(pids) != 0 {
		t.Errorf("left in the container: %v", pids)
	}
}

// TestExecTellsBefore: where the pid or the pidfd cannot be handed out, the
// program has not begun.
func TestExecTellsBefore(t *testing.T) {
	c := sleeper(t)
	for _, flag := range []string{"--pid-file", "--pidfd-socket"} {
		c.Runtime.Only(t, "does not say where")
		for range 10 {
			c.Do("exec", flag, "/no/such/dir/p", c.ID, "touch", "/dev/ran").WantFailure(t, flag, "/no/such/dir/p", "no such file or directory").WantExit(t, 255)
		}
	}
	c.OK("exec", c.ID, "sh", "-c", "! test -e /dev/ran")
}

// TestRunFailsWithoutPidFile: a container that could not start leaves no pid.
func TestRunFailsWithoutPidFile(t *testing.T) {
	c := harness.New(t, harness.Spec("/odd"))
	c.Runtime.Only(t, "leaves it")
	c.Write("odd", "#!/no/such/interpreter\n", 0o755)
	c.Save()
	c.Do("run", "--detach", "--pid-file", c.Host("pid"), "--bundle", c.Dir, c.ID).WantExit(t, 1)
	if _, err := os.Stat(c.Host("pid")); err == nil {
		t.Error("the pid file is there")
	}
}

// TestExecSentSIGSYS: who has no filter was not killed by one.
func TestExecSentSIGSYS(t *testing.T) {
	c := sleeper(t)
	if r := c.Do("exec", c.ID, "sh", "-c", "kill -31 $$"); r.Code != 128+31 || r.Stderr != "" {
		t.Errorf("%v", r)
	}
	c = harness.New(t, sh("sh -c 'kill -31 $$'; exit $?"))
	if r := c.Run(); r.Code != 128+31 || strings.Contains(r.Stderr, "seccomp") {
		t.Errorf("%v", r)
	}
}

func TestExecForwardsSignals(t *testing.T) {
	c := sleeper(t)
	for name, sig := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "USR1": syscall.SIGUSR1, "INT": syscall.SIGINT, "ABRT": syscall.SIGABRT} {
		ready := "/tmp/ready-" + name
		cmd := c.Command(execIn(c, "trap 'echo got "+name+"; exit 5' "+name+"; touch "+ready+"; while :; do sleep 0.05; done")...)
		wait := harness.Start(t, cmd)
		awaitFile(t, filepath.Join(c.Rootfs, ready))
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if r := wait(); r.Code != 5 || strings.TrimSpace(r.Stdout) != "got "+name {
			t.Errorf("%s: %v", name, r)
		}
	}
}

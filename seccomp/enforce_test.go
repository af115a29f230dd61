package seccomp

// enforce_test.go loads filters for real, in children of the test binary, and
// looks at what becomes of them.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
	"rt/seccomp/load"
)

const (
	childVar = "RT_TEST_SECCOMP_CHILD"
	probeVar = "RT_TEST_SECCOMP_PROBE"
	busybox  = "/bin/busybox"
)

// child is what a child is told to do.
type child struct {
	Profile *specs.LinuxSeccomp
	Args    []string
	Env     []string
	Agent   bool // fd 3 is the agent's socket
}

func init() {
	if os.Getenv(childVar) != "" {
		runtime.LockOSThread() // to the main thread, as init is
	}
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childVar) != "":
		os.Exit(runChild(os.Getenv(childVar)))
	case os.Getenv(probeVar) != "":
		for _, nr := range []uintptr{unix.SYS_ACCT, 9999} {
			_, _, errno := unix.RawSyscall(nr, 0, 0, 0)
			fmt.Println(nr, int(errno))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(text string) int {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		fmt.Println(err)
		return 99
	}
	f, _, err := Compile(c.Profile)
	if err != nil {
		fmt.Println(err)
		return 99
	}
	if err := sys.NoNewPrivs(); err != nil {
		fmt.Println(err)
		return 99
	}
	report := func(f *load.Failure) int {
		fmt.Println("REPORT", f)
		if f.Killed {
			return load.KilledStatus
		}
		return 1
	}
	p := load.Program{
		Path: c.Args[0], Args: c.Args, Env: c.Env, BPF: f.BPF, Flags: f.Flags,
		Strict: f.KillsThread, Agent: -1, State: []byte(`{"state":"message"}`), Report: report,
	}
	if c.Agent {
		p.Agent = 3
	}
	err = p.Exec()
	fmt.Println("RETURNED", err)
	return 1
}

// start starts the child; its output goes to out.
func start(t *testing.T, c child, out *bytes.Buffer, env ...string) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(env, childVar+"="+string(text), "GODEBUG=asyncpreemptoff=1")
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// finish waits for the child, five seconds at most: a hang is what these tests
// are about.
func finish(t *testing.T, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		t.Fatal("the child hangs")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func run(t *testing.T, c child, env ...string) (output string, status syscall.WaitStatus) {
	t.Helper()
	var out bytes.Buffer
	cmd := start(t, c, &out, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status = finish(t, cmd)
	return out.String(), status
}

func needBusybox(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("needs " + busybox)
	}
}

func TestEnforced(t *testing.T) {
	needBusybox(t)
	dir := t.TempDir()
	mkdir := []string{busybox, "mkdir", dir + "/x"}
	for _, c := range []struct {
		rule string
		args []string
		want string // part of the output
	}{
		{`"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"`, mkdir, "Operation not permitted"},
		{`"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28`, mkdir, "No space left"},
		{`"names":["mkdir","mkdirat"],"action":"SCMP_ACT_LOG"`, mkdir, ""},
		{`"names":["mkdir"],"action":"SCMP_ACT_ERRNO"`, []string{busybox, "grep", "Seccomp:", "/proc/self/status"}, "Seccomp:\t2"},
	} {
		for _, flags := range []string{`[]`, `["SECCOMP_FILTER_FLAG_LOG"]`, `["SECCOMP_FILTER_FLAG_SPEC_ALLOW","SECCOMP_FILTER_FLAG_TSYNC"]`} {
			_ = os.Remove(dir + "/x")
			p := profileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","flags":`+flags+`,"syscalls":[{`+c.rule+`}]}`)
			if out, _ := run(t, child{Profile: p, Args: c.args}); !strings.Contains(out, c.want) {
				t.Errorf("%s %s: %q, want %q", c.rule, flags, out, c.want)
			}
		}
	}
}

// TestStrictFiltersEnd: whatever a filter does to init's last calls, the
// process ends, soon and with a reason.
func TestStrictFiltersEnd(t *testing.T) {
	const named = `"syscalls":[{"names":["pidfd_open"],"action":"SCMP_ACT_ALLOW"}]}` // newer than execve
	for _, c := range []struct {
		profile string
		signal  syscall.Signal
		exit    int
		report  string
	}{
		{`{"defaultAction":"SCMP_ACT_KILL",` + named, 0, 159, "REPORT execve: bad system call\n"},
		{`{"defaultAction":"SCMP_ACT_KILL_THREAD",` + named, 0, 159, "REPORT execve: bad system call\n"},
		{`{"defaultAction":"SCMP_ACT_KILL"}`, 0, 159, "REPORT execve: bad system call\n"},
		{`{"defaultAction":"SCMP_ACT_KILL_PROCESS",` + named, syscall.SIGSYS, 0, ""},
		{`{"defaultAction":"SCMP_ACT_TRAP",` + named, syscall.SIGSYS, 0, ""},
		{`{"defaultAction":"SCMP_ACT_ERRNO",` + named, 0, 1, "REPORT execve: operation not permitted\n"},
		{`{"defaultAction":"SCMP_ACT_TRACE",` + named, 0, 1, "REPORT execve: function not implemented\n"},
		{`{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}`, 0, 1,
			"REPORT execve: function not implemented\n"}, // ENOSYS: newer than the profile
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["execve"],"action":"SCMP_ACT_KILL"}]}`, 0, 159,
			"REPORT execve: bad system call\n"},
		{`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write"],"action":"SCMP_ACT_KILL"}]}`, 0, 1,
			"REPORT execve: no such file or directory\n"},
		{`{"defaultAction":"SCMP_ACT_ALLOW"}`, 0, 1, "RETURNED execve: no such file or directory\n"},
	} {
		for _, env := range []string{"GOMAXPROCS=1", "GOMAXPROCS=2"} {
			began := time.Now()
			out, status := run(t, child{Profile: profileJSON(t, c.profile), Args: []string{"/no/such/program"}}, env)
			if out != c.report || (c.signal != 0 && (!status.Signaled() || status.Signal() != c.signal)) ||
				(c.signal == 0 && status.ExitStatus() != c.exit) {
				t.Errorf("%s %s: %q, status %#x", c.profile, env, out, status)
			}
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("%s %s: took %v", c.profile, env, d)
			}
		}
	}
}

// TestFilterRefused: an error of seccomp(2) itself comes back.
func TestFilterRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root is missing: the kernel looks at the filter only after the caller's rights")
	}
	p := load.Program{Path: "/", Args: []string{"x"}, Agent: -1, BPF: make([]byte, 8), Strict: false}
	err := p.Exec() // an instruction of zeros is no valid program
	var f *load.Failure
	if !errors.As(err, &f) || *f != (load.Failure{Stage: sys.StageFilter, Errno: unix.EINVAL}) {
		t.Errorf("got %#v", err)
	}
	p.BPF = make([]byte, 7)
	if err := p.Exec(); !errors.As(err, &f) || *f != (load.Failure{Stage: sys.StagePrepared, Errno: unix.EINVAL}) {
		t.Errorf("got %#v", err)
	}
}

func TestENOSYSForReal(t *testing.T) {
	var names []string
	for n := range libseccomp.ScmpSyscall(335) { // acct is left out
		if name, err := n.GetName(); err == nil && name != "acct" {
			names = append(names, name)
		}
	}
	for name, c := range map[string]struct {
		fallback specs.LinuxSeccompAction
		want     string
	}{
		"errno": {specs.ActErrno, "163 1\n9999 38\n"},
		"kill":  {specs.ActKillProcess, ""}, // acct kills
	} {
		p := &specs.LinuxSeccomp{DefaultAction: c.fallback, Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActAllow}}}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := run(t, child{Profile: p, Args: []string{exe}, Env: []string{probeVar + "=1"}}); out != c.want {
			t.Errorf("%s: %q, want %q", name, out, c.want)
		}
	}
}

// TestNotify plays the agent: it gets the message with the listener, and
// answers the program's mkdir. The filter forbids sendmsg and even notifies of
// execve: neither may matter.
func TestNotify(t *testing.T) {
	needBusybox(t)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	agent, theirs := pair[0], os.NewFile(uintptr(pair[1]), "agent")
	defer sys.Close(agent)
	p := profileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
		{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"},
		{"names":["execve"],"action":"SCMP_ACT_NOTIFY"},
		{"names":["sendmsg"],"action":"SCMP_ACT_KILL_PROCESS"}]}`)
	var out bytes.Buffer
	cmd := start(t, child{Profile: p, Args: []string{busybox, "mkdir", "/rt-test-notify"}, Agent: true}, &out)
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	buf := make([]byte, 100)
	n, fds, err := sys.Recv(agent, buf)
	if err != nil || string(buf[:n]) != `{"state":"message"}` || len(fds) != 1 {
		t.Fatalf("%q, %v, %v", buf[:n], fds, err)
	}
	defer sys.Close(fds[0])
	var seen []string
	for {
		if i, err := sys.Readable(5*time.Second, fds[0]); i != 0 || err != nil {
			t.Fatalf("no notification: %v", err)
		}
		req, err := libseccomp.NotifReceive(libseccomp.ScmpFd(fds[0]))
		if err != nil {
			t.Fatal(err)
		}
		name, _ := req.Data.Syscall.GetName()
		seen = append(seen, name)
		resp := libseccomp.ScmpNotifResp{ID: req.ID, Flags: libseccomp.NotifRespFlagContinue}
		if name != "execve" {
			resp = libseccomp.ScmpNotifResp{ID: req.ID, Error: int32(unix.EXDEV)}
		}
		if err := libseccomp.NotifRespond(libseccomp.ScmpFd(fds[0]), &resp); err != nil {
			t.Fatal(err)
		}
		if name != "execve" {
			break
		}
	}
	finish(t, cmd)
	if !strings.Contains(out.String(), "Invalid cross-device link") || !slices.Equal(seen[:1], []string{"execve"}) {
		t.Errorf("%q after %q", out.String(), seen)
	}
}

// TestNotifyWithoutAgent: an agent that has gone is a failure, not a hang.
func TestNotifyWithoutAgent(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	sys.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "agent")
	p := profileJSON(t, `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}`)
	var out bytes.Buffer
	cmd := start(t, child{Profile: p, Args: []string{busybox, "true"}, Agent: true}, &out)
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	if status := finish(t, cmd); out.String() != "REPORT sendmsg: broken pipe\n" || status.ExitStatus() != 1 {
		t.Errorf("%q, status %#x", out.String(), status)
	}
}

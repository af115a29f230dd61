package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

func sh(script string) *specs.Spec { return harness.Spec("sh", "-c", script) }

func TestRunExitStatus(t *testing.T) {
	for _, test := range []struct {
		script, stdout string
		code           int
	}{
		{"echo out; echo err >&2", "out\n", 0},
		{"exit 3", "", 3},
		{"exit 255", "", 255},
		{"trap - TERM; kill -TERM $$", "", 0},       // pid 1 has no default action
		{"sh -c 'kill -KILL $$'; exit $?", "", 137}, // sh's own 128+n
	} {
		t.Run(test.script, func(t *testing.T) {
			r := harness.New(t, sh(test.script)).Run()
			if r.Code != test.code || r.Stdout != test.stdout {
				t.Errorf("exit %d and %q wanted: %v", test.code, test.stdout, r)
			}
		})
	}
}

func TestRunIsKilled(t *testing.T) {
	c := harness.New(t, sh("echo up > /up; exec sleep 100"))
	c.Save()
	wait := harness.Start(t, c.Command("run", "--bundle", c.Dir, c.ID))
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	c.OK("kill", c.ID, "KILL")
	wait().WantExit(t, 128+int(syscall.SIGKILL))
	c.CheckGone()
}

func TestRunForwardsSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGINT, syscall.SIGABRT, syscall.SIGXCPU, 39, 64} {
		t.Run(sig.String(), func(t *testing.T) {
			script := fmt.Sprintf("trap 'exit 42' %d; echo up > /up; while :; do sleep 0.05; done", int(sig))
			c := harness.New(t, sh(script))
			c.Save()
			cmd := c.Command("run", "--bundle", c.Dir, c.ID)
			wait := harness.Start(t, cmd)
			awaitFile(t, filepath.Join(c.Rootfs, "up"))
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			wait().WantExit(t, 42)
		})
	}
}

func TestStdinReachesTheContainer(t *testing.T) {
	c := harness.New(t, harness.Spec("cat"))
	c.Save()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	cmd.Stdin = strings.NewReader("through\n")
	harness.Exec(t, cmd).WantOutput(t, "through\n")
}

func TestWholeLife(t *testing.T) {
	c := harness.New(t, sh("echo started > /up; exec sleep 100"))
	c.Spec.Annotations = map[string]string{"org.example.a": "b"}
	c.Create("--pid-file", c.Host("pid"))

	s := c.Status()
	want := specs.State{Version: s.Version, ID: c.ID, Status: specs.StateCreated, Pid: s.Pid, Bundle: c.Dir, Annotations: c.Spec.Annotations}
	if s.Pid <= 1 || s.Version == "" || fmt.Sprint(s) != fmt.Sprint(want) {
		t.Errorf("state %+v, want %+v", s, want)
	}
	if data, err := os.ReadFile(c.Host("pid")); err != nil || string(data) != strconv.Itoa(s.Pid) {
		t.Errorf("pid file %q, %v, want %d", data, err, s.Pid)
	}
	if _, err := os.Stat(filepath.Join(c.Rootfs, "up")); err == nil {
		t.Error("the program ran before start")
	}
	if r := c.TryCreate(); r.Code == 0 || !strings.Contains(r.Stderr, "exist") {
		t.Errorf("a second create of the id: %v", r)
	}

	c.OK("start", c.ID)
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	if s := c.Status(); s.Status != specs.StateRunning {
		t.Errorf("after start: %+v", s)
	}
	c.Do("start", c.ID).WantFailure(t)
	c.Do("delete", c.ID).WantFailure(t)
	if s := c.Status(); s.Status != specs.StateRunning {
		t.Errorf("delete harmed a running container: %+v", s)
	}

	c.OK("kill", c.ID, "0")
	c.OK("kill", c.ID, "KILL")
	if s := c.Await(specs.StateStopped); s.Pid != 0 {
		t.Errorf("a stopped container has pid %d", s.Pid)
	}
	c.Do("kill", c.ID, "KILL").WantFailure(t, "container not running")
	c.OK("kill", "--all", c.ID, "KILL")
	c.OK("delete", c.ID)
	c.Do("state", c.ID).WantFailure(t, "does not exist")
	c.CheckGone()
}

func TestUnknownContainer(t *testing.T) {
	c := harness.New(t, sh("true"))
	for _, args := range [][]string{{"state", "nobody"}, {"start", "nobody"}, {"kill", "nobody", "9"}, {"delete", "nobody"}} {
		r := c.Do(args...).WantFailure(t, "does not exist")
		if r.Code != 1 {
			t.Errorf("exit 1 wanted: %v", r)
		}
	}
	c.OK("delete", "--force", "nobody")
}

func TestKillNamesSignals(t *testing.T) {
	for _, sig := range []string{"TERM", "SIGTERM", "15"} {
		c := harness.New(t, sh("trap 'exit 9' TERM; touch /up; while :; do sleep 0.05; done"))
		c.Detached()
		awaitFile(t, filepath.Join(c.Rootfs, "up"))
		c.OK("kill", c.ID, sig)
		c.Await(specs.StateStopped)
		c.OK("delete", c.ID)
	}
	c := harness.New(t, sh("sleep 100"))
	c.Detached()
	c.Do("kill", c.ID, "NONSENSE").WantFailure(t)
}

func TestDeleteOfCreated(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Create()
	c.OK("delete", c.ID)
	c.CheckGone()
}

func TestDeleteForceOfRunning(t *testing.T) {
	c := harness.New(t, sh("sleep 100 & sleep 100 & wait"))
	c.Detached()
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

func TestDetachedRun(t *testing.T) {
	c := harness.New(t, sh("echo to the file; echo up > /up; exec sleep 100"))
	c.Save()
	out, err := os.Create(c.Host("out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := c.Command("run", "--detach", "--pid-file", "pid", "--bundle", c.Dir, c.ID)
	cmd.Dir = t.TempDir() // --pid-file is relative to the caller's cwd
	cmd.Stdout = out
	if r := harness.Exec(t, cmd); r.Code != 0 {
		t.Fatal(r)
	}
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	if data, _ := os.ReadFile(out.Name()); string(data) != "to the file\n" {
		t.Errorf("stdout of the detached container: %q", data)
	}
	if data, err := os.ReadFile(filepath.Join(cmd.Dir, "pid")); err != nil || string(data) != strconv.Itoa(c.Status().Pid) {
		t.Errorf("pid file %q, %v", data, err)
	}
}

func TestRunKeepsNothing(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Run().WantExit(t, 0)
	c.CheckGone()
	c.Do("state", c.ID).WantFailure(t, "does not exist")
}

func TestList(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Create()
	pid := c.Status().Pid

	r := c.OK("list")
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	header := []string{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}
	if got := strings.Fields(lines[0]); fmt.Sprint(got) != fmt.Sprint(header) {
		t.Errorf("header %q, want %q", got, header)
	}
	row := strings.Fields(lines[len(lines)-1])
	if want := []string{c.ID, strconv.Itoa(pid), "created", c.Dir}; len(row) != 6 || fmt.Sprint(row[:4]) != fmt.Sprint(want) || row[5] != "root" {
		t.Errorf("row %q, want %q, a time and root", row, want)
	}
	c.OK("list", "--quiet").WantOutput(t, c.ID+"\n")
	for _, flag := range [][]string{{"--format", "json"}, {"--format=json"}, {"-f", "json"}} {
		r := c.OK(append([]string{"list"}, flag...)...)
		var got []map[string]any
		if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil || len(got) != 1 || strings.Count(r.Stdout, "\n") > 1 {
			t.Fatalf("one line of JSON wanted: %v: %v", err, r)
		}
		if got[0]["id"] != c.ID || got[0]["status"] != "created" || got[0]["pid"] != float64(pid) || got[0]["bundle"] != c.Dir || got[0]["rootfs"] != c.Rootfs {
			t.Errorf("entry %v", got[0])
		}
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[0]["created"])); err != nil {
			t.Errorf("created: %v", err)
		}
	}
	c.Do("list", "--format", "yaml").WantFailure(t)
}

func TestListNamesBrokenEntry(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Runtime.Only(t, "names no broken entry")
	c.Create()
	if err := os.MkdirAll(filepath.Join(c.State, "broken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.State, "broken/state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := c.Do("list", "--quiet")
	if !strings.Contains(r.Stdout, c.ID) || !strings.Contains(r.Stderr, "broken") {
		t.Errorf("the good entry on stdout and the broken one named on stderr wanted: %v", r)
	}
	c.OK("delete", "--force", "broken")
}

func TestListOfMissingRoot(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "takes a missing --root for an empty one")
	c.Do("list").WantFailure(t)
	if _, err := os.Stat(c.State); err == nil {
		t.Error("list made the state root")
	}
}

func TestOneIDOneWinner(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Save()
	const tries = 8
	codes := make([]harness.Result, tries)
	var wg sync.WaitGroup
	for i := range tries {
		wait := harness.Start(t, c.Command("create", "--bundle", c.Dir, c.ID))
		wg.Go(func() { codes[i] = wait() })
	}
	wg.Wait()
	won := 0
	for _, r := range codes {
		if r.Code == 0 {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d of %d creates of one id won: %v", won, tries, codes)
	}
	c.OK("start", c.ID)
	if s := c.Status(); s.Status != specs.StateRunning {
		t.Errorf("the winner was harmed: %+v", s)
	}
}

func TestCrowd(t *testing.T) {
	const n = 8
	var cs []*harness.Container
	for range n {
		cs = append(cs, harness.New(t, sh("hostname; exit 7")))
	}
	var waits []func() harness.Result
	for _, c := range cs {
		c.Save()
		waits = append(waits, harness.Start(t, c.Command("run", "--bundle", c.Dir, c.ID)))
	}
	for _, wait := range waits {
		if r := wait(); r.Code != 7 || r.Stdout != "e2e\n" {
			t.Error(r)
		}
	}
}

func TestSeveralIDs(t *testing.T) {
	a := harness.New(t, sh("sleep 100"))
	b := harness.New(t, sh("sleep 100"))
	a.Runtime.Only(t, "takes one id")
	b.State = a.State
	a.Detached()
	b.Detached()
	a.OK("kill", "--regex", "^rt-e2e-.*", "KILL")
	a.Await(specs.StateStopped)
	b.Await(specs.StateStopped)
	a.OK("delete", a.ID, b.ID)
	a.OK("list", "-q").WantOutput(t, "")
}

func TestConfigFlag(t *testing.T) {
	c := harness.New(t, sh("echo from the other file"))
	c.Runtime.Only(t, "has no --config")
	c.Save()
	if err := os.Rename(c.Host("config.json"), c.Host("other.json")); err != nil {
		t.Fatal(err)
	}
	c.Do("run", "--config", c.Host("other.json"), "--bundle", c.Dir, c.ID).WantOutput(t, "from the other file\n")
}

func TestWait(t *testing.T) {
	c := harness.New(t, sh("until [ -e /go ]; do sleep 0.05; done; exit 5"))
	c.Runtime.Only(t, "has no wait")
	c.Detached()
	cmd := c.Command("wait", c.ID)
	wait := harness.Start(t, cmd)
	awaitPidfd(t, cmd.Process.Pid, c.Status().Pid)
	c.Write("go", "", 0o644)
	r := wait()
	if r.Code != 0 && !harness.KernelSince(t, 6, 15) {
		// Such a kernel keeps no status for those who hold a pidfd: it is
		// known only when init is seen before its parent reaps it.
		r.WantFailure(t, "its exit status is gone", "hint:")
		return
	}
	r.WantOutput(t, "5\n")
}

// awaitPidfd waits until process pid has a pidfd of the process target.
func awaitPidfd(t *testing.T, pid, target int) {
	t.Helper()
	end := time.Now().Add(harness.Slow(20 * time.Second))
	for time.Now().Before(end) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
		for _, file := range files {
			data, _ := os.ReadFile(file)
			if strings.Contains(string(data), fmt.Sprintf("\nPid:\t%d\n", target)) {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("process %d does not wait for %d", pid, target)
}

func TestIDs(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Save()
	for _, id := range []string{"", ".", "..", "../x", "a/b", "/etc", "a b", "a\nb", "ä", "x;y", strings.Repeat("x", 1025)} {
		t.Run(id, func(t *testing.T) {
			r := c.Do("run", "--bundle", c.Dir, id)
			if r.Code != 1 {
				t.Errorf("id %q: exit 1 wanted: %v", id, r)
			}
		})
	}
	c.Do("run", "--bundle", c.Dir, "A-z_0.9+x").WantExit(t, 0)
}

func TestVersion(t *testing.T) {
	c := harness.New(t, sh("true"))
	r := c.OK("--version")
	keys := []string{c.Runtime.Name + " version ", "commit: ", "spec: "}
	if c.Runtime.Is("rt") {
		keys = append(keys, "go: ", "libseccomp: ")
	}
	lines := strings.Split(r.Stdout, "\n")
	for i, key := range keys {
		if i >= len(lines) || !strings.HasPrefix(lines[i], key) {
			t.Errorf("line %d starts with %q wanted: %v", i, key, r)
		}
	}
	c.OK("-v").WantOutput(t, r.Stdout)
}

func TestHelp(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "words its help in its own way")
	name := filepath.Base(c.Runtime.Path)
	for _, test := range []struct{ args, second string }{
		{"-h", name + " - Open Container Initiative runtime"},
		{"run -h", name + " run"},
		{"create --help", name + " create"},
		{"spec -h", name + " spec"},
	} {
		lines := strings.Split(c.OK(strings.Fields(test.args)...).Stdout, "\n")
		if len(lines) < 2 || lines[0] != "NAME:" || !strings.Contains(lines[1], test.second) {
			t.Errorf("%s: first lines %q", test.args, lines[:min(2, len(lines))])
		}
	}
	c.Do("foo", "-h").WantFailure(t)
}

func TestFeatures(t *testing.T) {
	c := harness.New(t, sh("true"))
	var f struct {
		OCIVersionMin, OCIVersionMax string
		Hooks, MountOptions          []string
		Linux                        struct {
			Namespaces []string
			Seccomp    struct{ SupportedFlags []string }
		}
	}
	r := c.Do("features")
	if strings.Contains(r.Stderr, "No help topic") || r.Code != 0 {
		c.Runtime.Only(t, "has no features")
	}
	if err := json.Unmarshal([]byte(r.Stdout), &f); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	if len(f.Hooks) != 6 || len(f.MountOptions) < 30 || len(f.Linux.Namespaces) < 7 || f.OCIVersionMax == "" {
		t.Errorf("features %+v", f)
	}
}

func TestSpecCommandRuns(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Save()
	if err := os.Remove(c.Host("config.json")); err != nil {
		t.Fatal(err)
	}
	c.OK("spec", "--bundle", c.Dir)
	c.Do("spec", "--bundle", c.Dir).WantFailure(t) // never over an existing one
	data, err := os.ReadFile(c.Host("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c.Spec = new(specs.Spec)
	if err := json.Unmarshal(data, c.Spec); err != nil {
		t.Fatal(err)
	}
	if !c.Spec.Process.Terminal || !c.Spec.Root.Readonly || !c.Spec.Process.NoNewPrivileges || fmt.Sprint(c.Spec.Process.Args) != "[sh]" {
		t.Errorf("the default spec: %s", data)
	}
	c.Spec.Process.Terminal = false
	c.Spec.Process.Args = []string{"echo", "default"}
	c.Spec.Linux.CgroupsPath = "/" + c.ID
	c.Run().WantOutput(t, "default\n")
}

func TestLogs(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Global = []string{"--log", c.Host("log"), "--log-format", "json"}
	c.Spec.Process.Args = []string{"/missing"}
	c.Run().WantFailure(t)
	data, err := os.ReadFile(c.Host("log"))
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for line := range strings.Lines(string(data)) {
		var entry struct{ Level, Msg, Time string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Msg == "" {
			t.Fatalf("a log line %q: %v", line, err)
		}
		if _, err := time.Parse(time.RFC3339, entry.Time); err != nil {
			t.Errorf("time of %q: %v", line, err)
		}
		if entry.Level == "error" {
			last = entry.Msg
		}
	}
	if !strings.Contains(last, "no such file or directory") {
		t.Errorf("the last error of the log: %q", last)
	}

	c.Global = []string{"--debug", "--log", c.Host("text")}
	c.Spec.Process.Args = []string{"true"}
	r := c.Run()
	if data, err := os.ReadFile(c.Host("text")); err != nil || !regexp.MustCompile(`(?m)\blevel=debug\b`).Match(data) {
		t.Errorf("text log %q, %v", data, err)
	}
	if strings.Contains(r.Stderr, "debug") {
		t.Errorf("debug lines on stderr beside --log: %v", r)
	}
}

// awaitFile waits until the file is there.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	end := time.Now().Add(harness.Slow(20 * time.Second))
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not appear", path)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestKeep: what run leaves behind on request is a stopped container.
func TestKeep(t *testing.T) {
	c := harness.New(t, sh("exit 3"))
	c.Runtime.Only(t, "--keep came with runc 1.1 and does not keep its cgroup")
	c.Run("--keep").WantExit(t, 3)
	if got := c.Status(); got.Status != specs.StateStopped {
		t.Errorf("status %q", got.Status)
	}
	c.OK("delete", c.ID)
	c.CheckGone()
}

// TestRunTellsOOM: a program that the kernel killed for want of memory is not
// just an exit status.
func TestRunTellsOOM(t *testing.T) {
	c := harness.New(t, sh("tail /dev/zero"))
	c.Runtime.Only(t, "exits with 137 and says nothing")
	limit := int64(32 << 20)
	c.Spec.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	r := c.Run()
	r.WantExit(t, 137)
	if !strings.Contains(r.Stderr, "memory limit is used up") {
		t.Errorf("no word of the OOM: %s", r)
	}
}

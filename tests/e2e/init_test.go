package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/tests/harness"
)

// TestWaitingInit: what a created container costs, and what it has.
func TestWaitingInit(t *testing.T) {
	s := harness.Spec("true")
	s.Process.Cwd = "/made/on/the/way"
	c := harness.New(t, s)
	c.Runtime.Only(t, "how an init waits is rt's own business")
	c.Create()
	proc := fmt.Sprintf("/proc/%d/", c.Status().Pid)
	tasks, err := os.ReadDir(proc + "task")
	if err != nil || len(tasks) != 1 {
		t.Errorf("threads %v, %v", tasks, err)
	}
	if kib := smaps(t, proc, "Anonymous"); kib > 512 {
		t.Errorf("%d KiB of memory of its own", kib)
	}
	for end := time.Now().Add(harness.Slow(5 * time.Second)); ; time.Sleep(5 * time.Millisecond) {
		// The socket to whoever has created it, until it has heard that.
		rest := fds(t, proc)
		if fmt.Sprint(rest) == "[anon_inode socket]" {
			break
		}
		if time.Now().After(end) {
			t.Errorf("fds besides stdio: %q", rest)
			break
		}
	}
	there, err := os.Stat(proc + "cwd")
	if err != nil {
		t.Fatal(err)
	}
	if made, err := os.Stat(filepath.Join(c.Rootfs, s.Process.Cwd)); err != nil || !os.SameFile(there, made) {
		t.Errorf("another working directory: %v, %v", there, err)
	}
}

// fds are what a process has open besides stdio.
func fds(t *testing.T, proc string) (list []string) {
	t.Helper()
	links, err := filepath.Glob(proc + "fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if n, _ := strconv.Atoi(filepath.Base(l)); n > 2 {
			to, _ := os.Readlink(l)
			kind, _, _ := strings.Cut(to, ":")
			list = append(list, kind)
		}
	}
	slices.Sort(list)
	return list
}

// smaps is one line of smaps_rollup in KiB (proc_pid_smaps(5)).
func smaps(t *testing.T, proc, key string) int {
	t.Helper()
	text, err := os.ReadFile(proc + "smaps_rollup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == key+":" {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %s", key, text)
	return 0
}

// TestSignalsWhileCreated: as init of a pid namespace it has no default actions,
// and the program is to begin as if nobody had called.
func TestSignalsWhileCreated(t *testing.T) {
	for _, pids := range []bool{true, false} {
		s := sh("grep -E '^(SigPnd|ShdPnd|SigBlk):.*[1-9a-f]' /proc/self/status >/signals; echo seen >>/signals")
		if !pids {
			without(s, specs.PIDNamespace)
		}
		c := harness.New(t, s)
		c.Create()
		for _, harmless := range []string{"USR1", "CHLD", "WINCH", "CONT", "ALRM"} {
			c.OK("kill", c.ID, harmless)
		}
		c.Await("created")
		c.OK("start", c.ID)
		c.Await("stopped")
		// None is pending or blocked.
		if text, err := os.ReadFile(filepath.Join(c.Rootfs, "signals")); err != nil || string(text) != "seen\n" {
			t.Errorf("signals %q, %v", text, err)
		}
		c.OK("delete", c.ID)
		for _, deadly := range []string{"TERM", "INT", "HUP", "QUIT"} {
			c.Create()
			c.OK("kill", c.ID, deadly)
			c.Await("stopped")
			c.OK("delete", c.ID)
		}
	}
}

func without(s *specs.Spec, kind specs.LinuxNamespaceType) {
	var rest []specs.LinuxNamespace
	for _, ns := range s.Linux.Namespaces {
		if ns.Type != kind {
			rest = append(rest, ns)
		}
	}
	s.Linux.Namespaces = rest
}

// TestStartRefused: the reason is found in mounts that end with init, and it has
// ended when start returns.
func TestStartRefused(t *testing.T) {
	s := harness.Spec("/tools/broken")
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/tools", Type: "tmpfs", Source: "tmpfs"})
	c := harness.New(t, s)
	dir := c.Host("tools")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken"), []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Spec.Mounts[len(c.Spec.Mounts)-1] = specs.Mount{Destination: "/tools", Type: "bind", Source: dir, Options: []string{"rbind"}}
	// stderr has one line for it where nobody looks.
	c.Global = []string{"--log", c.Host("log")}
	explained := func() {
		t.Helper()
		text, err := os.ReadFile(c.Host("log"))
		if err != nil || !strings.Contains(string(text), "the script's interpreter /no/such/interpreter is missing") {
			t.Errorf("log %q, %v", text, err)
		}
		if err := os.Remove(c.Host("log")); err != nil {
			t.Error(err)
		}
	}
	for range 10 {
		c.Create()
		c.Do("start", c.ID).WantFailure(t, "/tools/broken: no such file or directory")
		explained()
		if status := c.Status().Status; status != "stopped" {
			t.Fatalf("status %s", status)
		}
		c.OK("delete", c.ID)
	}
	c.Run().WantFailure(t, "/tools/broken: no such file or directory")
	explained()
}

// TestStartStopped: an init that is stopped does not hold start up for ever, nor
// does it begin the program when nobody waits any more.
func TestStartStopped(t *testing.T) {
	c := harness.New(t, sh("echo ran >/ran; sleep 1000"))
	c.Runtime.Only(t, "waits for ever")
	c.Create()
	pid := c.Status().Pid
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.Do("start", c.ID).WantFailure(t, "start: init: does not take the call in 10s", "is it stopped or frozen?")
	c.Await("stopped")
	if _, err := os.Stat(filepath.Join(c.Rootfs, "ran")); err == nil {
		t.Error("the program ran")
	}
	c.OK("delete", c.ID)
}

package state

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// Fields 4 to 52.
	const tail = " 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1000 2 18446744073709551615" +
		" 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 9\n"
	want := Stat{State: 'S', Ppid: 1, Threads: 3, Start: 987654, ExitCode: 9}
	for _, comm := range []string{"sh", "", "a b", "a) S 1 2 (b", ")", "((", "a\nb", ") R 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		got, err := ParseStat([]byte("42 (" + comm + ") S" + tail))
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", comm, got, err)
		}
	}
	for _, line := range []string{"", "42", "42 (sh", "42 (sh)", "42 (sh) S 1", "42 (sh) SS" + tail, "42 (sh) S x" + tail} {
		if got, err := ParseStat([]byte(line)); err == nil {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) b) S 1 2 2 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 987654 1000 2 9" +
		" 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 9"))
	f.Fuzz(func(t *testing.T, line []byte) {
		st, err := ParseStat(line)
		if err == nil && st.State == 0 {
			t.Error("accepted a line without a state")
		}
	})
}

func TestAlive(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	p, err := Identify(pid)
	if err != nil {
		t.Fatal(err)
	}
	start := p.Start
	is := func(pid int, start uint64) bool {
		alive, err := Process{Pid: pid, Start: start}.Look()
		if err != nil {
			t.Error(err)
		}
		return alive
	}
	if !is(pid, start) || !p.Alive() {
		t.Error("a running process is not alive")
	}
	if is(pid, start+1) {
		t.Error("another start time is alive: pid reuse would go unseen")
	}
	if is(0, 0) || is(-1, 0) {
		t.Error("no pid is alive")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Not reaped yet: it has become, or is about to become, a zombie.
	for deadline := time.Now().Add(5 * time.Second); is(pid, start); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a zombie is alive")
		}
	}
	if st, err := ReadStat(pid); err != nil || st.State != 'Z' || st.ExitCode != int(syscall.SIGKILL) {
		t.Errorf("not the zombie this test is about: %+v, %v", st, err)
	}
	_ = cmd.Wait()
	if _, err := Identify(pid); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after the end: %v", err)
	}
}

func TestRunning(t *testing.T) {
	for st, want := range map[Stat]bool{
		{State: 'R', Threads: 1}: true,
		{State: 'D', Threads: 1}: true,
		{State: 'Z', Threads: 1}: false,
		{State: 'Z', Threads: 2}: true,
		{State: 'X'}:             false,
	} {
		if got := st.running(); got != want {
			t.Errorf("%+v: %v", st, got)
		}
	}
}

func TestIdentifySelf(t *testing.T) {
	a, err := Identify(os.Getpid())
	b, _ := Identify(os.Getpid())
	if err != nil || a.Start == 0 || a != b {
		t.Errorf("%v, %v, %v", a, b, err)
	}
}

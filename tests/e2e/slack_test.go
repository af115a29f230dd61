package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

// ownSlack is rt's, in nanoseconds.
const ownSlack = 1_000_000

// TestTimerSlack: rt sleeps with a timer slack of its own, and what it starts
// has that which rt was started with.
func TestTimerSlack(t *testing.T) {
	for _, given := range []uintptr{50_000, 70_000, 2_000_000} {
		t.Run(fmt.Sprint(given), func(t *testing.T) {
			restore := setSlack(t, given)
			defer restore()
			want := strconv.FormatUint(uint64(given), 10) + "\n"

			c := harness.New(t, sh("cat /proc/self/timerslack_ns >/first; exec sleep 1000"))
			c.Runtime.Only(t, "has no timer slack of its own")
			script := `cat /proc/self/timerslack_ns >"$0/hook"; for t in /proc/$PPID/task/*; do cat /proc/${t##*/}/timerslack_ns; done >"$0/own"`
			hook := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script, c.Dir}, Env: []string{"PATH=/usr/bin:/bin"}}
			if os.Getuid() == 0 { // others may not look at another's
				c.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{hook}}
			}
			c.Create()
			c.OK("start", c.ID)
			c.OK("exec", c.ID, "cat", "/proc/self/timerslack_ns").WantOutput(t, want)
			c.OK("exec", c.ID, "sh", "-c", "until [ -s /first ]; do sleep 0.1; done; cat /first").WantOutput(t, want)
			if c.Spec.Hooks == nil {
				return
			}
			if got := read(t, c.Dir+"/hook"); got != want {
				t.Errorf("a hook has %q, want %q", got, want)
			}
			threads := map[string]int{}
			for _, slack := range strings.Fields(read(t, c.Dir+"/own")) {
				threads[slack]++
			}
			// A thread that has made a process keeps what it gave to that.
			if others := threads[strings.TrimSpace(want)]; given < ownSlack && (threads["1000000"] == 0 || len(threads) > 2 || len(threads) == 2 && others == 0) {
				t.Errorf("rt's threads by timer slack: %v", threads)
			}
		})
	}
}

// TestHugePages: init forgoes huge pages, and the program has them as rt's caller
// has.
func TestHugePages(t *testing.T) {
	for _, disabled := range []uintptr{0, 1} {
		if err := unix.Prctl(unix.PR_SET_THP_DISABLE, disabled, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint("THP_enabled:\t", 1-disabled, "\n")
		c := harness.New(t, sh("grep THP_enabled /proc/self/status; exec sleep 1000"))
		c.Save()
		out, err := os.Create(c.Host("out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		cmd := c.Command("run", "--detach", "--bundle", c.Dir, c.ID)
		cmd.Stdout = out
		harness.Exec(t, cmd).WantExit(t, 0)
		c.OK("exec", c.ID, "grep", "THP_enabled", "/proc/self/status").WantOutput(t, want)
		c.OK("exec", c.ID, "grep", "THP_enabled", "/proc/1/status").WantOutput(t, want)
		if got := read(t, c.Host("out")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
}

// setSlack gives the calling thread a timer slack until the function that it
// returns is called; no other goroutine gets the thread meanwhile.
func setSlack(t *testing.T, slack uintptr) func() {
	t.Helper()
	runtime.LockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, slack, 0, 0, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(before), 0, 0, 0)
		runtime.UnlockOSThread()
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

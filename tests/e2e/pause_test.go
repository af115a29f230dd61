package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// paused is runc's status beyond the specification's.
const paused = specs.ContainerState("paused")

// counter writes to /tick for ever; its size says whether it runs.
const counter = "while :; do printf x >> /tick; sleep 0.01; done"

func ticks(t *testing.T, c *harness.Container) int64 {
	t.Helper()
	fi, err := os.Stat(filepath.Join(c.Rootfs, "tick"))
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}

func TestPauseAndResume(t *testing.T) {
	c := harness.New(t, sh(counter))
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "tick"))
	c.OK("pause", c.ID)
	c.Await(paused)
	if out := c.OK("list").Stdout; !strings.Contains(out, "paused") {
		t.Errorf("list does not say that it is paused:\n%s", out)
	}
	before := ticks(t, c)
	time.Sleep(100 * time.Millisecond)
	if after := ticks(t, c); after != before {
		t.Errorf("it runs on while paused: %d, then %d", before, after)
	}
	c.Do("pause", c.ID).WantFailure(t, "container not running")
	c.Do("start", c.ID).WantFailure(t, "cannot start a container in the paused state")
	c.Do("delete", c.ID).WantFailure(t, "paused")
	c.OK("resume", c.ID)
	c.Await(specs.StateRunning)
	for end := time.Now().Add(10 * time.Second); ticks(t, c) == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not run on after resume")
		}
	}
	c.Do("resume", c.ID).WantFailure(t, "container not paused")
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("pause", c.ID).WantFailure(t, "container not running")
	c.Do("resume", c.ID).WantFailure(t, "container not paused")
}

func TestPauseOfACreatedOne(t *testing.T) {
	c := harness.New(t, sh("echo started > /tick; sleep 100"))
	c.Create()
	c.OK("pause", c.ID)
	c.Await(paused)
	c.OK("resume", c.ID)
	c.Await(specs.StateCreated)
	c.OK("start", c.ID)
	awaitFile(t, filepath.Join(c.Rootfs, "tick"))
}

func TestPauseOfNothing(t *testing.T) {
	c := harness.New(t, sh("true"))
	for _, command := range []string{"pause", "resume", "ps", "events", "update"} {
		c.Do(command, c.ID).WantFailure(t, "does not exist")
	}
}

// v1's freezer holds a process back that has been killed.
func TestPausedOnesCanBeKilledAndDeleted(t *testing.T) {
	for _, test := range []struct {
		name   string
		shared bool
		end    []string
	}{
		{"kill", false, []string{"kill", "ID", "KILL"}},
		{"delete", false, []string{"delete", "--force", "ID"}},
		{"kill without a pid namespace", true, []string{"kill", "ID", "KILL"}},
		{"delete without a pid namespace", true, []string{"delete", "--force", "ID"}},
		{"kill all", false, []string{"kill", "--all", "ID", "9"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("sleep 100 & touch /up; sleep 100"))
			if test.shared {
				harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace)
			}
			c.Detached()
			awaitFile(t, filepath.Join(c.Rootfs, "up"))
			c.OK("pause", c.ID)
			for i, arg := range test.end {
				if arg == "ID" {
					test.end[i] = c.ID
				}
			}
			if r := c.OK(test.end...); r.Took > 8*time.Second {
				t.Errorf("it took %v", r.Took)
			}
			if test.end[0] == "kill" {
				c.Await(specs.StateStopped)
				c.OK("delete", c.ID)
			}
			c.CheckGone()
		})
	}
}

// Signals but KILL wait for resume, and each process of the container gets one.
func TestKillAllOnce(t *testing.T) {
	c := harness.New(t, sh(`
for i in 1 2 3; do (trap "echo got >> /got$i" USR1; touch /up$i; while :; do sleep 0.05; done) & done
trap "echo got >> /got0" USR1; touch /up0; while :; do sleep 0.05; done`))
	c.Detached()
	for i := range 4 {
		awaitFile(t, filepath.Join(c.Rootfs, "up"+strconv.Itoa(i)))
	}
	c.OK("pause", c.ID)
	c.OK("kill", "--all", c.ID, "USR1")
	c.Await(paused)
	c.OK("resume", c.ID)
	got := func(i int) string {
		data, _ := os.ReadFile(filepath.Join(c.Rootfs, "got"+strconv.Itoa(i)))
		return string(data)
	}
	for i := range 4 {
		awaitText(t, func() string { return got(i) }, "got\n")
	}
	c.OK("kill", "-a", c.ID, "KILL")
	c.Await(specs.StateStopped)
	for i := range 4 {
		if s := got(i); s != "got\n" {
			t.Errorf("process %d: %q", i, s)
		}
	}
	c.OK("kill", "-a", c.ID, "TERM") // a stopped one is no error for all
	c.Do("kill", c.ID, "TERM").WantFailure(t, "container not running")
}

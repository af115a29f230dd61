package e2e

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"rt/tests/harness"
)

// TestKilledAtASyscall kills whichever process of `create` comes to its Nth
// system call, for many N: afterwards `delete --force` leaves nothing and the
// id is free again.
func TestKilledAtASyscall(t *testing.T) {
	for _, n := range []int{3, 10, 20, 30, 40, 50, 60, 75, 90, 105, 120, 140, 160, 180, 200, 230, 260, 300, 350, 400} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := harness.New(t, sh("sleep 100"))
			c.Runtime.Only(t, "leaves processes and cgroups")
			c.Save()
			createKilledAt(t, c, n)
			afterCrash(t, c)
		})
	}
}

// createKilledAt is `create` whose processes die each at its nth system call.
func createKilledAt(t *testing.T, c *harness.Container, n int) {
	t.Helper()
	strace := []string{"strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=all", "-e", fmt.Sprintf("inject=all:signal=KILL:when=%d", n)}
	harness.Exec(t, under(t, c, strace, "create", "--bundle", c.Dir, c.ID))
}

// TestKilledAtATime kills the process that the user started, after more and
// more microseconds: the init that it left must not stay either.
func TestKilledAtATime(t *testing.T) {
	warm := harness.New(t, sh("sleep 100"))
	warm.Runtime.Only(t, "leaves processes and cgroups")
	span := warm.Create().Took
	for i := range 25 {
		c := harness.New(t, sh("sleep 100"))
		c.Save()
		cmd := c.Command("create", "--bundle", c.Dir, c.ID)
		wait := harness.Start(t, cmd)
		time.Sleep(span * time.Duration(i) / 20)
		_ = cmd.Process.Kill()
		wait()
		afterCrash(t, c)
	}
}

// afterCrash deletes by force what a crash has left, checks that nothing is, and
// uses the id anew.
func afterCrash(t *testing.T, c *harness.Container) {
	t.Helper()
	if r := c.Do("delete", "--force", c.ID); r.Code != 0 {
		t.Errorf("delete --force after the crash: %v", r)
	}
	c.CheckGone()
	c.Spec.Process.Args = []string{"echo", "again"}
	c.Run().WantOutput(t, "again\n")
}

// TestInitDies: an init that is killed from outside leaves a stopped
// container, which delete removes.
func TestInitDies(t *testing.T) {
	for _, started := range []bool{false, true} {
		c := harness.New(t, sh("sleep 100"))
		c.Create()
		pid := c.Status().Pid
		if started {
			c.OK("start", c.ID)
		}
		if out, err := exec.Command("kill", "-KILL", fmt.Sprint(pid)).CombinedOutput(); err != nil {
			t.Fatalf("kill: %v: %s", err, out)
		}
		c.Await("stopped")
		if !started {
			c.Do("start", c.ID).WantFailure(t)
		}
		c.OK("delete", c.ID)
		c.CheckGone()
	}
}

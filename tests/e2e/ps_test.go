package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

func psPids(t *testing.T, c *harness.Container) []int {
	t.Helper()
	r := c.OK("ps", "--format", "json", c.ID)
	var pids []int
	if err := json.Unmarshal([]byte(r.Stdout), &pids); err != nil || pids == nil || strings.Count(r.Stdout, "\n") != 1 {
		t.Fatalf("no list in one line: %v: %v", err, r)
	}
	return pids
}

func TestPs(t *testing.T) {
	harness.Need(t, "ps")
	c := harness.New(t, sh("sleep 101 & sleep 102 & touch /up; wait"))
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	pids := psPids(t, c)
	if len(pids) != 3 || !slices.Contains(pids, c.Status().Pid) || !slices.IsSorted(pids) {
		t.Fatalf("pids %v", pids)
	}
	lines := strings.Split(strings.TrimSuffix(c.OK("ps", c.ID).Stdout, "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "UID ") || !strings.Contains(lines[0], "PID") ||
		!strings.Contains(strings.Join(lines, " "), "sleep 102") {
		t.Errorf("table:\n%s", strings.Join(lines, "\n"))
	}
	// What stands behind the id is for ps.
	r := c.OK("ps", c.ID, "-e", "-o", "pid,args")
	if got := strings.Count(r.Stdout, "\n"); got != 4 || !strings.Contains(r.Stdout, "sleep 101") || strings.Contains(r.Stdout, "UID") {
		t.Errorf("with options: %v", r)
	}
	c.OK("ps", "-f", "table", c.ID, "-ax")
	c.Do("ps", c.ID, "-o", "args").WantFailure(t, "couldn't find PID field in ps output")
	c.Do("ps", c.ID, "--no-such-option").WantFailure(t, "exit status")
	c.Do("ps", "--format", "xml", c.ID).WantFailure(t, "table")
}

func TestPsSubCgroups(t *testing.T) {
	c := harness.New(t, sh("sleep 100 & touch /up; wait"))
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	pids := psPids(t, c)
	var child int
	for _, pid := range pids {
		if pid != c.Status().Pid {
			child = pid
		}
	}
	for _, dir := range harness.CgroupMounts(t) {
		sub := filepath.Join(dir, c.Spec.Linux.CgroupsPath, "sub")
		if _, err := os.Stat(filepath.Dir(sub)); err != nil {
			continue
		}
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		// A new v1 cpuset has no CPUs; the process stays where it is then.
		_ = os.WriteFile(filepath.Join(sub, "cgroup.procs"), []byte(strconv.Itoa(child)), 0)
	}
	if got := psPids(t, c); !slices.Equal(got, pids) {
		t.Errorf("pids %v, want %v", got, pids)
	}
}

func TestPsOfAStoppedOne(t *testing.T) {
	harness.Need(t, "ps")
	c := harness.New(t, sh("sleep 100"))
	c.Detached()
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	if pids := psPids(t, c); len(pids) != 0 {
		t.Errorf("pids %v", pids)
	}
	if out := c.OK("ps", c.ID).Stdout; strings.Count(out, "\n") != 1 {
		t.Errorf("more than the title:\n%s", out)
	}
}

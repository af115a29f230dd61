package attack

// live_test.go: what a container can do to mounts that are added to it while it
// runs.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/harness"
)

// mountsOf is the container's mount table below the paths, without ids.
func mountsOf(t *testing.T, c *harness.Container, below ...string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", c.Status().Pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		for _, b := range below {
			if strings.HasPrefix(strings.Fields(line)[4], b) {
				all = append(all, line)
			}
		}
	}
	return strings.Join(all, "")
}

// liveMounts writes the file of two mounts, of which the second may land
// anywhere.
func liveMounts(t *testing.T, destination string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mounts.json")
	text := fmt.Sprintf(`[{"destination": "/plain", "type": "tmpfs", "source": "tmpfs"},
		{"destination": %q, "type": "tmpfs", "source": "planted"}]`, destination)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLiveMountPoints: the destination, or a directory on the way to it, is not
// what it seems.
func TestLiveMountPoints(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			v := newVictim(t)
			c := harness.New(t, harness.Spec("sleep", "1000"))
			plant(t, c, v, s, "/data")
			c.Detached()
			covered := mountsOf(t, c, "/proc", "/sys", "/dev")
			for _, destination := range []string{"/data", "/data/deeper/in"} {
				file := liveMounts(t, destination)
				r := c.Do("mounts", "add", c.ID, file)
				v.unharmed(t, r)
				v.inside(t, c)
				if mountsOf(t, c, "/proc", "/sys", "/dev") != covered {
					t.Errorf("something has landed where nothing may: %v", r)
				}
				if r.Code == 0 {
					v.unharmed(t, c.OK("mounts", "remove", c.ID, file))
				} else if mountsOf(t, c, "/plain") != "" {
					t.Errorf("half of it stays: %v", r)
				}
			}
			if got := mountsOf(t, c, "/plain", "/data", "/tmp"); got != "" {
				t.Errorf("left: %s", got)
			}
		})
	}
}

// TestLiveMountRace: the container exchanges the destination's directory for
// links to the host, to /proc and to its own mounts all the time. What is
// removed are the mounts that were added, and never one that hides something.
func TestLiveMountRace(t *testing.T) {
	v := newVictim(t)
	script := fmt.Sprintf(`mkdir /dir; while :; do
		for to in %[1]s/dir ../../../../..%[1]s/dir /proc /proc/1/root%[1]s /proc/kcore /sys/firmware /dev; do
			ln -s $to /swap; mv -T /swap /way; rm -f /way; mkdir -p /way/in; rm -rf /way 2>&-; mv -T /way /old$RANDOM 2>&-
		done; rmdir /old*/in /old* 2>&-; done`, v.dir)
	c := harness.New(t, harness.Spec("sh", "-c", script))
	c.Detached()
	covered := mountsOf(t, c, "/proc", "/sys")
	file := liveMounts(t, "/way/in")
	var last harness.Result
	added := 0
	for range 200 {
		if last = c.Do("mounts", "add", c.ID, file); last.Code != 0 {
			continue
		}
		added++
		for range 20 { // it may be moved at the moment
			if last = c.Do("mounts", "remove", c.ID, file); last.Code == 0 || strings.Contains(last.Stderr, "was not added") {
				break
			}
		}
	}
	v.unharmed(t, last)
	v.inside(t, c)
	if now := mountsOf(t, c, "/proc", "/sys"); now != covered {
		t.Errorf("before:\n%s\nnow:\n%s", covered, now)
	}
	if added == 0 {
		t.Errorf("nothing was ever added: %v", last)
	}
	if c.Status().Status != "running" {
		t.Error("the attacker has ended")
	}
}

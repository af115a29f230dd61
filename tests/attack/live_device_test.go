package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// TestLiveDevice: the node's place, or the directory that it is to be in, is not
// what it seems, in a /dev of the image.
func TestLiveDevice(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			v := newVictim(t)
			c := harness.New(t, harness.Spec("sleep", "1000"))
			c.Spec.Mounts = slices.DeleteFunc(c.Spec.Mounts, func(m specs.Mount) bool { return strings.HasPrefix(m.Destination, "/dev") })
			plant(t, c, v, s, "/trap")
			c.Detached()
			for _, path := range []string{"/trap", "/trap/node", "/trap/../trap/in/node"} {
				r := c.Do("device", "add", c.ID, "/dev/null:"+path)
				v.unharmed(t, r)
				v.inside(t, c)
				if r.Code == 0 {
					v.unharmed(t, c.OK("device", "remove", c.ID, filepath.Clean(path)))
				}
			}
		})
	}
}

// TestLiveDeviceRace: the container exchanges the node's directory for links to
// a volume that it shares with the host, and the node for files of its own.
// Nothing is made or removed in the volume.
func TestLiveDeviceRace(t *testing.T) {
	v := newVictim(t)
	script := `while :; do
		for to in /vol/dir /proc/1 /sys; do
			ln -sfn $to /dev/swap; mv -T /dev/swap /dev/way; rm -f /dev/way
			mkdir -p /dev/way; rm -f /dev/way/null; ln -s /vol/dir/null /dev/way/null 2>&-; rm -rf /dev/way
		done; done`
	c := harness.New(t, harness.Spec("sh", "-c", script))
	c.Spec.Mounts = append(c.Spec.Mounts, specs.Mount{Source: v.dir, Destination: "/vol", Options: []string{"bind"}})
	c.Detached()
	var last harness.Result
	added := 0
	for range 200 {
		if last = c.Do("device", "add", c.ID, "/dev/null:/dev/way/null"); last.Code == 0 {
			added++
			last = c.OK("device", "remove", c.ID, "/dev/way/null")
		}
	}
	v.unharmed(t, last)
	if added == 0 {
		t.Errorf("nothing was ever added: %v", last)
	}
	if c.Status().Status != "running" {
		t.Error("the attacker has ended")
	}
	record, err := os.ReadFile(filepath.Join(c.State, c.ID, "state.json"))
	if err != nil || strings.Contains(string(record), fmt.Sprintf("%q", "/dev/way/null")) {
		t.Errorf("recorded: %s, %v", record, err)
	}
}

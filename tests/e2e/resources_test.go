package e2e

import (
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// resctrl is nowhere in virtual machines: what is tested is that a container
// that needs it says so, and leaves nothing.
func TestIntelRdtMissing(t *testing.T) {
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), " - resctrl ") {
		t.Skip("resctrl is mounted here")
	}
	c := harness.New(t, sh("true"))
	c.Spec.Linux.IntelRdt = &specs.LinuxIntelRdt{L3CacheSchema: "L3:0=f"}
	c.Run().WantFailure(t, "intelRdt: no resctrl file system is mounted", "resctrl /sys/fs/resctrl")
	c.CheckGone()
}

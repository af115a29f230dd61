package libcontainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/cgroups/intelrdt"
	"rt/libcontainer/fault"
	"rt/libcontainer/state"
)

// rdtContainer has a recorded group, whose directory is made up.
func rdtContainer(t *testing.T, remove bool) (c *container, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "box")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(intelrdt.Record{Dir: dir, Remove: remove})
	if err != nil {
		t.Fatal(err)
	}
	return &container{rt: New(RuntimeOptions{}), rec: &state.Record{ID: "box", IntelRdt: raw}}, dir
}

func TestRdtUpdate(t *testing.T) {
	c, dir := rdtContainer(t, true)
	if err := os.WriteFile(filepath.Join(dir, "schemata"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.updateRdt("L3:0=f", "MB:0=20"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "schemata")); string(got) != "L3:0=f\nMB:0=20\n" {
		t.Errorf("schemata: %q (%v)", got, err)
	}
	if _, err := intelrdt.Root(); err == nil {
		t.Skip("resctrl is mounted here")
	}
	c.rec.IntelRdt = nil
	if err := c.updateRdt("", ""); err != nil {
		t.Error("an update without schemas:", err)
	}
	if err := c.updateRdt("L3:0=f", ""); err == nil || !strings.Contains(err.Error(), "no resctrl file system is mounted") || fault.Hint(err) == "" {
		t.Error(err)
	}
}

func TestRdtRemove(t *testing.T) {
	for _, remove := range []bool{true, false} {
		c, dir := rdtContainer(t, remove)
		if err := c.removeRdt(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(dir); (err != nil) != remove {
			t.Errorf("remove %v: %v", remove, err)
		}
	}
	c, _ := rdtContainer(t, true)
	c.rec.IntelRdt = json.RawMessage(`{"dir":"x"}`)
	if err := c.removeRdt(); err != nil {
		t.Error("a garbled record keeps the container from going:", err)
	}
}

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// statsLine is a line of rt stats --format json.
type statsLine struct {
	ID          string   `json:"id"`
	CPUPercent  *float64 `json:"cpuPercent"`
	MemoryUsage uint64   `json:"memoryUsage"`
	MemoryLimit uint64   `json:"memoryLimit"`
	Pids        uint64   `json:"pids"`
}

func parseStats(t *testing.T, text string) []statsLine {
	t.Helper()
	var list []statsLine
	for line := range strings.Lines(text) {
		var l statsLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, l)
	}
	return list
}

// second is another container below the same state root.
func second(t *testing.T, c *harness.Container, spec *specs.Spec) *harness.Container {
	t.Helper()
	o := harness.New(t, spec)
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		t.Fatal(err)
	}
	o.State = c.State
	return o
}

func TestStatsOnce(t *testing.T) {
	c := harness.New(t, sh("while :; do :; done"))
	c.Runtime.Only(t, "it has no stats")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Detached()
	o := second(t, c, sh("sleep 100"))
	o.Detached()
	list := parseStats(t, c.OK("stats", "--no-stream", "--format", "json").Stdout)
	if len(list) != 2 {
		t.Fatalf("containers: %+v", list)
	}
	for _, l := range list {
		if l.CPUPercent == nil || l.MemoryUsage == 0 || l.MemoryLimit == 0 || l.Pids == 0 {
			t.Errorf("line %+v", l)
		}
		if l.ID == c.ID && (*l.CPUPercent == 0 || l.MemoryLimit != 64<<20) {
			t.Errorf("the busy one: %+v", l)
		}
	}
	if list = parseStats(t, c.OK("stats", "--no-stream", "-f", "json", o.ID, o.ID).Stdout); len(list) != 1 || list[0].ID != o.ID {
		t.Errorf("the one that was named: %+v", list)
	}
	table := c.OK("stats", "--no-stream").Stdout
	if strings.Count(table, "\n") != 3 || !strings.HasPrefix(table, "ID ") || !strings.Contains(table, " / 64.0MiB") || strings.Contains(table, "\x1b") {
		t.Errorf("table:\n%s", table)
	}
	r := c.Do("stats", "--no-stream", o.ID, "nothing-here").WantFailure(t, "nothing-here: container does not exist")
	if r.Stdout != "" {
		t.Errorf("it shows something before it refuses: %v", r)
	}
	c.Do("stats", "--interval", "0s").WantFailure(t, "--interval")
	c.Do("stats", "--format", "xml").WantFailure(t, "table")
	o.OK("kill", o.ID, "KILL")
	o.Await(specs.StateStopped)
	c.Do("stats", o.ID).WantFailure(t, "container not running")
}

// Containers come and go while one looks on; when all that are named are gone
// the command ends by itself.
func TestStatsStream(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Runtime.Only(t, "it has no stats")
	c.Detached()
	output, wait := stream(t, c.Command("stats", "--format", "json", "--interval", "20ms", c.ID))
	all := c.Command("stats", "--format", "json", "--interval", "20ms")
	allOutput, allWait := stream(t, all)
	awaitText(t, output, c.ID)
	awaitText(t, allOutput, c.ID)
	o := second(t, c, sh("sleep 100"))
	o.Detached()
	awaitText(t, allOutput, o.ID)
	c.OK("kill", c.ID, "KILL")
	wait().WantExit(t, 0)
	if strings.Contains(output(), o.ID) {
		t.Error("one that was not named is shown")
	}
	c.Await(specs.StateStopped)
	before := len(allOutput())
	awaitText(t, func() string { return allOutput()[before:] }, o.ID)
	o.OK("kill", o.ID, "KILL")
	o.Await(specs.StateStopped)
	// With nothing left it waits for more, until it is told to end.
	if err := all.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	allWait().WantExit(t, 0)
}

// On a terminal the table stands still.
func TestStatsOnATerminal(t *testing.T) {
	harness.Need(t, "script")
	c := harness.New(t, sh("sleep 100"))
	c.Runtime.Only(t, "it has no stats")
	c.Detached()
	cmd := c.Command("stats", "--interval", "20ms", c.ID)
	script := "exec " + strings.Join(cmd.Args, " ")
	cmd.Path, cmd.Args = harness.Need(t, "script"), []string{"script", "-qefc", script, "/dev/null"}
	output, wait := stream(t, cmd)
	awaitText(t, output, "\x1b[2J\x1b[HID ")
	awaitText(t, output, "\x1b[J\x1b[HID ")
	c.OK("kill", c.ID, "KILL")
	wait().WantExit(t, 0)
}

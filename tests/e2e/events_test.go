package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// event is what containerd's go-runc reads of a line, in its own words.
type event struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Data *struct {
		CPU struct {
			Usage struct {
				Total  uint64 `json:"total"`
				Kernel uint64 `json:"kernel"`
				User   uint64 `json:"user"`
			} `json:"usage"`
		} `json:"cpu"`
		Memory struct {
			Usage struct {
				Limit   uint64 `json:"limit"`
				Usage   uint64 `json:"usage"`
				Failcnt uint64 `json:"failcnt"`
			} `json:"usage"`
			Raw map[string]uint64 `json:"raw"`
		} `json:"memory"`
		Pids struct {
			Current uint64 `json:"current"`
			Limit   uint64 `json:"limit"`
		} `json:"pids"`
		Hugetlb map[string]any `json:"hugetlb"`
	} `json:"data"`
}

func parseEvents(t *testing.T, r harness.Result) []event {
	t.Helper()
	var list []event
	for line := range strings.Lines(r.Stdout) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		list = append(list, e)
	}
	return list
}

func TestEventsStats(t *testing.T) {
	c := harness.New(t, sh("sleep 100 & touch /tmp/x; wait"))
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(50))}
	c.Detached()
	list := parseEvents(t, c.OK("events", "--stats", c.ID))
	if len(list) != 1 || list[0].Type != "stats" || list[0].ID != c.ID || list[0].Data == nil {
		t.Fatalf("events: %+v", list)
	}
	d := list[0].Data
	if d.CPU.Usage.Total == 0 || d.Memory.Usage.Limit != 64<<20 || d.Memory.Usage.Usage == 0 || len(d.Memory.Raw) < 10 ||
		d.Pids.Current == 0 || d.Pids.Limit != 50 || d.Hugetlb == nil {
		t.Errorf("statistics: %+v", d)
	}
	c.Do("events", "--interval", "0s", c.ID).WantFailure(t, "duration interval must be greater than 0")
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.Do("events", "--stats", c.ID).WantFailure(t, "not running")
	c.Do("events", c.ID).WantFailure(t, "not running")
}

// The stream ends by itself, with the container.
func TestEventsStream(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Detached()
	wait := harness.Start(t, c.Command("events", "--interval", "50ms", c.ID))
	time.Sleep(400 * time.Millisecond)
	c.OK("kill", c.ID, "KILL")
	r := wait().WantExit(t, 0)
	list := parseEvents(t, r)
	if len(list) == 0 || len(list) > 20 {
		t.Fatalf("%d events in 0.4 s", len(list))
	}
	for _, e := range list {
		if e.Type != "stats" || e.Data == nil {
			t.Errorf("event %+v", e)
		}
	}
}

// hog is a shell that holds more and more memory.
const hog = "x=0123456789012345; while :; do x=$x$x; done"

// stream starts a command whose output grows, and returns what reads the output
// and what waits for the end.
func stream(t *testing.T, cmd *exec.Cmd) (output func() string, wait func() harness.Result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "output")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.Stdout = f
	wait = harness.Start(t, cmd)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return func() string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}, wait
}

// awaitText waits until the output has the text.
func awaitText(t *testing.T, output func() string, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(output(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %q in\n%s", text, output())
		}
	}
}

const oomLine = `{"type":"oom","id":`

// An OOM kill is told of when the container dies of it, and when it lives on.
func TestEventsOOM(t *testing.T) {
	for _, test := range []struct {
		name, script string
		survives     bool
	}{
		{"all", hog, false},
		{"a child", "(" + hog + "); touch /survived; sleep 100", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh(test.script))
			c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
			c.Create()
			output, wait := stream(t, c.Command("events", "--interval", "20ms", c.ID))
			awaitText(t, output, `{"type":"stats"`) // it watches
			c.OK("start", c.ID)
			if test.survives {
				awaitFile(t, filepath.Join(c.Rootfs, "survived"))
				awaitText(t, output, oomLine)
				c.OK("kill", c.ID, "KILL")
			}
			wait().WantExit(t, 0)
			if got := strings.Count(output(), oomLine+`"`+c.ID+`"}`+"\n"); got != 1 {
				t.Errorf("%d OOM events in\n%s", got, output())
			}
		})
	}
}

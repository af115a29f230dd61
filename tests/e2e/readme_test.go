package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/harness"
)

// TestReadme does what the README says about containers by hand, line by line,
// but for the build and the shell on a terminal.
func TestReadme(t *testing.T) {
	harness.Root(t)
	harness.Need(t, "busybox")
	top, err := harness.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## By hand\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("README.md has no such section")
	}
	runtime := harness.Find(t)
	state := t.TempDir()
	script := "set -eux\nsudo() { \"$@\"; }\nrt() { " + runtime.Path + " --root " + state + " \"$@\"; }\n"
	for i, part := range strings.Split(section, "```") {
		if i%2 == 1 {
			script += strings.TrimPrefix(part, "sh\n")
		}
	}
	for _, without := range []string{"make build && sudo make install", "sudo rt run demo"} {
		if !strings.Contains(script, "\n"+without) {
			t.Fatalf("%q is not in README.md", without)
		}
		script = strings.Replace(script, "\n"+without, "\n: ", 1)
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = t.TempDir()
	r := harness.Exec(t, cmd).WantExit(t, 0)
	for _, want := range []string{"sleep 1000", `"status": "running"`, "running"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("no %q: %v", want, r)
		}
	}
	if left, err := os.ReadDir(filepath.Join(state, "demo")); err == nil {
		t.Errorf("left: %v", left)
	}
}

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NeedSystemd skips the test unless systemd is PID 1.
func NeedSystemd(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip("systemd as PID 1 is missing")
	}
	Need(t, "systemctl", "systemd-run")
}

// Outside is a command that systemd's PID 1 runs for us: outside of the pid and
// mount namespace of the tests, with their stdio.
func Outside(args ...string) *exec.Cmd {
	return exec.Command("systemd-run", append([]string{"--quiet", "--pipe", "--wait", "--collect", "--"}, args...)...)
}

// Systemctl calls systemctl, which must succeed, and returns its output. From
// within a pid namespace it cannot reach systemd.
func Systemctl(t testing.TB, args ...string) string {
	t.Helper()
	return Exec(t, Outside(append([]string{"systemctl"}, args...)...)).WantExit(t, 0).Stdout
}

// Unit reads a unit's properties.
func Unit(t testing.TB, unit string, names ...string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(Systemctl(t, "show", unit, "--property", strings.Join(names, ","))) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		values[name] = value
	}
	return values
}

// Units names the units that match a pattern, failed ones too, and files of
// theirs. systemd gets a moment to forget them.
func Units(t testing.TB, pattern string) []string {
	t.Helper()
	end := time.Now().Add(5 * time.Second)
	for {
		var found []string
		for line := range strings.Lines(Systemctl(t, "list-units", "--all", "--plain", "--no-legend", pattern)) {
			found = append(found, "unit "+strings.TrimSpace(line))
		}
		for _, dir := range []string{"transient", "system.control"} {
			files, err := filepath.Glob(filepath.Join("/run/systemd", dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				found = append(found, fmt.Sprintf("file %s of a unit", f))
			}
		}
		if len(found) == 0 || time.Now().After(end) {
			return found
		}
		time.Sleep(100 * time.Millisecond)
	}
}

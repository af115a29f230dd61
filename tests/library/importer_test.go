package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/tests/harness"
)

// importer builds the program of testdata/importer as a module of its own.
func importer(t *testing.T) string {
	t.Helper()
	root, err := harness.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// Its requirements are rt's, and rt itself.
	text := strings.Replace(string(mod), "module rt\n", "module example.com/importer\n", 1) +
		"\nrequire rt v0.0.0\nreplace rt => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"go.sum": "go.sum", "tests/library/testdata/importer/main.go": "main.go"} {
		if err := harness.CopyFile(filepath.Join(root, from), filepath.Join(dir, to), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "importer")
	cmd := exec.Command("go", "build", "-mod=mod", "-o", program, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// TestImporter: a program of another module runs a container; and one that
// does not hand over to init is told so: by the library that it comes back to,
// by its parent when it ends, and when it hangs.
func TestImporter(t *testing.T) {
	harness.Need(t, "go")
	program := importer(t)
	s := harness.Spec("sh", "-c", "hostname; exit 5")
	// Its init has to be the program: one that is C needs nobody's help.
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/copy", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"}})
	d := newDaemon(t, s)
	const forget = "/tmp/rt-importer-forget"
	t.Cleanup(func() { os.Remove(forget); os.RemoveAll("/tmp/rt-importer-again") })
	for _, test := range []struct {
		mode, text string
		code       int
	}{
		{"", "", 5},
		{"exit", "importer: init: died before it was ready: exit status 2\nhint: a program that uses libcontainer calls initstage.Main", 1},
		{"use", "importer: init: this process was started as a container's init, and has not called initstage.Main\nhint: a program", 1},
		{"sleep", "waiting for init to set the container up: it has not begun in 30s", 1},
	} {
		t.Run("forget "+test.mode, func(t *testing.T) {
			if testing.Short() && test.mode == "sleep" {
				t.Skip("waits for half a minute")
			}
			if err := os.WriteFile(forget, []byte(test.mode), 0o600); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			id := filepath.Base(d.dir) + test.mode
			r := harness.Exec(t, exec.Command(program, filepath.Join(d.dir, "state"), d.bundle, id))
			r.WantExit(t, test.code)
			if !strings.Contains(r.Stderr, test.text) {
				t.Errorf("stderr with %q wanted after %v: %v", test.text, time.Since(begin), r)
			}
			if test.code == 5 && r.Stdout != "e2e\n" {
				t.Errorf("stdout %q", r.Stdout)
			}
			if list, broken, _ := d.List(); len(list)+len(broken) > 0 {
				t.Errorf("left: %v, %v", list, broken)
			}
		})
	}
}

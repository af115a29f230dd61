//go:build clients

package containerd

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// gate holds a container's program up until the test has seen all that it prints:
// of what comes through pipes or a terminal ctr gives up what it has not yet read
// when the program ends (task.Delete cancels its readers), whatever the runtime.
type gate struct {
	t   testing.TB
	dir string
}

// shut is what the program does behind its last word.
const shut = "; until [ -e /gate/open ]; do sleep 0.02; done; "

func newGate(t testing.TB) gate { return gate{t, t.TempDir()} }

// flags bring the gate into the container.
func (g gate) flags(more ...string) []string {
	return append(words("--mount", "type=bind,src="+g.dir+",dst=/gate,options=rbind:ro"), more...)
}

func (g gate) open() {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "open"), nil, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// through runs ctr with this standard input, and opens the gate when its stdout has
// so many bytes and its stderr this text.
func (g gate) through(e *engine, stdin io.Reader, stdout int, stderr string, args ...string) harness.Result {
	g.t.Helper()
	cmd := e.command(args...)
	dir := g.t.TempDir()
	file := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			g.t.Fatal(err)
		}
		return f
	}
	out, errs := file("out"), file("err")
	defer out.Close()
	defer errs.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, out, errs
	wait := harness.Start(g.t, cmd)
	world.Until(g.t, "the program's output", func() bool {
		info, err := out.Stat()
		return err == nil && info.Size() >= int64(stdout) && strings.Contains(text(g.t, errs), stderr)
	})
	g.open()
	r := wait()
	r.Stdout, r.Stderr = text(g.t, out), text(g.t, errs)
	return r
}

func text(t testing.TB, f *os.File) string {
	t.Helper()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

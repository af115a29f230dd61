//go:build clients

package docker

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// tarOf is an archive with one file.
func tarOf(t *testing.T, name, text string, mode int64) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// refusesAll tells whether the runtime refuses a container that is to have all
// capabilities: Docker 20.10 asks for those that it knows, whatever the host's
// root has, and runc fails where those are more. rt gives what there is.
func (e *engine) refusesAll(t *testing.T) bool {
	t.Helper()
	return e.knownCaps(t)&^ownCaps(t) != 0 && e.runtime != "rt" && strings.HasPrefix(e.version, "20.")
}

// knownCaps are the capabilities that the engine calls all: those of the
// kernel, for Docker 20.10 the first 38 of them.
func (e *engine) knownCaps(t *testing.T) uint64 {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Fatal(err)
	}
	last, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(e.version, "20.") {
		last = min(last, 37)
	}
	return 1<<(last+1) - 1
}

// ownCaps are those of this machine's root: on some, not all that there are.
func ownCaps(t *testing.T) uint64 {
	t.Helper()
	f := strings.Fields(world.Command(t, "grep", "CapEff", "/proc/self/status").Stdout)
	own, err := strconv.ParseUint(f[1], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// everything checks the result of a container with all capabilities that
// printed its CapEff first, and tells whether there was one.
func (e *engine) everything(t *testing.T, r harness.Result) bool {
	t.Helper()
	if e.refusesAll(t) {
		contains(t, r.Stdout+r.Stderr, "unable to apply caps")
		return false
	}
	r.WantExit(t, 0)
	equal(t, "capabilities", strings.Fields(r.Stdout)[1], fmt.Sprintf("%016x", ownCaps(t)&e.knownCaps(t)))
	return true
}

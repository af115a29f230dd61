//go:build clients

package world

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"rt/tests/harness/hierarchy"
)

// cgroups are those below the roots of the tests' namespace, without that of
// the world itself.
func cgroups() []string {
	var found []string
	all, err := hierarchy.Mounted()
	if err != nil {
		return []string{err.Error()}
	}
	for _, h := range all {
		_ = filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != h.Dir && path != filepath.Join(h.Dir, hierarchy.Leaf) {
				found = append(found, path)
			}
			return nil // what went while we looked is not there
		})
	}
	return found
}

// CgroupFile reads the first of the files (v1's and v2's names of one thing)
// that the cgroup at path has in any hierarchy, trimmed: "" when it has none.
func CgroupFile(path string, files ...string) string {
	all, err := hierarchy.Mounted()
	if err != nil {
		return ""
	}
	for _, file := range files {
		for _, h := range all {
			if data, err := os.ReadFile(filepath.Join(h.Dir, path, file)); err == nil {
				return strings.TrimSpace(string(data))
			}
		}
	}
	return ""
}

// MakeCgroups makes cgroups at path, one in another, as a kubelet does for its
// pods; they end with the test.
func MakeCgroups(t testing.TB, path string) {
	t.Helper()
	all, err := hierarchy.Mounted()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.V1()) == 0 {
		t.Skip("cgroup v1 hierarchies are missing")
	}
	above := ""
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		at := filepath.Join(above, name)
		above = at
		t.Cleanup(func() {
			if err := RemoveCgroups(at); err != nil {
				t.Error(err)
			}
		})
		if err := all.Make(at); err != nil {
			t.Fatal(err)
		}
	}
}

// RemoveCgroups removes the empty cgroups at path, which are nobody's: clients
// make one for all their containers, and leave it.
func RemoveCgroups(path string) error {
	all, err := hierarchy.Mounted()
	for _, h := range all {
		if e := os.Remove(filepath.Join(h.Dir, path)); !errors.Is(e, unix.ENOENT) {
			err = errors.Join(err, e)
		}
	}
	return err
}

//go:build clients

package world

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// CgroupFile reads the first of the files (v1's and v2's names of one thing)
// that the cgroup at path has in any hierarchy, trimmed: "" when it has none.
func CgroupFile(path string, files ...string) string {
	all, err := hierarchies()
	if err != nil {
		return ""
	}
	for _, file := range files {
		for _, h := range all {
			if data, err := os.ReadFile(filepath.Join(h.dir, path, file)); err == nil {
				return strings.TrimSpace(string(data))
			}
		}
	}
	return ""
}

// RemoveCgroups removes the empty cgroups at path, which are nobody's: clients
// make one for all their containers, and leave it.
func RemoveCgroups(path string) error {
	all, err := hierarchies()
	for _, h := range all {
		if e := os.Remove(filepath.Join(h.dir, path)); !errors.Is(e, unix.ENOENT) {
			err = errors.Join(err, e)
		}
	}
	return err
}

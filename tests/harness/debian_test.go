package harness

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDebian: the root file system that containers share is whole. It is also
// how that is made before the tests move to where it cannot be.
func TestDebian(t *testing.T) {
	image := Debian(t)
	for _, path := range []string{"usr/sbin/nginx", "bin/bash", "etc/os-release"} {
		if _, err := os.Stat(filepath.Join(image, path)); err != nil {
			t.Error(err)
		}
	}
	if page, err := os.ReadFile(filepath.Join(image, "var/www/html/index.html")); err != nil || string(page) != Page {
		t.Errorf("the page is %q, %v", page, err)
	}
}

package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// TestExchangeable: root's daemon gets no program that others could replace.
func TestExchangeable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("root is missing")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "below", "rt")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	check := func(path, want string) {
		t.Helper()
		if got, err := exchangeable(path); got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(program, "")
	must(os.Chown(program, 1000, 0))
	check(program, program)
	must(os.Chown(program, 0, 0))
	must(os.Chmod(filepath.Dir(program), 0o777))
	check(program, filepath.Dir(program))
	must(os.Chmod(filepath.Dir(program), 0o777|os.ModeSticky))
	check(program, "")
	link := filepath.Join(dir, "link")
	must(os.Symlink(program, link))
	check(link, "")
	must(os.Chown(dir, 1000, 0))
	check(link, dir)
	check(program, dir)
}

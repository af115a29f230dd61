// Package build checks what `make build` makes: a static program without
// symbols, the same bytes wherever it is built.
package build

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const root = "../.."

// copySources copies what `make build` reads.
func copySources(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{"main.go", "go.mod", "go.sum", "Makefile", "packaging", "libcontainer", "internal", "nsenter", "seccomp", "cgroups"} {
		if out, err := exec.Command("cp", "-r", filepath.Join(root, entry), dir).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v: %s", entry, err, out)
		}
	}
}

// build runs make in a copy of the tree at dir, with a build cache of its own
// when cold.
func build(t *testing.T, dir string, cold bool) []byte {
	t.Helper()
	copySources(t, dir)
	cmd := exec.Command("make", "build", "OUT=made", "COMMIT=0123456789abcdef")
	cmd.Dir = dir
	cmd.Env = os.Environ()
	if cold {
		cmd.Env = append(cmd.Env, "GOCACHE="+t.TempDir())
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "made"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestMusl: the program is linked with musl, and with glibc for who says so. A
// libseccomp that needs what musl has not is left to glibc.
func TestMusl(t *testing.T) {
	if testing.Short() {
		t.Skip("a build takes half a minute")
	}
	if _, err := exec.LookPath("musl-gcc"); err != nil {
		t.Skip("musl-gcc is missing")
	}
	dir := filepath.Join(t.TempDir(), "tree")
	if isGlibc(build(t, dir, false)) {
		t.Error("the program is linked with glibc")
	}
	t.Run("CC", func(t *testing.T) {
		t.Setenv("CC", "gcc")
		if !isGlibc(build(t, dir, false)) {
			t.Error("the program is not linked with glibc")
		}
	})
	shim := filepath.Join(dir, "seccomp/musl.c")
	if err := os.WriteFile(shim, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("packaging/musl.sh", t.TempDir())
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("without the shim: %v, %s", err, out)
	}
}

func isGlibc(program []byte) bool { return bytes.Contains(program, []byte("GLIBC_TUNABLES")) }

func TestBuildIsReproducibleAndStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("a build from nothing takes a minute")
	}
	for _, program := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing", program)
		}
	}
	first := build(t, filepath.Join(t.TempDir(), "a"), false)
	second := build(t, filepath.Join(t.TempDir(), "a/much/longer/way/to/the/tree"), true)
	if !bytes.Equal(first, second) {
		t.Errorf("two builds differ: %d and %d bytes", len(first), len(second))
	}

	f, err := elf.NewFile(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_EXEC {
		t.Errorf("the program is %v, not position-dependent", f.Type)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has %v: it is not static", p.Type)
		}
	}
	for _, name := range []string{".symtab", ".debug_info", ".note.gnu.build-id"} {
		if f.Section(name) != nil {
			t.Errorf("the program has a section %s", name)
		}
	}
	if dir, _ := os.Getwd(); bytes.Contains(first, []byte(filepath.Dir(filepath.Dir(dir)))) {
		t.Error("the program holds the path of the tree")
	}
}

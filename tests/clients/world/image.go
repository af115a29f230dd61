//go:build clients

package world

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"rt/tests/harness"
)

var making sync.Mutex // of images and programs

// Busybox is the path of a tar of a small root file system: a static busybox
// with its links in /bin, the probe (tests/probe), /etc/passwd, empty mount points.
func Busybox(t testing.TB) string {
	t.Helper()
	return image(t, "busybox", func(dir string) string {
		if err := harness.Busybox(dir); err != nil {
			t.Fatalf("busybox root file system: %v", err)
		}
		harness.AddProbe(t, dir)
		for name, text := range map[string]string{"group": "root:x:0:\nnogroup:x:65534:\n", "nsswitch.conf": "hosts: files dns\n"} {
			if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	})
}

// Debian is the path of a tar of a minimal Debian with nginx (see
// [harness.Debian]), which serves [harness.Page].
func Debian(t testing.TB) string {
	t.Helper()
	return image(t, "debian", func(string) string {
		var dir string
		Online(t, func() { dir = harness.Debian(t) })
		return dir
	})
}

// image makes the tar name once, of the directory that fill returns.
func image(t testing.TB, name string, fill func(dir string) string) string {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	path := filepath.Join(Dir(), name+".tar")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	dir := filepath.Join(Dir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	from := fill(dir)
	if out, err := exec.Command("tar", "-C", from, "--numeric-owner", "-cf", path+".part", ".").CombinedOutput(); err != nil {
		t.Fatalf("tar of %s: %v\n%s", from, err, out)
	}
	if err := os.Rename(path+".part", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Program is a Go program that is not in Debian, or not new enough there.
type Program struct {
	Module   string   // "github.com/containerd/containerd/v2"
	Version  string   // "v2.3.6"
	Packages []string // below the module: "cmd/containerd"; "." is the module's own
	Tags     string   // build tags, comma-separated
	CGO      bool
}

// Build builds p in the module's own tree, as the module's go.mod has it, from
// the module proxy, and returns the directory with the programs. They are kept
// between runs, by version.
func Build(t testing.TB, p Program) string {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/var/cache"
	}
	name := fmt.Sprintf("%s@%s", filepath.Base(filepath.Dir(p.Module))+"-"+filepath.Base(p.Module), p.Version)
	dir := filepath.Join(base, "rt-tests", "programs", name)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600) // other tests may want it now too
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatalf("lock %s: %v", lock.Name(), err)
	}
	missing := false
	for _, pkg := range p.Packages {
		if _, err := os.Stat(filepath.Join(dir, p.program(pkg))); err != nil {
			missing = true
		}
	}
	if missing {
		Online(t, func() { p.build(t, dir) })
	}
	return dir
}

func (p Program) program(pkg string) string {
	if pkg == "." {
		return filepath.Base(p.Module)
	}
	return filepath.Base(pkg)
}

// build copies the module's tree, as go builds nothing in its cache of modules
// where it may have to write, and builds there.
func (p Program) build(t testing.TB, dir string) {
	t.Helper()
	temp := t.TempDir()
	command := func(where, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = where
		cgo := "CGO_ENABLED=0"
		if p.CGO {
			cgo = "CGO_ENABLED=1"
		}
		cmd.Env = append(os.Environ(), cgo, "GOFLAGS=-mod=mod -buildvcs=false -trimpath", "GOWORK=off", "GOTOOLCHAIN=local")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s\n%s", cmd.Args, err, out, stderr(err))
		}
		return out
	}
	if err := os.WriteFile(filepath.Join(temp, "go.mod"), []byte("module temp\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	source := string(command(temp, "sh", "-c", `go mod download -json "$1" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p'`, "sh", p.Module+"@"+p.Version))
	tree := filepath.Join(temp, "tree")
	command(temp, "cp", "-r", filepath.Clean(trim(source)), tree)
	command(temp, "chmod", "-R", "u+w", tree)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, pkg := range p.Packages {
		out := filepath.Join(dir, p.program(pkg))
		command(tree, "nice", "go", "build", "-tags", p.Tags, "-ldflags", "-s -w", "-o", out+".part", "./"+pkg)
		if err := os.Rename(out+".part", out); err != nil {
			t.Fatal(err)
		}
	}
}

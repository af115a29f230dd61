package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Debian returns a directory that holds a minimal root file system of this
// host's distribution with nginx in it, made by debootstrap from the host's
// own package source and kept between runs in $XDG_CACHE_HOME/rt-tests (or
// ~/.cache/rt-tests). It is shared: never write to it, put an overlay on it.
func Debian(t testing.TB) string {
	t.Helper()
	Root(t)
	dir := cacheDir(t)
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock the cache: %v", err)
	}
	distro, suite := osRelease(t)
	rootfs := filepath.Join(dir, distro+"-"+suite+"-nginx")
	if _, err := os.Stat(rootfs); err == nil {
		return rootfs
	}
	Need(t, "debootstrap", "apt-get")
	building := rootfs + ".building"
	if err := os.RemoveAll(building); err != nil {
		t.Fatal(err)
	}
	args := []string{"--variant=minbase", "--include=nginx"}
	if distro == "ubuntu" {
		args = append(args, "--components=main,universe")
	}
	cmd := exec.Command("debootstrap", append(args, suite, building, packageSource(t, suite))...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(building, "var/www/html/index.html"), []byte(Page), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(building, "var/cache/apt/archives")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(building, rootfs); err != nil {
		t.Fatal(err)
	}
	return rootfs
}

// Page is what nginx of [Debian] serves at /.
const Page = "<h1>a page from inside</h1>\n"

func cacheDir(t testing.TB) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/var/cache"
	}
	dir := filepath.Join(base, "rt-tests")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func osRelease(t testing.TB) (id, codename string) {
	t.Helper()
	data, err := os.ReadFile("/etc/os-release")
	if err != nil {
		t.Skipf("/etc/os-release is missing: %v", err)
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"`)
		switch key {
		case "ID":
			id = value
		case "VERSION_CODENAME":
			codename = value
		}
	}
	if id == "" || codename == "" {
		t.Skip("a Debian or Ubuntu host is missing")
	}
	return id, codename
}

// packageSource is the first source of the host's apt that has the suite.
func packageSource(t testing.TB, suite string) string {
	t.Helper()
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		t.Skipf("apt's sources are missing: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == suite {
			return fields[1]
		}
	}
	t.Skipf("an apt source for %s is missing", suite)
	return ""
}

// Overlay mounts an overlay of the read-only lower directory and a fresh upper
// one at dir/merged, in the tests' own mount namespace, and returns its path.
// The test unmounts it when it ends.
func Overlay(t testing.TB, lower, dir string) string {
	t.Helper()
	for _, sub := range []string{"upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(dir, "merged")
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir)
	if err := syscall.Mount("overlay", merged, "overlay", 0, data); err != nil {
		t.Fatalf("overlay on %s: %v", lower, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(merged, 0); err != nil {
			t.Errorf("unmount %s: %v", merged, err)
		}
	})
	return merged
}

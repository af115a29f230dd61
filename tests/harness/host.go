package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// AppArmor skips the test where that security module is off, or where its
// profiles cannot be loaded.
func AppArmor(t testing.TB) {
	t.Helper()
	if data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err != nil || !strings.HasPrefix(string(data), "Y") {
		t.Skip("AppArmor is missing")
	}
	Need(t, "apparmor_parser")
}

// SELinux skips the test where that security module is off.
func SELinux(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
		t.Skip("SELinux is missing")
	}
}

// KernelSince tells whether the running kernel is this version or a later one.
func KernelSince(t testing.TB, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var gotMajor, gotMinor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &gotMajor, &gotMinor); err != nil {
		t.Fatalf("the kernel's release: %v", err)
	}
	return gotMajor > major || gotMajor == major && gotMinor >= minor
}

// V2 tells whether the host has cgroup v2 alone.
func V2(t testing.TB) bool {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &s); err != nil {
		t.Skipf("cgroups are missing: %v", err)
	}
	return s.Type == unix.CGROUP2_SUPER_MAGIC
}

// OwnCgroup is the cgroup v2 directory of the test's process, and whether it was
// delegated to the user that runs the test: root may write everywhere.
func OwnCgroup(t testing.TB) (dir string, delegated bool) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if path, v2 := strings.CutPrefix(strings.TrimSpace(line), "0::"); v2 {
			dir = filepath.Join("/sys/fs/cgroup", path)
			return dir, unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
		}
	}
	return "", false
}

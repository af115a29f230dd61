package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLook finds each kind in a made-up root, and nothing that is others'.
func TestLook(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{
		"sys/fs/cgroup/memory/rt-e2e-1-2/below", "sys/fs/cgroup/system.slice/rt-x.scope", "sys/fs/cgroup/system.slice/start-up.service",
		"run/rt/web1", "run/rt/@seccomp", "run/user/1000/rt/db1", "run/netns/rt-e2e-h7", "run/netns/other",
		"tmp/rt-e2e-77", "tmp/TestSomething123456", "tmp/other", "proc/self", "proc/70", "proc/71", "proc/72",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		"proc/self/mountinfo": "1 2 0:3 / /tmp/rt-e2e-77/merged rw - overlay o rw\n2 2 0:4 / /tmp/other rw - tmpfs t rw\n3 2 0:4 / /tmp/TestSomething123456/001 rw - tmpfs t rw\n",
		"proc/70/comm":        "rt\n", "proc/70/cmdline": "rt\x00init\x00",
		"proc/71/comm": "sleep\n", "proc/71/cmdline": "sleep\x0010\x00", "proc/71/cgroup": "0::/rt-e2e-1-2\n",
		"proc/72/comm": "rtkit-daemon\n", "proc/72/cmdline": "rtkit\x00", "proc/72/cgroup": "0::/system.slice/start-up.service\n",
	} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, line := range (host{root: root}).look() {
		got = append(got, strings.ReplaceAll(line, root, ""))
	}
	want := []string{
		"cgroup /sys/fs/cgroup/memory/rt-e2e-1-2", "cgroup /sys/fs/cgroup/system.slice/rt-x.scope",
		"mount /tmp/rt-e2e-77/merged", "mount /tmp/TestSomething123456/001",
		"process 70: rt init", "process 71: sleep 10",
		"network namespace /run/netns/rt-e2e-h7",
		"state directory /run/rt/web1", "state directory /run/user/1000/rt/db1",
		"directory /tmp/TestSomething123456", "directory /tmp/rt-e2e-77",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if left := subtract(slices.Clone(want), want[1:]); len(left) != 1 || left[0] != want[0] {
		t.Errorf("new since then: %v", left)
	}
}

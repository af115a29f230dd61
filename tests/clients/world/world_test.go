//go:build clients

package world

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rt/tests/harness/hierarchy"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// The world is one's own: no network but lo, no process but ours, empty roots
// of the hierarchies, empty directories of the engines.
func TestWorld(t *testing.T) {
	if got := Command(t, "sh", "-c", "ls /sys/class/net").Stdout; got != "lo\n" {
		t.Errorf("network devices: %q", got)
	}
	if got := processes(); len(got) != 0 {
		t.Errorf("processes: %q", got)
	}
	if got := cgroups(); len(got) != 0 {
		t.Errorf("cgroups: %q", got)
	}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if _, path, _ := strings.Cut(strings.TrimSpace(line), ":/"); path != "" && path != hierarchy.Leaf {
			t.Errorf("not at the root of the hierarchy: %s", line)
		}
	}
	for _, dir := range []string{"/var/lib/docker", "/etc/containers", "/run/netns"} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Errorf("%s: %v %v", dir, entries, err)
		}
	}
	if err := os.WriteFile("/etc/rt-test-of-the-world", nil, 0o600); err != nil {
		t.Errorf("/etc cannot be written: %v", err)
	}
}

func TestOnline(t *testing.T) {
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var host []byte
	Online(t, func() { host, err = exec.Command("readlink", "/proc/self/ns/net").Output() })
	if err != nil || trim(string(host)) == own || !strings.HasPrefix(string(host), "net:") {
		t.Errorf("in %s, online in %s, %v", own, host, err)
	}
	if now, _ := os.Readlink("/proc/thread-self/ns/net"); now != own {
		t.Errorf("back in %s, before in %s", now, own)
	}
}

// What is left is named: a process, a cgroup, a mount, a network namespace, a
// state directory; and nothing when it is gone again.
func TestSnapshot(t *testing.T) {
	before := Snap()
	all, err := hierarchy.Mounted()
	if err != nil {
		t.Fatal(err)
	}
	cgroup, dir := filepath.Join(all[0].Dir, "left"), t.TempDir()
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{cgroup, "/run/runc/left", "/run/docker/netns/left"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(before.Since(), "\n")
	for _, want := range []string{"cgroup " + cgroup, "mount tmpfs " + dir, "sleep 1000", "state directory /run/runc/left", "network namespace /run/docker/netns/left"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if err := sleep.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sleep.Wait()
	Command(t, "umount", dir).WantExit(t, 0)
	for _, d := range []string{cgroup, "/run/runc/left", "/run/docker/netns/left"} {
		if err := os.Remove(d); err != nil {
			t.Fatal(err)
		}
	}
	before.Check(t)
}

func TestPty(t *testing.T) {
	x := Pty(t, "sh", "-c", "stty size; read line; echo got $line; stty size; exit 3")
	x.Expect("24 80")
	x.Resize(100, 30)
	x.Type("a word\r")
	x.Expect("got a word")
	x.Expect("30 100")
	if code := x.Wait(); code != 3 {
		t.Errorf("exit %d", code)
	}
}

func TestDaemon(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	p := Daemon(t, Service{
		Name: "shell", Argv: []string{"/bin/sh", "-c", "echo up; touch $READY; exec sleep 1000"}, Env: []string{"READY=" + ready},
		Ready: func() error { _, err := os.Stat(ready); return err },
	})
	first := p.Pid()
	p.Kill()
	p.Start()
	if p.Pid() == first || strings.Count(p.Log(), "up\n") < 1 {
		t.Errorf("pid %d, then %d; log %q", first, p.Pid(), p.Log())
	}
}

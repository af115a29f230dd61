package e2e

// The seed of the project: a real Debian with nginx in it, isolated, limited
// and cleaned up. Every mechanism at work in one place.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// network makes two network namespaces joined by a veth pair: one stands for
// the host (10.213.0.1), the other is the container's (10.213.0.2). Both live
// in the tests' own view of /run/netns.
func network(t *testing.T) (host, container string) {
	t.Helper()
	harness.Need(t, "ip")
	host, container = fmt.Sprintf("rt-e2e-h%d", os.Getpid()), fmt.Sprintf("rt-e2e-c%d", os.Getpid())
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	for _, ns := range []string{host, container} {
		ip("netns", "add", ns)
		t.Cleanup(func() { ip("netns", "delete", ns) })
	}
	ip("-n", host, "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", container)
	ip("-n", host, "addr", "add", "10.213.0.1/24", "dev", "veth0")
	ip("-n", host, "link", "set", "veth0", "up")
	ip("-n", container, "addr", "add", "10.213.0.2/24", "dev", "eth0")
	ip("-n", container, "link", "set", "eth0", "up")
	ip("-n", container, "link", "set", "lo", "up")
	return host, container
}

// fetch gets a page with the probe from inside a network namespace.
func fetch(t *testing.T, probe, netns, url string) string {
	t.Helper()
	var out []byte
	var err error
	for range 300 {
		out, err = exec.Command("ip", "netns", "exec", netns, probe, "fetch", url).CombinedOutput()
		if err == nil {
			return string(out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("fetch %s: %v: %s", url, err, out)
	return ""
}

// limited gives s memory of 512 MiB without swap, half a core and 100 pids.
func limited(s *specs.Spec) {
	s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(512 << 20)), Swap: ptr(int64(512 << 20))}
	s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000))}
	s.Linux.Resources.Pids = &specs.LinuxPids{Limit: ptr(int64(100))}
}

func TestSeedNginx(t *testing.T) {
	image := harness.Debian(t)
	host, netns := network(t)
	dir := t.TempDir()
	rootfs := harness.Overlay(t, image, dir)
	harness.AddProbe(t, rootfs)

	// nginx, and beside it a shell that runs what the test puts in /job.
	script := `nginx; touch /ready; while :; do if [ -x /job ]; then mv /job /job.now; /job.now; echo $? > /result; fi; sleep 0.1; done`
	spec := harness.Spec("/bin/bash", "-c", script)
	limited(spec)
	harness.JoinNamespace(spec, specs.NetworkNamespace, "/run/netns/"+netns)
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	c := harness.NewOn(t, spec, rootfs)
	c.Detached()
	awaitFile(t, filepath.Join(rootfs, "ready"))

	if got := fetch(t, filepath.Join(rootfs, "bin/probe"), host, "http://10.213.0.2/"); got != harness.Page {
		t.Errorf("the page is %q, want %q", got, harness.Page)
	}

	t.Run("memory hog", func(t *testing.T) {
		before := oomKills(t, c)
		if code := job(t, rootfs, "exec /bin/probe hog 1024"); code != 137 {
			t.Errorf("the hog ended with %d, want 137", code)
		}
		if after := oomKills(t, c); after <= before {
			t.Errorf("oom kills of the cgroup: %d before, %d after", before, after)
		}
		if s := c.Status(); s.Status != specs.StateRunning {
			t.Errorf("the container did not outlive its hog: %+v", s)
		}
	})
	t.Run("CPU hog", func(t *testing.T) {
		begin, used := time.Now(), cpuTime(t, c)
		job(t, rootfs, "timeout 4 sh -c 'while :; do :; done & while :; do :; done'; pkill -f 'while' || true")
		share := float64(cpuTime(t, c)-used) / float64(time.Since(begin))
		if share < 0.30 || share > 0.60 {
			t.Errorf("two busy loops got %.2f of a core, want 0.5", share)
		}
	})
	t.Run("fork bomb", func(t *testing.T) {
		job(t, rootfs, `exec sh -c 'i=0; while [ $i -lt 300 ]; do sleep 20 & i=$((i+1)); done'`)
		peak, _ := strconv.Atoi(c.Cgroup("pids.current"))
		if peak > 100 || peak < 50 {
			t.Errorf("%d processes, the limit is 100 and the bomb wants 300", peak)
		}
		if events := c.Cgroup("pids.events"); !strings.HasPrefix(events, "max ") || events == "max 0" {
			t.Errorf("pids.events %q", events)
		}
	})
	t.Run("still serves", func(t *testing.T) {
		if got := fetch(t, filepath.Join(rootfs, "bin/probe"), host, "http://10.213.0.2/"); got != harness.Page {
			t.Errorf("the page is %q", got)
		}
	})
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

// job lets the container's shell run a script and returns its exit status.
func job(t *testing.T, rootfs, script string) int {
	t.Helper()
	result := filepath.Join(rootfs, "result")
	_ = os.Remove(result)
	staged := filepath.Join(rootfs, "job.staged")
	if err := os.WriteFile(staged, []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(staged, filepath.Join(rootfs, "job")); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(harness.Slow(time.Minute))
	for time.Now().Before(end) {
		data, err := os.ReadFile(result)
		if code, bad := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && bad == nil {
			return code
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the job does not end")
	return -1
}

func oomKills(t *testing.T, c *harness.Container) int {
	t.Helper()
	for line := range strings.Lines(c.Cgroup("memory.oom_control", "memory.events")) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key == "oom_kill" {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no oom_kill in the cgroup")
	return 0
}

func cpuTime(t *testing.T, c *harness.Container) time.Duration {
	t.Helper()
	text := c.Cgroup("cpuacct.usage", "cpu.stat")
	if usec, v2 := strings.CutPrefix(text, "usage_usec "); v2 {
		usec, _, _ = strings.Cut(usec, "\n")
		text = usec + "000"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n)
}

// TestSeedOOMIsReported: a container whose own program hogs memory ends with
// the status of the kernel's kill.
func TestSeedOOMIsReported(t *testing.T) {
	c := harness.New(t, harness.Spec("probe", "hog", "256"))
	harness.AddProbe(t, c.Rootfs)
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(64 << 20))}
	c.Run().WantExit(t, 137)
}

func TestSeedTenShareAnImage(t *testing.T) {
	image := harness.Debian(t)
	const n = 10
	var all []*harness.Container
	var uppers []string
	for i := range n {
		dir := t.TempDir()
		rootfs := harness.Overlay(t, image, dir)
		script := fmt.Sprintf("echo mine %d > /etc/rt-mark; dpkg-query -W nginx > /pkg; touch /ready; exec sleep 100", i)
		spec := harness.Spec("/bin/bash", "-c", script)
		limited(spec)
		c := harness.NewOn(t, spec, rootfs)
		c.Detached()
		all = append(all, c)
		uppers = append(uppers, filepath.Join(dir, "upper"))
	}
	for i, c := range all {
		awaitFile(t, filepath.Join(c.Rootfs, "ready"))
		if s := c.Status(); s.Status != specs.StateRunning {
			t.Errorf("container %d: %+v", i, s)
		}
		got, err := os.ReadFile(filepath.Join(uppers[i], "etc/rt-mark"))
		if err != nil || string(got) != fmt.Sprintf("mine %d\n", i) {
			t.Errorf("the upper directory of container %d holds %q, %v", i, got, err)
		}
		if got, err := os.ReadFile(filepath.Join(c.Rootfs, "pkg")); err != nil || !strings.Contains(string(got), "nginx") {
			t.Errorf("container %d does not see the image: %q, %v", i, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(image, "etc/rt-mark")); err == nil {
		t.Error("the shared image was written to")
	}
	for _, c := range all {
		c.OK("delete", "--force", c.ID)
		// The next containers' processes and the overlays are still there:
		// what must be gone is this one's state and cgroup.
		for _, dir := range harness.CgroupMounts(t) {
			if _, err := os.Stat(filepath.Join(dir, c.ID)); err == nil {
				t.Errorf("left behind: %s/%s", dir, c.ID)
			}
		}
	}
}

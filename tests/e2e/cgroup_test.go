package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

func ptr[T any](v T) *T { return &v }

func TestCgroupLimits(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20))},
		CPU:    &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0", Shares: ptr(uint64(512))},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(77))},
	}
	c.Create()
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{"memory.limit_in_bytes", "memory.max"}, "67108864"},
		{[]string{"memory.soft_limit_in_bytes", "memory.low"}, "33554432"},
		{[]string{"cpu.cfs_quota_us", "cpu.max"}, "50000"},
		{[]string{"pids.max"}, "77"},
		{[]string{"cpuset.cpus"}, "0"},
	} {
		if got, _, _ := strings.Cut(c.Cgroup(test.files...), " "); got != test.want {
			t.Errorf("%v is %s, want %s", test.files, got, test.want)
		}
	}
	if got := strings.Fields(c.Cgroup("cgroup.procs")); len(got) != 1 {
		t.Errorf("processes in the cgroup: %v", got)
	}
}

func TestCgroupPaths(t *testing.T) {
	for _, test := range []struct{ name, path string }{
		{"absolute", "/rt-e2e-parent/sub"}, {"relative", "rt-e2e-relative"}, {"none", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := harness.New(t, sh("cat /proc/self/cgroup"))
			c.Spec.Linux.CgroupsPath = test.path
			if test.path == "" {
				test.path = "/" + c.ID
			}
			r := c.Run().WantExit(t, 0)
			for line := range strings.Lines(r.Stdout) {
				_, rest, _ := strings.Cut(line, ":")
				controllers, path, _ := strings.Cut(strings.TrimSpace(rest), ":")
				if controllers != "" && hierarchyMounted(t, controllers) && !strings.HasSuffix(path, test.path) {
					t.Errorf("cgroup %q, want …%s", line, test.path)
				}
			}
			for _, dir := range harness.CgroupMounts(t) {
				if _, err := os.Stat(filepath.Join(dir, test.path)); err == nil {
					t.Errorf("left behind: %s%s", dir, test.path)
				}
				_ = os.Remove(filepath.Join(dir, "rt-e2e-parent")) // made by us: empty
			}
		})
	}
}

// hierarchyMounted: a hierarchy that somebody else has mounted where we do not
// see it cannot be entered.
func hierarchyMounted(t *testing.T, controllers string) bool {
	return slices.ContainsFunc(harness.Mounts(t), func(line string) bool {
		_, right, _ := strings.Cut(line, " - cgroup ")
		return right != "" && strings.Contains(","+right+",", ","+controllers+",")
	})
}

func TestDeviceRules(t *testing.T) {
	c := harness.New(t, sh("cat /tmp/kmsg 2>&1 | head -c 1 | wc -c; cat /dev/null && head -c 1 /dev/zero | wc -c"))
	c.Write("tmp/keep", "", 0o644)
	c.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/full2", Type: "c", Major: 1, Minor: 7}}
	c.Spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		{Allow: true, Type: "c", Major: ptr(int64(10)), Minor: ptr(int64(200)), Access: "rw"},
	}
	c.Create()
	if _, err := os.Stat("/sys/fs/cgroup/devices"); err != nil {
		t.Skip("cgroup v1 devices are missing")
	}
	got := c.Cgroup("devices.list")
	for _, want := range []string{"c 1:3 rwm", "c 1:5 rwm", "c 136:* rwm", "c 5:2 rwm", "c 10:200 rw"} {
		if !strings.Contains(got, want) {
			t.Errorf("devices.list lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "a *:*") {
		t.Errorf("every device is allowed:\n%s", got)
	}
}

// TestDeviceRulesOfRootlessRoot: root who calls itself rootless has device rules as
// always.
func TestDeviceRulesOfRootlessRoot(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("mknod /tmp/loop c 10 237; head -c 0 /tmp/loop 2>&1 | grep -o 'Operation not permitted'"))
	c.Global = []string{"--rootless=true"}
	c.Spec.Process.Capabilities.Effective = harness.DefaultCaps()
	c.Run().WantOutput(t, "Operation not permitted\n")
}

func TestKillWholeCgroupWithoutPidNamespace(t *testing.T) {
	c := harness.New(t, sh("for i in 1 2 3 4 5; do (trap '' TERM; sleep 100) & done; touch /up; exec sleep 100"))
	harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace)
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

// TestKillReachesAMovedInit: init is killed wherever somebody has put it.
func TestKillReachesAMovedInit(t *testing.T) {
	harness.Root(t)
	c := harness.New(t, sh("sleep 100 & touch /up; exec sleep 100"))
	harness.WithNamespaces(c.Spec, specs.MountNamespace, specs.UTSNamespace, specs.IPCNamespace, specs.NetworkNamespace)
	c.Detached()
	awaitFile(t, filepath.Join(c.Rootfs, "up"))
	for _, dir := range harness.CgroupMounts(t) {
		if _, err := os.Stat(filepath.Join(dir, c.ID)); err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(c.Status().Pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
	c.OK("kill", c.ID, "KILL")
	c.Await(specs.StateStopped)
}

func TestSubCgroupsAreRemoved(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Detached()
	for _, dir := range harness.CgroupMounts(t) {
		own := filepath.Join(dir, c.ID)
		if _, err := os.Stat(own); err == nil {
			if err := os.MkdirAll(filepath.Join(own, "a/b"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

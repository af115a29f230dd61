package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// inScope is a container whose cgroup systemd is to make, and its unit.
func inScope(t *testing.T, script string) (c *harness.Container, unit string) {
	t.Helper()
	harness.NeedSystemd(t)
	c = harness.New(t, sh(script))
	c.Systemd = true
	c.Global = []string{"--systemd-cgroup"}
	c.Spec.Linux.CgroupsPath = "system.slice:rt:" + c.ID
	return c, "rt-" + c.ID + ".scope"
}

func TestSystemdScope(t *testing.T) {
	c, unit := inScope(t, "sleep 100")
	c.Spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20))},
		CPU:    &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0", Shares: ptr(uint64(1024))},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(77))},
	}
	c.Spec.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.After": "['basic.target']"}
	c.Create()
	want := map[string]string{
		"ActiveState": "active", "Slice": "system.slice", "Delegate": "yes", "ControlGroup": "/system.slice/" + unit, "TasksMax": "77",
		"CPUQuotaPerSecUSec": "500ms", "TimeoutStopUSec": "7s", "DevicePolicy": "strict", "CollectMode": "inactive-or-failed",
	}
	memory := map[string]string{"MemoryMax": "67108864", "MemoryLow": "33554432", "MemorySwapMax": "0", "CPUWeight": "100", "AllowedCPUs": "0"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		memory = map[string]string{"MemoryLimit": "67108864", "CPUShares": "1024"}
	}
	names := []string{"After"}
	for _, m := range []map[string]string{want, memory} {
		for name, value := range m {
			names = append(names, name)
			want[name] = value
		}
	}
	got := harness.Unit(t, unit, names...)
	if !strings.Contains(got["After"], "basic.target") {
		t.Errorf("After=%s", got["After"])
	}
	delete(got, "After")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unit (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{"memory.max", "memory.limit_in_bytes"}, "67108864"},
		{[]string{"cpu.max", "cpu.cfs_quota_us"}, "50000"},
		{[]string{"pids.max"}, "77"},
		{[]string{"cpuset.cpus"}, "0"},
	} {
		if got, _, _ := strings.Cut(c.Cgroup(test.files...), " "); got != test.want {
			t.Errorf("%v is %s, want %s", test.files, got, test.want)
		}
	}
	c.Global = nil // the record knows the manager
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

func TestSystemdForeground(t *testing.T) {
	c, _ := inScope(t, "head -c 1 /dev/zero | wc -c; exit 3")
	if r := c.Run().WantExit(t, 3); r.Stdout != "1\n" {
		t.Errorf("%v", r)
	}
	c.CheckGone()
}

// After a daemon-reload systemd has applied all that it knows of its units.
func TestSystemdReload(t *testing.T) {
	c, unit := inScope(t, `mknod /b b 254 7
		while ! [ -e /go ]; do sleep 0.1; done
		head -c 1 /dev/zero | wc -c
		echo x > /dev/null && echo null
		[ -c /dev/pts/ptmx ] && : <> /dev/ptmx && echo ptmx
		head -c 1 /b`)
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr(int64(33333)), Period: ptr(uint64(100000))}
	c.Save()
	run := harness.Start(t, c.Command("run", "--bundle", c.Dir, c.ID))
	awaitFile(t, filepath.Join(c.Rootfs, "b"))
	harness.Systemctl(t, "daemon-reload")
	harness.Systemctl(t, "set-property", "--runtime", unit, "CPUWeight=50") // has it all applied
	if got := c.Cgroup("memory.max", "memory.limit_in_bytes"); got != "67108864" {
		t.Errorf("memory limit %s", got)
	}
	c.Write("go", "", 0o644)
	r := run()
	if r.Stdout != "1\nnull\nptmx\n" || !strings.Contains(r.Stderr, "Operation not permitted") {
		t.Errorf("%v", r)
	}
	c.CheckGone()
}

func TestSystemdUpdate(t *testing.T) {
	c, unit := inScope(t, "sleep 100")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Detached()
	const unknownCommand = 3
	r := c.Do("update", "--memory", "32M", "--memory-swap", "32M", c.ID)
	if r.Code == unknownCommand {
		t.Skip("the command update is missing")
	}
	r.WantExit(t, 0)
	for range 2 {
		if got := c.Cgroup("memory.max", "memory.limit_in_bytes"); got != "33554432" {
			t.Errorf("memory limit %s", got)
		}
		harness.Systemctl(t, "daemon-reload")
		harness.Systemctl(t, "set-property", "--runtime", unit, "TasksMax=99")
	}
	c.OK("delete", "--force", c.ID)
	c.CheckGone()
}

// The OOM killer makes a unit fail; nothing of that may stay.
func TestSystemdOOM(t *testing.T) {
	c, _ := inScope(t, "tail /dev/zero")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(16 << 20)), Swap: ptr(int64(16 << 20))}
	c.Run().WantExit(t, 137)
	c.CheckGone()
}

func TestSystemdFailedUnitIsReset(t *testing.T) {
	c, unit := inScope(t, "echo on")
	r := harness.Exec(t, harness.Outside("systemd-run", "--quiet", "--scope", "--unit="+unit,
		"--property=RuntimeMaxSec=1", "--property=CollectMode=inactive", "sleep", "100"))
	if got := harness.Unit(t, unit, "ActiveState")["ActiveState"]; got != "failed" {
		t.Skipf("a failed scope is missing: it is %s: %v", got, r)
	}
	c.Run().WantOutput(t, "on\n")
	c.CheckGone()
}

func TestSystemdUnitInUse(t *testing.T) {
	c, unit := inScope(t, "echo on")
	stop := harness.Start(t, harness.Outside("systemd-run", "--quiet", "--scope", "--unit="+unit, "sleep", "100"))
	awaitFile(t, "/sys/fs/cgroup/system.slice/"+unit+"/cgroup.procs")
	c.Run().WantFailure(t, "unit "+unit, "container's cgroup is not empty")
	if got := harness.Unit(t, unit, "ActiveState")["ActiveState"]; got != "active" {
		t.Errorf("somebody else's unit is %s", got)
	}
	harness.Systemctl(t, "stop", unit)
	stop()
	c.CheckGone()
}

// TestSystemdKilled kills rt after more and more milliseconds of a create.
func TestSystemdKilled(t *testing.T) {
	c, _ := inScope(t, "sleep 100")
	c.Runtime.Only(t, "leaves processes and units")
	span := c.Create().Took
	c.OK("delete", "--force", c.ID)
	c.Save()
	rt := strings.Join([]string{c.Runtime.Path, "--root", c.State, "--systemd-cgroup"}, " ")
	const times = 30
	script := fmt.Sprintf(`cd /
		for i in $(seq 0 %d); do
			%s create --bundle %s %s </dev/null >/dev/null 2>&1 &
			sleep $(awk "BEGIN { print $i * %f / %d }")
			kill -9 $! 2>/dev/null
			wait $! 2>/dev/null
			%s delete --force %s || echo "delete after kill $i fails"
			[ -e %s/%s ] && echo "a state after kill $i"
		done
		exit 0`, times, rt, c.Dir, c.ID, span.Seconds(), times, rt, c.ID, c.State, c.ID)
	harness.Exec(t, harness.Outside("bash", "-c", script)).WantOutput(t, "")
	c.CheckGone()
	c.Spec.Process.Args = []string{"echo", "again"}
	c.Run().WantOutput(t, "again\n")
}

// TestSystemdMany makes and deletes 200 containers, 8 at a time.
func TestSystemdMany(t *testing.T) {
	c, _ := inScope(t, "sleep 100")
	c.Spec.Linux.CgroupsPath = "" // a unit for each id
	c.Save()
	rt := strings.Join([]string{c.Runtime.Path, "--root", c.State, "--systemd-cgroup"}, " ")
	script := fmt.Sprintf(`seq 200 | xargs -P 8 -I{} sh -c '%s run --detach --bundle %s %s-{} </dev/null && %s delete --force %s-{} || echo {} fails'`,
		rt, c.Dir, c.ID, rt, c.ID)
	cmd := harness.Outside("bash", "-c", script)
	out, err := os.Create(c.Host("out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil { // longer than one call of the runtime may take
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(out.Name()); err != nil || len(text) > 0 {
		t.Errorf("%v\n%s", err, text)
	}
	c.CheckGone()
}

// TestSystemdRootless has a user's own systemd make the cgroup, for the user who
// runs the tests, or as root for one who is logged in.
func TestSystemdRootless(t *testing.T) {
	harness.NeedSystemd(t)
	harness.Need(t, "busybox")
	uid, as := os.Getuid(), func(args ...string) *exec.Cmd { return exec.Command(args[0], args[1:]...) }
	if uid == 0 {
		uid, as = loggedIn(t)
	}
	runtime := harness.Find(t)
	runtime.Only(t, "the unit's name")
	dir, err := os.MkdirTemp("/tmp", "rt-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	id := filepath.Base(dir)
	script := fmt.Sprintf(`set -e
		cp %s %[2]s/runtime; mkdir -p %[2]s/rootfs/bin; cp $(command -v busybox) %[2]s/rootfs/bin/busybox; ln -s busybox %[2]s/rootfs/bin/sleep
		cd %[2]s; ./runtime spec --rootless
		sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sleep", "100"/; s/"linux": {/"linux": { "resources": {"memory": {"limit": 67108864}, "pids": {"limit": 55}},/' config.json
		./runtime --root %[2]s/state --systemd-cgroup run --detach %[3]s </dev/null
		systemctl --user show rt-%[3]s.scope --property Slice,MemoryMax,TasksMax,ControlGroup
		cat /sys/fs/cgroup$(systemctl --user show rt-%[3]s.scope --property ControlGroup --value)/pids.max
		./runtime --root %[2]s/state exec %[3]s busybox sed 's/^/exec in /' /proc/self/cgroup
		./runtime --root %[2]s/state delete --force %[3]s
		sleep 0.5; systemctl --user list-units --all --plain --no-legend 'rt-%[3]s*'
		rm -rf %[2]s/*`, runtime.Path, dir, id)
	if err := os.Chown(dir, uid, -1); err != nil {
		t.Fatal(err)
	}
	r := harness.Exec(t, as("bash", "-c", script)).WantExit(t, 0)
	for _, want := range []string{"Slice=user.slice", "MemoryMax=67108864", "TasksMax=55", "/user@" + strconv.Itoa(uid) + ".service/user.slice/rt-" + id + ".scope", "\n55\n", "exec in 0::/\n"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("%q is missing: %v", want, r)
		}
	}
	if strings.Contains(r.Stdout, "loaded") {
		t.Errorf("left behind: %v", r)
	}
}

// loggedIn finds a user with a systemd of their own, and runs commands as them.
func loggedIn(t *testing.T) (uid int, as func(args ...string) *exec.Cmd) {
	t.Helper()
	buses, _ := filepath.Glob("/run/user/*/bus")
	for _, bus := range buses {
		dir := filepath.Dir(bus)
		var st syscall.Stat_t
		if err := syscall.Stat(dir, &st); err == nil && st.Uid != 0 {
			return int(st.Uid), func(args ...string) *exec.Cmd {
				flags := []string{"--quiet", "--pipe", "--wait", "--collect", "--uid=" + strconv.Itoa(int(st.Uid)), "--setenv=XDG_RUNTIME_DIR=" + dir, "--"}
				return exec.Command("systemd-run", append(flags, args...)...)
			}
		}
	}
	t.Skip("a user with a systemd of their own is missing")
	return 0, nil
}

func TestNoSystemd(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("a host without systemd is missing")
	}
	c := harness.New(t, sh("true"))
	c.Runtime.Only(t, "its error")
	c.Spec.Linux.CgroupsPath = ""
	c.Global = []string{"--cgroup-manager=systemd"}
	c.Run().WantFailure(t, "cgroup: systemd: connect to ", "hint: systemd does not run here", "--cgroup-manager=cgroupfs")
	c.CheckGone()
}

func TestCgroupManagerDisabled(t *testing.T) {
	c := harness.New(t, sh("cat /proc/self/cgroup"))
	c.Runtime.Only(t, "crun says nothing of lost limits, runc has no such manager")
	c.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}
	c.Global = []string{"--cgroup-manager=disabled"}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	r := c.Run().WantOutput(t, string(own))
	if !strings.Contains(r.Stderr, "controller memory: the limit is lost") {
		t.Errorf("no warning: %v", r)
	}
	c.CheckGone()
}

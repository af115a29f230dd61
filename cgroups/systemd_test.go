package cgroups

// The systemd manager against a made-up systemd: on a made-up cgroup2 of plain
// files as a user, and on this host's own v1 hierarchies as root. The real one
// is met in tests/e2e.

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

// userFiles are the files of a container's cgroup2 that the tests read back.
func userFiles() map[string]string {
	return map[string]string{
		"cgroup.controllers": "cpuset cpu io memory pids\n", "cgroup.procs": "", "memory.max": "", "memory.swap.max": "", "pids.max": "",
		"cpu.max": "50000 200000\n", "cpu.weight": "", "memory.current": "4096\n",
	}
}

func userFake(t *testing.T) (*fakeSystemd, *Layout) {
	t.Helper()
	f := newFake(t, true)
	root, _ := tree(t, map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n", "cgroup.subtree_control": ""})
	f.mounts, f.files = []string{root}, userFiles()
	return f, &Layout{Mode: ManagerV2, Unified: root, Hierarchies: []Hierarchy{{Mountpoint: root, OwnPath: "/", V2: true}}}
}

func userManager(t *testing.T, l *Layout, o Options) *systemdManager {
	t.Helper()
	o.Rootless = true
	if o.ID == "" {
		o.ID = "x"
	}
	m, err := newSystemdOn(l, o, 20*time.Second)
	must(t, err)
	t.Cleanup(m.Close)
	return m
}

// begun makes a unit with pid 4711 in it, and loads it again as another
// command does.
func begun(t *testing.T, l *Layout, res *specs.LinuxResources) *systemdManager {
	t.Helper()
	m := userManager(t, l, Options{})
	must(t, m.Create(res))
	must(t, m.Attach(4711))
	return reload(t, m).(*systemdManager)
}

const userUnit = "/user.slice/user@7.service/user.slice/rt-x.scope"

func readFrom(t *testing.T, l *Layout, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(l.Unified+userUnit, file))
	must(t, err)
	return string(b)
}

func TestSystemdLife(t *testing.T) {
	f, l := userFake(t)
	m := userManager(t, l, Options{Annotations: map[string]string{"org.systemd.property.TimeoutStopSec": "5"}})
	before := m.Record()
	if before.Paths[""] != l.Unified+userUnit || before.Unit.Name != "rt-x.scope" || !before.Unit.User || before.Unit.Invocation != "" {
		t.Errorf("record before: %+v %+v", before, before.Unit)
	}
	must(t, m.Create(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(9))}}))
	if got := f.called(); got != "" {
		t.Errorf("before the first process: %s", got)
	}
	must(t, m.Attach(4711))
	if m.bus != nil {
		t.Error("the connection is still open")
	}
	if got := f.called(); got != "StartTransientUnit" {
		t.Errorf("calls: %s", got)
	}
	want := map[string]any{
		"Description": "rt container rt-x", "Slice": "user.slice", "Delegate": "true", "PIDs": "[4711]", "CollectMode": "inactive-or-failed",
		"MemoryAccounting": "true", "CPUAccounting": "true", "IOAccounting": "true", "TasksAccounting": "true", "DefaultDependencies": "false",
		"TimeoutStopUSec": "5000000", "MemoryMax": "1048576", "TasksMax": "9",
	}
	if diff := cmp.Diff(want, f.unit("rt-x.scope")); diff != "" {
		t.Errorf("unit (-want +got):\n%s", diff)
	}
	for file, want := range map[string]string{"memory.max": "1048576", "pids.max": "9", "cgroup.procs": "4711"} {
		if got := readFrom(t, l, file); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	after := m.Record()
	if after.Unit.Invocation != "ab01" || after.Joined != nil || after.Paths[""] != before.Paths[""] {
		t.Errorf("record after: %+v %+v", after, after.Unit)
	}

	again := reload(t, m)
	must(t, again.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(10000))}}))
	got := f.unit("rt-x.scope")
	if got["CPUQuotaPerSecUSec"] != "50000" || got["CPUQuotaPeriodUSec"] != "200000" || readFrom(t, l, "cpu.max") != "10000 200000\n" {
		t.Errorf("after Set: %v, %q", got, readFrom(t, l, "cpu.max"))
	}
	if got := f.called(); got != "SetUnitProperties" {
		t.Errorf("calls of Set: %s", got)
	}
	must(t, again.Remove(20*time.Second))
	if got := f.called(); got != "StopUnit ResetFailedUnit" || f.unit("rt-x.scope") != nil {
		t.Errorf("calls of Remove: %s", got)
	}
	noneLeft(t, m)
	must(t, again.Remove(20*time.Second)) // a second time
}

func TestSystemdPeriodAlone(t *testing.T) {
	f, l := userFake(t)
	m := begun(t, l, nil)
	must(t, m.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr(uint64(100000))}}))
	// The kernel keeps the quota, 50000, so its share of the new period doubles.
	if got := f.unit("rt-x.scope"); got["CPUQuotaPerSecUSec"] != "500000" || got["CPUQuotaPeriodUSec"] != "100000" {
		t.Errorf("unit: %v", got)
	}
	if got := readFrom(t, l, "cpu.max"); got != "50000 100000\n" {
		t.Errorf("cpu.max: %q", got)
	}
}

// The kernel refuses the weight of an idle cgroup; systemd's new weight ends its
// idling, so ours does, too. Both at once cannot be had.
func TestSystemdIdle(t *testing.T) {
	f, l := userFake(t)
	f.files["cpu.idle"], f.files["cpu.weight"] = "1\n", "0\n"
	m := begun(t, l, nil)
	must(t, m.Set(&specs.LinuxResources{Unified: map[string]string{"cpu.weight": "8"}}))
	if got := readFrom(t, l, "cpu.idle") + readFrom(t, l, "cpu.weight") + fmt.Sprint(f.unit("rt-x.scope")["CPUWeight"]); got != "0\n8\n8" {
		t.Errorf("a weight: cpu.idle, cpu.weight and CPUWeight are %s", got)
	}
	must(t, m.Set(&specs.LinuxResources{Unified: map[string]string{"cpu.idle": "1", "cpu.weight": "9"}}))
	if got := readFrom(t, l, "cpu.idle") + readFrom(t, l, "cpu.weight") + fmt.Sprint(f.unit("rt-x.scope")["CPUWeight"]); got != "1\n8\n0" {
		t.Errorf("both: cpu.idle, cpu.weight and CPUWeight are %s", got)
	}
	if got := strings.Join(m.Warnings(), " "); !strings.Contains(got, "unable to apply both") {
		t.Errorf("both: warnings %q", got)
	}
}

// An update applies whole or not at all, whoever refuses a part of it.
func TestSystemdSetIsWhole(t *testing.T) {
	f, l := userFake(t)
	f.files["pids.max"] = "max\n"
	m := begun(t, l, nil)
	before := f.unit("rt-x.scope")
	f.called()
	res := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(900))}, Memory: &specs.LinuxMemory{Reservation: ptr(int64(5))}}
	if err := m.Set(res); err == nil || !strings.Contains(err.Error(), "memory.low") { // there is no such file
		t.Errorf("set: %v", err)
	}
	if got := f.called(); got != "" {
		t.Errorf("calls after a refused file: %s", got)
	}
	res.Memory = nil
	f.refuse["SetUnitProperties"] = "org.freedesktop.DBus.Error.InvalidArgs"
	if err := m.Set(res); err == nil || !strings.Contains(err.Error(), "unit rt-x.scope: set properties: refused") {
		t.Errorf("set: %v", err)
	}
	if got := readFrom(t, l, "pids.max"); got != "max\n" {
		t.Errorf("pids.max is %q", got)
	}
	if diff := cmp.Diff(before, f.unit("rt-x.scope")); diff != "" {
		t.Errorf("unit (-before +after):\n%s", diff)
	}
}

func TestSystemdJobs(t *testing.T) {
	for _, test := range []struct {
		name, result, refuse, errName string
		wait                          time.Duration
		err, hint                     string
	}{
		{name: "failed", result: "failed", err: "unit rt-x.scope: start: systemd's job ended as failed", hint: "systemctl --user status rt-x.scope"},
		{name: "never", result: "never", wait: 300 * time.Millisecond, err: "systemd has queued the job but not ended it in time", hint: "systemctl --user status rt-x.scope"},
		{name: "denied", refuse: "StartTransientUnit", errName: "org.freedesktop.DBus.Error.AccessDenied", err: "unit rt-x.scope: start: refused", hint: "may not start units"},
		{name: "property", refuse: "StartTransientUnit", errName: "org.freedesktop.DBus.Error.PropertyReadOnly", err: "start: refused", hint: "systemd (252) does not have"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, l := userFake(t)
			m := userManager(t, l, Options{})
			must(t, m.Create(nil))
			if test.result != "" {
				f.result = test.result
			}
			if test.wait != 0 {
				m.closeBus()
				m.wait = test.wait
			}
			f.refuse[test.refuse] = test.errName
			err := m.Attach(4711)
			if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				t.Skip("the machine is too slow for this test's deadline")
			}
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(fault.Hint(err), test.hint) {
				t.Errorf("error %v, hint %q", err, fault.Hint(err))
			}
			calls := f.called()
			must(t, m.Remove(time.Second))
			if got := f.called(); got != "" {
				t.Errorf("removal of what did not begin calls %s after %s", got, calls)
			}
		})
	}
}

func TestSystemdUnitExists(t *testing.T) {
	for _, test := range []struct {
		name, state, procs string
		calls              string
		err                error
	}{
		{name: "failed", state: "failed", calls: "StartTransientUnit ResetFailedUnit StartTransientUnit"},
		{name: "empty", state: "active", calls: "StartTransientUnit ResetFailedUnit StopUnit ResetFailedUnit StartTransientUnit"},
		{name: "in use", state: "active", procs: "1\n", calls: "StartTransientUnit ResetFailedUnit", err: ErrNotEmpty},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, l := userFake(t)
			m := userManager(t, l, Options{})
			must(t, m.Create(nil))
			f.put("rt-x.scope", &fakeUnit{state: test.state, dir: userUnit, id: []byte{1}, props: map[string]any{}})
			must(t, os.MkdirAll(l.Unified+userUnit, 0o755))
			must(t, os.WriteFile(l.Unified+userUnit+"/cgroup.procs", []byte(test.procs), 0o600))
			err := m.Attach(4711)
			if !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if got := f.called(); got != test.calls {
				t.Errorf("calls: %s", got)
			}
			if test.err != nil {
				must(t, m.Remove(time.Second))
				if f.unit("rt-x.scope") == nil {
					t.Error("somebody else's unit is gone")
				}
			}
		})
	}
}

// A later step that fails ends the unit again.
func TestSystemdUndo(t *testing.T) {
	f, l := userFake(t)
	delete(f.files, "pids.max")
	m := userManager(t, l, Options{})
	must(t, m.Create(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(9))}}))
	if err := m.Attach(4711); err == nil || !strings.Contains(err.Error(), "pids.max") {
		t.Errorf("attach: %v", err)
	}
	if got := f.called(); got != "StartTransientUnit StopUnit ResetFailedUnit" || f.unit("rt-x.scope") != nil {
		t.Errorf("calls: %s", got)
	}
	noneLeft(t, m)
}

// Another container that got the name must not suffer.
func TestSystemdOnlyItsOwnUnit(t *testing.T) {
	f, l := userFake(t)
	m := begun(t, l, nil)
	f.called()
	f.put("rt-x.scope", &fakeUnit{state: "active", dir: userUnit, id: []byte{9, 9}, props: map[string]any{}})
	err := m.Set(&specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(9))}})
	if err == nil || !strings.Contains(err.Error(), "unit rt-x.scope: has ended") {
		t.Errorf("set: %v", err)
	}
	must(t, m.Remove(20*time.Second))
	if got := f.called(); got != "" || f.unit("rt-x.scope") == nil {
		t.Errorf("calls: %s", got)
	}
	if readFrom(t, l, "pids.max") != "" {
		t.Error("the other container has a limit now")
	}
}

// What was killed between the unit's beginning and its record is put away when
// it is empty, and left alone while something lives in it.
func TestSystemdUnrecordedUnit(t *testing.T) {
	for _, alive := range []bool{false, true} {
		f, l := userFake(t)
		m := begun(t, l, nil)
		f.called()
		m.rec.Unit.Invocation = ""
		procs := ""
		if alive {
			procs = strconv.Itoa(os.Getpid()) + "\n"
		}
		must(t, os.WriteFile(l.Unified+userUnit+"/cgroup.procs", []byte(procs), 0o600))
		must(t, m.Remove(20*time.Second))
		if got := f.unit("rt-x.scope") != nil; got != alive {
			t.Errorf("alive %v: unit is there: %v, calls %s", alive, got, f.called())
		}
	}
}

func TestSystemdGone(t *testing.T) {
	f, l := userFake(t)
	m := begun(t, l, nil)
	f.mu.Lock()
	f.remove("rt-x.scope")
	f.mu.Unlock()
	must(t, m.Remove(20*time.Second))

	m = begun(t, l, nil)
	f.refuse["Hello"] = "org.freedesktop.DBus.Error.LimitsExceeded"
	must(t, os.RemoveAll(l.Unified+userUnit))
	must(t, m.Remove(20*time.Second)) // without systemd, but also without a cgroup
}

func TestSystemdRefusals(t *testing.T) {
	_, l := userFake(t)
	for name, o := range map[string]Options{
		"linux.cgroupsPath":                           {Path: "/x"},
		"annotations[\"org.systemd.property.Wants\"]": {Annotations: map[string]string{"org.systemd.property.Wants": "['x']"}},
	} {
		o.ID, o.Rootless = "x", true
		if m, err := newSystemdOn(l, o, time.Second); err == nil || m != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	m := userManager(t, l, Options{})
	if err := m.Attach(1); err == nil {
		t.Error("attached before Create")
	}
	if err := m.Create(&specs.LinuxResources{Memory: &specs.LinuxMemory{Swappiness: ptr(uint64(1))}}); err == nil {
		t.Error("swappiness on v2")
	}
	must(t, m.Create(nil))
	if err := m.Create(nil); err == nil {
		t.Error("created twice")
	}
	v1 := *l
	v1.Mode = ManagerHybrid
	_, err := newSystemdOn(&v1, Options{ID: "x", Rootless: true}, time.Second)
	if !errors.Is(err, errors.ErrUnsupported) || fault.Hint(err) == "" {
		t.Errorf("a user on v1: %v", err)
	}
}

func TestNoSystemd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	_, l := (*fakeSystemd)(nil), &Layout{Mode: ManagerV2}
	_, err := newSystemdOn(l, Options{ID: "x", Rootless: true}, time.Second)
	if err == nil || err.Error() != "cgroup: systemd: connect to "+dir+"/bus: no such file or directory" || !strings.Contains(fault.Hint(err), "--cgroup-manager=cgroupfs") {
		t.Errorf("error %v, hint %q", err, fault.Hint(err))
	}
}

// Without a bus systemd itself is asked, without a name and without Hello.
func TestSystemdPrivateSocket(t *testing.T) {
	f, l := userFake(t)
	dir := filepath.Dir(f.path)
	must(t, os.Mkdir(filepath.Join(dir, "systemd"), 0o755))
	must(t, os.Rename(f.path, filepath.Join(dir, "systemd/private")))
	f.bus = false
	must(t, begun(t, l, nil).Remove(20*time.Second))
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.calls, "Hello") || slices.Contains(f.calls, "AddMatch") || !slices.Contains(f.calls, "StopUnit") {
		t.Errorf("calls: %v", f.calls)
	}
}

// TestSystemdHere takes this host's own v1 hierarchies: the made-up systemd
// makes the unit in those that a real one uses.
func TestSystemdHere(t *testing.T) {
	needRoot(t)
	l, err := Host()
	must(t, err)
	if l.Mode == ManagerV2 {
		t.Skip("the host has no v1 hierarchies")
	}
	f := newFake(t, false)
	var used []string
	for _, h := range l.Hierarchies {
		for _, c := range []string{"name=systemd", "cpu", "memory", "pids", "devices", "blkio"} {
			if slices.Contains(h.Controllers, c) && !slices.Contains(used, h.Mountpoint) {
				used = append(used, h.Mountpoint)
			}
		}
	}
	f.mounts = used
	slice := "rtunit" + strconv.Itoa(os.Getpid()) + ".slice"
	m, err := newSystemdOn(l, Options{ID: "x", Path: slice + ":rt:x"}, 20*time.Second)
	must(t, err)
	t.Cleanup(func() {
		_ = m.Remove(time.Second)
		for _, h := range l.Hierarchies {
			_ = os.Remove(filepath.Join(h.Mountpoint, slice))
		}
	})
	cmd := exec.Command("sleep", "100")
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	must(t, m.Create(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(33))},
		CPU: &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Cpus: "0"},
	}))
	must(t, m.Attach(cmd.Process.Pid))
	for c, dir := range m.Record().Paths {
		if c != "" && !strings.HasSuffix(dir, "/"+slice+"/rt-x.scope") {
			t.Errorf("%s is in %s", c, dir)
		}
		pids, err := procs(dir)
		if f.owns(dir) || c != "" {
			if err != nil || !slices.Contains(pids, cmd.Process.Pid) {
				t.Errorf("%s: processes %v, %v", c, pids, err)
			}
		}
	}
	for _, want := range [][3]string{{"memory", "memory.limit_in_bytes", "67108864"}, {"pids", "pids.max", "33"}, {"cpu", "cpu.shares", "512"}, {"cpuset", "cpuset.cpus", "0"}} {
		if got := value(t, m, want[0], want[1]); got != want[2] {
			t.Errorf("%s is %s, want %s", want[1], got, want[2])
		}
	}
	unit := f.unit("rt-x.scope")
	for name, want := range map[string]string{"MemoryLimit": "67108864", "TasksMax": "33", "CPUShares": "512", "CPUQuotaPerSecUSec": "500000",
		"Slice": slice, "BlockIOAccounting": "true", "DevicePolicy": "strict"} {
		if unit[name] != want {
			t.Errorf("%s is %v, want %s", name, unit[name], want)
		}
	}
	if _, ok := unit["AllowedCPUs"]; ok {
		t.Error("systemd was given a cpuset on v1")
	}
	again := reload(t, m)
	must(t, again.Freeze(true))
	frozen, err := again.Frozen()
	if err != nil || !frozen {
		t.Errorf("frozen %v, %v", frozen, err)
	}
	must(t, again.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20))}}))
	if got := value(t, m, "memory", "memory.limit_in_bytes"); got != "33554432" || f.unit("rt-x.scope")["MemoryLimit"] != "33554432" {
		t.Errorf("after Set: %s, %v", got, f.unit("rt-x.scope")["MemoryLimit"])
	}
	must(t, again.Kill(9))
	_ = cmd.Wait()
	must(t, again.Remove(10*time.Second))
	noneLeft(t, m)
	if f.unit("rt-x.scope") != nil {
		t.Error("the unit is still there")
	}
}

// owns tells whether a directory is one where this systemd has put the process.
func (f *fakeSystemd) owns(dir string) bool {
	return slices.ContainsFunc(f.mounts, func(m string) bool { return strings.HasPrefix(dir, m+"/") })
}

func TestMappedUID(t *testing.T) {
	const table = "         0       1000          1\n         1     100000      65536\n"
	for uid, want := range map[int]int{0: 1000, 1: 100000, 7: 100006, 70000: 70000} {
		if got := mappedUID(table, uid); got != want {
			t.Errorf("uid %d is %d, want %d", uid, got, want)
		}
	}
}

func TestLeadingNumber(t *testing.T) {
	for text, want := range map[string]int{"252 (252.39-1~deb12u2)": 252, "v245.4-1.fc32": 245, `"v249"`: 249, "257~rc1": 257, "x": 0, "": 0} {
		if got := leadingNumber(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestDisabled(t *testing.T) {
	m, err := New(Options{ID: "x", Disabled: true})
	must(t, err)
	must(t, m.Create(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1))}, Unified: map[string]string{"memory.high": "1"}}))
	warnings := strings.Join(m.Warnings(), "\n")
	for _, want := range []string{"controller memory: the limit is lost: there is no cgroup", "linux.resources.unified: lost"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("warnings lack %q:\n%s", want, warnings)
		}
	}
	must(t, m.Attach(os.Getpid()))
	r := m.Record()
	if r.Manager != ManagerNone || len(slices.Collect(maps.Keys(r.Paths))) != 0 {
		t.Errorf("record %+v", r)
	}
}

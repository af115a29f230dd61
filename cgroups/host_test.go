//lint:file-ignore SA1019 memory.kernel is tested as long as it is applied

package cgroups

// Tests on the kernel's own cgroups. They need root. TestHere runs on the host
// as it is; TestV1 and TestV2 run the same suite in a child with a private
// mount namespace, where cgroup2 is hidden, or is all there is.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

const modeVar, workVar = "RT_TEST_CGROUP_MODE", "RT_TEST_CGROUP_WORK"

func TestMain(m *testing.M) {
	if os.Getenv(workVar) != "" {
		work(os.Getenv(workVar))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work is what a process in a test's cgroup does. It begins after a line on
// stdin, so that it can be attached first.
func work(what string) {
	if dir, ok := strings.CutPrefix(what, "enter "); ok {
		enter(dir)
	} else if what == "nested" {
		nested()
		return
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	switch {
	case what == "hog":
		var keep [][]byte
		for range 256 {
			b := bytes.Repeat([]byte{1}, 1<<20)
			keep = append(keep, b)
		}
		_ = keep
	case strings.HasPrefix(what, "open "):
		fd, err := unix.Open(what[5:], unix.O_RDWR|unix.O_NONBLOCK, 0)
		if fd >= 0 {
			unix.Close(fd)
		}
		fmt.Println(err)
	case strings.HasPrefix(what, "exec "):
		fmt.Println(unix.Exec(what[5:], []string{what[5:]}, nil))
	}
}

func inChild(t *testing.T, mode string) {
	t.Helper()
	needRoot(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestInside$", "-test.v", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), modeVar+"="+mode)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestInside")) && !bytes.Contains(out, []byte("--- SKIP: TestInside")) {
		t.Errorf("mode %s: %v", mode, err)
	}
}

func TestV1(t *testing.T) { inChild(t, ManagerV1) }
func TestV2(t *testing.T) { inChild(t, ManagerV2) }

func TestHere(t *testing.T) {
	needRoot(t)
	suite(t)
}

func TestInside(t *testing.T) {
	mode := os.Getenv(modeVar)
	if mode == "" {
		t.Skip("runs in the child of TestV1 and TestV2 only")
	}
	must(t, unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	switch mode {
	case ManagerV2:
		// Where cgroup2 is all there is, it is in its place already.
		var fs unix.Statfs_t
		must(t, unix.Statfs(defaultMount, &fs))
		if fs.Type != unix.CGROUP2_SUPER_MAGIC {
			must(t, unix.Mount("none", defaultMount, "cgroup2", 0, ""))
		}
		// It is the same cgroup2 as the host's: leave it as it was.
		file := defaultMount + "/cgroup.subtree_control"
		before, err := readValue(file)
		must(t, err)
		t.Cleanup(func() {
			after, _ := readValue(file)
			for _, c := range strings.Fields(after) {
				if !strings.Contains(before, c) {
					must(t, writeFile(file, "-"+c))
				}
			}
		})
	case ManagerV1:
		for _, p := range []string{"/sys/fs/cgroup/unified"} {
			if _, err := os.Stat(p); err != nil {
				t.Skip("this host has no v1 hierarchies beside cgroup2: ", err)
			}
			must(t, unix.Mount("none", p, "tmpfs", 0, ""))
		}
	}
	l, err := Host()
	must(t, err)
	if l.Mode != mode {
		t.Fatalf("detected %+v, want mode %s", l, mode)
	}
	suite(t)
}

func suite(t *testing.T) {
	for _, tc := range []struct {
		name string
		f    func(*testing.T)
	}{
		{"Life", testLife}, {"Refusals", testRefusals}, {"Frozen", testFrozen}, {"ForkBomb", testForkBomb},
		{"Devices", testDevices}, {"Limits", testLimits}, {"OOM", testOOM}, {"RemoveWaits", testRemoveWaits}, {"Deep", testDeep},
		{"Hugetlb", testHugetlb}, {"SmallMemory", testSmallMemory}, {"Rootless", testRootless}, {"KillOne", testKillOne}, {"Park", testPark}, {"Join", testJoin},
		{"Threaded", testThreaded}, {"InTheWay", testInTheWay}, {"Evacuate", testEvacuate}, {"EmptyCpuset", testEmptyCpuset}, {"LimitsV2", testLimitsV2},
	} {
		t.Run(tc.name, tc.f)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for cgroups")
	}
	if _, err := Host(); err != nil {
		t.Skip("needs a cgroup file system: ", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fresh returns a Manager for a cgroup of the test's own; what is left of it is
// killed and removed at the end.
func fresh(t *testing.T) Manager {
	t.Helper()
	name := strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	m, err := New(Options{ID: "x", Path: fmt.Sprintf("/rt-test-%s-%d", name, os.Getpid())})
	must(t, err)
	t.Cleanup(func() {
		l, err := Load(m.Record())
		must(t, err)
		_ = l.Kill(unix.SIGKILL)
		if err := l.Remove(5 * time.Second); err != nil {
			t.Error("clean-up:", err)
		}
		noneLeft(t, m)
	})
	return m
}

func noneLeft(t *testing.T, m Manager) {
	t.Helper()
	for _, dir := range m.Record().Paths {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("left behind: %s (%v)", dir, err)
		}
	}
}

// spawn starts this binary as a worker in m; release lets it begin.
func spawn(t *testing.T, m Manager, what string) (cmd *exec.Cmd, out *bytes.Buffer, release func()) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = []string{workVar + "=" + what, "GOMAXPROCS=1"}
	out = &bytes.Buffer{}
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	must(t, m.Attach(cmd.Process.Pid))
	return cmd, out, func() { stdin.Close() }
}

func value(t *testing.T, m Manager, controller, file string) string {
	t.Helper()
	v, err := readValue(path.Join(m.Record().Paths[controller], file))
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	return v
}

func testLife(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	a, _, _ := spawn(t, m, "wait")
	b, _, _ := spawn(t, m, "wait")
	sub := path.Join(m.(*manager).lead().dir, "sub", "deeper")
	must(t, os.MkdirAll(sub, 0o755))
	must(t, writeFile(path.Join(sub, "cgroup.procs"), strconv.Itoa(b.Process.Pid)))

	for _, from := range []Manager{m, reload(t, m)} {
		got, err := from.Procs()
		must(t, err)
		want := []int{min(a.Process.Pid, b.Process.Pid), max(a.Process.Pid, b.Process.Pid)}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	s, err := reload(t, m).Stats()
	must(t, err)
	if s.Pids.Current < 2 {
		t.Errorf("two processes are counted as %d", s.Pids.Current)
	}
	if fd, ok := m.Dir(); ok != (m.Record().Paths[""] != "") || ok && fd < 0 {
		t.Error("Dir:", fd, ok)
	}
	checkDoors(t, m)
	must(t, m.Freeze(true))
	if f, err := m.Frozen(); !f || err != nil {
		t.Error("frozen:", f, err)
	}
	// A frozen process dies of SIGKILL once the freezer lets go of it.
	must(t, b.Process.Kill())
	must(t, reload(t, m).Thaw())
	wantSignal(t, b, unix.SIGKILL)
	must(t, m.Freeze(true))
	must(t, m.Kill(unix.SIGKILL)) // of a frozen one
	wantSignal(t, a, unix.SIGKILL)
	must(t, m.Remove(5*time.Second))
	noneLeft(t, m)
	must(t, m.Remove(0)) // twice is no error
	must(t, m.Kill(unix.SIGKILL))
	if p, err := m.Procs(); len(p) > 0 || err != nil {
		t.Error("procs of a removed cgroup:", p, err)
	}
	if f, err := m.Frozen(); f || err != nil {
		t.Error("frozen, removed:", f, err)
	}
}

func reload(t *testing.T, m Manager) Manager {
	t.Helper()
	l, err := Load(m.Record())
	must(t, err)
	return l
}

func wantSignal(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != sig {
			t.Errorf("%d ended with %v, want %v", cmd.Process.Pid, cmd.ProcessState, sig)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%d does not end", cmd.Process.Pid)
	}
}

// Signals other than SIGKILL reach all once, and the cgroup thaws after.
func testKillOne(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	a, _, _ := spawn(t, m, "wait")
	b, _, _ := spawn(t, m, "wait")
	must(t, m.Kill(unix.SIGTERM))
	wantSignal(t, a, unix.SIGTERM)
	wantSignal(t, b, unix.SIGTERM)
}

func testRefusals(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	a, _, _ := spawn(t, m, "wait")

	other, err := New(Options{ID: "y", Path: "/" + path.Base(m.(*manager).groups[0].dir)})
	must(t, err)
	if err := other.Create(nil); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "container's cgroup is not empty") {
		t.Error("create in a used cgroup:", err)
	}
	// Undoing the refused one must not touch the first.
	must(t, other.Kill(unix.SIGKILL))
	must(t, other.Remove(0))
	if got, err := m.Procs(); err != nil || len(got) != 1 || got[0] != a.Process.Pid {
		t.Error("the first one's process:", got, err)
	}

	bad := &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Type: "x"}}}
	n, err := New(Options{ID: "y", Path: fmt.Sprintf("/rt-test-parent-%d/child", os.Getpid())})
	must(t, err)
	if err := n.Create(bad); err == nil {
		t.Error("a bad device rule is accepted")
	}
	noneLeft(t, n)
	for _, dir := range n.Record().Paths {
		if _, err := os.Stat(path.Dir(dir)); err == nil {
			t.Errorf("parent left behind: %s", path.Dir(dir))
		}
	}
	if err := m.Attach(1 << 22); !errors.Is(err, unix.ESRCH) {
		t.Error("attach of no process:", err)
	}
	missing := &specs.LinuxResources{Network: &specs.LinuxNetwork{ClassID: ptr(uint32(1))}}
	if m.(*manager).v1Group("net_cls") == nil {
		if err := m.Set(missing); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "net_cls") {
			t.Error("net_cls:", err)
		}
	}
	uni := &specs.LinuxResources{Unified: map[string]string{"memory.min": "131072"}}
	err = m.Set(uni)
	switch m.Record().Manager {
	case ManagerV2:
		if !errors.Is(err, ErrUnavailable) && err != nil {
			t.Error("unified:", err)
		}
	default:
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "invalid configuration") {
			t.Error("unified:", err)
		}
	}
}

func testFrozen(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	must(t, m.Freeze(true))
	other, err := New(Options{ID: "y", Path: "/" + path.Base(m.(*manager).groups[0].dir)})
	must(t, err)
	if err := other.Create(nil); !errors.Is(err, ErrFrozen) {
		t.Error("create in a frozen cgroup:", err)
	}
	must(t, m.Freeze(false))
	if f, err := m.Frozen(); f || err != nil {
		t.Error("frozen:", f, err)
	}
	// Empty and thawed, it may be joined.
	again, err := New(Options{ID: "y", Path: "/" + path.Base(m.(*manager).groups[0].dir)})
	must(t, err)
	must(t, again.Create(nil))
	again.Close()
}

// A process that forks all the time is never the same twice: only freezing or
// cgroup.kill gets them all. Each forks once, so that no limit is needed, at
// which all forks could fail and the bomb go out.
func testForkBomb(t *testing.T) {
	dir := t.TempDir()
	stop, script := filepath.Join(dir, "stop"), filepath.Join(dir, "bomb")
	t.Cleanup(func() { _ = os.WriteFile(stop, nil, 0o600) })
	body := "#!/bin/sh\ntest -e " + stop + " && exit\n\"$0\" &\n"
	m := fresh(t)
	must(t, os.WriteFile(script, []byte(body), 0o700))
	must(t, m.Create(nil))
	for range 10 {
		cmd := exec.Command("/bin/sh", "-c", "read x; exec "+script)
		stdin, err := cmd.StdinPipe()
		must(t, err)
		must(t, cmd.Start())
		must(t, m.Attach(cmd.Process.Pid))
		stdin.Close()
		t.Cleanup(func() { _ = cmd.Wait() })
	}
	time.Sleep(150 * time.Millisecond)
	before, err := m.Procs()
	must(t, err)
	// How many of each chain are on their way to their end is the machine's affair.
	if len(before) == 0 || len(before) > 600 {
		t.Errorf("%d processes before the kill", len(before))
	}
	must(t, m.Kill(unix.SIGKILL))
	must(t, m.Remove(10*time.Second))
	noneLeft(t, m)
}

func testDevices(t *testing.T) {
	node := filepath.Join(t.TempDir(), "kmsg")
	must(t, unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 11))))
	m := fresh(t)
	must(t, m.Create(nil))
	try := func(file string) string {
		cmd, out, release := spawn(t, m, "open "+file)
		release()
		_ = cmd.Wait()
		return strings.TrimSpace(out.String())
	}
	if got := try("/dev/null"); got != "<nil>" {
		t.Error("/dev/null:", got)
	}
	if got := try(node); got != "operation not permitted" {
		t.Error("a device that is not allowed:", got)
	}
	rule := specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: "rw"}
	must(t, m.Set(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{rule}}))
	if got := try(node); got != "<nil>" {
		t.Error("allowed by an update:", got)
	}
	must(t, m.Set(&specs.LinuxResources{Pids: &specs.LinuxPids{}})) // no devices: they stay
	if got := try(node); got != "<nil>" {
		t.Error("after another update:", got)
	}
	must(t, m.Set(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{}}))
	if got := try(node); got != "operation not permitted" {
		t.Error("taken away by an update:", got)
	}
	if g := m.(*manager).v2Group(); g != nil && m.(*manager).v1Group("devices") == nil {
		fd, err := open(g.dir, unix.O_RDONLY)
		must(t, err)
		defer unix.Close(fd)
		ids, err := attachedPrograms(fd)
		if len(ids) != 1 || err != nil {
			t.Errorf("programs after updates: %v, %v", ids, err)
		}
	}
}

func testLimits(t *testing.T) {
	m := fresh(t)
	if m.(*manager).v1Group("memory") == nil {
		t.Skip("the memory controller is not in v1 here")
	}
	const mib = int64(1 << 20)
	must(t, m.Create(&specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(64 * mib), Swap: ptr(96 * mib), Reservation: ptr(32 * mib), Kernel: ptr(48 * mib), KernelTCP: ptr(16 * mib), Swappiness: ptr(uint64(20)), UseHierarchy: ptr(true)},
		CPU:     &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(20000)), Period: ptr(uint64(50000)), Burst: ptr(uint64(1000)), Cpus: "0"},
		Pids:    &specs.LinuxPids{Limit: ptr(int64(-1))},
		BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(300))},
	}))
	check := func(want map[[2]string]string) {
		t.Helper()
		for k, v := range want {
			if got := value(t, m, k[0], k[1]); got != v {
				t.Errorf("%s = %q, want %q", k[1], got, v)
			}
		}
	}
	check(map[[2]string]string{
		{"memory", "memory.limit_in_bytes"}: "67108864", {"memory", "memory.memsw.limit_in_bytes"}: "100663296",
		{"memory", "memory.soft_limit_in_bytes"}: "33554432", {"memory", "memory.swappiness"}: "20",
		{"cpu", "cpu.shares"}: "512", {"cpu", "cpu.cfs_quota_us"}: "20000", {"cpu", "cpu.cfs_period_us"}: "50000", {"cpu", "cpu.cfs_burst_us"}: "1000",
		{"cpuset", "cpuset.cpus"}: "0", {"cpuset", "cpuset.mems"}: "0", {"pids", "pids.max"}: "max", {"blkio", "blkio.bfq.weight"}: "300",
	})
	update := func(limit, swap int64) {
		t.Helper()
		must(t, reload(t, m).Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &swap}}))
		got := value(t, m, "memory", "memory.limit_in_bytes") + " " + value(t, m, "memory", "memory.memsw.limit_in_bytes")
		if want := fmt.Sprint(limit, " ", swap); got != want && limit > 0 {
			t.Errorf("memory, memory+swap = %s, want %s", got, want)
		}
	}
	update(128*mib, 256*mib) // both grow past the old swap
	update(32*mib, 32*mib)   // both shrink below the old memory
	update(40*mib, 48*mib)
	update(-1, -1)
	update(32*mib, 64*mib)
	must(t, m.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(5000)), Period: ptr(uint64(10000)), Burst: ptr(uint64(5000))}}))
	must(t, m.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(500000)), Burst: ptr(uint64(400000))}}))
	check(map[[2]string]string{{"cpu", "cpu.cfs_quota_us"}: "500000", {"cpu", "cpu.cfs_burst_us"}: "400000"})

	err := m.Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "99999"}})
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ERANGE) || !strings.Contains(err.Error(), "cpuset.cpus: write 99999: ") {
		t.Error("no such CPU:", err)
	}
	err = m.Set(&specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{LeafWeight: ptr(uint16(10))}})
	if !errors.Is(err, unix.ENOENT) || fault.Hint(err) == "" {
		t.Error("leaf weight:", err)
	}
	// What the kernel refuses last takes back what it took before.
	before := map[[2]string]string{}
	for _, k := range [][2]string{{"cpu", "cpu.shares"}, {"cpu", "cpu.cfs_quota_us"}, {"cpu", "cpu.cfs_period_us"}, {"cpu", "cpu.cfs_burst_us"},
		{"memory", "memory.limit_in_bytes"}, {"memory", "memory.memsw.limit_in_bytes"}, {"memory", "memory.oom_control"}, {"memory", "memory.swappiness"},
		{"pids", "pids.max"}, {"blkio", "blkio.bfq.weight"}, {"cpuset", "cpuset.cpus"}} {
		before[k] = value(t, m, k[0], k[1])
	}
	for _, grow := range []int64{1, 8} {
		err = reload(t, m).Set(&specs.LinuxResources{
			CPU:    &specs.LinuxCPU{Cpus: "0-1", Shares: ptr(uint64(700)), Quota: ptr(2500 * grow), Period: ptr(uint64(50000)), Burst: ptr(uint64(100))},
			Memory: &specs.LinuxMemory{Limit: ptr(16 * mib * grow), Swap: ptr(32 * mib * grow), DisableOOMKiller: ptr(true), Swappiness: ptr(uint64(7))},
			Pids:   &specs.LinuxPids{Limit: ptr(int64(44))}, BlockIO: &specs.LinuxBlockIO{Weight: ptr(uint16(77)), LeafWeight: ptr(uint16(10))}})
		if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "leaf_weight") {
			t.Error("leaf weight:", err)
		}
		check(before)
	}
}

func testOOM(t *testing.T) {
	m := fresh(t)
	limit := int64(32 << 20)
	err := m.Create(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit}})
	if errors.Is(err, ErrUnavailable) {
		t.Skip("no memory controller here")
	}
	must(t, err)
	if n, err := m.OOMKills(); n != 0 || err != nil {
		t.Error("before:", n, err)
	}
	watch, err := reload(t, m).WatchOOM()
	must(t, err)
	defer watch.Close()
	if watch.Happened() || pollUntil(watch.Fd(), time.Now().Add(10*time.Millisecond)) && watch.Happened() {
		t.Error("an OOM kill is told of before there was one")
	}
	cmd, _, release := spawn(t, m, "hog")
	release()
	// v2 wakes for whatever is in memory.events.
	for end := time.Now().Add(20 * time.Second); !watch.Happened(); {
		if !pollUntil(watch.Fd(), end) {
			t.Fatal("the OOM kill is not told of")
		}
	}
	wantSignal(t, cmd, unix.SIGKILL)
	if n, err := reload(t, m).OOMKills(); n == 0 || err != nil {
		t.Error("after:", n, err)
	}
	fill(t, m) // what is left of the killed may be nothing
	s, err := reload(t, m).Stats()
	must(t, err)
	if s.Memory.Usage.Limit != uint64(limit) || s.Memory.Usage.Usage == 0 || s.Memory.Swap.Limit != uint64(limit) ||
		len(s.Memory.Raw) == 0 || s.CPU.Usage.Total == 0 {
		t.Errorf("statistics after an OOM kill: %+v", s)
	}
	if err := m.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(4096)), CheckBeforeUpdate: ptr(true)}}); err == nil {
		t.Error("checkBeforeUpdate lets a limit below the usage pass")
	}
	must(t, m.Remove(5*time.Second))
	if !pollUntil(watch.Fd(), time.Now().Add(10*time.Second)) || watch.Happened() || watch.Fd() != -1 {
		t.Errorf("the end of the cgroup is taken for an OOM kill, or not noticed (descriptor %d)", watch.Fd())
	}
}

func testRemoveWaits(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	cmd, _, release := spawn(t, m, "wait")
	start := time.Now()
	err := m.Remove(50 * time.Millisecond)
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)+" (") || time.Since(start) > 2*time.Second {
		t.Error("remove of a used cgroup:", err)
	}
	time.AfterFunc(50*time.Millisecond, release)
	go func() { _ = cmd.Wait() }()
	must(t, m.Remove(5*time.Second))
	noneLeft(t, m)
}

// testDeep: a container that may make cgroups nests them deeper than a path can
// say, and has a process at the bottom.
func testDeep(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	cmd, _, _ := spawn(t, m, "wait")
	name := strings.Repeat("d", 200)
	for _, g := range m.(*manager).groups {
		fd, err := unix.Open(g.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(t, err)
		for range 50 {
			must(t, unix.Mkdirat(fd, name, 0o755))
			below, err := unix.Openat(fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			must(t, err)
			unix.Close(fd)
			fd = below
		}
		procs, err := unix.Openat(fd, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		must(t, err)
		if !slices.Contains(g.controllers, "cpuset") { // which takes none before it has CPUs
			_, err = unix.Write(procs, []byte(strconv.Itoa(cmd.Process.Pid)))
			must(t, err)
		}
		unix.Close(procs)
		unix.Close(fd)
	}
	pids, err := m.Procs()
	if err != nil || !slices.Contains(pids, cmd.Process.Pid) {
		t.Errorf("%v, %v, want %d", pids, err, cmd.Process.Pid)
	}
	must(t, m.Kill(unix.SIGKILL))
	wantSignal(t, cmd, unix.SIGKILL)
	must(t, m.Remove(5*time.Second))
	noneLeft(t, m)
}

// hugetlb is in cgroup2 on hybrid hosts that do not mount its v1 hierarchy.
func testHugetlb(t *testing.T) {
	m := fresh(t)
	g := m.(*manager).v2Group()
	if g == nil {
		t.Skip("no cgroup2 here")
	}
	top := m.(*manager).mountV2()
	sizes, _ := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-2048kB")
	avail, err := readList(top, "cgroup.controllers")
	must(t, err)
	if len(sizes) == 0 || !contains(avail, []string{"hugetlb"}) {
		t.Skip("no hugetlb controller in cgroup2 or no 2 MB pages here")
	}
	before, err := readList(top, "cgroup.subtree_control")
	must(t, err)
	if !contains(before, []string{"hugetlb"}) {
		t.Cleanup(func() { _ = writeFile(path.Join(top, "cgroup.subtree_control"), "-hugetlb") })
	}
	must(t, m.Create(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}}))
	for _, f := range []string{"hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"} {
		if got := value(t, m, "", f); got != "4194304" {
			t.Errorf("%s = %q", f, got)
		}
	}
	must(t, m.Set(&specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": "max"}}))
	if got := value(t, m, "", "hugetlb.2MB.max"); got != "max" {
		t.Errorf("hugetlb.2MB.max = %q", got)
	}
	err = m.Set(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "3MB", Limit: 1}}})
	if !errors.Is(err, unix.ENOENT) || !strings.Contains(fault.Hint(err), "huge pages of this size") {
		t.Error("3MB:", err)
	}
	must(t, m.Set(&specs.LinuxResources{Unified: map[string]string{"hugetlb.2MB.max": "6291456"}}))
	err = m.Set(&specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 2 << 20}, {Pagesize: "3MB", Limit: 1}}})
	if got := value(t, m, "", "hugetlb.2MB.max"); err == nil || got != "6291456" {
		t.Errorf("hugetlb.2MB.max = %q after an update that was refused (%v)", got, err)
	}
}

// A process of some 20 MB, parked while it grew, may enter a cgroup of 1 MiB
// and exec there.
func testSmallMemory(t *testing.T) {
	m := fresh(t)
	if m.(*manager).v1Group("memory") == nil {
		t.Skip("the memory controller is not in v1 here")
	}
	limit := int64(1 << 20)
	must(t, m.Create(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit}}))
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{workVar + "=exec /bin/true"}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, m.Park(cmd.Process.Pid)) // it is there already; a second time is no error
	time.Sleep(100 * time.Millisecond)
	must(t, m.Unpark(cmd.Process.Pid))
	if used, _ := parseUint(value(t, m, "memory", "memory.usage_in_bytes")); used > 512<<10 {
		t.Errorf("%d bytes are charged after a late attach", used)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		kills, _ := m.OOMKills()
		t.Errorf("/bin/true at 1 MiB: %v, %d OOM kills", err, kills)
	}
}

// A user who may not make cgroups gets none, and is told which limits are lost.
func testRootless(t *testing.T) {
	l, err := Host()
	must(t, err)
	ro := *l
	ro.Hierarchies = nil
	for _, h := range l.Hierarchies {
		h.Mountpoint = "/sys/kernel" // mkdir below answers EPERM, even to root
		ro.Hierarchies = append(ro.Hierarchies, h)
	}
	res := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 30))}}
	m, err := newOn(&ro, Options{ID: "x", Rootless: true, Path: "/x"})
	must(t, err)
	must(t, m.Create(res))
	if d := cmp.Diff(Record{Manager: ManagerNone, Paths: map[string]string{}, Rootless: true}, m.Record()); d != "" {
		t.Error(d)
	}
	if w := m.Warnings(); len(w) != 1 || !strings.Contains(w[0], "controller memory") || !strings.Contains(w[0], "the limit is lost") {
		t.Errorf("warnings: %q", w)
	}
	n := reload(t, m)
	must(t, n.Attach(os.Getpid()))
	must(t, n.Kill(unix.SIGKILL))
	must(t, n.Remove(0))
	if n.Freeze(true) == nil {
		t.Error("freezing without a cgroup")
	}
}

func testPark(t *testing.T) {
	m := fresh(t)
	must(t, m.Create(nil))
	cmd, _, _ := spawn(t, m, "wait")
	g := m.(*manager).charging()
	if g == nil {
		t.Skip("no memory controller here")
	}
	for _, step := range []struct {
		name string
		f    func(int) error
		want int
	}{{"Park", m.Park, 0}, {"Unpark", m.Unpark, 1}, {"Park after Load", reload(t, m).Park, 0},
		{"AttachParked", m.AttachParked, 0}, {"Attach", m.Attach, 1}} {
		must(t, step.f(cmd.Process.Pid))
		if got, err := procs(g.dir); len(got) != step.want || err != nil {
			t.Errorf("after %s: %v, %v", step.name, got, err)
		}
	}
}

// A cgroup that was there before outlives everything, also the container that
// came to live in it.
func testJoin(t *testing.T) {
	m := fresh(t)
	for _, dir := range m.Record().Paths {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	there := func() bool {
		_, err := os.Stat(m.(*manager).groups[0].dir)
		return err == nil
	}
	must(t, m.Kill(unix.SIGKILL))
	must(t, m.Remove(0))
	if !there() {
		t.Fatal("Remove before Create took somebody's cgroup")
	}
	if err := m.Create(&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Type: "x"}}}); err == nil {
		t.Fatal("a bad rule is accepted")
	}
	must(t, m.Remove(0))
	if !there() {
		t.Fatal("a Create that was refused took somebody's cgroup")
	}
	if m.(*manager).v1Group("cpuset") != nil { // whoever made it forgot to fill it
		must(t, writeFile(m.Record().Paths["cpuset"]+"/cpuset.cpus", "0"))
		must(t, writeFile(m.Record().Paths["cpuset"]+"/cpuset.mems", "0"))
	}
	must(t, m.Create(nil))
	spawn(t, m, "wait")
	must(t, m.Kill(unix.SIGKILL))
	for _, m := range []Manager{m, reload(t, m)} {
		must(t, m.Remove(5*time.Second))
		if !there() {
			t.Fatal("Remove took a cgroup that Create has not made")
		}
		if pids, err := m.Procs(); err != nil || len(pids) > 0 {
			t.Errorf("left in it: %v (%v)", pids, err)
		}
	}
	for _, g := range m.(*manager).groups {
		must(t, os.Remove(g.dir))
	}
}

// A parent that was made without CPUs and memory nodes gets them, all the way
// up.
func testEmptyCpuset(t *testing.T) {
	g := fresh(t).(*manager).v1Group("cpuset")
	if g == nil {
		t.Skip("the cpuset controller is not in v1 here")
	}
	top := fmt.Sprintf("/rt-test-empty-%d", os.Getpid())
	root := path.Dir(g.dir)
	must(t, os.MkdirAll(root+top+"/mid", 0o755))
	m, err := New(Options{ID: "x", Path: top + "/mid/box"})
	must(t, err)
	t.Cleanup(func() {
		must(t, m.Remove(5*time.Second))
		for _, dir := range m.Record().Paths {
			_, _ = os.Remove(path.Dir(dir)), os.Remove(path.Dir(path.Dir(dir)))
		}
	})
	must(t, m.Create(nil))
	for _, dir := range []string{root + top, root + top + "/mid", root + top + "/mid/box"} {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			want, err := readValue(path.Join(root, file))
			must(t, err)
			if got, err := readValue(path.Join(dir, file)); got != want || err != nil {
				t.Errorf("%s/%s = %q, want %q (%v)", dir, file, got, want, err)
			}
		}
	}
	spawn(t, m, "wait")
}

// testLimitsV2 is testLimits where the controllers are in cgroup2.
func testLimitsV2(t *testing.T) {
	m := fresh(t)
	avail, err := readList(m.(*manager).mountV2(), "cgroup.controllers")
	if m.Record().Manager != ManagerV2 || err != nil || !contains(avail, []string{"memory", "cpu", "cpuset", "pids"}) {
		t.Skip("memory, cpu, cpuset and pids are not in cgroup2 here")
	}
	const mib = int64(1 << 20)
	must(t, m.Create(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(64 * mib), Swap: ptr(96 * mib), Reservation: ptr(32 * mib)},
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(20000)), Period: ptr(uint64(50000)), Burst: ptr(uint64(1000)), Cpus: "0"},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(40))},
	}))
	check := func(when string, want map[string]string) {
		t.Helper()
		for file, v := range want {
			if got := value(t, m, "", file); got != v {
				t.Errorf("%s: %s = %q, want %q", when, file, got, v)
			}
		}
	}
	check("created", map[string]string{"memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "33554432", "cpu.weight": "59",
		"cpu.max": "20000 50000", "cpu.max.burst": "1000", "cpuset.cpus": "0", "pids.max": "40"})
	memory := func(limit, swap *int64) {
		t.Helper()
		must(t, reload(t, m).Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: limit, Swap: swap}}))
	}
	memory(ptr(128*mib), ptr(128*mib))
	check("grown", map[string]string{"memory.max": "134217728", "memory.swap.max": "0"})
	memory(nil, ptr(160*mib))
	check("swap alone", map[string]string{"memory.max": "134217728", "memory.swap.max": "33554432"})
	memory(ptr(32*mib), ptr(int64(-1)))
	check("all swap", map[string]string{"memory.max": "33554432", "memory.swap.max": "max"})
	must(t, reload(t, m).Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr(uint64(100000))}}))
	check("period alone", map[string]string{"cpu.max": "20000 100000"})
	must(t, reload(t, m).Set(&specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(500000)), Burst: ptr(uint64(400000))}}))
	check("burst above the old quota", map[string]string{"cpu.max": "500000 100000", "cpu.max.burst": "400000"})

	before := map[string]string{}
	for _, file := range []string{"memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpu.max", "cpu.max.burst", "cpuset.cpus", "pids.max"} {
		before[file] = value(t, m, "", file)
	}
	for _, grow := range []int64{1, 8} {
		err := reload(t, m).Set(&specs.LinuxResources{
			CPU:     &specs.LinuxCPU{Cpus: "0-1", Shares: ptr(uint64(700)), Quota: ptr(2500 * grow), Period: ptr(uint64(50000)), Burst: ptr(uint64(100))},
			Memory:  &specs.LinuxMemory{Limit: ptr(16 * mib * grow), Swap: ptr(32 * mib * grow), Reservation: ptr(mib)},
			Pids:    &specs.LinuxPids{Limit: ptr(int64(44))},
			Unified: map[string]string{"pids.none": "1"}})
		if !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "pids.none: write 1") {
			t.Error("a file that is not there:", err)
		}
		check("refused", before)
	}
	memory(ptr(int64(-1)), nil)
	check("lifted", map[string]string{"memory.max": "max", "memory.swap.max": "max"})
	fill(t, m)
	if err := m.Set(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(4096)), CheckBeforeUpdate: ptr(true)}}); err == nil {
		t.Error("checkBeforeUpdate lets a limit below the usage pass")
	}
	check("checked", map[string]string{"memory.max": "max"})
}

// fill charges a mebibyte of page cache to the cgroup.
func fill(t *testing.T, m Manager) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read x; head -c 1048576 /dev/zero >"+filepath.Join(t.TempDir(), "cache")+"; echo filled")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	var out bytes.Buffer
	cmd.Stdout = &out
	must(t, cmd.Start())
	must(t, m.Attach(cmd.Process.Pid))
	must(t, stdin.Close())
	if err := cmd.Wait(); err != nil || out.String() != "filled\n" {
		t.Fatalf("%v, %q", err, out.String())
	}
}

// checkDoors has a process go in by the doors: it is in each cgroup of v1 then.
func checkDoors(t *testing.T, m Manager) {
	t.Helper()
	doors, err := m.Doors()
	must(t, err)
	var dirs []string
	for controller, dir := range m.Record().Paths {
		if controller != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if len(doors) != len(dirs) {
		t.Fatalf("%d doors into %v", len(doors), dirs)
	}
	if len(doors) == 0 {
		return
	}
	script := ""
	cmd := exec.Command("/bin/bash", "-c", "") // sh of Debian knows no fd above 9
	for i, door := range doors {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(door), "tasks"))
		script += fmt.Sprintf("echo 0 >&%d; ", 3+i)
	}
	// The shell itself, not a child of it, is asked for.
	cmd.Args[2] = script + "cat /proc/$$/cgroup"
	out, err := cmd.Output()
	must(t, err)
	for _, f := range cmd.ExtraFiles {
		f.Close()
	}
	inside := 0
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if slices.ContainsFunc(dirs, func(dir string) bool { return f[0] != "0" && strings.HasSuffix(dir, f[2]) && f[2] != "/" }) {
			inside++
		}
	}
	if inside != len(dirs) {
		t.Errorf("in %d of %d cgroups:\n%s", inside, len(dirs), out)
	}
}

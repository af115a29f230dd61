package cgroups

// Tests of cgroup2 trees that get in the way: threaded ones, and those whose
// root has processes. They run in the suite of host_test.go.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// domainLimit is a limit of a controller that threaded cgroups cannot have, or
// nil where cgroup2 has none.
func domainLimit(t *testing.T) (c, file string, res *specs.LinuxResources) {
	t.Helper()
	avail, err := readList(defaultMount, "cgroup.controllers")
	must(t, err)
	if slices.Contains(avail, "memory") {
		return "memory", "memory.max", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}
	}
	if _, err := os.Stat("/sys/kernel/mm/hugepages/hugepages-2048kB"); err == nil && slices.Contains(avail, "hugetlb") {
		return "hugetlb", "hugetlb.2MB.max", &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 64 << 20}}}
	}
	t.Skip("neither memory nor hugetlb is in cgroup2 here")
	return "", "", nil
}

// parent makes a cgroup below the mount that is gone when the test ends.
func parent(t *testing.T, name string) string {
	t.Helper()
	dir := fmt.Sprintf("%s/rt-test-%s-%d", defaultMount, name, os.Getpid())
	must(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		if _, err := removeTree(dir, time.Now().Add(5*time.Second)); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func testThreaded(t *testing.T) {
	if fresh(t).Record().Manager != ManagerV2 {
		t.Skip("threaded cgroups are tested on pure v2")
	}
	controller, _, res := domainLimit(t)
	dir := parent(t, "threads")
	must(t, os.Mkdir(dir+"/worker", 0o755))
	must(t, writeFile(dir+"/worker/cgroup.type", "threaded"))
	make := func(name string) Manager {
		m, err := New(Options{ID: "x", Path: "/" + path.Base(dir) + name})
		must(t, err)
		return m
	}
	err := make("/limited").Create(res)
	if err == nil || !strings.Contains(err.Error(), "+"+controller) && !strings.Contains(err.Error(), "cannot have the controller "+controller) ||
		!strings.Contains(err.Error()+fault.Hint(err), "cgroup.type") || !strings.Contains(fault.Hint(err), "linux.cgroupsPath") {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
	if _, err := os.Stat(dir + "/limited"); err == nil {
		t.Error("a refused cgroup is left behind")
	}
	for _, name := range []string{"/beside", "/between/below", "/worker/inside"} {
		m := make(name)
		must(t, m.Create(nil))
		if kind, err := readValue(path.Join(dir, name, "cgroup.type")); kind != "threaded" || err != nil {
			t.Errorf("cgroup.type of %s: %q (%v)", name, kind, err)
		}
		cmd, _, _ := spawn(t, m, "wait")
		pids, err := m.Procs()
		if err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
			t.Errorf("processes of %s: %v, want %d (%v)", name, pids, cmd.Process.Pid, err)
		}
		must(t, m.Freeze(true))
		if f, err := m.Frozen(); !f || err != nil {
			t.Error("frozen:", f, err)
		}
		must(t, reload(t, m).Kill(unix.SIGKILL))
		wantSignal(t, cmd, unix.SIGKILL)
		must(t, m.Remove(5*time.Second))
	}
}

// On a host, processes of others are never moved.
func testInTheWay(t *testing.T) {
	if fresh(t).Record().Manager != ManagerV2 {
		t.Skip("processes in the way are tested on pure v2")
	}
	controller, _, res := domainLimit(t)
	dir := parent(t, "service")
	giveTop(t, controller)
	cmd := exec.Command("sleep", "100")
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	must(t, attach(dir, cmd.Process.Pid))
	m, err := New(Options{ID: "x", Path: "/" + path.Base(dir) + "/box"})
	must(t, err)
	if err := m.Create(res); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "cgroup.subtree_control: write +"+controller) ||
		!strings.Contains(fault.Hint(err), "a cgroup with processes of its own") {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
	if pids, err := procs(dir); len(pids) != 1 || err != nil {
		t.Errorf("processes after it: %v (%v)", pids, err)
	}
	// Without a limit there is nothing to be in the way of.
	must(t, m.Create(nil))
	spawn(t, m, "wait")
	if given, err := readList(dir, "cgroup.subtree_control"); len(given) > 0 || err != nil {
		t.Errorf("somebody's cgroup gives %v to its children now (%v)", given, err)
	}
}

// giveTop enables a controller at the top, as long as the test runs.
func giveTop(t *testing.T, controller string) {
	t.Helper()
	before, err := readList(defaultMount, "cgroup.subtree_control")
	must(t, err)
	must(t, writeFile(defaultMount+"/cgroup.subtree_control", "+"+controller))
	if !slices.Contains(before, controller) {
		t.Cleanup(func() { _ = writeFile(defaultMount+"/cgroup.subtree_control", "-"+controller) })
	}
}

// In a container, the processes at its root make way.
func testEvacuate(t *testing.T) {
	if fresh(t).Record().Manager != ManagerV2 {
		t.Skip("nested containers are tested on pure v2")
	}
	controller, _, _ := domainLimit(t)
	dir := parent(t, "outer")
	giveTop(t, controller)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workVar+"=enter "+dir)
	out, err := cmd.CombinedOutput()
	want := "limit 67108864\nroot " + controller + "\nown /init\nparked /init\nempty\n"
	if got := string(out); err != nil || got != want {
		t.Errorf("%v: %q, want %q", err, got, want)
	}
}

// enter puts this process, as the first one of a container, into dir with a
// cgroup namespace and goes on as "nested".
func enter(dir string) {
	runtime.LockOSThread()
	fail(attach(dir, os.Getpid()))
	fail(unix.Unshare(unix.CLONE_NEWCGROUP | unix.CLONE_NEWNS))
	fail(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	fail(unix.Unmount(defaultMount, unix.MNT_DETACH)) // the kernel refuses the same file system twice
	fail(unix.Mount("none", defaultMount, "cgroup2", 0, ""))
	fail(os.Setenv(workVar, "nested"))
	fail(unix.Exec("/proc/self/exe", os.Args[:1], os.Environ()))
}

// nested makes a container in a container.
func nested() {
	m, err := New(Options{ID: "box"})
	fail(err)
	avail, err := readList(defaultMount, "cgroup.controllers")
	fail(err)
	controller, file, res := "memory", "memory.max", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20))}}
	if !slices.Contains(avail, "memory") {
		controller, file, res = "hugetlb", "hugetlb.2MB.max", &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 64 << 20}}}
	}
	fail(m.Create(res))
	limit, err := readValue(defaultMount + "/box/" + file)
	fail(err)
	given, err := readList(defaultMount, "cgroup.subtree_control")
	fail(err)
	given = slices.DeleteFunc(given, func(c string) bool { return c != controller })
	own := func() string {
		v, err := readFile("/proc/self/cgroup")
		fail(err)
		_, p, _ := strings.Cut(string(v), "0::")
		return strings.TrimSpace(p)
	}
	fmt.Println("limit", limit)
	fmt.Println("root", strings.Join(given, " "))
	fmt.Println("own", own())
	fail(m.Attach(os.Getpid()))
	fail(m.Park(os.Getpid()))
	fmt.Println("parked", own())
	fail(m.Remove(time.Second))
	if pids, err := readFile(defaultMount + "/cgroup.procs"); len(pids) == 0 && err == nil {
		fmt.Println("empty")
	}
}

func fail(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

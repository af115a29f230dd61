// Package library uses libcontainer as an importing program does: a long-lived
// process with many containers, and a program of another module.
package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer"
	"rt/libcontainer/initstage"
	"rt/libcontainer/state"
	"rt/tests/harness"
)

// hand is the argument by which this program knows that it is an init: not the
// default one.
const hand = "container-init"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[2] == hand {
		os.Exit(initstage.Main(os.Args[3:]))
	}
	os.Exit(harness.Main(m))
}

// daemon is a Runtime and the bundle that its containers share.
type daemon struct {
	*libcontainer.Runtime
	t      *testing.T
	dir    string
	bundle string
}

func newDaemon(t *testing.T, spec *specs.Spec) *daemon {
	t.Helper()
	harness.Root(t)
	harness.Need(t, "busybox")
	dir, err := os.MkdirTemp("/tmp", "rt-lib-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := harness.Busybox(filepath.Join(dir, "rootfs")); err != nil {
		t.Fatal(err)
	}
	spec.Linux.Resources = nil
	if err := harness.SaveSpec(dir, spec); err != nil {
		t.Fatal(err)
	}
	rt := libcontainer.New(libcontainer.RuntimeOptions{
		Root: filepath.Join(dir, "state"), Init: []string{"", "-x", hand},
	})
	return &daemon{Runtime: rt, t: t, dir: dir, bundle: dir}
}

// options are those of the container number n; the id is unique on the host.
func (d *daemon) options(n int) libcontainer.CreateOptions {
	return libcontainer.CreateOptions{ID: filepath.Base(d.dir) + "-" + strconv.Itoa(n), Bundle: d.bundle}
}

// standing runs a container that stays until the test ends, and returns its id.
func (d *daemon) standing() string {
	d.t.Helper()
	o := d.options(0)
	o.Detach = true
	if _, err := d.Run(context.Background(), o); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = d.Delete(o.ID, true) })
	return o.ID
}

// usage is what a process may leak.
type usage struct{ fds, threads, goroutines, children int }

func (d *daemon) usage() usage {
	d.t.Helper()
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			d.t.Fatal(err)
		}
		return len(entries)
	}
	u := usage{fds: count("/proc/self/fd"), threads: count("/proc/self/task"), goroutines: runtime.NumGoroutine()}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if st, err := state.ParseStat(data); err == nil && st.Ppid == os.Getpid() {
			u.children++
		}
	}
	return u
}

// life is one container's: half of them in the foreground, half step by step.
func (d *daemon) life(n int) error {
	o := d.options(n)
	if n%2 == 0 {
		code, err := d.Run(context.Background(), o)
		if err != nil || code != 5 {
			return fmt.Errorf("run %d: exit %d, %w", n, code, err)
		}
		return nil
	}
	if err := d.Create(context.Background(), o); err != nil {
		return fmt.Errorf("create %d: %w", n, err)
	}
	if err := d.Start(o.ID); err != nil {
		return fmt.Errorf("start %d: %w", n, err)
	}
	code, err := d.Wait(context.Background(), o.ID)
	if err != nil || code != 5 {
		return fmt.Errorf("wait %d: exit %d, %w", n, code, err)
	}
	if err := d.Delete(o.ID, false); err != nil {
		return fmt.Errorf("delete %d: %w", n, err)
	}
	return nil
}

// many runs the containers from first to last, so many at a time.
func (d *daemon) many(first, last, atOnce int) {
	d.t.Helper()
	work := make(chan int)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for n := range work {
				if err := d.life(n); err != nil {
					d.t.Error(err)
				}
			}
		})
	}
	for n := first; n < last; n++ {
		work <- n
	}
	close(work)
	group.Wait()
}

// TestManyContainers: a daemon that has run 500 containers, 16 at a time, has
// no more fds, goroutines or children than before, and its threads are those
// that the first few have left in Go's pool.
func TestManyContainers(t *testing.T) {
	count := 500
	if testing.Short() || harness.Slow(1) > 1 {
		count = 60
	}
	d := newDaemon(t, harness.Spec("sh", "-c", "exit 5"))
	d.many(0, 40, 16)
	before := d.usage()
	d.many(40, 40+count, 16)
	var after usage
	for range 100 { // the last goroutines are on their way out
		if after = d.usage(); after.goroutines <= before.goroutines && after.children == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("before %+v, after %+v", before, after)
	if after.fds > before.fds || after.goroutines > before.goroutines || after.children > 0 {
		t.Errorf("left behind: before %+v, after %+v", before, after)
	}
	// 16 workers block in at most one call each, and Go keeps the threads.
	if after.threads > before.threads+16 {
		t.Errorf("threads: %d before, %d after", before.threads, after.threads)
	}
	list, broken, err := d.List()
	if len(list)+len(broken) > 0 || err != nil {
		t.Errorf("left: %d containers, %v, %v", len(list), broken, err)
	}
}

// TestWaiting: a running container costs the process an fd and a goroutine, no
// thread; its end is known to whoever asks later, and once it is deleted
// nothing is left.
func TestWaiting(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	before := d.usage()
	const count = 20
	for n := range count {
		o := d.options(n)
		o.Detach = true
		if _, err := d.Run(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Delete(o.ID, true) })
	}
	during := d.usage()
	if during.threads > before.threads+8 || during.fds > before.fds+2*count+4 {
		t.Errorf("before %+v, with %d containers %+v", before, count, during)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Wait(ctx, d.options(0).ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait with a deadline: %v", err)
	}
	for n := range count {
		id := d.options(n).ID
		if err := d.Kill(id, syscall.SIGKILL, false); err != nil {
			t.Error(err)
		}
		for range 2 { // also the second time
			if code, err := d.Wait(context.Background(), id); code != 137 || err != nil {
				t.Errorf("wait: %d, %v", code, err)
			}
		}
		if err := d.Delete(id, false); err != nil {
			t.Error(err)
		}
	}
	var after usage
	for range 100 { // the last goroutines are on their way out
		if after = d.usage(); after.goroutines <= before.goroutines && after.children == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("before %+v, after %+v", before, after)
}

// TestProcessIsLeftAlone: what the calling process is, it stays.
func TestProcessIsLeftAlone(t *testing.T) {
	spec := harness.Spec("sh", "-c", "ls /proc/self/fd | wc -l; exit 5")
	spec.Linux.Namespaces = nil
	for _, typ := range []specs.LinuxNamespaceType{specs.MountNamespace, specs.IPCNamespace, specs.UTSNamespace} {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: typ})
	}
	holder := newDaemon(t, harness.Spec("sleep", "1000"))
	st, err := holder.State(holder.standing())
	if err != nil {
		t.Fatal(err)
	}
	spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{
		Type: specs.NetworkNamespace, Path: fmt.Sprintf("/proc/%d/ns/net", st.Pid)})
	spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "readlink /proc/self/fd/* | grep leaked && exit 1; exit 0"}}}}
	d := newDaemon(t, spec)

	// Inherited by whatever is executed, as a daemon keeps them for its own
	// re-exec: it must not become close-on-exec, and not reach a container.
	leak, err := syscall.Open(filepath.Join(d.dir, "leaked"), syscall.O_CREAT|syscall.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	t.Setenv("NOTIFY_SOCKET", filepath.Join(d.dir, "notify"))
	t.Setenv("LISTEN_FDS", "7")
	// A child of the program's own must still be there to be waited for.
	child, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "exit 3"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	face := func() string {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for line := range strings.Lines(string(status)) {
			for _, key := range []string{"Umask:", "Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:"} {
				if strings.HasPrefix(line, key) {
					b.WriteString(line)
				}
			}
		}
		tasks, _ := filepath.Glob("/proc/self/task/*")
		seen := map[string]bool{}
		for _, task := range tasks {
			for _, ns := range []string{"net", "mnt", "uts", "ipc", "user", "cgroup", "pid_for_children"} {
				if l, err := os.Readlink(task + "/ns/" + ns); err == nil && !seen[l] {
					seen[l] = true
					b.WriteString(ns + " ")
				}
			}
		}
		cwd, _ := os.Getwd()
		flags, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", leak))
		b.WriteString(cwd + " " + string(flags))
		return b.String()
	}
	before := face()
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			out := filepath.Join(d.dir, "out"+strconv.Itoa(n))
			f, err := os.Create(out)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			o := d.options(n)
			o.Stdout = f
			if code, err := d.Run(context.Background(), o); code != 5 || err != nil {
				t.Errorf("run: %d, %v", code, err)
			}
			if b, _ := os.ReadFile(out); strings.TrimSpace(string(b)) != "4" { // 0, 1, 2 and ls's own
				t.Errorf("fds of the program: %q", b)
			}
		})
	}
	group.Wait()
	for range 100 { // threads that were elsewhere end
		if face() == before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if after := face(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if state, err := child.Wait(); err != nil || state.ExitCode() != 3 {
		t.Errorf("the program's own child: %v, %v", state, err)
	}
}

// TestCancel: the end of a context ends what is under way, and leaves nothing.
func TestCancel(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	before := d.usage()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Slow(300*time.Millisecond))
	defer cancel()
	code, err := d.Run(ctx, d.options(1))
	if code != 137 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("run: %d, %v", code, err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if err := d.Create(ended, d.options(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("create: %v", err)
	}
	if list, broken, _ := d.List(); len(list)+len(broken) > 0 {
		t.Errorf("left: %v, %v", list, broken)
	}
	for range 50 {
		if after := d.usage(); after.children == 0 && after.fds <= before.fds {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("before %+v, after %+v", before, d.usage())
}

// TestCancelInHook: the end of the context ends a run in whatever hook it is.
func TestCancelInHook(t *testing.T) {
	slow := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "exec sleep 100"}}}
	for kind, hooks := range map[string]*specs.Hooks{
		"createRuntime": {CreateRuntime: slow}, "createContainer": {CreateContainer: slow},
		"startContainer": {StartContainer: slow}, "poststart": {Poststart: slow},
	} {
		spec := harness.Spec("sleep", "1000")
		spec.Hooks = hooks
		d := newDaemon(t, spec)
		for _, detach := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(context.Background(), harness.Slow(300*time.Millisecond))
			o := d.options(1)
			o.Detach = detach
			begin := time.Now()
			_, err := d.Run(ctx, o)
			cancel()
			if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > harness.Slow(10*time.Second) {
				t.Errorf("%s, detached %v: %v after %v", kind, detach, err, took)
			}
			if list, broken, _ := d.List(); len(list)+len(broken) > 0 {
				t.Errorf("%s, detached %v: left: %v, %v", kind, detach, list, broken)
			}
		}
	}
}

// TestInitIsRt: the built rt is the init of another program's containers.
func TestInitIsRt(t *testing.T) {
	rt := harness.Find(t)
	rt.Only(t, "is not rt")
	d := newDaemon(t, harness.Spec("sh", "-c", "exit 5"))
	other := libcontainer.New(libcontainer.RuntimeOptions{Root: filepath.Join(d.dir, "state"), Init: []string{rt.Path, "init"}})
	if code, err := other.Run(context.Background(), d.options(1)); code != 5 || err != nil {
		t.Errorf("run: %d, %v", code, err)
	}
	nowhere := libcontainer.New(libcontainer.RuntimeOptions{Root: filepath.Join(d.dir, "state"), Init: []string{"/nowhere/rt", "init"}})
	if err := nowhere.Create(context.Background(), d.options(2)); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/nowhere/rt") {
		t.Errorf("create: %v", err)
	}
}

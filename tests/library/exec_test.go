package library

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer"
	"rt/tests/harness"
)

// TestExec: many processes by many goroutines, in the foreground and not, with
// the caller's files as theirs; the calling process is as it was before.
func TestExec(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	id := d.standing()
	leak, err := syscall.Open(filepath.Join(d.dir, "leaked"), syscall.O_CREAT|syscall.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	face := func() string {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		flags, _ := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", leak))
		return fmt.Sprintf("%v %s", limit, flags)
	}
	round := func() {
		var group sync.WaitGroup
		for n := range 8 {
			group.Go(func() { d.exec(id, n) })
		}
		group.Wait()
	}
	round() // what is opened once
	before, was := d.usage(), face()
	for range 5 {
		round()
	}
	var after usage
	for range 200 { // the detached ones end, and are reaped
		if after = d.usage(); after.children == before.children && after.goroutines <= before.goroutines {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if after.fds > before.fds || after.goroutines > before.goroutines || after.children > before.children {
		t.Errorf("left behind: before %+v, after %+v", before, after)
	}
	if is := face(); is != was {
		t.Errorf("before:\n%s\nafter:\n%s", was, is)
	}
}

func (d *daemon) exec(id string, n int) {
	out, err := os.Create(filepath.Join(d.dir, fmt.Sprintf("out%d", n)))
	if err != nil {
		d.t.Error(err)
		return
	}
	defer out.Close()
	p := harness.Spec("sh", "-c", "echo $A; ls /proc/self/fd | wc -l; exit 9").Process
	p.Env = append(p.Env, fmt.Sprintf("A=%d", n))
	if n%2 == 1 { // on a thread that is changed for it
		p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0"}
	}
	o := libcontainer.ExecOptions{ID: id, Process: p, Stdout: out, Stderr: out, Detach: n%4 == 3}
	r, err := d.Exec(context.Background(), o)
	switch {
	case err != nil:
		d.t.Errorf("exec %d: %v", n, err)
		return
	case o.Detach:
		return
	case r.Status != 9:
		d.t.Errorf("exec %d: exit %d", n, r.Status)
	}
	text, _ := os.ReadFile(out.Name())
	want := fmt.Sprintf("%d\n4\n", n) // 0, 1, 2 and ls's own
	if !strings.HasPrefix(string(text), want) {
		d.t.Errorf("exec %d: %q", n, text)
	}
}

// TestExecCancel: the end of a context ends the process.
func TestExecCancel(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	id := d.standing()
	p := harness.Spec("sleep", "1000").Process
	ctx, cancel := context.WithTimeout(context.Background(), harness.Slow(500*time.Millisecond))
	defer cancel()
	r, err := d.Exec(ctx, libcontainer.ExecOptions{ID: id, Process: p})
	if !errors.Is(err, context.DeadlineExceeded) || r.Status != 137 {
		t.Errorf("%+v, %v", r, err)
	}
	before := d.usage()
	gone, end := context.WithCancel(context.Background())
	end()
	for range 10 {
		if _, err := d.Exec(gone, libcontainer.ExecOptions{ID: id, Process: p}); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is over: %v", err)
		}
	}
	d.alone(id, before)
}

// TestExecCancelAnyTime: wherever on its way a context's end meets a process,
// nothing of it stays in the container, or is left to the caller.
func TestExecCancelAnyTime(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	id := d.standing()
	p := harness.Spec("sleep", "1000").Process
	once := func(after time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		defer cancel()
		r, err := d.Exec(ctx, libcontainer.ExecOptions{ID: id, Process: p})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %+v, %v", after, r, err)
		}
	}
	once(10 * time.Millisecond)
	before := d.usage()
	for n := range 300 {
		once(time.Duration(n) * 20 * time.Microsecond)
	}
	d.alone(id, before)
}

// TestExecCancelDetached: a detached process runs, or has met the end of the
// context on its way: then it is gone, and that is said.
func TestExecCancelDetached(t *testing.T) {
	d := newDaemon(t, harness.Spec("sleep", "1000"))
	id := d.standing()
	p := harness.Spec("sleep", "1000").Process
	running := 0
	for n := range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n)*100*time.Microsecond)
		_, err := d.Exec(ctx, libcontainer.ExecOptions{ID: id, Process: p, Detach: true})
		switch {
		case err == nil:
			running++
		case !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("%d: %v", n, err)
		}
		cancel()
	}
	pids, err := d.Processes(id)
	if err != nil || len(pids) != 1+running || running == 0 {
		t.Errorf("%d run, in the container: %v, %v", running, pids, err)
	}
}

// alone: the container has its first process only, and the caller has nothing
// that it had not before.
func (d *daemon) alone(id string, before usage) {
	d.t.Helper()
	pids, err := d.Processes(id)
	if err != nil || len(pids) != 1 {
		d.t.Errorf("in the container: %v, %v", pids, err)
	}
	if after := d.usage(); after.fds > before.fds || after.children > before.children {
		d.t.Errorf("left behind: before %+v, after %+v", before, after)
	}
}

//go:build clients

package containerd

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

// errors are what ctr says of a program that cannot be run.
func errors() []check {
	return []check{
		{"not-found", func(t *testing.T, e *engine) {
			e.run(t, nil, "nowhere").WantFailure(t, `exec: "nowhere": executable file not found in $PATH`)
		}},
		{"no-such-path", func(t *testing.T, e *engine) {
			e.run(t, nil, "/no/where").WantFailure(t, `exec: "/no/where": stat /no/where: no such file or directory`)
		}},
		{"directory", func(t *testing.T, e *engine) {
			e.run(t, nil, "/etc").WantFailure(t, `exec: "/etc": permission denied`)
		}},
		{"not-executable", func(t *testing.T, e *engine) {
			e.run(t, nil, "/etc/passwd").WantFailure(t, `exec: "/etc/passwd": permission denied`)
		}},
		{"cwd-is-a-file", func(t *testing.T, e *engine) {
			e.run(t, words("--cwd", "/etc/passwd"), "true").WantFailure(t, "ot a directory")
		}},
		{"no-such-mount-source", func(t *testing.T, e *engine) {
			e.run(t, words("--mount", "type=bind,src=/no/where,dst=/there,options=rbind"), "true").WantFailure(t, "/no/where", "no such file or directory")
		}},
		{"no-such-namespace", func(t *testing.T, e *engine) {
			e.run(t, words("--with-ns", "network:/run/netns/none"), "true").WantFailure(t, "/run/netns/none", "no such file or directory")
		}},
		{"nothing-is-left", func(t *testing.T, e *engine) { // and the name can be taken again
			e.run(t, nil, "nowhere").WantExit(t, 1)
			e.run(t, nil, "echo", "again").WantOutput(t, "again\n")
		}},
	}
}

// listen collects what `ctr events` prints.
func (e *engine) listen(t *testing.T) (saw func(texts ...string) bool) {
	t.Helper()
	cmd := e.command("events")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var mutex sync.Mutex
	var all []string
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			mutex.Lock()
			all = append(all, scan.Text())
			mutex.Unlock()
		}
	}()
	saw = func(texts ...string) bool {
		mutex.Lock()
		defer mutex.Unlock()
		for _, line := range all {
			found := 0
			for _, text := range texts {
				if strings.Contains(line, text) {
					found++
				}
			}
			if found == len(texts) {
				return true
			}
		}
		return false
	}
	// The stream is up when it shows an event of ours.
	for n := 0; !saw("listening"); n++ {
		if n > 200 {
			t.Fatal("ctr events shows nothing")
		}
		e.ctr(t, "namespaces", "label", "default", "listening="+strconv.Itoa(n)).WantExit(t, 0)
		pause()
	}
	return saw
}

func events() []check {
	return []check{
		{"of-a-life", func(t *testing.T, e *engine) {
			saw := e.listen(t)
			c := e.detached(t, nil, "sh", "-c", "exit 3")
			for _, topic := range words("/tasks/create", "/tasks/start", "/tasks/exit") {
				world.Until(t, topic, func() bool { return saw(topic, fmt.Sprintf("%q", id(t))) })
			}
			if !saw("/tasks/exit", fmt.Sprintf("%q", id(t)), `"exit_status":3`) {
				t.Error("the exit status is not in the event")
			}
			c.wantEnd(3) // the shim may end with the task, before it has sent /tasks/delete
		}},
		{"out-of-memory", func(t *testing.T, e *engine) {
			saw := e.listen(t)
			c := e.detached(t, words("--memory-limit", "33554432"), "sh", "-c", "until [ -e /go ]; do sleep 0.1; done; probe hog 200; echo survived; sleep 1000")
			c.exec(nil, "touch", "/go").WantExit(t, 0)
			c.printed("survived")
			world.Until(t, "/tasks/oom", func() bool { return saw("/tasks/oom", fmt.Sprintf("%q", c.id)) })
		}},
		{"pause-and-resume", func(t *testing.T, e *engine) {
			saw := e.listen(t)
			c := e.detached(t, nil, "sleep", "1000")
			c.task("pause", c.id).WantExit(t, 0)
			c.task("resume", c.id).WantExit(t, 0)
			for _, topic := range words("/tasks/paused", "/tasks/resumed") {
				world.Until(t, topic, func() bool { return saw(topic, fmt.Sprintf("%q", c.id)) })
			}
		}},
		{"of-an-exec", func(t *testing.T, e *engine) {
			saw := e.listen(t)
			c := e.detached(t, nil, "sleep", "1000")
			c.exec(nil, "true").WantExit(t, 0)
			for _, topic := range words("/tasks/exec-added", "/tasks/exec-started", "/tasks/exit") {
				world.Until(t, topic, func() bool { return saw(topic, fmt.Sprintf("%q", c.id)) })
			}
		}},
	}
}

// mishaps are done one after the other.
func mishaps() []check {
	return []check{
		{"init-killed-from-outside", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "sleep 1000 & wait")
			if err := syscall.Kill(c.pid(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			c.wantStatus("STOPPED")
			c.wantEnd(137)
		}},
		{"shim-killed", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sh", "-c", "sleep 1000 & wait")
			if err := syscall.Kill(c.shim(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			world.Until(t, "the end of the task", func() bool { return c.status() == "" || c.status() == "STOPPED" })
		}},
		{"containerd-restarted", func(t *testing.T, e *engine) { e.restarted(t, e.daemon.Stop) }},
		{"containerd-killed", func(t *testing.T, e *engine) { e.restarted(t, e.daemon.Kill) }},
		{"ended-while-containerd-was-away", func(t *testing.T, e *engine) {
			c := e.detached(t, nil, "sleep", "1000")
			pid, shim := c.pid(), c.shim()
			e.daemon.Stop()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			e.daemon.Start()
			var status string // 2.x cleans up by itself
			world.Until(t, "the end of the task", func() bool { status = c.status(); return status == "STOPPED" || status == "" })
			if status != "" {
				c.wantEnd(137)
			} else if !endsSoon(shim) {
				// It gives up a shim that takes its seconds on a busy machine.
				t.Logf("containerd has left shim %d: %v", shim, syscall.Kill(shim, syscall.SIGKILL))
			}
		}},
		{"50-at-once", func(t *testing.T, e *engine) {
			for round := range 3 {
				before := world.Snap()
				e.manyAtOnce(t, round, 50)
				before.Check(t)
			}
		}},
		{"features", func(t *testing.T, e *engine) {
			e.only(t, "2.x", "ctr plugins inspect-runtime")
			r := e.ctr(t, "plugins", "inspect-runtime", "--runtime", "io.containerd.runc.v2", "--runc-binary", e.runtime)
			r.WantExit(t, 0)
			for _, want := range words(`"ociVersionMin"`, `"CAP_SYS_ADMIN"`, `"seccomp"`) {
				if !strings.Contains(r.Stdout, want) {
					t.Errorf("no %s: %v", want, r)
				}
			}
		}},
	}
}

// restarted ends containerd and starts it again under running containers.
func (e *engine) restarted(t *testing.T, end func()) {
	t.Helper()
	a := e.named(t, id(t)+"-a", nil, "sh", "-c", "trap 'exit 8' TERM; while :; do echo tick; sleep 0.1; done")
	b := e.named(t, id(t)+"-b", nil, "sleep", "1000")
	a.printed("tick")
	pid := a.pid()
	b.task("pause", b.id).WantExit(t, 0)
	end()
	e.daemon.Start()
	a.wantStatus("RUNNING")
	b.wantStatus("PAUSED")
	if a.pid() != pid {
		t.Errorf("init was %d, is %d", pid, a.pid())
	}
	b.task("resume", b.id).WantExit(t, 0)
	b.exec(nil, "echo", "here").WantOutput(t, "here\n")
	a.exec(nil, "echo", "here").WantOutput(t, "here\n")
	a.task("kill", a.id).WantExit(t, 0)
	a.wantStatus("STOPPED")
	a.wantEnd(8)
}

// endsSoon waits some seconds for the end of a process that is not ours.
func endsSoon(pid int) bool {
	for end := time.Now().Add(harness.Slow(5 * time.Second)); time.Now().Before(end); pause() {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
	}
	return false
}

// shim is the process that init is a child of.
func (c *container) shim() int {
	c.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
	if err != nil {
		c.t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(string(data[strings.LastIndex(string(data), ")")+4:]), "%d", &pid); err != nil || pid <= 1 {
		c.t.Fatalf("the shim's pid: %d, %v", pid, err)
	}
	return pid
}

// manyAtOnce starts n containers at the same time, looks into each, and removes
// all at the same time.
func (e *engine) manyAtOnce(t *testing.T, round, n int) {
	t.Helper()
	each := func(what string, args func(id string) []string) {
		var waits []func() harness.Result
		for i := range n {
			waits = append(waits, harness.Start(t, e.command(args(fmt.Sprintf("many-%d-%d", round, i))...)))
		}
		for _, wait := range waits {
			if r := wait(); r.Code != 0 && !(what == "delete" && r.Code == 137) {
				t.Errorf("%s: %v", what, r)
			}
		}
	}
	each("run", func(id string) []string {
		return e.args(id, words("--detach", "--null-io", "--memory-limit", "67108864"), words("sleep", "1000"))
	})
	r := e.ctr(t, "tasks", "ls", "--quiet")
	if got := len(lines(r.Stdout)); got != n {
		t.Errorf("%d of %d run", got, n)
	}
	each("delete", func(id string) []string { return words("tasks", "delete", "--force", id) })
	each("remove", func(id string) []string { return words("containers", "delete", id) })
}

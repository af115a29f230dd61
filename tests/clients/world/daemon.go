//go:build clients

package world

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rt/tests/harness"
)

// Runtime is the absolute path of the runtime under test: $RT_CLIENT_RUNTIME,
// else $RT, else the built rt of this tree. With runc or crun there the same
// checklist must give the same results.
func Runtime(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("RT_CLIENT_RUNTIME"); path != "" {
		if _, err := os.Stat(path); err != nil || !filepath.IsAbs(path) {
			t.Fatalf("RT_CLIENT_RUNTIME=%s is not the absolute path of a runtime: %v", path, err)
		}
		return path
	}
	return harness.Find(t).Path
}

// Service is a daemon to run in the world.
type Service struct {
	Name  string
	Argv  []string // the program by its path
	Env   []string // beside the tests' own
	Ready func() error
}

// Process is a running [Service].
type Process struct {
	t       testing.TB
	service Service
	log     *os.File
	cmd     *exec.Cmd
	done    chan struct{} // closed when cmd has ended
}

var daemons atomic.Int64

// Daemon starts s, waits until s.Ready says nil, and stops it when the test
// ends. If that failed, the end of the daemon's log is printed; the whole goes
// to the directory $RT_CLIENT_LOGS, where that is given.
func Daemon(t testing.TB, s Service) *Process {
	t.Helper()
	path := filepath.Join(Dir(), fmt.Sprintf("%s-%d.log", s.Name, daemons.Add(1)))
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, service: s, log: log}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", s.Name, tail(p.Log(), 60))
		}
		if dir := os.Getenv("RT_CLIENT_LOGS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(p.Log()), 0o644); err != nil {
				t.Error(err)
			}
		}
		log.Close()
	})
	p.Start()
	return p
}

// Start starts the daemon, again after [Process.Stop] or [Process.Kill].
func (p *Process) Start() {
	p.t.Helper()
	p.cmd = exec.Command(p.service.Argv[0], p.service.Argv[1:]...)
	p.cmd.Env = append(os.Environ(), p.service.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.service.Name, err)
	}
	cmd, done := p.cmd, make(chan struct{})
	p.done = done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	end := time.Now().Add(harness.Slow(60 * time.Second))
	for {
		err := p.service.Ready()
		if err == nil {
			return
		}
		select {
		case <-done:
			p.t.Fatalf("%s ended at its start: %v", p.service.Name, cmd.ProcessState)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s is not ready: %v", p.service.Name, err)
		}
	}
}

// Pid is the daemon's process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop ends the daemon with SIGTERM. Nothing happens when it does not run.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Kill ends the daemon with SIGKILL.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%v to %s: %v", sig, p.service.Name, err)
	}
	select {
	case <-p.done:
	case <-time.After(harness.Slow(30 * time.Second)):
		p.t.Errorf("%s does not end on %v", p.service.Name, sig)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Log is all that the daemon has printed.
func (p *Process) Log() string {
	data, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Until waits until f is true and fails the test when that takes too long; what
// says what it waited for.
func Until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(harness.Slow(30 * time.Second)); !f(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}

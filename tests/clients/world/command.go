//go:build clients

package world

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"rt/tests/harness"
)

// Command runs a program to its end and fails the test when it hangs.
func Command(t testing.TB, argv ...string) harness.Result {
	t.Helper()
	return harness.Exec(t, exec.Command(argv[0], argv[1:]...))
}

// Input is Command with this standard input.
func Input(t testing.TB, stdin io.Reader, argv ...string) harness.Result {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = stdin
	return harness.Exec(t, cmd)
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

func trim(text string) string { return strings.TrimSpace(text) }

// Terminal is a program on a terminal of its own, and what it has printed.
type Terminal struct {
	t     testing.TB
	cmd   *exec.Cmd
	pty   console.Console
	mutex sync.Mutex
	text  bytes.Buffer
	ended chan struct{}
	err   error
}

// Pty starts a program on a new terminal of 80 columns and 24 rows.
func Pty(t testing.TB, argv ...string) *Terminal {
	t.Helper()
	pty, slave, err := console.NewPty()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Resize(console.WinSize{Width: 80, Height: 24}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(slave, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	x := &Terminal{t: t, cmd: exec.Command(argv[0], argv[1:]...), pty: pty, ended: make(chan struct{})}
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = tty, tty, tty
	x.cmd.Env = append(os.Environ(), "TERM=xterm")
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.read()
	go func() {
		x.err = x.cmd.Wait()
		close(x.ended)
	}()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		<-x.ended
		x.pty.Close()
	})
	return x
}

func (x *Terminal) read() {
	data := make([]byte, 4096)
	for {
		n, err := x.pty.Read(data)
		x.mutex.Lock()
		x.text.Write(data[:n])
		x.mutex.Unlock()
		if err != nil {
			return // EIO: nobody has the other end any more
		}
	}
}

// Text is all that came from the terminal until now.
func (x *Terminal) Text() string {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	return x.text.String()
}

// Type sends text, which may be control characters.
func (x *Terminal) Type(text string) {
	x.t.Helper()
	if _, err := x.pty.Write([]byte(text)); err != nil {
		x.t.Fatalf("type %q: %v", text, err)
	}
}

// Expect waits until text came.
func (x *Terminal) Expect(text string) {
	x.t.Helper()
	for end := time.Now().Add(harness.Slow(30 * time.Second)); !strings.Contains(x.Text(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("%q does not come on the terminal of %v: %q", text, x.cmd.Args, x.Text())
		}
	}
}

// Soon tells whether text comes within a second.
func (x *Terminal) Soon(text string) bool {
	for range 50 {
		if strings.Contains(x.Text(), text) {
			return true
		}
		time.Sleep(harness.Slow(20 * time.Millisecond))
	}
	return false
}

// Resize changes the terminal's size, and the program is told.
func (x *Terminal) Resize(columns, rows uint16) {
	x.t.Helper()
	if err := x.pty.Resize(console.WinSize{Width: columns, Height: rows}); err != nil {
		x.t.Fatal(err)
	}
}

// Wait waits for the program's end and returns its exit status.
func (x *Terminal) Wait() int {
	x.t.Helper()
	select {
	case <-x.ended:
	case <-time.After(harness.Slow(harness.Deadline)):
		x.t.Fatalf("%v hangs: %q", x.cmd.Args, x.Text())
	}
	var exit *exec.ExitError
	if x.err != nil && !errors.As(x.err, &exit) {
		x.t.Fatalf("%v: %v", x.cmd.Args, x.err)
	}
	return x.cmd.ProcessState.ExitCode()
}

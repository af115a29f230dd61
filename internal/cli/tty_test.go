package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

// pty opens a pair; the master is blocking, as one that came over a socket is.
func pty() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	_, path, err := console.NewPtyFromFile(master)
	if err != nil {
		return nil, nil, err
	}
	fd, err = unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return master, os.NewFile(uintptr(fd), path), nil
}

// onTerminal starts a shell script as the program of a container would be: in
// a session of its own on the slave, which it closes.
func onTerminal(slave *os.File, script string) (*exec.Cmd, error) {
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := cmd.Start()
	_ = slave.Close()
	return cmd, err
}

// terminalChild is the other process of TestTerminal: it plays `rt run` with a
// script on the container's terminal.
func terminalChild(script string) int {
	master, slave, err := pty()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	detach, err := attach(master)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer detach()
	cmd, err := onTerminal(slave, script)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

// A user's terminal, from attach to detach: size, resize, raw mode, input,
// output, and everything as it was afterwards.
func TestTerminal(t *testing.T) {
	master, slave, err := pty()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	// A copy with a deadline; Fd would make it blocking again.
	fd, err := sys.DupNonblock(int(master.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_ = master.Close()
	master = os.NewFile(uintptr(fd), "user")
	defer master.Close()
	if err := master.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	window := func(h, w uint16) {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: h, Col: w}); err != nil {
			t.Fatal(err)
		}
	}
	window(41, 101)
	before := termios(t, slave)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), `RT_TEST_TERMINAL=
		stty -echo; echo ready; stty size
		while read line; do
			case $line in size) stty size;; quit) printf 'one\ntwo\n'; exit 7;; *) echo "got $line";; esac
		done`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(master)
	expect := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("%q did not come: %v", want, lines.Err())
	}
	send := func(s string) {
		t.Helper()
		if _, err := io.WriteString(master, s); err != nil {
			t.Fatal(err)
		}
	}
	expect("ready")
	expect("41 101")
	during := termios(t, slave)
	if during.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Error("the user's terminal is not raw")
	}
	if during.Oflag&unix.OPOST == 0 {
		t.Error("nothing turns the container's newlines into those of a terminal")
	}
	send("hello\n")
	expect("got hello")
	window(52, 102)
	// The signal takes its time.
	for i := 0; ; i++ {
		send("size\n")
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		if strings.Contains(lines.Text(), "52 102") {
			break
		}
		if i == 100 {
			t.Fatalf("the new size did not arrive, but %q", lines.Text())
		}
		time.Sleep(20 * time.Millisecond)
	}
	send("quit\n")
	expect("one")
	expect("two")
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Error(err)
	}
	if after := termios(t, slave); after != before {
		t.Errorf("the user's terminal is not as it was:\n%+v\n%+v", before, after)
	}
}

// attachPipes runs a script on a terminal with pipes for a user.
func attachPipes(t *testing.T, in, script string) string {
	t.Helper()
	master, slave, err := pty()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	defer master.Close()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inR.Close()
	var buf bytes.Buffer
	copied := make(chan struct{})
	go func() { _, _ = io.Copy(&buf, outR); close(copied) }()
	cmd, err := onTerminal(slave, script)
	if err != nil {
		t.Fatal(err)
	}
	detach, err := newTerminal(master, inR, outW)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(inW, in)
	_ = inW.Close()
	_ = cmd.Wait()
	detach()
	_ = outW.Close()
	<-copied
	return buf.String()
}

func TestTerminalWithPipes(t *testing.T) {
	out := attachPipes(t, "hello\n", `stty -echo; read line; printf 'got %s\nend\n' "$line"`)
	if !strings.HasSuffix(out, "got hello\nend\n") { // the echo may come before stty
		t.Errorf("got %q", out)
	}
}

// All of the output arrives, also what was written just before the end.
func TestTerminalDrains(t *testing.T) {
	out := attachPipes(t, "", `seq 20000`)
	if n := strings.Count(out, "\n"); n != 20000 || !strings.HasSuffix(out, "\n20000\n") {
		t.Errorf("%d lines", n)
	}
}

// Something else than the container's session holds the pty open; rt must not
// wait for it.
func TestTerminalHeldOpen(t *testing.T) {
	master, slave, err := pty()
	if err != nil {
		t.Skip("no pseudo terminal: ", err)
	}
	defer master.Close()
	defer slave.Close()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inR.Close()
	defer inW.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer outR.Close()
	detach, err := newTerminal(master, inR, outW)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(slave, "last words\n"); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { detach(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("detach waits for the end of the pty")
	}
	_ = outW.Close()
	if got, err := io.ReadAll(outR); err != nil || string(got) != "last words\n" {
		t.Errorf("%q, %v", got, err)
	}
}

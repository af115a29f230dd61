package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"rt/tests/harness"
)

// drain reads a pty's master to its end (EIO once the last slave is closed).
func drain(t *testing.T, master *os.File) string {
	t.Helper()
	defer master.Close()
	var out strings.Builder
	buf := make([]byte, 4096)
	timer := time.AfterFunc(harness.Slow(15*time.Second), func() { master.Close() })
	defer timer.Stop()
	for {
		n, err := master.Read(buf)
		out.Write(buf[:n])
		if err != nil {
			if err != io.EOF && !strings.Contains(err.Error(), "input/output error") {
				t.Fatalf("the master: %v after %q", err, out.String())
			}
			return out.String()
		}
	}
}

func TestConsoleSocket(t *testing.T) {
	for _, command := range []string{"run", "create"} {
		t.Run(command, func(t *testing.T) {
			c := harness.New(t, sh("tty; stty size; stat -c '%u %g' $(tty); stat -c %t /dev/console; test -t 0 && test -t 1 && test -t 2 && echo all; [ $(readlink /proc/self/fd/0) = $(tty) ] && echo same"))
			c.Spec.Process.Terminal = true
			c.Spec.Process.ConsoleSize = &specs.Box{Width: 91, Height: 37}
			c.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
			accept := harness.Console(t, c.Host("tty.sock"))
			if command == "run" {
				c.Detached("--console-socket", c.Host("tty.sock"))
			} else {
				c.Create("--console-socket", c.Host("tty.sock"))
			}
			master := accept()
			if command == "create" {
				c.OK("start", c.ID)
			}
			got := strings.ReplaceAll(drain(t, master), "\r", "")
			want := "/dev/pts/0\n37 91\n1000 5\n88\nall\nsame\n"
			if got != want {
				t.Errorf("the terminal says %q, want %q", got, want)
			}
			c.Await(specs.StateStopped)
		})
	}
}

func TestTerminalNeedsConsoleSocket(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Spec.Process.Terminal = true
	c.TryCreate().WantFailure(t)
	c.CheckGone()
	c.Spec.Process.Terminal = false
	c.TryCreate("--console-socket", c.Host("none.sock")).WantFailure(t)
}

func TestForegroundTerminal(t *testing.T) {
	harness.Need(t, "script")
	c := harness.New(t, sh("tty; exit 6"))
	c.Spec.Process.Terminal = true
	c.Save()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	line := strings.Join(cmd.Args, " ")
	cmd.Path = harness.Need(t, "script")
	cmd.Args = []string{"script", "-qec", line, "/dev/null"}
	r := harness.Exec(t, cmd)
	if r.Code != 6 || !strings.Contains(r.Stdout, "/dev/pts/0") {
		t.Errorf("exit 6 and /dev/pts/0 wanted: %v", r)
	}
}

func TestOnlyStdioReachesTheContainer(t *testing.T) {
	c := harness.New(t, sh("for fd in /proc/self/fd/*; do echo ${fd##*/}; done"))
	c.Save()
	cmd := c.Command("run", "--bundle", c.Dir, c.ID)
	for range 15 { // as conmon leaves open
		f, err := os.Open("/")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	r := harness.Exec(t, cmd)
	// The shell itself holds the directory that the glob reads.
	if got := strings.Fields(r.Stdout); len(got) > 4 || fmt.Sprint(got[:3]) != "[0 1 2]" {
		t.Errorf("open in the container: %v: %v", got, r)
	}
}

// threeFiles are open files that say which fds they are to become.
func threeFiles(t *testing.T) (files []*os.File) {
	t.Helper()
	for _, text := range []string{"three\n", "four\n", "five\n"} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	return files
}

func TestPreserveFds(t *testing.T) {
	c := harness.New(t, sh("cat <&3; cat <&4; [ -e /proc/self/fd/5 ] && readlink /proc/self/fd/5; true"))
	c.Save()
	cmd := c.Command("run", "--preserve-fds", "2", "--bundle", c.Dir, c.ID)
	cmd.ExtraFiles = threeFiles(t)
	r := harness.Exec(t, cmd)
	if r.Code != 0 || !strings.HasPrefix(r.Stdout, "three\nfour\n") || strings.Contains(r.Stdout, "/f") {
		t.Errorf("fds 3 and 4 and no 5 wanted: %v", r)
	}
}

func TestListenFds(t *testing.T) {
	c := harness.New(t, sh("echo $LISTEN_FDS $LISTEN_PID $$; readlink /proc/$$/fd/3 | cut -c1-7"))
	c.Save()
	run := c.Command("run", "--bundle", c.Dir, c.ID)
	cmd := exec.Command("/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec "+strings.Join(run.Args, " "))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.Host("l.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.ExtraFiles = []*os.File{f}
	harness.Exec(t, cmd).WantOutput(t, "1 1 1\nsocket:\n")
}

func TestNotifySocket(t *testing.T) {
	c := harness.New(t, sh("/bin/probe notify READY=1; exec sleep 100"))
	harness.AddProbe(t, c.Rootfs)
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.Host("n.sock"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c.Save()
	cmd := c.Command("run", "--detach", "--bundle", c.Dir, c.ID)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+c.Host("n.sock"))
	wait := harness.Start(t, cmd)
	if err := l.SetReadDeadline(time.Now().Add(harness.Slow(15 * time.Second))); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), "READY=1") {
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("no READY=1, got %q: %v", got.String(), err)
		}
		got.Write(append(buf[:n], '\n'))
	}
	wait().WantExit(t, 0)
}

// TestNotifySocketGone: who cannot be told is not waited for.
func TestNotifySocketGone(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.sock")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{gone, file, "@rt-test-nobody"} {
		for _, commands := range [][]string{{"run --detach"}, {"create", "start"}} {
			c := harness.New(t, sh("exec sleep 100"))
			c.Runtime.Only(t, "is silent, or fails in start")
			c.Save()
			for _, command := range commands {
				args := append(strings.Fields(command), c.ID)
				if command != "start" {
					args = append(args, "--bundle", c.Dir)
				}
				cmd := c.Command(args...)
				cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+host)
				r := harness.Exec(t, cmd).WantExit(t, 0)
				if command != "create" && !strings.Contains(r.Stderr, "NOTIFY_SOCKET "+host) {
					t.Errorf("no warning: %v", r)
				}
			}
		}
	}
}

// TestCreatedInitHoldsNothing: what a container that waits for start has open.
func TestCreatedInitHoldsNothing(t *testing.T) {
	c := harness.New(t, sh("true"))
	c.Create()
	pid := c.Status().Pid
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Name() == "0" || e.Name() == "1" || e.Name() == "2":
		case strings.HasPrefix(target, "anon_inode:"), strings.HasPrefix(target, "socket:"), strings.HasPrefix(target, "pipe:"),
			target == "/", target == "/proc", strings.HasSuffix(target, "exec.fifo"):
		case strings.Contains(target, c.Runtime.Name):
		default:
			t.Errorf("fd %s of the created init is %s", e.Name(), target)
		}
	}
}

func TestPidfdSocket(t *testing.T) {
	c := harness.New(t, sh("sleep 100"))
	c.Runtime.Only(t, "--pidfd-socket came with runc 1.2")
	accept := harness.Console(t, c.Host("pidfd.sock"))
	c.Create("--pidfd-socket", c.Host("pidfd.sock"))
	pidfd := accept()
	defer pidfd.Close()
	wantPidfd(t, c, pidfd)
}

// wantPidfd checks that the fd is a pidfd of the container's init.
func wantPidfd(t *testing.T, c *harness.Container, pidfd *os.File) {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Pid:\t%d\n", c.Status().Pid); !strings.Contains(string(info), want) {
		t.Errorf("the fd is not of init: %q wanted in\n%s", want, info)
	}
}

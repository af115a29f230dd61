// Package harness is what the end-to-end tests stand on: a private world to
// run in, bundles made from busybox, the runtime under test, and a check that
// nothing is left behind. It knows no package of rt: it sees the program only
// from outside, so that it can drive any OCI runtime.
package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const worldEnv = "RT_TEST_WORLD"

// Main runs m's tests in a pid and a mount namespace of their own, so that
// whatever a broken runtime leaves (processes, mounts) ends with the tests.
// Orphans are reaped by a small init, as on a real host. TestMain passes its
// result to os.Exit. Without root the tests run where they are, and skip.
func Main(m *testing.M) int { return World{Inside: worldMounts}.Main(m) }

// World is what tests get for themselves. The program executes itself twice:
// as the init of its namespaces, and below that as the tests.
type World struct {
	Flags uintptr // namespaces beside pid and mount, as CLONE_NEW… flags

	// Outside, where it is given, runs in the host's namespaces before init
	// starts. It returns variables and files for init and the tests (the first
	// file is fd 3) and what to do when both have ended.
	Outside func() (env []string, files []*os.File, done func() error, err error)
	// Inside runs in init, on the thread that starts the tests: what that
	// thread unshares is theirs.
	Inside func() error
	// Left, where it is given, runs in init when the tests have ended and names
	// what they left behind; what is still there after a moment is a failure.
	Left func() []string
}

// Main runs m's tests in w. TestMain passes its result to os.Exit.
func (w World) Main(m *testing.M) int {
	switch os.Getenv(worldEnv) {
	case "":
		if os.Getuid() != 0 {
			return runTests(m)
		}
		return w.enter()
	case "init":
		return w.init()
	}
	return runTests(m)
}

// InWorld tells whether this is the process that runs the tests, in its world.
func InWorld() bool { return os.Getenv(worldEnv) == "test" }

func runTests(m *testing.M) int {
	defer func() {
		if probeDir != "" {
			_ = os.RemoveAll(probeDir)
		}
	}()
	return m.Run()
}

func (w World) enter() (code int) {
	runtime.LockOSThread() // Pdeathsig is about the thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), worldEnv+"=init")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | w.Flags,
		Pdeathsig:  syscall.SIGKILL,
	}
	if w.Outside != nil {
		env, files, done, err := w.Outside()
		if err != nil {
			fmt.Fprintln(os.Stderr, "harness:", err)
			return 1
		}
		cmd.Env, cmd.ExtraFiles = append(cmd.Env, env...), files
		defer func() {
			if err := done(); err != nil {
				fmt.Fprintln(os.Stderr, "harness:", err)
				code = 1
			}
		}()
	}
	err := cmd.Start()
	if err == nil {
		if w.Outside != nil { // an interrupted run must clean up too
			stop := make(chan os.Signal, 1)
			signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
			go func() {
				<-stop
				_ = cmd.Process.Kill()
			}()
		}
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	}
	fmt.Fprintln(os.Stderr, "harness: namespaces of the tests:", err)
	return 1
}

func (w World) init() int {
	runtime.LockOSThread()
	if err := w.Inside(); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	if err := os.Setenv(worldEnv, "test"); err != nil {
		return 1
	}
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for fd := uintptr(3); inherited(fd); fd++ {
		files = append(files, os.NewFile(fd, "inherited"))
	}
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: files})
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	code, err := Reap(child.Pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		code = 1
	}
	if w.Left == nil {
		return code
	}
	var left []string
	for end := time.Now().Add(Slow(5 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
		if left = w.Left(); len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, what := range left {
		fmt.Fprintln(os.Stderr, "left behind:", what)
		code = max(code, 1)
	}
	return code
}

// inherited tells whether fd came from the caller: Go's own are close-on-exec.
func inherited(fd uintptr) bool {
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// Reap waits for all children, orphans that have come to the caller among them,
// until process main has ended, and returns its status as a shell would.
func Reap(main int) (int, error) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case pid == main && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == main:
			return status.ExitStatus(), nil
		}
	}
}

func worldMounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	// `ip netns add` binds here; keep that off the host.
	if err := os.MkdirAll("/run/netns", 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/run/netns", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /run/netns: %w", err)
	}
	return nil
}

// OwnNull gives the caller's mount namespace a /dev/null of its own, made in dir,
// where devices must work: a runtime that gives what it has for its standard
// input to the container's user then gives away nothing of the host's.
func OwnNull(dir string) error {
	path := filepath.Join(dir, ".null") // it stays: what is removed cannot be bound again
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		return fmt.Errorf("mknod %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	if err := unix.Mount(path, "/dev/null", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s on /dev/null: %w", path, err)
	}
	return nil
}

// Root skips the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("root is missing")
	}
}

// Need skips the test when one of the programs is missing and returns the
// path of the first.
func Need(t testing.TB, programs ...string) string {
	t.Helper()
	var first string
	for i, program := range programs {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Skipf("the program %s is missing", program)
		}
		if i == 0 {
			first = path
		}
	}
	return first
}

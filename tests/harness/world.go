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
	"runtime"
	"syscall"
	"testing"
)

const worldEnv = "RT_TEST_WORLD"

// Main runs m's tests in a pid and a mount namespace of their own, so that
// whatever a broken runtime leaves (processes, mounts) ends with the tests.
// Orphans are reaped by a small init, as on a real host. TestMain passes its
// result to os.Exit. Without root the tests run where they are, and skip.
func Main(m *testing.M) int {
	switch os.Getenv(worldEnv) {
	case "":
		if os.Getuid() != 0 {
			return runTests(m)
		}
		return enterWorld()
	case "init":
		return worldInit()
	}
	return runTests(m)
}

func runTests(m *testing.M) int {
	defer func() {
		if probeDir != "" {
			_ = os.RemoveAll(probeDir)
		}
	}()
	return m.Run()
}

func enterWorld() int {
	runtime.LockOSThread() // Pdeathsig is about the thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), worldEnv+"=init")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
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

func worldInit() int {
	if err := worldMounts(); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	if err := os.Setenv(worldEnv, "test"); err != nil {
		return 1
	}
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "harness: wait:", err)
			return 1
		}
		if pid != child.Pid {
			continue
		}
		if status.Signaled() {
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
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

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Deadline is how long one call of the runtime may take before the test calls
// it a hang.
const Deadline = 60 * time.Second

var slowness = sync.OnceValue(func() time.Duration {
	if n, err := strconv.Atoi(os.Getenv("RT_TEST_SLOW")); err == nil && n > 0 {
		return time.Duration(n)
	}
	return 1
})

// Slow is d on a machine that is $RT_TEST_SLOW times slower than a usual one:
// for how long a test waits for what must come.
func Slow(d time.Duration) time.Duration { return d * slowness() }

// Some tells whether to run case i of many that are alike: all of them, or on
// a slow machine every fifth.
func Some(i int) bool { return slowness() == 1 || i%5 == 0 }

// Runtime is the program under test.
type Runtime struct {
	Path string
	Name string // first word of --version: "rt", "runc", "crun"
}

var find = sync.OnceValues(func() (Runtime, error) {
	path, given := os.LookupEnv("RT")
	if !given {
		root, err := ModuleRoot()
		if err != nil {
			return Runtime{}, err
		}
		path = filepath.Join(root, "rt")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Runtime{}, err
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return Runtime{}, fmt.Errorf("%s --version: %w", path, err)
	}
	name, _, _ := strings.Cut(string(out), " ")
	return Runtime{Path: path, Name: name}, nil
})

// Find returns the runtime under test: $RT, else the built rt of this tree. A
// missing one is a skip, or with $RT set a failure.
func Find(t testing.TB) Runtime {
	t.Helper()
	r, err := find()
	if err == nil {
		return r
	}
	if _, given := os.LookupEnv("RT"); given {
		t.Fatalf("the runtime under test: %v", err)
	}
	t.Skipf("the built runtime is missing (make build): %v", err)
	return r
}

// Is tells whether the runtime under test has this name.
func (r Runtime) Is(name string) bool { return r.Name == name }

// Only skips the test for another runtime than rt: what it asks is more than
// its peers do.
func (r Runtime) Only(t testing.TB, why string) {
	t.Helper()
	if !r.Is("rt") {
		t.Skipf("%s: %s", r.Name, why)
	}
}

// ModuleRoot returns the directory of the go.mod above the working directory.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == "/" {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Result is what one call of a program gave.
type Result struct {
	Args           []string
	Code           int // exit status, or 128+n
	Stdout, Stderr string
	Took           time.Duration
}

// String is the call with all that it printed, for failure messages.
func (r Result) String() string {
	return fmt.Sprintf("%s\nexit %d after %v\nstdout: %s\nstderr: %s", strings.Join(r.Args, " "), r.Code, r.Took.Round(time.Millisecond), r.Stdout, r.Stderr)
}

// Exec runs cmd to its end with files for stdout and stderr (a container that
// stays would keep pipes open) and fails the test when it hangs.
func Exec(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	wait := Start(t, cmd)
	return wait()
}

// Start starts cmd as Exec does and returns the function that waits for it.
func Start(t testing.TB, cmd *exec.Cmd) func() Result {
	t.Helper()
	dir := t.TempDir()
	stdout, stderr := create(t, filepath.Join(dir, "stdout")), create(t, filepath.Join(dir, "stderr"))
	if cmd.Stdout == nil {
		cmd.Stdout = stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = stderr
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return func() Result {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), Slow(Deadline))
		defer cancel()
		stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		hung := !stop()
		r := Result{Args: cmd.Args, Took: time.Since(begin), Stdout: slurp(t, stdout), Stderr: slurp(t, stderr)}
		var exit *exec.ExitError
		switch {
		case hung:
			t.Fatalf("hangs: %v", r)
		case errors.As(err, &exit):
			r.Code = exit.ExitCode()
			if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				r.Code = 128 + int(status.Signal())
			}
		case err != nil:
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		return r
	}
}

func create(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func slurp(t testing.TB, f *os.File) string {
	t.Helper()
	defer f.Close()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimRight(data, "\x00"))
}

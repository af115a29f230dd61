// Conformance runs the validation programs of the OCI runtime-tools with a
// runtime and holds what they say against the file of what is expected. The
// programs come from the module proxy, pinned by the module in validator/, and
// are kept built; nothing of them is in this tree.
//
//	conformance -runtime ./rt -expected FILE      judge rt
//	conformance -runtime ./rt -expected FILE -v2  the same where there is cgroup v2 alone
//	conformance -runtime ./rt -only '^hooks'      some programs
//	conformance -runtime /usr/sbin/runc -results FILE
//	conformance page …                            write docs/conformance.md
//	conformance compat -results FILE              is its part about runc's suite true?
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"rt/tests/harness/hierarchy"
)

type options struct {
	runtime  string
	module   string
	cache    string
	suite    string
	limit    time.Duration
	expected string
	results  string
	page     string
	only     string
	atOnce   int
	v2       bool
	verbose  bool
}

func main() {
	code, err := 0, error(nil)
	switch mode := argument(1); {
	case mode == "cell":
		code, err = inhabit(argument(2))
	case mode == "page":
		err = pageCommand(os.Args[2:])
	case mode == "compat":
		err = compatCommand(os.Args[2:])
	case os.Getenv(privateEnv) == "":
		code, err = private()
	default:
		code, err = runCommand(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func argument(n int) string {
	if n < len(os.Args) {
		return os.Args[n]
	}
	return ""
}

const privateEnv = "RT_CONFORMANCE_PRIVATE"

// private runs this program once more in a mount namespace of its own, where it
// can mount hierarchies that the host has no use for.
func private() (int, error) {
	if os.Getuid() != 0 {
		return 1, errors.New("root is needed")
	}
	// A ^C is for the other one, which clears up.
	signal.Ignore(os.Interrupt)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), privateEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

func runCommand(args []string) (int, error) {
	var o options
	set := flag.NewFlagSet("conformance", flag.ExitOnError)
	set.StringVar(&o.runtime, "runtime", "./rt", "the runtime's binary")
	set.StringVar(&o.module, "module", "tests/conformance/validator", "the module that pins the programs")
	set.StringVar(&o.cache, "cache", "", "where the built programs are kept; $XDG_CACHE_HOME/rt-tests without it")
	set.StringVar(&o.suite, "suite", "", "a directory of the cache to take the built programs from, whatever the module says")
	set.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one program may take; the longest takes 15 s, by its waits")
	set.StringVar(&o.expected, "expected", "", "the file of what is expected; without it nothing is judged")
	set.StringVar(&o.results, "results", "", "write program, test, outcome and reason here")
	set.StringVar(&o.page, "page", "", "a results page whose column of this runtime must be true")
	set.StringVar(&o.only, "only", "", "the programs whose names match")
	set.IntVar(&o.atOnce, "p", 6, "programs at a time; they mostly wait")
	set.BoolVar(&o.v2, "v2", false, "show the programs a host with cgroup v2 alone")
	set.BoolVar(&o.verbose, "v", false, "print what every program wrote")
	if err := set.Parse(args); err != nil {
		return 2, err
	}
	// What is asked of the host comes back to it whatever happens.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return 1, fmt.Errorf("make / private: %w", err)
	}
	if o.v2 {
		if err := hierarchy.Unified(); err != nil {
			return 1, err
		}
	}
	if err := conform(ctx, o); err != nil {
		return 1, err
	}
	return 0, nil
}

func conform(ctx context.Context, o options) error {
	began := time.Now()
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	runtime, err := filepath.Abs(o.runtime)
	if err != nil {
		return err
	}
	version, err := exec.Command(runtime, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", runtime, err)
	}
	var expected *expectations
	if o.expected != "" {
		if expected, err = loadExpectations(o.expected); err != nil {
			return err
		}
	}
	s := suite{o.suite}
	if o.suite == "" {
		if s, err = prepare(ctx, o.module, o.cache); err != nil {
			return err
		}
		fmt.Printf("%s: %.0f s\n", s.dir, time.Since(began).Seconds())
	}
	g, err := newGround(s, runtime)
	if err != nil {
		return err
	}
	g.limit = o.limit
	results, err := g.runAll(ctx, only, o.atOnce, expected)
	err = errors.Join(err, g.close())
	if err != nil {
		return err
	}
	if o.results != "" {
		if err := writeResults(o.results, firstLine(version), results); err != nil {
			return err
		}
	}
	bad := report(os.Stdout, results, expected, o.verbose)
	if expected != nil && o.only == "" {
		bad = append(bad, expected.unrun(results)...)
	}
	if o.page != "" {
		if wrong := checkPage(o.page, results); len(wrong) > 0 {
			bad = append(append(bad, wrong...), "`make conformance-page` writes "+o.page)
		}
	}
	fmt.Printf("%s after %.0f s\n", summary(results, expected), time.Since(began).Seconds())
	for _, line := range bad {
		fmt.Println("FAIL", line)
	}
	if len(bad) > 0 {
		return errors.New("not as expected")
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"rt/tests/harness/hierarchy"
)

// testLimit is what one test may take, over ten times what the slowest does
// (bats has a limit of its own, but the process that counts would be waited
// for by the tests that wait for all of theirs). An emulated guest is slower.
func (o options) testLimit() time.Duration {
	if o.ofTheHost() {
		return 90 * time.Second
	}
	return 5 * time.Minute
}

// run is one run of the suite.
type run struct {
	o        options
	g        ground
	expected exceptions
	dir      string // for temporary files, and the copy of the runtime
	cgroups  hierarchy.Set

	hadMissing bool // there was one before

	// stop ends with the signal that ends us: what runs is killed, and what was
	// made is removed.
	stop context.Context

	mu      sync.Mutex
	results []result
	wrong   []string
}

// ofTheHost: the world is made here, of namespaces.
func (o options) ofTheHost() bool { return o.world == "host" || o.world == "user" }

func newRun(o options, g ground, expected exceptions) (*run, error) {
	_, err := os.Lstat(missing)
	r := &run{o: o, g: g, expected: expected, hadMissing: err == nil}
	if o.ofTheHost() {
		all, err := hierarchy.Mounted()
		if err != nil {
			return nil, err
		}
		switch v1 := all.V1(); {
		case len(v1) == 0: // cgroup v2 alone: the suite runs in the one that is there
		case filepath.Base(o.runtime) == "crun":
			r.cgroups = v1 // Debian 12's cannot take a unified hierarchy beside v1
		default:
			r.cgroups = all
		}
	}
	dir, err := os.MkdirTemp("", "rt-compat-")
	if err != nil {
		return nil, err
	}
	r.dir = dir
	// User namespaces of the tests look at what is below it.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	// A copy: the help texts have the program's name in them, and what a
	// container has open is looked at.
	program, err := os.ReadFile(o.runtime)
	if err != nil {
		return nil, err
	}
	return r, os.WriteFile(filepath.Join(dir, "runc"), program, 0o755)
}

func (r *run) end() {
	_ = os.RemoveAll(r.dir)
	if !r.hadMissing {
		_ = os.RemoveAll(missing)
	}
}

// missing is what the suite gives as a state root that is not there; crun makes
// it, in the host's root.
const missing = "/non-existent-dir"

// all runs the files, some at a time, and what failed against expectation
// once more, alone: the suite has races of its own (a socket that is used
// before it listens), which a busy machine loses.
func (r *run) all(files []string) error {
	var ignore context.CancelFunc
	r.stop, ignore = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer ignore()
	queue := make(chan string)
	var workers sync.WaitGroup
	var errs []error
	for range max(r.o.parallel, 1) {
		workers.Go(func() {
			for file := range queue {
				err := r.file(file)
				r.mu.Lock()
				errs = append(errs, err)
				r.mu.Unlock()
			}
		})
	}
	for _, file := range files {
		if r.stop.Err() == nil {
			queue <- file
		}
	}
	close(queue)
	workers.Wait()
	if r.stop.Err() != nil {
		return errors.New("stopped")
	}
	return errors.Join(append(errs, r.again())...)
}

// file runs one file of the suite.
func (r *run) file(name string) error {
	text, err := os.ReadFile(filepath.Join(r.g.suite(), name+".bats"))
	if err != nil {
		return err
	}
	chosen, err := regexp.Compile(r.o.run)
	if err != nil {
		return err
	}
	names := slices.DeleteFunc(declared(string(text)), func(test string) bool { return !chosen.MatchString(test) })
	if len(names) == 0 {
		return nil
	}
	began := time.Now()
	results := r.tests(name, names)
	counts := map[outcome]int{}
	for _, result := range results {
		counts[result.outcome]++
	}
	fmt.Printf("%-26s %3d ok %3d not ok %3d skip %6.1f s\n", name, counts[passed], counts[failed], counts[skipped], time.Since(began).Seconds())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, results...)
	return nil
}

// tests runs these tests of a file, each run in a world of its own. A test
// that does not end takes its world with it: the ones after it get a new one.
func (r *run) tests(suite string, names []string) []result {
	var results []result
	for len(names) > 0 && r.stop.Err() == nil {
		out, err := r.bats(suite, names)
		t := parse(suite, out)
		results = append(results, t.results...)
		rest := t.without(names)
		if len(rest) == 0 {
			break
		}
		results = append(results, result{suite: suite, name: rest[0], outcome: failed, reason: fmt.Sprintf("did not end: %v", err), output: t.loose})
		names = rest[1:]
	}
	return results
}

// again runs what failed against expectation once more. What passes now is
// named, and passes.
func (r *run) again() error {
	if r.o.expected == "" {
		return nil
	}
	for i, old := range r.results {
		if wrong := r.expected.judge(old); wrong == "" || old.outcome != failed {
			continue
		}
		for _, new := range r.tests(old.suite, []string{old.name}) {
			fmt.Printf("once more, alone: %s: %s: %s\n", new.suite, new.name, new.outcome)
			r.results[i] = new
		}
	}
	return nil
}

// bindsMountNamespaces are the files of the suite that make a mount namespace
// and bind it to a path. The kernel lets nobody bind one that is older than the
// one it is bound in, and tells by its id. Linux 6.18 gives every processor ids
// in advance, so that a younger namespace that another processor made can pass
// for the older one: EINVAL. On one processor the ids only grow.
var bindsMountNamespaces = []string{"mounts_propagation_unsafe"}

// bats runs bats for these tests of a file and returns what it writes.
func (r *run) bats(suite string, names []string) (out string, err error) {
	tmp, err := os.MkdirTemp(r.dir, suite+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o1777); err != nil {
		return "", err
	}
	g, user, env := r.g, 0, inherited()
	if r.o.world == "user" {
		g, user, env = ground{groundForUser}, rootless, userEnv(filepath.Join(tmp, "aux"))
	}
	j := job{
		Args: []string{g.bats(), "--tap", "--timing", "--filter", filter(names), filepath.Join(g.suite(), suite+".bats")},
		Dir:  g.suite(),
		Tmp:  tmp,
		User: user, Ground: r.g.dir,
		Env: append([]string{
			"PATH=" + g.bin() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + os.Getenv("HOME"), "TERM=vt100", "LC_ALL=C",
			"TMPDIR=" + tmp, "RUNC=" + filepath.Join(r.dir, "runc"),
		}, env...),
		Name:    fmt.Sprintf("rt-compat-%d-%s", os.Getpid(), suite),
		Cgroups: r.cgroups,
		Bare:    !r.o.ofTheHost(),
		OneCPU:  slices.Contains(bindsMountNamespaces, suite),
	}
	defer func() { err = errors.Join(err, j.Cgroups.Remove(j.Name)) }()
	if err := j.Cgroups.Make(j.Name); err != nil {
		return "", err
	}
	if suite == "update" {
		// Time for real-time tasks, which only one cgroup can be given whole. If
		// another has it, the test says so.
		for _, h := range j.Cgroups.V1() {
			_ = hierarchy.Inherit(filepath.Join(h.Dir, j.Name), "cpu.rt_runtime_us")
		}
	}
	return r.command(j)
}

// inherited are the variables of ours that the suite knows as well: how the
// guest's worlds differ.
func inherited() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, prefix := range []string{"RUNC_USE_SYSTEMD=", "ROOTLESS_", "XDG_RUNTIME_DIR=", "DBUS_SESSION_BUS_ADDRESS="} {
			if strings.HasPrefix(v, prefix) {
				return false
			}
		}
		return true
	})
}

func (r *run) command(j job) (string, error) {
	out := listener{limit: r.o.testLimit()}
	cmd, err := j.start(&out, &out)
	if err != nil {
		return "", err
	}
	end := func() {
		_ = cmd.Process.Kill()
		if err := j.Cgroups.Thaw(j.Name); err != nil {
			fmt.Println(err)
		}
	}
	defer context.AfterFunc(r.stop, end)()
	out.late = time.AfterFunc(out.limit, end)
	err = cmd.Wait()
	if !out.late.Stop() {
		err = fmt.Errorf("nothing for %v", out.limit)
	}
	return out.text.String(), err
}

// listener keeps what it hears and puts off being late whenever a test ends.
type listener struct {
	text  bytes.Buffer
	late  *time.Timer
	limit time.Duration
}

func (l *listener) Write(data []byte) (int, error) {
	if l.late != nil && bytes.Contains(data, []byte("ok ")) {
		l.late.Reset(l.limit)
	}
	return l.text.Write(data)
}

// report prints what is wrong and the sum, and writes the results.
func (r *run) report(took time.Duration) (int, error) {
	sort.SliceStable(r.results, func(i, j int) bool { return r.results[i].suite < r.results[j].suite })
	counts := map[outcome]int{}
	var table strings.Builder
	if version, err := exec.Command(r.o.runtime, "--version").Output(); err == nil {
		first, _, _ := strings.Cut(string(version), "\n")
		table.WriteString("# " + first + "\n")
	}
	for _, t := range r.results {
		counts[t.outcome]++
		fmt.Fprintf(&table, "%s\t%s\t%s\t%s\n", t.suite, t.name, t.outcome, strings.ReplaceAll(t.reason, "\t", " "))
		r.judge(t)
	}
	if r.o.results != "" {
		if err := os.WriteFile(r.o.results, []byte(table.String()), 0o644); err != nil {
			return 2, err
		}
	}
	if !r.o.part {
		r.wrong = append(r.wrong, r.expected.stale()...)
	}
	for _, line := range r.wrong {
		fmt.Println("wrong:", line)
	}
	fmt.Printf("%s in %s: %d ok, %d not ok, %d skipped; %d not as expected; %.0f s\n", filepath.Base(r.o.runtime), r.o.world,
		counts[passed], counts[failed], counts[skipped], len(r.wrong), took.Seconds())
	if len(r.wrong) > 0 || counts[passed] == 0 {
		return 1, nil
	}
	return 0, nil
}

// judge holds a result against what is expected and prints what a failure said.
func (r *run) judge(t result) {
	wrong := ""
	if r.o.expected != "" {
		wrong = r.expected.judge(t)
	}
	if wrong != "" {
		r.wrong = append(r.wrong, t.suite+": "+t.name+": "+wrong)
	}
	if t.outcome == failed && (wrong != "" || r.o.verbose) {
		fmt.Printf("not ok: %s: %s\n    %s\n", t.suite, t.name, strings.Join(t.output, "\n    "))
	}
}

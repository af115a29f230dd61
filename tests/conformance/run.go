package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"rt/tests/harness/hierarchy"
)

// prefix begins the names of our cgroups; then come our pid and the program.
const prefix = "rt-conformance-"

// slow are the programs that take longest: they begin first.
func slow() []string {
	return []string{"delete", "kill", "pidfile", "pidfile_corrected", "linux_cgroups_cpus", "linux_rootfs_propagation"}
}

// result is what came of one program.
type result struct {
	program string
	output
	stdout, stderr string
	took           time.Duration
	want           *expectation
	missing        []string // facts about the host that want would need
	again          bool     // it was run a second time, alone
}

func (r result) counts() (ok, notOK, skip int) {
	for _, t := range r.tests {
		switch t.outcome {
		case passed:
			ok++
		case failed:
			notOK++
		case skipped:
			skip++
		}
	}
	return ok, notOK, skip
}

// ground is what the programs of one run share.
type ground struct {
	suite   suite
	runtime string
	cgroups hierarchy.Set
	temp    string
	limit   time.Duration // of one program
	mounted string        // a hierarchy of ours
}

// newGround looks at the host. It is called in a mount namespace of our own.
func newGround(s suite, path string) (*ground, error) {
	temp := filepath.Join(os.TempDir(), fmt.Sprint(prefix, os.Getpid()))
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	g := &ground{suite: s, runtime: path, temp: temp}
	err := g.mountNetwork()
	if err == nil {
		g.cgroups, err = hierarchy.Mounted()
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	// crun of Debian 12 cannot take a unified hierarchy beside v1.
	if v1 := g.cgroups.V1(); filepath.Base(path) == "crun" && len(v1) > 0 {
		g.cgroups = v1
	}
	if err := g.sweep(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// mountNetwork mounts net_cls and net_prio on a host that has v1 hierarchies
// but, as most, not this one.
func (g *ground) mountNetwork() error {
	now, err := hierarchy.Mounted()
	if err != nil || len(now.V1()) == 0 || now.Has("net_cls") || now.Has("net_prio") {
		return err
	}
	table, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return err
	}
	if cgroupsOf(string(table), "net_cls") == 0 || cgroupsOf(string(table), "net_prio") == 0 {
		return nil // not in this kernel
	}
	at := filepath.Join(g.temp, "network")
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	err = syscall.Mount("cgroup", at, "cgroup", 0, "net_cls,net_prio")
	if errors.Is(err, syscall.EBUSY) {
		return nil // somebody else has them, one by one
	}
	if err != nil {
		return fmt.Errorf("mount net_cls,net_prio: %w", err)
	}
	g.mounted = at
	return nil
}

// unmountNetwork leaves the two controllers as they were. The kernel keeps a
// hierarchy whose last mount goes while a removed cgroup is still on its way out.
func (g *ground) unmountNetwork() error {
	if g.mounted == "" {
		return nil
	}
	for range 250 {
		table, err := os.ReadFile("/proc/cgroups")
		if err != nil {
			return err
		}
		if cgroupsOf(string(table), "net_cls") <= 1 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return syscall.Unmount(g.mounted, 0)
}

// cgroupsOf tells from the text of /proc/cgroups how many cgroups a controller
// has, the root among them; 0 when it is not there.
func cgroupsOf(table, controller string) int {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == controller && f[3] == "1" {
			n, _ := strconv.Atoi(f[2])
			return n
		}
	}
	return 0
}

func (g *ground) close() error { return errors.Join(g.unmountNetwork(), os.RemoveAll(g.temp)) }

// sweep removes the cgroups and directories of runs that were killed.
func (g *ground) sweep() error {
	names, err := g.cgroups.Names(prefix)
	if err != nil {
		return err
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if gone(filepath.Base(dir)) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	for _, name := range names {
		if gone(name) {
			err = errors.Join(err, g.cgroups.Remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("what an earlier run left: %w", err)
	}
	return nil
}

// gone tells whether something is named after a process that is no more.
func gone(name string) bool {
	var pid int
	_, err := fmt.Sscanf(name, prefix+"%d", &pid)
	return err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// runAll runs the programs that match, some at a time. One that is not good is
// run again when it is alone: beside others, its time may be short, and some
// runtimes lose races.
func (g *ground) runAll(ctx context.Context, only *regexp.Regexp, atOnce int, expected *expectations) ([]result, error) {
	names, err := g.suite.programs()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !only.MatchString(name) })
	if len(names) == 0 {
		return nil, errors.New("no program has such a name")
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	results := make([]result, len(names))
	failures := make([]error, len(names))
	work := make(chan int)
	var workers sync.WaitGroup
	for range max(atOnce, 1) {
		workers.Go(func() {
			runtime.LockOSThread() // the cells die with the thread that began them
			for i := range work {
				results[i], failures[i] = g.run(ctx, names[i], expected)
			}
		})
	}
	for i := range names {
		work <- i
	}
	close(work)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i, r := range results {
		if failures[i] != nil || r.good() {
			continue
		}
		alone, err := g.run(ctx, names[i], expected)
		if alone.again = true; expected != nil || alone.good() {
			results[i] = alone
		}
		failures[i] = err
	}
	slices.SortFunc(results, func(a, b result) int { return strings.Compare(a.program, b.program) })
	return results, errors.Join(failures...)
}

// good: as expected, or without a complaint where nothing is expected.
func (r result) good() bool {
	if r.want != nil {
		return len(r.want.judge(r, r.missing)) == 0
	}
	return r.tally().clean()
}

func rank(name string) int {
	if slices.Contains(slow(), name) {
		return 0
	}
	return 1
}

// run runs one program in a cell of its own.
func (g *ground) run(ctx context.Context, name string, expected *expectations) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, g.limit)
	defer cancel()
	r := result{program: name}
	if expected != nil {
		r.want, r.missing = expected.pick(name, g.holds)
	}
	temp := filepath.Join(g.temp, name)
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp+"/tmp", 0o755)); err != nil {
		return r, err
	}
	c := cell{
		Argv:    []string{g.suite.program(name)},
		Env:     []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C", "TMPDIR=" + temp + "/tmp", "RUNTIME=" + g.runtime},
		Dir:     g.suite.dir,
		Temp:    temp + "/tmp",
		Name:    fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), name),
		Cgroups: g.cgroups,

		HostNetwork: strings.HasSuffix(name, "_network"),
	}
	began := time.Now()
	code, err := g.wait(ctx, c, temp, &r)
	r.took = time.Since(began)
	if err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	r.output = parse(r.stdout)
	switch {
	case code == lost:
		return r, fmt.Errorf("%s: no cell for it: %s", name, r.stderr)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.errors = append(r.errors, "did not end in "+g.limit.String())
	case ctx.Err() != nil:
		return r, ctx.Err()
	case code != 0:
		r.errors = append(r.errors, fmt.Sprintf("exit status %d", code))
	}
	return r, nil
}

// wait runs the cell to its end, or kills it, and removes its cgroups.
func (g *ground) wait(ctx context.Context, c cell, temp string, r *result) (code int, err error) {
	var files [2]*os.File
	for i, name := range []string{"stdout", "stderr"} {
		f, err := os.Create(filepath.Join(temp, name))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		files[i] = f
	}
	defer func() { err = errors.Join(err, g.cgroups.Remove(c.Name)) }()
	if err := g.cgroups.Make(c.Name); err != nil {
		return 0, err
	}
	cmd, err := c.start(files[0], files[1])
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // its init: all of the cell dies
	err = cmd.Wait()
	stop()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	for i, text := range []*string{&r.stdout, &r.stderr} {
		data, err := os.ReadFile(files[i].Name())
		if err != nil {
			return 0, err
		}
		*text = string(data)
	}
	return cmd.ProcessState.ExitCode(), nil
}

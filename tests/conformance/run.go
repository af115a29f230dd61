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
	"strings"
	"sync"
	"syscall"
	"time"

	"rt/tests/harness/hierarchy"
)

// limit is how long one program may take; the longest takes 15 s by its waits.
const limit = 2 * time.Minute

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
	missing        []string // facts about the host that it would need
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
	mounted string // a hierarchy of ours
}

// newGround looks at the host. It is called in a mount namespace of our own.
func newGround(s suite, path string) (*ground, error) {
	temp, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	g := &ground{suite: s, runtime: path, temp: temp}
	if err := g.mountNetwork(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	if g.cgroups, err = hierarchy.Mounted(); err != nil {
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

// mountNetwork mounts net_cls and net_prio on a host that has v1 hierarchies,
// and these two controllers free: hosts seldom mount them. They are free again
// when we unmount them.
func (g *ground) mountNetwork() error {
	now, err := hierarchy.Mounted()
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/cgroups")
	if err != nil || len(now.V1()) == 0 || !free(string(table), "net_cls") || !free(string(table), "net_prio") {
		return err
	}
	at := filepath.Join(g.temp, "network")
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("cgroup", at, "cgroup", 0, "net_cls,net_prio"); err != nil {
		return fmt.Errorf("mount net_cls,net_prio: %w", err)
	}
	g.mounted = at
	return nil
}

// free tells from the text of /proc/cgroups whether a controller is there and
// in no v1 hierarchy.
func free(table, controller string) bool {
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == controller {
			return f[1] == "0" && f[3] == "1"
		}
	}
	return false
}

func (g *ground) close() error {
	var err error
	if g.mounted != "" {
		err = syscall.Unmount(g.mounted, 0)
	}
	return errors.Join(err, os.RemoveAll(g.temp))
}

// sweep removes the cgroups of runs that were killed.
func (g *ground) sweep() error {
	names, err := g.cgroups.Names(prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		var pid int
		if _, err := fmt.Sscanf(name, prefix+"%d", &pid); err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		if err := g.cgroups.Remove(name); err != nil {
			return fmt.Errorf("what an earlier run left: %w", err)
		}
	}
	return nil
}

// runAll runs the programs that match, some at a time. One that is not as
// expected is run again when it is alone: beside others, its time may be short.
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
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i, r := range results {
		if failures[i] == nil && expected != nil && len(verdict(r, expected)) > 0 {
			results[i], failures[i] = g.run(ctx, names[i], expected)
			results[i].again = true
		}
	}
	slices.SortFunc(results, func(a, b result) int { return strings.Compare(a.program, b.program) })
	return results, errors.Join(failures...)
}

func rank(name string) int {
	if slices.Contains(slow(), name) {
		return 0
	}
	return 1
}

// run runs one program in a cell of its own.
func (g *ground) run(ctx context.Context, name string, expected *expectations) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := result{program: name}
	if expected != nil {
		if x := expected.of(name); x != nil {
			r.missing = g.missing(x.needs)
		}
	}
	temp, err := os.MkdirTemp(g.temp, name+"-")
	if err != nil {
		return r, err
	}
	c := cell{
		Argv:    []string{g.suite.program(name)},
		Env:     []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "LANG=C", "TMPDIR=" + temp + "/tmp", "RUNTIME=" + g.runtime},
		Dir:     g.suite.dir,
		Temp:    temp + "/tmp",
		Name:    fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), name),
		Cgroups: g.cgroups,
	}
	if err := os.Mkdir(c.Temp, 0o755); err != nil {
		return r, err
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
		r.errors = append(r.errors, "did not end in "+limit.String())
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

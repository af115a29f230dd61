package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// job is a package's tests, or a part of them.
type job struct {
	pkg   pkg
	names []string
	err   error // of listing them
}

// jobs lists the tests of each package. A package of many is split in two, for
// the processors to share.
func (o options) jobs(packages []pkg) []job {
	const many = 80
	var all []job
	for _, p := range packages {
		listed, err := exec.Command(p.binary, "-test.list", o.run).Output()
		names := tests(string(listed), os.Getuid() == 0)
		if err != nil || len(names) <= many {
			all = append(all, job{p, names, err})
			continue
		}
		var half [2][]string
		for i, name := range names {
			half[i%2] = append(half[i%2], name)
		}
		all = append(all, job{p, half[0], nil}, job{p, half[1], nil})
	}
	return all
}

// outcome is a job that was run.
type outcome struct {
	pkg    pkg
	record *record
	broken []string // what failed beside the tests themselves
	took   time.Duration
	// unsteady are the tests that passed alone after they had failed.
	unsteady []string
}

// maxUnsteady is how many tests may fail once in all: an emulated machine that is
// busy with other tests starves one now and then. They are named at the end.
const maxUnsteady = 3

// again runs the tests that failed once more, alone, if they are so few.
func (o options) again(outs []outcome) {
	names, count := make([][]string, len(outs)), 0
	for i, out := range outs {
		for _, r := range out.record.results {
			if r.top() && r.status == failed {
				names[i] = append(names[i], r.name)
				count++
			}
		}
	}
	if count > maxUnsteady {
		return
	}
	for i := range outs {
		// A binary that died, or a test that is missing, is another matter.
		if out := &outs[i]; len(names[i]) > 0 && slices.Equal(out.broken, []string{testsFailed}) {
			say("once more, alone: %s %s", out.pkg.path, strings.Join(names[i], " "))
			if !o.test(job{pkg: out.pkg, names: names[i]}).failed() {
				out.forgive(names[i])
			}
		}
	}
}

// testsFailed is the end of a test binary of which a test has failed.
const testsFailed = "the test binary: exit status 1"

func (o *outcome) forgive(names []string) {
	for _, r := range o.record.results {
		top, _, _ := strings.Cut(r.name, "/")
		if r.status == failed && slices.Contains(names, top) {
			r.status = passed
		}
	}
	o.broken, o.unsteady = nil, names
}

// test runs the tests of a job and reports each as it ends.
func (o options) test(j job) outcome {
	begin, p := time.Now(), j.pkg
	out := outcome{pkg: p, record: newRecord()}
	if j.err != nil {
		out.broken = append(out.broken, fmt.Sprintf("its tests cannot be listed: %v", j.err))
	}
	if len(j.names) > 0 {
		if err := o.stream(j, out.record); err != nil {
			out.broken = append(out.broken, err.Error())
		}
	}
	out.broken = append(out.broken, out.record.missing(j.names)...)
	for _, t := range out.record.results {
		if t.status == skipped && !o.lacks.allows(t.reason) {
			out.broken = append(out.broken, fmt.Sprintf("%s skips, and this world is not known to lack it: %s", t.name, t.reason))
		}
	}
	out.took = time.Since(begin)
	if out.failed() {
		say("%s\n%s", p.path, strings.Join(append(out.record.loose, out.broken...), "\n"))
	}
	return out
}

// stream runs the binary and feeds what it prints to the record.
func (o options) stream(j job, r *record) error {
	p, run := j.pkg, "^("+strings.Join(j.names, "|")+")$"
	// The binary ends itself, with the stacks of all goroutines; this is for
	// one that cannot.
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, "-test.v=test2json", "-test.run", run, "-test.timeout", o.timeout.String())
	cmd.Dir = p.dir
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			if t := r.line(lines.Text()); t != nil && t.top() {
				announce(p, r, t)
			}
		}
	}()
	err = cmd.Wait()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		// Something that outlives the tests has their output open.
		_ = read.SetReadDeadline(time.Now())
		<-done
		return fmt.Errorf("a process that the tests left behind holds their output")
	}
	if err != nil {
		return fmt.Errorf("the test binary: %w", err)
	}
	return nil
}

// announce prints how a test ended: a line, and all that it said if it failed.
// Skips are told at the end, by their reasons.
func announce(p pkg, r *record, t *result) {
	if t.status == skipped || r.hollow(t) {
		return
	}
	line := fmt.Sprintf("%s  %-32s %s (%.2fs)", t.status, strings.TrimPrefix(p.path, "rt/"), t.name, t.took.Seconds())
	if t.status == failed {
		line += "\n" + strings.Join(r.below(t.name), "\n")
	}
	say("%s", line)
}

func (o outcome) failed() bool {
	if len(o.broken) > 0 {
		return true
	}
	for _, t := range o.record.results {
		if t.status == failed {
			return true
		}
	}
	return false
}

// say writes a whole message with one call, so that those of packages that run
// at the same time do not mix.
func say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n") + "\n"
	_, _ = os.Stdout.WriteString(text)
}

// totals are the counts over all packages; a package that failed without a
// failed test counts as one.
type totals struct {
	passed, failed, skipped int
	failures, lines         []string
	unsteady                []string
	skips                   map[string][]string // by reason
}

func (t *totals) add(o outcome) {
	name := filepath.ToSlash(o.pkg.path)
	anyFailed := false
	for _, r := range o.record.results {
		if r.status == skipped {
			if t.skips == nil {
				t.skips = map[string][]string{}
			}
			t.skips[r.reason] = append(t.skips[r.reason], r.name)
		}
		switch {
		case !r.top():
		case r.status == skipped || o.record.hollow(r):
			t.skipped++
		case r.status == passed:
			t.passed++
		case r.status == failed:
			t.failed++
			anyFailed = true
			t.failures = append(t.failures, name+" "+r.name)
		}
	}
	for _, test := range o.unsteady {
		t.unsteady = append(t.unsteady, name+" "+test)
	}
	for _, what := range o.broken {
		t.failures = append(t.failures, name+": "+what)
	}
	if len(o.broken) > 0 && !anyFailed {
		t.failed++
	}
	verdict := "ok  "
	if o.failed() {
		verdict = "FAIL"
	}
	t.lines = append(t.lines, fmt.Sprintf("%s\t%s\t%.3fs", verdict, name, o.took.Seconds()))
}

func (t *totals) print(world string, took time.Duration) {
	for _, reason := range slices.Sorted(maps.Keys(t.skips)) {
		names := t.skips[reason]
		text := strings.Join(names[:min(len(names), 3)], ", ")
		if len(names) > 3 {
			text += ", …"
		}
		say("skipped as %s: %d: %s (%s)", world, len(names), reason, text)
	}
	for _, what := range t.unsteady {
		say("failed as %s, and passed when it ran alone: %s", world, what)
	}
	for _, what := range t.failures {
		say("failed as %s: %s", world, what)
	}
	say("%s\n%s: %d passed, %d failed, %d skipped in %.0f s", strings.Join(t.lines, "\n"), world, t.passed, t.failed, t.skipped, took.Seconds())
}

// save appends the counts to the file, a line for each world.
func (t *totals) save(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f, "%d %d %d\n", t.passed, t.failed, t.skipped); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

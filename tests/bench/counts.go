package main

// counts.go reads a trace of strace into numbers. The tracer slows a run
// down, so nothing here is a time.

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// counts is what one run did, over all of its processes, the container's
// program among them.
type counts struct {
	syscalls  int
	processes int // made, the first one included
	atOnce    int // most processes that lived at one moment
	threads   int // made besides each process's first
	execs     int
	bytesRead int
	// naps are the sleeps of the Go scheduler's watcher thread, part of
	// syscalls. They do no work, and their number tells how long the tracer
	// and the machine's load have stretched the run: no budget holds for it.
	naps int
}

const traces = 5 // an odd number: the median is one of them

// budget is what one call may cost, over all processes, once its seccomp
// filter is cached. It keeps what has been reached: the calls of a quiet run and
// a tenth for the scheduler's mood on a busy machine.
type budget struct {
	syscalls, execs, atOnce, threads, bytesRead int
	// below names a peer that must make more system calls.
	below string
}

// scene is one command that is counted.
type scene struct {
	name   string
	args   func(*subject) []string
	budget budget
	// left ends what the call leaves behind, so that its tracer ends. Such a
	// scene is rt's alone.
	left func(*subject) []string
	// before and after are calls that make and unmake what it needs; they are
	// not counted.
	before, after func(*subject) [][]string
	// cold: the first time is of interest.
	cold bool
}

func scenes() []scene {
	create := func(s *subject) []string { return s.command("create", "--bundle", s.bundle(""), s.id()) }
	remove := func(s *subject) []string { return s.command("delete", "--force", s.id()) }
	calls := func(of ...func(*subject) []string) func(*subject) [][]string {
		return func(s *subject) (all [][]string) {
			for _, call := range of {
				all = append(all, call(s))
			}
			return all
		}
	}
	return []scene{
		{
			name: "run /bin/true", cold: true,
			args: func(s *subject) []string { return s.run("", s.id()) },
			budget: budget{
				syscalls: 1090, threads: 8, bytesRead: 36_000,
				execs:  3, // rt, rt init, the program
				atOnce: 2, // rt and what becomes the program
			},
		},
		{
			name: "create", args: create, left: remove,
			budget: budget{syscalls: 1050, threads: 8, bytesRead: 45_000, execs: 2, atOnce: 2},
		},
		{
			name: "start", before: calls(create), after: calls(remove),
			args:   func(s *subject) []string { return s.command("start", s.id()) },
			budget: budget{syscalls: 380, threads: 7, bytesRead: 8_000, execs: 1, atOnce: 1},
		},
		{
			name: "exec /bin/true",
			args: func(s *subject) []string { return s.command("exec", s.standing(), "/bin/true") },
			budget: budget{
				syscalls: 580, threads: 7, bytesRead: 32_000,
				execs:  3, // rt, the joiner, the program
				atOnce: 3, // the three
				below:  "crun",
			},
		},
		{
			name:   "state",
			args:   func(s *subject) []string { return s.command("state", s.standing()) },
			budget: budget{syscalls: 345, threads: 7, bytesRead: 6_000, execs: 1, atOnce: 1},
		},
		{
			name:   "list of 1",
			args:   func(s *subject) []string { return s.command("list") },
			budget: budget{syscalls: 345, threads: 7, bytesRead: 6_000, execs: 1, atOnce: 1},
		},
		{
			name: "kill", before: calls(create), after: calls(remove),
			args:   func(s *subject) []string { return s.command("kill", s.id(), "KILL") },
			budget: budget{syscalls: 360, threads: 7, bytesRead: 6_000, execs: 1, atOnce: 1},
		},
		{
			name: "delete --force", before: calls(create), args: remove,
			budget: budget{syscalls: 390, threads: 7, bytesRead: 8_000, execs: 1, atOnce: 1},
		},
		{
			name:   "features",
			args:   func(s *subject) []string { return s.command("features") },
			budget: budget{syscalls: 330, threads: 7, bytesRead: 6_000, execs: 1, atOnce: 1},
		},
		{
			name:   "--version",
			args:   func(s *subject) []string { return []string{s.path, "--version"} },
			budget: budget{syscalls: 315, threads: 7, bytesRead: 4_000, execs: 1, atOnce: 1},
		},
	}
}

// countAll counts every scene on every runtime, and says which of rt's are over
// their budget.
func countAll(subjects []*subject, keep string) error {
	fmt.Printf("\nDocker's default configuration; counts are over all processes\n")
	var over []error
	for _, sc := range scenes() {
		those := subjects
		if sc.left != nil {
			those = subjects[:1]
		}
		for _, s := range those {
			err := s.count(sc, keep)
			if err != nil && s != subjects[0] {
				// A peer need not know what rt does.
				fmt.Printf("%s: %s: not counted: %v\n", sc.name, s.name, err)
				s.counts, err = counts{}, nil
			}
			if err != nil {
				return fmt.Errorf("%s: %s: %w", s.name, sc.name, err)
			}
		}
		sc.printCounts(those)
		over = append(over, sc.within(those))
	}
	return errors.Join(over...)
}

// count traces a scene some times, of which the one in the middle counts.
// For a scene with a cold first time there is one more.
func (s *subject) count(sc scene, keep string) error {
	if _, err := exec.LookPath("strace"); err != nil {
		return errors.New("strace is missing")
	}
	n := traces
	if s.name != "rt" {
		n = 1 // only ours are held to anything, and theirs are no threads' mood
	}
	if sc.cold {
		c, _, err := s.trace(sc.args(s))
		if err != nil {
			return err
		}
		s.cold = c
	}
	var all []counts
	for range n {
		c, raw, err := s.countOne(sc)
		if err != nil {
			return err
		}
		all = append(all, c)
		if keep != "" && s.name == "rt" {
			if err := os.WriteFile(keep+"."+strings.Trim(strings.Fields(sc.name)[0], "-"), raw, 0o644); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(all, func(a, b counts) int { return cmp.Compare(a.work(), b.work()) })
	s.counts = all[len(all)/2]
	return nil
}

func (s *subject) countOne(sc scene) (c counts, raw []byte, err error) {
	each := func(calls func(*subject) [][]string) error {
		if calls == nil {
			return nil
		}
		for _, argv := range calls(s) {
			if _, err := s.call(argv); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(sc.before); err != nil {
		return c, nil, err
	}
	var last []string
	if sc.left != nil {
		last = sc.left(s)
	}
	c, raw, err = s.traceUntil(sc.args(s), last)
	return c, raw, errors.Join(err, each(sc.after))
}

// trace counts the call argv.
func (s *subject) trace(argv []string) (counts, []byte, error) { return s.traceUntil(argv, nil) }

// traceUntil counts a call that may leave a process behind, as create does: the
// tracer waits for that too, so it is ended, by the call last, when the runtime
// itself has exited.
func (s *subject) traceUntil(argv, last []string) (counts, []byte, error) {
	file := filepath.Join(s.dir, "trace")
	if err := os.RemoveAll(file); err != nil {
		return counts{}, nil, err
	}
	ended := make(chan error, 1)
	if last != nil {
		go func() {
			awaitExit(file)
			_, err := exec.Command(last[0], last[1:]...).CombinedOutput()
			ended <- err
		}()
	}
	_, err := s.call(append([]string{"strace", "-f", "-q", "-s", "0", "-e", "signal=none", "-o", file}, argv...))
	if last != nil {
		err = errors.Join(err, <-ended)
	}
	if err != nil {
		return counts{}, nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return counts{}, nil, err
	}
	c, err := parseTrace(bytes.NewReader(raw))
	return c, raw, err
}

// awaitExit waits until the trace says that its first process has exited. A
// minute is for a tracer that does not come to say it.
func awaitExit(file string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		raw, _ := os.ReadFile(file)
		first, _, ok := bytes.Cut(raw, []byte(" "))
		if ok && regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(string(first))+` +\+\+\+ exited`).Match(raw) {
			return
		}
	}
}

// parseTrace counts the lines of `strace -f -o`: "PID name(args) = result",
// split into an unfinished and a resumed one where processes interleave.
func parseTrace(r io.Reader) (counts, error) {
	c := counts{processes: 1, atOnce: 1}
	living := 1
	threads := map[string]bool{} // thread ids that are no process's first
	pending := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		pid, line, ok := strings.Cut(lines.Text(), " ")
		line = strings.TrimSpace(line)
		switch {
		case !ok:
			continue
		case strings.HasPrefix(line, "+++"):
			if !threads[pid] {
				living--
			}
			continue
		case strings.HasPrefix(line, "---"):
			continue
		case strings.HasPrefix(line, "<..."):
			_, rest, _ := strings.Cut(line, " resumed>")
			line = pending[pid] + rest
			delete(pending, pid)
		default:
			c.syscalls++
			if head, unfinished := strings.CutSuffix(line, " <unfinished ...>"); unfinished {
				pending[pid] = head
				continue
			}
		}
		name, _, _ := strings.Cut(line, "(")
		result := resultOf(line)
		switch name {
		case "clone", "clone3", "fork", "vfork":
			if result <= 0 {
				continue
			}
			if strings.Contains(line, "CLONE_THREAD") {
				c.threads++
				threads[strconv.Itoa(result)] = true
				continue
			}
			c.processes++
			living++
			c.atOnce = max(c.atOnce, living)
		case "execve", "execveat":
			if result == 0 {
				c.execs++
			}
		case "nanosleep":
			c.naps++
		case "read", "pread64", "readv", "preadv", "preadv2":
			c.bytesRead += max(result, 0)
		}
	}
	if c.syscalls == 0 {
		return c, errors.New("an empty trace")
	}
	return c, lines.Err()
}

// resultOf is the number after the last "= ", or -1.
func resultOf(line string) int {
	at := strings.LastIndex(line, "= ")
	if at < 0 {
		return -1
	}
	word, _, _ := strings.Cut(line[at+2:], " ")
	n, err := strconv.Atoi(word)
	if err != nil {
		return -1
	}
	return n
}

// within names every count of the first subject that is over the scene's budget.
func (sc scene) within(subjects []*subject) error {
	err := subjects[0].within(sc.budget)
	for _, peer := range subjects[1:] {
		if ours, theirs := subjects[0].counts.work(), peer.counts.work(); peer.name == sc.budget.below && ours >= theirs {
			err = errors.Join(err, fmt.Errorf("rt: %d system calls, not below the %d of %s", ours, theirs, peer.name))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sc.name, err)
	}
	return nil
}

// work are the system calls without the naps.
func (c counts) work() int { return c.syscalls - c.naps }

// within names every count that is over the budget.
func (s *subject) within(b budget) error {
	var over []error
	check := func(what string, got, most int) {
		if got > most {
			over = append(over, fmt.Errorf("%s: %d %s, the budget is %d", s.name, got, what, most))
		}
	}
	check("system calls", s.counts.work(), b.syscalls)
	check("execs", s.counts.execs, b.execs)
	check("processes at once", s.counts.atOnce, b.atOnce)
	check("threads", s.counts.threads, b.threads)
	check("bytes read", s.counts.bytesRead, b.bytesRead)
	return errors.Join(over...)
}

func (sc scene) printCounts(subjects []*subject) {
	fmt.Printf("\n%-34s", sc.name)
	for _, s := range subjects {
		fmt.Printf("%12s", s.name)
	}
	fmt.Println()
	for _, row := range []struct {
		name string
		of   func(*subject) int
	}{
		{"system calls", func(s *subject) int { return s.counts.syscalls }},
		{"  of them naps of Go's scheduler", func(s *subject) int { return s.counts.naps }},
		{"processes", func(s *subject) int { return s.counts.processes }},
		{"processes at once", func(s *subject) int { return s.counts.atOnce }},
		{"threads besides", func(s *subject) int { return s.counts.threads }},
		{"execs, the program's included", func(s *subject) int { return s.counts.execs }},
		{"bytes read", func(s *subject) int { return s.counts.bytesRead }},
		{"system calls of the first time", func(s *subject) int { return s.cold.syscalls }},
	} {
		if strings.HasSuffix(row.name, "first time") && !sc.cold {
			continue
		}
		fmt.Printf("%-34s", row.name)
		for _, s := range subjects {
			fmt.Printf("%12d", row.of(s))
		}
		fmt.Println()
	}
	fmt.Printf("rt without naps: %d system calls, the budget %d\n", subjects[0].counts.work(), sc.budget.syscalls)
}

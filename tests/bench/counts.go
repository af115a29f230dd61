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
	"slices"
	"strconv"
	"strings"
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

// count traces a first run, whose seccomp filter no cache holds yet, and some
// more, of which the one in the middle counts.
func (s *subject) count(args []string, keep string) error {
	if _, err := exec.LookPath("strace"); err != nil {
		return errors.New("strace is missing")
	}
	var all []counts
	for i := range 1 + traces {
		c, raw, err := s.trace(args)
		if err != nil {
			return err
		}
		if i == 0 {
			s.cold = c
			continue
		}
		all = append(all, c)
		if keep != "" && s.name == "rt" {
			if err := os.WriteFile(keep, raw, 0o644); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(all, func(a, b counts) int { return cmp.Compare(a.work(), b.work()) })
	s.counts = all[traces/2]
	return nil
}

func (s *subject) trace(args []string) (counts, []byte, error) {
	file := filepath.Join(s.dir, "trace")
	argv := append([]string{"strace", "-f", "-q", "-s", "0", "-e", "signal=none", "-o", file}, args...)
	if _, err := s.call(argv); err != nil {
		return counts{}, nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return counts{}, nil, err
	}
	c, err := parseTrace(bytes.NewReader(raw))
	return c, raw, err
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
		{"system calls of the first time", func(s *subject) int { return s.cold.syscalls }},
		{"processes", func(s *subject) int { return s.counts.processes }},
		{"processes at once", func(s *subject) int { return s.counts.atOnce }},
		{"threads besides", func(s *subject) int { return s.counts.threads }},
		{"execs, the program's included", func(s *subject) int { return s.counts.execs }},
		{"bytes read", func(s *subject) int { return s.counts.bytesRead }},
	} {
		fmt.Printf("%-34s", row.name)
		for _, s := range subjects {
			fmt.Printf("%12d", row.of(s))
		}
		fmt.Println()
	}
	aim := ""
	if sc.aim != 0 {
		aim = fmt.Sprintf("the aim is %d, ", sc.aim)
	}
	fmt.Printf("rt without naps: %d system calls; %sthe budget %d\n", subjects[0].counts.work(), aim, sc.budget.syscalls)
}

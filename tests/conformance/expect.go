package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// kinds say whose it is when a test is expected to fail.
func kinds() map[string]string {
	return map[string]string{
		"tool":   "a mistake of the program",
		"spec":   "the specification has changed since",
		"kernel": "no kernel that rt runs on has it",
		"rt":     "rt means it",
		"host":   "this host lacks it",
	}
}

// exception is a test that is expected to fail, or something that the program
// itself complains of.
type exception struct {
	text   string
	count  int
	kind   string
	reason string
}

// expectation is what one program should say with rt.
type expectation struct {
	program    string
	ok, notOK  int
	skip       int
	needs      []string // facts about the host without which it cannot be so
	failures   []exception
	complaints []exception
	silent     bool // it says nothing at all when all is well
	// races is why it can end either way: then it is run, and not judged.
	races string
}

type expectations struct {
	list []*expectation
}

// pick returns what is expected of a program on a host where the facts hold
// that holds says. When the program is expected only elsewhere, the facts that
// are missing are returned as well.
func (e *expectations) pick(program string, holds func(fact string) bool) (x *expectation, missing []string) {
	for _, candidate := range e.list {
		if candidate.program != program {
			continue
		}
		lacks := slices.DeleteFunc(slices.Clone(candidate.needs), holds)
		if len(lacks) == 0 {
			return candidate, nil
		}
		if x == nil {
			x, missing = candidate, lacks
		}
	}
	return x, missing
}

func loadExpectations(path string) (*expectations, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e, err := readExpectations(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// readExpectations reads the file's text. A fact may be !FACT; the first entry
// whose facts hold is a program's.
//
//	program NAME OK NOT-OK SKIPPED
//		needs FACT …
//		races REASON
//		silent
//		not ok COUNT TEXT
//			KIND: REASON
//		says TEXT
//			KIND: REASON
func readExpectations(text string) (*expectations, error) {
	var r reader
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %q", number, err, line)
		}
	}
	if r.open != nil {
		return nil, fmt.Errorf("the last exception has no reason: %q", r.open.text)
	}
	return &r.all, r.all.check()
}

// reader is where in the file we are.
type reader struct {
	all     expectations
	current *expectation
	open    *exception // it has no reason yet
}

func (r *reader) line(line string) error {
	depth := len(line) - len(strings.TrimLeft(line, "\t"))
	line = strings.TrimLeft(line, "\t")
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case depth != 2 && r.open != nil:
		return errors.New("the exception before it has no reason")
	case depth == 0 && word == "program":
		x, err := readProgram(rest)
		if err != nil {
			return err
		}
		r.all.list, r.current = append(r.all.list, x), x
		return nil
	case depth == 1 && r.current != nil:
		return r.about(line, word, rest)
	case depth == 2 && r.open != nil:
		kind, reason, _ := strings.Cut(line, ": ")
		if kinds()[kind] == "" || reason == "" {
			return errors.New("want: KIND: REASON")
		}
		r.open.kind, r.open.reason, r.open = kind, reason, nil
		return nil
	}
	return errors.New("what is it")
}

// about reads a line about the current program.
func (r *reader) about(line, word, rest string) error {
	x := r.current
	switch {
	case word == "needs" && rest != "":
		x.needs = strings.Fields(rest)
		for _, fact := range x.needs {
			if !knownFact(fact) {
				return fmt.Errorf("no fact is called %s", fact)
			}
		}
	case line == "silent":
		x.silent = true
	case word == "races" && rest != "":
		x.races = rest
	case word == "says" && rest != "":
		x.complaints = append(x.complaints, exception{text: rest, count: 1})
		r.open = &x.complaints[len(x.complaints)-1]
	case strings.HasPrefix(line, "not ok "):
		count, text, _ := strings.Cut(strings.TrimPrefix(line, "not ok "), " ")
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 || text == "" {
			return errors.New("want: not ok COUNT TEXT")
		}
		x.failures = append(x.failures, exception{text: text, count: n})
		r.open = &x.failures[len(x.failures)-1]
	default:
		return errors.New("what is it")
	}
	return nil
}

// check looks for what cannot be meant.
func (e *expectations) check() error {
	for i, x := range e.list {
		if slices.ContainsFunc(e.list[:i], func(y *expectation) bool { return y.program == x.program && len(y.needs) == 0 }) {
			return fmt.Errorf("%s: an entry that is never reached", x.program)
		}
		sum := 0
		for _, f := range x.failures {
			sum += f.count
		}
		if sum != x.notOK {
			return fmt.Errorf("%s: %d not ok, but %d are named", x.program, x.notOK, sum)
		}
	}
	return nil
}

func readProgram(rest string) (*expectation, error) {
	f := strings.Fields(rest)
	if len(f) != 4 {
		return nil, errors.New("want: program NAME OK NOT-OK SKIPPED")
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(f[i+1]); err != nil || n[i] < 0 {
			return nil, fmt.Errorf("%s is no count", f[i+1])
		}
	}
	return &expectation{program: f[0], ok: n[0], notOK: n[1], skip: n[2]}, nil
}

// judge returns what is not as expected in what a program said. When a fact is
// missing, all must not be as expected: then the fact would not be needed.
func (x *expectation) judge(r result, missing []string) []string {
	if x == nil {
		return []string{"nothing is expected of this program yet"}
	}
	if x.races != "" {
		return nil
	}
	wrong := x.differences(r)
	if len(missing) == 0 {
		return wrong
	}
	if len(wrong) == 0 {
		return []string{"is as expected, though it is said to need " + strings.Join(missing, " ")}
	}
	return nil
}

func (x *expectation) differences(r result) []string {
	var wrong []string
	ok, notOK, skip := r.counts()
	if ok != x.ok || notOK != x.notOK || skip != x.skip {
		wrong = append(wrong, fmt.Sprintf("%d ok, %d not ok, %d skipped; expected %d, %d, %d", ok, notOK, skip, x.ok, x.notOK, x.skip))
	}
	switch silent := r.silent && len(r.errors) == 0; {
	case silent && !x.silent:
		wrong = append(wrong, "says nothing at all, not even how many tests it has")
	case !silent && x.silent:
		wrong = append(wrong, "is not silent any more")
	}
	failures := map[string]int{}
	for _, t := range r.tests {
		if t.outcome == failed {
			failures[t.text]++
		}
	}
	wrong = append(wrong, compare("not ok", x.failures, failures)...)
	complaints := map[string]int{}
	for _, c := range r.errors {
		complaints[c]++
	}
	return append(wrong, compare("says", x.complaints, complaints)...)
}

func compare(what string, expected []exception, found map[string]int) []string {
	var wrong []string
	for _, e := range expected {
		switch n := found[e.text]; {
		case n == 0:
			wrong = append(wrong, fmt.Sprintf("expected, but gone: %s: %s", what, e.text))
		case n != e.count:
			wrong = append(wrong, fmt.Sprintf("expected %d times, is there %d times: %s: %s", e.count, n, what, e.text))
		}
		delete(found, e.text)
	}
	var more []string
	for text := range found {
		more = append(more, fmt.Sprintf("%s: %s", what, text))
	}
	slices.Sort(more)
	return append(wrong, more...)
}

// unrun names the expected programs that are not there.
func (e *expectations) unrun(results []result) []string {
	var lines []string
	for _, x := range e.list {
		if !slices.ContainsFunc(results, func(r result) bool { return r.program == x.program }) {
			lines = append(lines, x.program+": is expected, but there is no such program")
		}
	}
	return lines
}

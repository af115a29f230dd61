package main

import (
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

// readExpectations reads the file's text:
//
// A fact may be !FACT. The first entry whose facts hold is a program's.
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
	var e expectations
	var current *expectation
	var open *exception
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s: %q", number, fmt.Sprintf(format, args...), line)
		}
		depth := len(line) - len(strings.TrimLeft(line, "\t"))
		line = strings.TrimLeft(line, "\t")
		if depth != 2 && open != nil {
			return nil, wrong("the exception before it has no reason")
		}
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case depth == 0 && word == "program":
			x, err := readProgram(rest)
			if err != nil {
				return nil, wrong("%v", err)
			}
			e.list, current = append(e.list, x), x
		case depth == 1 && current != nil && word == "needs" && rest != "":
			current.needs = strings.Fields(rest)
			for _, fact := range current.needs {
				if !knownFact(fact) {
					return nil, wrong("no fact is called %s", fact)
				}
			}
		case depth == 1 && current != nil && line == "silent":
			current.silent = true
		case depth == 1 && current != nil && word == "races" && rest != "":
			current.races = rest
		case depth == 1 && current != nil && strings.HasPrefix(line, "not ok "):
			count, text, _ := strings.Cut(strings.TrimPrefix(line, "not ok "), " ")
			n, err := strconv.Atoi(count)
			if err != nil || n < 1 || text == "" {
				return nil, wrong("want: not ok COUNT TEXT")
			}
			current.failures = append(current.failures, exception{text: text, count: n})
			open = &current.failures[len(current.failures)-1]
		case depth == 1 && current != nil && word == "says" && rest != "":
			current.complaints = append(current.complaints, exception{text: rest, count: 1})
			open = &current.complaints[len(current.complaints)-1]
		case depth == 2 && open != nil:
			kind, reason, _ := strings.Cut(line, ": ")
			if kinds()[kind] == "" || reason == "" {
				return nil, wrong("want: KIND: REASON")
			}
			open.kind, open.reason, open = kind, reason, nil
		default:
			return nil, wrong("what is it")
		}
	}
	if open != nil {
		return nil, fmt.Errorf("the last exception has no reason: %q", open.text)
	}
	return &e, e.check()
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
		return nil, fmt.Errorf("want: program NAME OK NOT-OK SKIPPED")
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

package main

import (
	"regexp"
	"strings"
	"time"
)

// marker stands before each line that the testing package itself writes under
// -test.v=test2json, so that nothing a test prints is taken for one.
const marker = "\x16"

// status is how a test ended.
type status string

const (
	running status = ""
	passed  status = "PASS"
	failed  status = "FAIL"
	skipped status = "SKIP"
)

// result is one test or subtest.
type result struct {
	name   string
	status status
	took   time.Duration
	reason string // of a skip
	output []string
}

// top tells whether the result is a test and not a subtest.
func (r *result) top() bool { return !strings.Contains(r.name, "/") }

// record is what a test binary said so far.
type record struct {
	results []*result
	byName  map[string]*result
	current *result  // whose output the next lines are
	loose   []string // output that belongs to no test: a panic, a race, TestMain
}

func newRecord() *record { return &record{byName: map[string]*result{}} }

var (
	event   = regexp.MustCompile(`^(=== (?:RUN|PAUSE|CONT|NAME)|--- (?:PASS|FAIL|SKIP):) +(\S+)(?: \(([0-9.]+)s\))?$`)
	logLine = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)$`)
)

// line takes the next line of the output and returns the test that it ends,
// if it ends one.
func (r *record) line(text string) *result {
	// What a test prints without a line end stands before the marker.
	before, line, marked := strings.Cut(text, marker)
	if !marked {
		r.print(text)
		return nil
	}
	if strings.TrimSpace(before) != "" {
		r.print(before)
	}
	line = strings.TrimSpace(line)
	m := event.FindStringSubmatch(line)
	if m == nil {
		r.current = nil // the closing PASS or FAIL, or a name that is none
		return nil
	}
	t := r.test(m[2])
	if strings.HasPrefix(m[1], "===") {
		r.current = t
		if m[1] == "=== PAUSE" {
			r.current = nil
		}
		return nil
	}
	t.status = status(m[1][4:8])
	if seconds, err := time.ParseDuration(m[3] + "s"); err == nil {
		t.took = seconds
	}
	if t.status == skipped {
		t.reason = reason(t.output)
	}
	r.current = nil
	return t
}

func (r *record) test(name string) *result {
	t := r.byName[name]
	if t == nil {
		t = &result{name: name}
		r.byName[name] = t
		r.results = append(r.results, t)
	}
	return t
}

func (r *record) print(text string) {
	if r.current == nil {
		r.loose = append(r.loose, text)
		return
	}
	r.current.output = append(r.current.output, text)
}

// reason is the last thing that a skipped test logged.
func reason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		if m := logLine.FindStringSubmatch(output[i]); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return ""
}

// below is the output of the test and its subtests, in the order they began.
func (r *record) below(name string) []string {
	var out []string
	for _, t := range r.results {
		if t.name == name || strings.HasPrefix(t.name, name+"/") {
			if t.status == failed || t.status == running || t.name == name {
				out = append(out, t.output...)
			}
		}
	}
	return out
}

// hollow tells whether t passed only because all of its subtests skipped.
func (r *record) hollow(t *result) bool {
	skips := 0
	for _, sub := range r.results {
		if strings.HasPrefix(sub.name, t.name+"/") {
			switch sub.status {
			case skipped:
				skips++
			case passed:
				if !r.hollow(sub) {
					return false
				}
			default:
				return false
			}
		}
	}
	return t.status == passed && skips > 0
}

// missing are the listed tests that did not end: they never began, or the
// binary died in them.
func (r *record) missing(listed []string) []string {
	var names []string
	for _, name := range listed {
		if t := r.byName[name]; t == nil {
			names = append(names, name+" did not begin")
		}
	}
	for _, t := range r.results {
		if t.status == running {
			names = append(names, t.name+" did not end")
		}
	}
	return names
}

// tests are the names that -test.list printed: those that a run runs. Examples
// make containers and cannot skip: they are for root.
func tests(list string, root bool) []string {
	var names []string
	for line := range strings.Lines(list) {
		name := strings.TrimSpace(line)
		for _, prefix := range []string{"Test", "Fuzz", "Example"} {
			if strings.HasPrefix(name, prefix) && (root || prefix != "Example") {
				names = append(names, name)
			}
		}
	}
	return names
}

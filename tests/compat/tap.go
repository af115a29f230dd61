package main

import (
	"regexp"
	"slices"
	"strings"
)

// outcome is how a test ended, in TAP's words.
type outcome string

const (
	passed  outcome = "ok"
	failed  outcome = "not ok"
	skipped outcome = "skip"
)

// result is one test of one file of the suite.
type result struct {
	suite, name string
	outcome     outcome
	// reason is why it was skipped; of a failure it is the first line that
	// says what did not hold.
	reason string
	output []string
}

// tap is what a file's run said.
type tap struct {
	results []result
	loose   []string // lines that belong to no test
}

var (
	planLine = regexp.MustCompile(`^1\.\.\d+$`)
	testLine = regexp.MustCompile(`^(ok|not ok) \d+ (.*)$`)
	skipNote = regexp.MustCompile(`^(.*?) # skip ?(.*)$`)
	tookNote = regexp.MustCompile(`^(.*) in \d+ms$`)
)

// parse reads the TAP that bats writes.
func parse(suite, text string) tap {
	var t tap
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if planLine.MatchString(line) {
			continue
		}
		m := testLine.FindStringSubmatch(line)
		switch {
		case m != nil:
			t.results = append(t.results, test(suite, outcome(m[1]), m[2]))
		case strings.HasPrefix(line, "#") && len(t.results) > 0:
			r := &t.results[len(t.results)-1]
			r.output = append(r.output, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case line != "":
			t.loose = append(t.loose, line)
		}
	}
	for i := range t.results {
		if r := &t.results[i]; r.outcome == failed && r.reason == "" {
			r.reason = said(r.output)
		}
	}
	return t
}

func test(suite string, o outcome, rest string) result {
	r := result{suite: suite, outcome: o}
	if m := skipNote.FindStringSubmatch(rest); m != nil && o == passed {
		rest, r.outcome, r.reason = m[1], skipped, m[2]
	}
	if m := tookNote.FindStringSubmatch(rest); m != nil {
		rest = m[1]
	}
	r.name = rest
	return r
}

// said is the command that failed, as bats tells it.
func said(output []string) string {
	for _, line := range output {
		if text := strings.TrimSpace(line); strings.HasPrefix(text, "`") {
			return text
		}
	}
	if len(output) > 0 {
		return strings.TrimSpace(output[0])
	}
	return ""
}

// without returns those of the names that have no result, in their order.
func (t tap) without(names []string) []string {
	var rest []string
	for _, name := range names {
		if !slices.ContainsFunc(t.results, func(r result) bool { return r.name == name }) {
			rest = append(rest, name)
		}
	}
	return rest
}

// declared are the names of the tests in a file of the suite.
func declared(text string) []string {
	var names []string
	for _, m := range declaration.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

var declaration = regexp.MustCompile(`(?m)^@test "(.*)" \{$`)

// filter is a regular expression of bats for just these tests.
func filter(names []string) string {
	var patterns []string
	for _, name := range names {
		patterns = append(patterns, special.ReplaceAllString(name, "."))
	}
	return "^(" + strings.Join(patterns, "|") + ")$"
}

var special = regexp.MustCompile(`[^A-Za-z0-9 _:,/-]`)

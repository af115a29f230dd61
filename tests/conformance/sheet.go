package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// row is one test's line in a file of results.
type row struct {
	suite, name string
	outcome     outcome
	reason      string
}

// sheet is a file of results: one runtime's, of the validation programs or of
// runc's suite, which are of one form.
type sheet struct {
	version string // of the runtime
	rows    []row
}

func loadSheet(path string) (sheet, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sheet{}, err
	}
	s, err := readSheet(string(text))
	if err != nil {
		return sheet{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// readSheet reads lines of suite, test, outcome and reason with tabs between;
// a comment at the top is the runtime's version.
func readSheet(text string) (sheet, error) {
	var s sheet
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if comment, found := strings.CutPrefix(line, "#"); found {
			if s.version == "" {
				s.version = strings.TrimSpace(comment)
			}
			continue
		}
		f := strings.SplitN(line, "\t", 4)
		if len(f) < 3 {
			return sheet{}, fmt.Errorf("no result: %q", line)
		}
		r := row{suite: f[0], name: f[1], outcome: outcome(f[2])}
		if len(f) == 4 {
			r.reason = f[3]
		}
		if !slices.Contains([]outcome{passed, failed, skipped}, r.outcome) {
			return sheet{}, fmt.Errorf("no outcome is called %s: %q", r.outcome, line)
		}
		s.rows = append(s.rows, r)
	}
	if len(s.rows) == 0 {
		return sheet{}, fmt.Errorf("no results")
	}
	return s, nil
}

// tally counts the tests of one suite.
type tally struct {
	ok, notOK, skip int
	complaints      int // rows about the program itself that are not ok
}

func (s sheet) tallies() map[string]tally {
	all := map[string]tally{}
	for _, r := range s.rows {
		t := all[r.suite]
		switch {
		case r.name == programLine:
			if r.outcome != passed {
				t.complaints++
			}
		case r.outcome == passed:
			t.ok++
		case r.outcome == failed:
			t.notOK++
		case r.outcome == skipped:
			t.skip++
		}
		all[r.suite] = t
	}
	return all
}

func (r result) tally() tally {
	t := tally{complaints: len(r.errors)}
	t.ok, t.notOK, t.skip = r.counts()
	return t
}

// clean: nothing of it failed.
func (t tally) clean() bool { return t.notOK == 0 && t.complaints == 0 }

// cell is what the page says of one program with one runtime.
func (t tally) cell() string {
	var parts []string
	if t.ok > 0 || t.notOK == 0 && t.complaints == 0 {
		parts = append(parts, "ok")
		if t.ok > 0 {
			parts[0] = fmt.Sprintf("%d ok", t.ok)
		}
	}
	if t.notOK > 0 {
		parts = append(parts, fmt.Sprintf("%d not ok", t.notOK))
	}
	if t.complaints > 0 {
		parts = append(parts, "fails")
	}
	return strings.Join(parts, ", ")
}

// bats is what the page says of a file of runc's suite.
func (t tally) bats() string {
	return fmt.Sprintf("%d / %d / %d", t.ok, t.notOK, t.skip)
}

// suites are the names of all suites of some sheets, sorted.
func suites(sheets ...sheet) []string {
	var names []string
	for _, s := range sheets {
		for _, r := range s.rows {
			names = append(names, r.suite)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

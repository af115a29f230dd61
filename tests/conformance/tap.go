package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// outcome is how one test ended, in TAP's words.
type outcome string

const (
	passed  outcome = "ok"
	failed  outcome = "not ok"
	skipped outcome = "skip"
)

// test is one line of a program's output, with what it says below it.
type test struct {
	text    string
	outcome outcome
	reason  string // of a skip; of a failure, where the program tells it
}

// output is what a program said.
type output struct {
	tests []test
	// errors are complaints that belong to no test: all that programs have
	// that count none.
	errors []string
	// silent: no test, no plan, no complaint.
	silent bool
}

var (
	planLine = regexp.MustCompile(`^1\.\.(\d+)$`)
	testLine = regexp.MustCompile(`^(ok|not ok) \d+(?: - (.*?))?(?: # SKIP(?: (.*))?)?$`)
)

// parse reads what the validation programs print. It is TAP with liberties:
// plans before, after and of nothing, several sequences one after the other,
// numbers that begin again, blocks that belong to no test.
func parse(text string) output {
	var o output
	planned, anyPlan, inSequence := 0, false, 0
	var block []string
	inBlock := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case inBlock && strings.TrimSpace(line) == "...":
			inBlock = false
			o.block(strings.Join(block, "\n"), inSequence > 0)
		case inBlock:
			block = append(block, line)
		case strings.TrimSpace(line) == "---":
			inBlock, block = true, nil
		case strings.HasPrefix(line, "TAP version"):
			inSequence = 0
		case planLine.MatchString(line):
			n, _ := strconv.Atoi(planLine.FindStringSubmatch(line)[1])
			planned, anyPlan = planned+n, true
		case testLine.MatchString(line):
			m := testLine.FindStringSubmatch(line)
			t := test{text: m[2], outcome: outcome(m[1])}
			if t.outcome == passed && strings.Contains(line, " # SKIP") {
				t.outcome, t.reason = skipped, m[3]
			}
			o.tests = append(o.tests, t)
			inSequence++
		case strings.HasPrefix(line, "Bail out!"):
			o.errors = append(o.errors, line)
		}
		// All else is the second line of a test's text, or a comment.
	}
	if inBlock {
		o.errors = append(o.errors, "a block has no end")
	}
	o.silent = !anyPlan && len(o.tests)+len(o.errors) == 0
	if anyPlan && planned != len(o.tests) {
		o.errors = append(o.errors, fmt.Sprintf("planned %d tests, ran %d", planned, len(o.tests)))
	}
	return o
}

// block takes the error out of a block: it is the last test's, or the
// program's own when no test came before.
func (o *output) block(text string, ofTest bool) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return // diagnostics in another form
	}
	said, _ := fields["error"].(string)
	if said == "" {
		return
	}
	if !ofTest {
		o.errors = append(o.errors, firstLine([]byte(said)))
		return
	}
	if last := &o.tests[len(o.tests)-1]; last.outcome == failed {
		last.reason = oneLine(said)
		if more, _ := fields["stderr"].(string); more != "" {
			last.reason += ": " + oneLine(more)
		}
	}
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return strings.TrimSpace(line)
}

// oneLine is a text without line breaks and tabs, for a table.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

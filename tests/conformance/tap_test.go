package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       output
	}{
		{"a plan at the end", `TAP version 13
ok 1 - the floor is wet
not ok 2 - the roof holds
1..2
`, output{tests: []test{
			{text: "the floor is wet", outcome: passed},
			{text: "the roof holds", outcome: failed},
		}}},
		{"two sequences, each with a plan at its other end", `TAP version 13
1..1
ok 1 - first
TAP version 13
ok 1 - second
1..1
`, output{tests: []test{{text: "first", outcome: passed}, {text: "second", outcome: passed}}}},
		{"plans of nothing", `TAP version 13
1..0
TAP version 13
ok 1 - something after all
1..1
`, output{tests: []test{{text: "something after all", outcome: passed}}}},
		{"a plan alone is not silence", "1..0\n", output{}},
		{"nothing", "", output{silent: true}},
		{"too few", "1..3\nok 1 - only\n", output{
			tests:  []test{{text: "only", outcome: passed}},
			errors: []string{"planned 3 tests, ran 1"},
		}},
		{"skips, with a text and without", "ok 1 # SKIP no such field\nok 2 - label # SKIP\n", output{tests: []test{
			{outcome: skipped, reason: "no such field"},
			{text: "label", outcome: skipped},
		}}},
		{"an error below a test is its reason", `not ok 1 - it starts
  ---
  {
    "error": "exit status 1\nand more",
    "stderr": "no\tsuch file\n"
  }
  ...
`, output{tests: []test{{text: "it starts", outcome: failed, reason: "exit status 1 and more: no such file"}}}},
		{"what a test that is ok was told is no error", `ok 1 - it must fail
  ---
  {
    "error": "exit status 1"
  }
  ...
`, output{tests: []test{{text: "it must fail", outcome: passed}}}},
		{"an error without a test is the program's", `TAP version 13
  ---
  {
    "error": "hooks out of order\nRefer to: the page"
  }
  ...
1..0
`, output{errors: []string{"hooks out of order"}}},
		{"lines that look like tests inside of a block", `TAP version 13
  ---
  {
    "stdout": "x",
ok 7 - not a test
1..7
  }
  ...
ok 1 - a test
1..1
`, output{tests: []test{{text: "a test", outcome: passed}}}},
		{"a block without an end", "ok 1 - a\n  ---\n  {\nok 2 - b\n", output{
			tests:  []test{{text: "a", outcome: passed}},
			errors: []string{"a block has no end"},
		}},
		{"giving up", "1..2\nok 1 - a\nBail out! no more\n", output{
			tests:  []test{{text: "a", outcome: passed}},
			errors: []string{"Bail out! no more", "planned 2 tests, ran 1"},
		}},
		{"second lines and comments", "ok 1 - a\nRefer to: there\n# expect: 1, actual: 1\n1..1\n", output{tests: []test{{text: "a", outcome: passed}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parse(c.text)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(output{}, test{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

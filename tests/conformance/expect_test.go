package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exampleExpected = `# a comment
program roof 3 2 1
	not ok 2 the rain stays out
		rt: a window is open, as at the neighbours'

program cellar 1 0 0
	needs v1:memory !selinux
	says exit status 1
		host: no cellar
program attic 0 0 0
	silent
program gate 1 0 0
	races the dog may be first
`

func all(string) bool { return true }

func TestJudge(t *testing.T) {
	e, err := readExpectations(exampleExpected)
	if err != nil {
		t.Fatal(err)
	}
	roof := func(ok, rain, skip int, errors ...string) result {
		r := result{program: "roof"}
		r.errors = errors
		for range ok {
			r.tests = append(r.tests, test{text: "dry", outcome: passed})
		}
		for range rain {
			r.tests = append(r.tests, test{text: "the rain stays out", outcome: failed})
		}
		for range skip {
			r.tests = append(r.tests, test{text: "snow", outcome: skipped})
		}
		return r
	}
	other := roof(3, 1, 1)
	other.tests = append(other.tests, test{text: "the wind stays out", outcome: failed})
	for _, c := range []struct {
		name    string
		result  result
		missing []string
		want    []string
	}{
		{"as expected", roof(3, 2, 1), nil, nil},
		{"one that passes all at once", roof(4, 1, 1), nil, []string{
			"4 ok, 1 not ok, 1 skipped; expected 3, 2, 1",
			"expected 2 times, is there 1 times: not ok: the rain stays out",
		}},
		{"all pass", roof(5, 0, 1), nil, []string{
			"5 ok, 0 not ok, 1 skipped; expected 3, 2, 1",
			"expected, but gone: not ok: the rain stays out",
		}},
		{"the counts hide another", other, nil, []string{
			"expected 2 times, is there 1 times: not ok: the rain stays out",
			"not ok: the wind stays out",
		}},
		{"a skip more", roof(2, 2, 2), nil, []string{"2 ok, 2 not ok, 2 skipped; expected 3, 2, 1"}},
		{"it complains", roof(3, 2, 1, "exit status 2"), nil, []string{"says: exit status 2"}},
		{"a fact is missing", roof(0, 0, 0, "exit status 2"), []string{"v1:pids"}, nil},
		{"a fact that is not needed", roof(3, 2, 1), []string{"v1:pids"}, []string{"is as expected, though it is said to need v1:pids"}},
		{"silent, as it should", result{program: "attic", output: output{silent: true}}, nil, nil},
		{"not silent", result{program: "attic"}, nil, []string{"is not silent any more"}},
		{"silent, and it should count", result{program: "cellar", output: output{silent: true}}, nil, []string{
			"0 ok, 0 not ok, 0 skipped; expected 1, 0, 0",
			"says nothing at all, not even how many tests it has",
			"expected, but gone: says: exit status 1",
		}},
		{"a race", result{program: "gate"}, nil, nil},
		{"an unknown program", result{program: "fence"}, nil, []string{"nothing is expected of this program yet"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, _ := e.pick(c.result.program, all)
			if diff := cmp.Diff(c.want, x.judge(c.result, c.missing)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"roof: is expected, but there is no such program", "attic: is expected, but there is no such program"},
		e.unrun([]result{{program: "cellar"}, {program: "gate"}})); diff != "" {
		t.Error(diff)
	}
}

func TestPick(t *testing.T) {
	e, err := readExpectations("program a 2 0 0\n\tneeds capabilities\nprogram a 1 0 0\n\tneeds selinux !v1:rdma\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		facts   string
		ok      int
		missing []string
	}{
		{"capabilities", 2, nil},
		{"selinux !v1:rdma", 1, nil},
		{"selinux !v1:rdma capabilities", 2, nil},
		{"selinux", 2, []string{"capabilities"}},
	} {
		x, missing := e.pick("a", func(fact string) bool { return strings.Contains(" "+c.facts+" ", " "+fact+" ") })
		if x.ok != c.ok || !cmp.Equal(missing, c.missing) {
			t.Errorf("with %s: %d ok, missing %v; want %d, %v", c.facts, x.ok, missing, c.ok, c.missing)
		}
	}
}

func TestWrongExpectations(t *testing.T) {
	for text, want := range map[string]string{
		"program a 1 0\n":                                               "want: program NAME",
		"program a 1 x 0\n":                                             "x is no count",
		"program a 1 1 0\n":                                             "1 not ok, but 0 are named",
		"\tneeds selinux\n":                                             "what is it",
		"prog a 1 0 0\n":                                                "what is it",
		"program a 1 0 0\n\tneeds luck\n":                               "no fact is called luck",
		"program a 1 1 0\n\tnot ok 1 b\n":                               "the last exception has no reason",
		"program a 1 1 0\n\tnot ok 1 b\nprogram c 1 0 0\n":              "the exception before it has no reason",
		"program a 1 1 0\n\tnot ok b\n\t\trt: c\n":                      "want: not ok COUNT TEXT",
		"program a 1 1 0\n\tnot ok 1 b\n\t\tbecause\n":                  "want: KIND: REASON",
		"program a 1 1 0\n\tnot ok 1 b\n\t\tluck: bad\n":                "want: KIND: REASON",
		"program a 1 0 0\nprogram a 2 0 0\n\tneeds selinux\n":           "an entry that is never reached",
		"program a 1 0 0\n\tneeds selinux\nprogram a 1 2 0\n\tsilent\n": "2 not ok, but 0 are named",
	} {
		if _, err := readExpectations(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The file in the tree can be read, and every exception in it has its reason.
func TestExpectedFile(t *testing.T) {
	e, err := loadExpectations("expected")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range corrections() {
		if x, _ := e.pick(c.program+correctedSuffix, all); x == nil || len(x.failures)+len(x.complaints) > 0 {
			t.Errorf("%s: with its mistake corrected, a program must pass", c.program)
		}
	}
}

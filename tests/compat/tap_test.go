package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const text = "1..5\r\n" +
		"ok 1 runc create in 312ms\n" +
		"ok 2 runc delete (with # in it) in 9ms # skip test requires cgroups_v2\n" +
		"not ok 3 runc exec --user in 40ms\n" +
		"# (in test file exec.bats, line 12)\n" +
		"#   `[ \"$status\" -eq 0 ]' failed\n" +
		"# runc exec (status=1)\n" +
		"ok 4 no time # skip\n" +
		"a line of nobody\n" +
		"not ok 5 silent\n"
	want := tap{
		results: []result{
			{suite: "x", name: "runc create", outcome: passed},
			{suite: "x", name: "runc delete (with # in it)", outcome: skipped, reason: "test requires cgroups_v2"},
			{suite: "x", name: "runc exec --user", outcome: failed, reason: "`[ \"$status\" -eq 0 ]' failed", output: []string{
				"(in test file exec.bats, line 12)", "  `[ \"$status\" -eq 0 ]' failed", "runc exec (status=1)",
			}},
			{suite: "x", name: "no time", outcome: skipped},
			{suite: "x", name: "silent", outcome: failed},
		},
		loose: []string{"a line of nobody"},
	}
	got := parse("x", text)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tap{}, result{})); diff != "" {
		t.Error(diff)
	}
	rest := got.without([]string{"runc create", "runc list", "silent", "runc kill"})
	if diff := cmp.Diff([]string{"runc list", "runc kill"}, rest); diff != "" {
		t.Error(diff)
	}
}

func TestDeclared(t *testing.T) {
	const text = "load helpers\n@test \"one\" {\n\trun\n}\n\n# @test \"not this\" {\n@test \"two [a|b] (c/d) $x\" {\n}\n"
	names := declared(text)
	if diff := cmp.Diff([]string{"one", "two [a|b] (c/d) $x"}, names); diff != "" {
		t.Error(diff)
	}
	if got, want := filter(names), "^(one|two .a.b. .c/d. .x)$"; got != want {
		t.Errorf("filter: %s, want %s", got, want)
	}
}

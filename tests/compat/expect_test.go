package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someExceptions = "# a comment\n\n" +
	"host,root\t*\t*\tskip\ttest requires systemd\n" +
	"host\trlimits\tsame\tenvironment\tno CAP_SYS_RESOURCE\n" +
	"root\tdebug\tglobal\trunc-internal\tthe text\n"

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		r    result
		want string
	}{
		{"as it should", result{suite: "exec", name: "a", outcome: passed}, ""},
		{"a failure", result{suite: "exec", name: "a", outcome: failed, reason: "why"}, "fails: why"},
		{"a known skip", result{suite: "exec", name: "a", outcome: skipped, reason: "test requires systemd"}, ""},
		{"another skip", result{suite: "exec", name: "a", outcome: skipped, reason: "test requires systemd v250"}, "is skipped: test requires systemd v250"},
		{"a failure is no skip", result{suite: "exec", name: "a", outcome: failed, reason: "test requires systemd"}, "fails: test requires systemd"},
		{"a known failure", result{suite: "rlimits", name: "same", outcome: failed, reason: "x"}, ""},
		{"a known failure that passes", result{suite: "rlimits", name: "same", outcome: passed}, "passes, but is listed: environment, no CAP_SYS_RESOURCE"},
		{"a known failure that is skipped", result{suite: "rlimits", name: "same", outcome: skipped, reason: "x"}, "is skipped: x"},
		{"the same name elsewhere", result{suite: "exec", name: "same", outcome: failed, reason: "x"}, "fails: x"},
		{"another world's", result{suite: "debug", name: "global", outcome: failed, reason: "x"}, "fails: x"},
	} {
		all, err := readExceptions(someExceptions, "host")
		if err != nil {
			t.Fatal(err)
		}
		if got := all.judge(c.r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStale(t *testing.T) {
	all, err := readExceptions(someExceptions, "host")
	if err != nil {
		t.Fatal(err)
	}
	all.judge(result{suite: "rlimits", name: "same", outcome: failed})
	want := []string{"*: *: listed (skip: test requires systemd), but nothing of the kind happened"}
	if diff := cmp.Diff(want, all.stale()); diff != "" {
		t.Error(diff)
	}
}

func TestBadExceptions(t *testing.T) {
	for _, text := range []string{
		"host\texec\ta\tenvironment\n",
		"host\texec\t\tenvironment\tx\n",
		"host\texec\ta\tflaky\tx\n",
		"host\texec\t*\tenvironment\tx\n",
	} {
		if _, err := readExceptions(text, "host"); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestExpected: the file is well-formed, sorted by nothing but sense, names each
// test of a world once, and its differences are in docs/differences.md.
func TestExpected(t *testing.T) {
	text, err := os.ReadFile("expected")
	if err != nil {
		t.Fatal(err)
	}
	for _, world := range worlds() {
		all, err := readExceptions(string(text), world)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 && world == "host" {
			t.Errorf("nothing is said of %s", world)
		}
		seen := map[string]bool{}
		for _, e := range all {
			key := strings.Join([]string{e.suite, e.name, e.kind}, "\t")
			if e.kind == "skip" {
				key += "\t" + e.reason
			}
			if seen[key] {
				t.Errorf("twice in %s: %q", world, key)
			}
			seen[key] = true
		}
	}
}

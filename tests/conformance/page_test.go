package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func mustSheet(t *testing.T, text string) sheet {
	t.Helper()
	s, err := readSheet(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exampleColumns(t *testing.T) []column {
	rt := "# rt version 1\nattic\t(program)\tok\t\ncellar\tdry\tok\t\ncellar\t(program)\tok\t\nroof\ta\tok\t\nroof\tb\tnot ok\tit leaks\nroof\tc\tskip\t\nroof\t(program)\tok\t\n"
	runc := "# runc version 2.3\nattic\t(program)\tnot ok\texit status 1\nroof\ta\tok\t\nroof\tb\tok\t\nroof\t(program)\tok\t\n"
	return []column{{"rt", mustSheet(t, rt)}, {"runc", mustSheet(t, runc)}}
}

func exampleCompat(t *testing.T) string {
	rt := "create\tmakes | one\tok\t\ncreate\tmakes two\tnot ok\tx\ndelete\tremoves\tskip\trequires more\n"
	runc := "create\tmakes | one\tok\t\ncreate\tmakes two\tok\t\ndelete\tremoves\tok\t\n"
	expected := filepath.Join(t.TempDir(), "expected")
	if err := os.WriteFile(expected, []byte("# c\nhost\tcreate\tmakes two\tdifference\tone is enough\nhost\t*\t*\tskip\trequires more\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	user := "create\tmakes | one\tok\t\n"
	part, err := compatPart([]column{{"rt", mustSheet(t, rt)}, {"runc", mustSheet(t, runc)}}, []column{{"rt", mustSheet(t, user)}}, expected)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

// A failure of rt without a reason is no page.
func TestCompatWithoutReason(t *testing.T) {
	expected := filepath.Join(t.TempDir(), "expected")
	if err := os.WriteFile(expected, []byte("host\tcreate\tmakes two\tskip\tno\nuser\tcreate\tmakes two\tenvironment\tno\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := compatPart([]column{{"rt", mustSheet(t, "create\tmakes two\tnot ok\tx\n")}}, nil, expected)
	if err == nil || !strings.Contains(err.Error(), "no reason is listed") {
		t.Error(err)
	}
}

func TestPage(t *testing.T) {
	e, err := readExpectations(exampleExpected)
	if err != nil {
		t.Fatal(err)
	}
	got := page(exampleColumns(t), e, exampleCompat(t))
	const golden = "testdata/page.md"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	if part := between(got, compatBegin, compatEnd); part != exampleCompat(t) {
		t.Errorf("the part about runc's suite does not come back whole:\n%s", part)
	}
}

func TestCheckPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	text := page(exampleColumns(t), &expectations{}, "")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(program string, tests ...test) result {
		return result{program: program, output: output{tests: tests}}
	}
	roof := run("roof", test{outcome: passed}, test{outcome: failed}, test{outcome: skipped})
	cellar := run("cellar", test{outcome: passed})
	if wrong := checkPage(path, []result{run("attic"), cellar, roof}); len(wrong) > 0 {
		t.Errorf("a true page: %v", wrong)
	}
	better := run("roof", test{outcome: passed}, test{outcome: passed})
	lacking := run("cellar")
	lacking.missing = []string{"selinux"}
	wrong := checkPage(path, []result{lacking, better, run("gate")})
	if len(wrong) != 2 || !strings.Contains(wrong[0], `says "1 ok, 1 not ok", the run "2 ok"`) || !strings.Contains(wrong[1], "the program gate is missing") {
		t.Errorf("a page that is not true: %q", wrong)
	}
	if wrong := checkPage(path+".none", nil); len(wrong) != 1 {
		t.Errorf("a page that is not there: %q", wrong)
	}
}

func TestWrongSheets(t *testing.T) {
	for _, text := range []string{"", "# only a version\n", "suite\ttest\n", "suite\ttest\tmaybe\t\n"} {
		if _, err := readSheet(text); err == nil {
			t.Errorf("%q is taken for results", text)
		}
	}
}

// What one run writes, the page's maker reads: the same counts.
func TestResultsRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	r := result{program: "roof", output: output{
		tests:  []test{{text: "a\tb", outcome: passed}, {text: "c", outcome: failed, reason: "why\nnot"}, {text: "d", outcome: skipped}},
		errors: []string{"exit status 1"},
	}}
	if err := writeResults(path, "rt version 1", []result{r, {program: "attic"}}); err != nil {
		t.Fatal(err)
	}
	s, err := loadSheet(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.version != "rt version 1" {
		t.Errorf("version %q", s.version)
	}
	for _, r := range []result{r, {program: "attic"}} {
		if got, want := s.tallies()[r.program], r.tally(); got != want {
			t.Errorf("%s: %+v, want %+v", r.program, got, want)
		}
	}
}

func TestCheckCompat(t *testing.T) {
	text := page(exampleColumns(t), &expectations{}, exampleCompat(t))
	run := "create\ta\tok\t\ncreate\tb\tnot ok\tx\ndelete\tc\tskip\ty\n"
	if wrong := checkCompat(text, "host", mustSheet(t, run)); len(wrong) > 0 {
		t.Errorf("a true page: %v", wrong)
	}
	if wrong := checkCompat(text, "user", mustSheet(t, "create\ta\tok\t\n")); len(wrong) > 0 {
		t.Errorf("a page that is true of the user: %v", wrong)
	}
	if wrong := checkCompat(text, "user", mustSheet(t, run)); len(wrong) != 2 {
		t.Errorf("the user's table is taken from root's: %v", wrong)
	}
	wrong := checkCompat(text, "host", mustSheet(t, strings.Replace(run, "not ok", "ok", 1)+"exec\ta\tok\t\n"))
	want := []string{`create: the page says "1 / 1 / 0", the run "2 / 0 / 0"`, `exec: the page says "", the run "1 / 0 / 0"`}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Error(diff)
	}
}

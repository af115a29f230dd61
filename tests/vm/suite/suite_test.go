package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const stream = marker + `=== RUN   TestA
    a_test.go:1: said
` + marker + `--- PASS: TestA (1.50s)
` + marker + `=== RUN   TestB
` + marker + `=== RUN   TestB/sub
--- FAIL: TestB (9.00s)
    b_test.go:7: root is
        missing
    b_test.go:8: git is missing
` + marker + `    --- SKIP: TestB/sub (0.00s)
` + marker + `=== NAME  TestB
no line end` + marker + `--- FAIL: TestB (0.25s)
` + marker + `=== RUN   TestC
    c_test.go:1: begins
panic: and dies
`

func parsed() *record {
	r := newRecord()
	for line := range strings.Lines(stream) {
		r.line(strings.TrimSuffix(line, "\n"))
	}
	return r
}

func TestRecord(t *testing.T) {
	r := parsed()
	for name, want := range map[string]result{
		"TestA":     {status: passed, took: 1500 * time.Millisecond},
		"TestB":     {status: failed, took: 250 * time.Millisecond},
		"TestB/sub": {status: skipped, reason: "git is missing"},
		"TestC":     {status: running},
	} {
		got := r.byName[name]
		if got == nil || got.status != want.status || got.took != want.took || got.reason != want.reason {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if out := strings.Join(r.below("TestB"), "\n"); out != "no line end" {
		t.Errorf("the output of TestB: %q", out)
	}
	missing := strings.Join(r.missing([]string{"TestA", "TestB", "TestC", "TestD"}), "; ")
	if missing != "TestD did not begin; TestC did not end" {
		t.Errorf("missing: %s", missing)
	}
}

// TestHollow: a test all of whose subtests skip has not run.
func TestHollow(t *testing.T) {
	r := newRecord()
	for _, e := range []string{
		"SKIP: TestA/x", "SKIP: TestA/y/z", "PASS: TestA/y", "PASS: TestA",
		"SKIP: TestB/x", "PASS: TestB/y", "PASS: TestB", "PASS: TestC",
	} {
		r.line(marker + "--- " + e + " (0.00s)")
	}
	for name, want := range map[string]bool{"TestA": true, "TestA/y": true, "TestB": false, "TestC": false} {
		if got := r.hollow(r.byName[name]); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLacks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lacks")
	if err := os.WriteFile(path, []byte("# words\n\n* (fish|zsh) is missing\nroot ^SELinux is\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		world, reason string
		want          bool
	}{
		{"root", "zsh is missing", true}, {"root", "SELinux is missing", true}, {"selinux", "SELinux is missing", false},
		{"root", "root is missing", false}, {"root", "", false},
	} {
		l, err := readLacks(path, test.world)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.allows(test.reason); got != test.want {
			t.Errorf("%s may skip for %q: %v", test.world, test.reason, got)
		}
	}
}

// TestJobs: no test is lost where a package is split.
func TestJobs(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "a.test")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\nseq -f Test%03g 1 101\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	jobs := options{run: "."}.jobs([]pkg{{path: "rt/a", binary: binary}})
	seen := map[string]int{}
	for _, j := range jobs {
		for _, name := range j.names {
			seen[name]++
		}
	}
	if len(jobs) != 2 || len(seen) != 101 || seen["Test001"] != 1 || seen["Test101"] != 1 {
		t.Errorf("%d jobs, %d tests: %v", len(jobs), len(seen), seen)
	}
}

// TestSuite runs binaries that are shell scripts.
func TestSuite(t *testing.T) {
	for _, test := range []struct {
		name, script           string
		passed, failed, broken int
	}{
		{"passes", `printf '\026=== RUN   TestA\n\026--- PASS: TestA (0.00s)\n\026=== RUN   TestB\n\026--- PASS: TestB (0.00s)\nPASS\n'`, 2, 0, 0},
		{"fails", `printf '\026=== RUN   TestA\n\026--- FAIL: TestA (0.00s)\n\026=== RUN   TestB\n\026--- PASS: TestB (0.00s)\nFAIL\n'; exit 1`, 1, 1, 1},
		{"one does not run", `printf '\026=== RUN   TestA\n\026--- PASS: TestA (0.00s)\nPASS\n'`, 1, 1, 1},
		{"dies", `printf '\026=== RUN   TestA\n\026--- PASS: TestA (0.00s)\n\026=== RUN   TestB\n'; kill -9 $$`, 1, 1, 2},
		{"skips for no reason", `printf '\026=== RUN   TestA\n\026--- PASS: TestA (0.00s)\n\026=== RUN   TestB\n\026--- SKIP: TestB (0.00s)\nPASS\n'`, 1, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			binary := filepath.Join(dir, "a.test")
			script := "#!/bin/sh\nif [ \"$1\" = -test.list ]; then printf 'TestA\\nTestB\\nBenchmarkC\\n'; exit; fi\n" + test.script + "\n"
			if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			o := options{world: "root", run: ".", timeout: time.Minute}
			jobs := o.jobs([]pkg{{path: "rt/a", binary: binary, dir: dir}})
			if len(jobs) != 1 {
				t.Fatalf("%d jobs", len(jobs))
			}
			out := o.test(jobs[0])
			var sum totals
			sum.add(out)
			if sum.passed != test.passed || sum.failed != test.failed || len(out.broken) != test.broken {
				t.Errorf("%+v, broken: %q", sum, out.broken)
			}
		})
	}
}

// TestAgain: a test that fails only beside others is forgiven and named; one that
// fails always is not, nor are many.
func TestAgain(t *testing.T) {
	for _, test := range []struct {
		name, again              string
		failing                  int
		passed, failed, unsteady int
	}{
		{"passes alone", "PASS", 1, 5, 0, 1},
		{"fails again", "FAIL", 1, 4, 1, 0},
		{"too many", "PASS", 4, 1, 4, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			binary := filepath.Join(dir, "a.test")
			script := fmt.Sprintf(`#!/bin/sh
if [ "$1" = -test.list ]; then seq -f Test%%g 1 5; exit; fi
verdict() { printf '\026=== RUN   %%s\n\026--- %%s: %%s (0.00s)\n' "$1" "$2" "$1"; }
if [ -e %[1]s/ran ]; then verdict Test1 %[2]s; [ %[2]s = PASS ]; exit; fi
touch %[1]s/ran
for n in 1 2 3 4 5; do if [ $n -le %[3]d ]; then verdict Test$n FAIL; else verdict Test$n PASS; fi; done
exit 1
`, dir, test.again, test.failing)
			if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			sum := runAll(options{world: "root", run: ".", timeout: time.Minute}, []pkg{{path: "rt/a", binary: binary, dir: dir}}, 1)
			if sum.passed != test.passed || sum.failed != test.failed || len(sum.unsteady) != test.unsteady {
				t.Errorf("%+v", sum)
			}
		})
	}
}

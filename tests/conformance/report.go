package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// programLine is the name of the row that is about the program itself.
const programLine = "(program)"

// report prints a line for each program, and returns what is wrong.
func report(w io.Writer, results []result, expected *expectations, verbose bool) []string {
	var bad []string
	for _, r := range results {
		ok, notOK, skip := r.counts()
		note := ""
		if len(r.missing) > 0 {
			note = "  not judged: missing here: " + strings.Join(r.missing, " ")
		}
		if r.again {
			note += "  run again, alone"
		}
		fmt.Fprintf(w, "%-34s %4d ok %3d not ok %3d skipped %6.1f s%s\n", r.program, ok, notOK, skip, r.took.Seconds(), note)
		var wrong []string
		if expected != nil {
			wrong = r.want.judge(r, r.missing)
		}
		for _, line := range wrong {
			bad = append(bad, r.program+": "+line)
		}
		if len(wrong) > 0 || verbose {
			for _, t := range r.tests {
				if t.outcome == failed {
					fmt.Fprintf(w, "\tnot ok %s\n\t\t%s\n", t.text, t.reason)
				}
			}
			for _, line := range r.errors {
				fmt.Fprintf(w, "\tsays %s\n", line)
			}
			fmt.Fprint(w, indent(r.stderr))
		}
		if verbose {
			fmt.Fprint(w, indent(r.stdout))
		}
	}
	return bad
}

func indent(text string) string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return ""
	}
	return "\t\t" + strings.ReplaceAll(text, "\n", "\n\t\t") + "\n"
}

func summary(results []result, expected *expectations) string {
	var sum [3]int
	unjudged := 0
	for _, r := range results {
		ok, notOK, skip := r.counts()
		sum[0], sum[1], sum[2] = sum[0]+ok, sum[1]+notOK, sum[2]+skip
		if len(r.missing) > 0 {
			unjudged++
		}
	}
	text := fmt.Sprintf("%d programs: %d tests ok, %d not ok, %d skipped", len(results), sum[0], sum[1], sum[2])
	if expected != nil {
		text += fmt.Sprintf("; %d programs judged, %d not, as this host lacks something", len(results)-unjudged, unjudged)
	}
	return text
}

// writeResults writes a line for each test: program, test, outcome and reason,
// with tabs between. The row (program) is about the program itself.
func writeResults(path, version string, results []result) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n", version)
	for _, r := range results {
		for _, t := range r.tests {
			fmt.Fprintf(&text, "%s\t%s\t%s\t%s\n", r.program, oneLine(t.text), t.outcome, oneLine(t.reason))
		}
		if len(r.errors) == 0 {
			fmt.Fprintf(&text, "%s\t%s\tok\t\n", r.program, programLine)
		}
		for _, e := range r.errors {
			fmt.Fprintf(&text, "%s\t%s\tnot ok\t%s\n", r.program, programLine, oneLine(e))
		}
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

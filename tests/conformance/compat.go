package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// compatPart is the page's text about runc's suite: a table by file, and the
// tests that rt is expected to fail.
func compatPart(columns []column, expected string) (string, error) {
	var b strings.Builder
	b.WriteString("The bats files of runc's release that `make compat` pins: passed / failed / skipped.\n\n")
	var sheets []sheet
	titles := []string{"file"}
	tallies := make([]map[string]tally, len(columns))
	for i, c := range columns {
		sheets = append(sheets, c.sheet)
		titles = append(titles, c.title())
		tallies[i] = c.tallies()
	}
	head(&b, titles)
	total := make([]tally, len(columns))
	for _, name := range suites(sheets...) {
		cells := []string{"`" + name + "`"}
		for i := range columns {
			t, there := tallies[i][name]
			if !there {
				cells = append(cells, "–")
				continue
			}
			total[i].ok += t.ok
			total[i].notOK += t.notOK
			total[i].skip += t.skip
			cells = append(cells, t.bats())
		}
		line(&b, cells)
	}
	cells := []string{"**all**"}
	for _, t := range total {
		cells = append(cells, "**"+t.bats()+"**")
	}
	line(&b, cells)
	if expected == "" {
		return b.String(), nil
	}
	text, err := os.ReadFile(expected)
	if err != nil {
		return "", err
	}
	why, err := compatReasons(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", expected, err)
	}
	b.WriteString("\nThe tests that rt fails: for want of something on the host (*environment*), as they look into runc's own affairs\n" +
		"(*runc-internal*), or where rt means to differ (*difference*).\n\n")
	head(&b, []string{"file", "test", "", "why"})
	for _, r := range columns[0].rows {
		if r.outcome != failed {
			continue
		}
		reason, listed := why[r.suite+"\t"+r.name]
		if !listed {
			return "", fmt.Errorf("%s: rt fails %s: %s, and no reason is listed", expected, r.suite, r.name)
		}
		line(&b, []string{"`" + r.suite + "`", escape(r.name), reason.kind, escape(reason.reason)})
	}
	return b.String(), nil
}

// compatReasons reads the failures that are expected of rt: lines of worlds,
// file, test, kind and reason with tabs between. Skips have no reason of ours.
func compatReasons(text string) (map[string]exception, error) {
	all := map[string]exception{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("not five fields: %q", line)
		}
		if f[3] != "skip" {
			all[f[1]+"\t"+f[2]] = exception{kind: f[3], reason: f[4]}
		}
	}
	return all, nil
}

// compatCommand fails when rt's column of the page's part about runc's suite is
// not what a run gave.
func compatCommand(args []string) error {
	set := flag.NewFlagSet("conformance compat", flag.ExitOnError)
	results := set.String("results", "", "the run's results")
	path := set.String("page", "docs/conformance.md", "the page")
	if err := set.Parse(args); err != nil {
		return err
	}
	s, err := loadSheet(*results)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(*path)
	if err != nil {
		return err
	}
	var wrong []error
	for _, line := range checkCompat(string(text), s) {
		wrong = append(wrong, fmt.Errorf("%s: %s", *path, line))
	}
	return errors.Join(wrong...)
}

func checkCompat(page string, s sheet) []string {
	table, _, _ := strings.Cut(between(page, compatBegin, compatEnd), "\n\nThe tests")
	cells := rtColumn(table)
	var wrong []string
	for _, name := range suites(s) {
		if cell, want := cells[name], s.tallies()[name].bats(); cell != want {
			wrong = append(wrong, fmt.Sprintf("%s: the page says %q, the run %q", name, cell, want))
		}
	}
	return wrong
}

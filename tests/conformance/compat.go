package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// compatPart is the page's text about runc's suite, as root and as a user.
func compatPart(host, user []column, expected string) (string, error) {
	var b strings.Builder
	b.WriteString("The bats files of the runc release that `make compat` pins, which also is the runc of the tables: passed / failed / skipped.\n" +
		"Failures of rt are for want of something on the host (*environment*), as a test looks into runc's own affairs\n" +
		"(*runc-internal*), or where rt means to differ (*difference*).\n")
	if len(host) > 0 && host[len(host)-1].name == "crun" {
		b.WriteString("crun of this version cannot be run as the suite's user (`setresuid to 0: Invalid argument`), so it is in one table only.\n")
	}
	for _, w := range []struct {
		name, title string
		columns     []column
	}{{"host", "As root", host}, {"user", "As a user", user}} {
		if len(w.columns) == 0 {
			continue
		}
		b.WriteString("\n" + worldTitle(w.name) + w.title + ":\n\n")
		if err := worldPart(&b, w.columns, expected, w.name); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// worldTitle begins a world's part, so that it is found again.
func worldTitle(world string) string { return "<!-- " + world + " -->\n" }

// worldPart is a table by file, and the tests that rt fails.
func worldPart(b *strings.Builder, columns []column, expected, world string) error {
	var sheets []sheet
	titles := []string{"file"}
	tallies := make([]map[string]tally, len(columns))
	for i, c := range columns {
		sheets = append(sheets, c.sheet)
		titles = append(titles, c.title())
		tallies[i] = c.tallies()
	}
	head(b, titles)
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
		line(b, cells)
	}
	cells := []string{"**all**"}
	for _, t := range total {
		cells = append(cells, "**"+t.bats()+"**")
	}
	line(b, cells)
	if expected == "" {
		return nil
	}
	text, err := os.ReadFile(expected)
	if err != nil {
		return err
	}
	why, err := compatReasons(string(text), world)
	if err != nil {
		return fmt.Errorf("%s: %w", expected, err)
	}
	b.WriteString("\n")
	head(b, []string{"file", "test that rt fails", "", "why"})
	for _, r := range columns[0].rows {
		if r.outcome != failed {
			continue
		}
		reason, listed := why[r.suite+"\t"+r.name]
		if !listed {
			return fmt.Errorf("%s: rt fails %s: %s, and no reason is listed", expected, r.suite, r.name)
		}
		line(b, []string{"`" + r.suite + "`", escape(r.name), reason.kind, escape(reason.reason)})
	}
	return nil
}

// compatReasons reads the failures that are expected of rt in a world: lines of
// worlds, file, test, kind and reason with tabs between. Skips have no reason of ours.
func compatReasons(text, world string) (map[string]exception, error) {
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
		if f[3] != "skip" && slices.Contains(strings.Split(f[0], ","), world) {
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
	world := set.String("world", "host", "as root on the host, or as a user")
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
	for _, line := range checkCompat(string(text), *world, s) {
		wrong = append(wrong, fmt.Errorf("%s: %s", *path, line))
	}
	return errors.Join(wrong...)
}

func checkCompat(page, world string, s sheet) []string {
	_, table, _ := strings.Cut(between(page, compatBegin, compatEnd), worldTitle(world))
	table, _, _ = strings.Cut(table, "\n<!--")
	table, _, _ = strings.Cut(table, "\n| file | test")
	cells := rtColumn(table)
	var wrong []string
	for _, name := range suites(s) {
		if cell, want := cells[name], s.tallies()[name].bats(); cell != want {
			wrong = append(wrong, fmt.Sprintf("%s: the page says %q, the run %q", name, cell, want))
		}
	}
	return wrong
}

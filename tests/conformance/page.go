package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	compatBegin = "<!-- compat: begin -->\n"
	compatEnd   = "<!-- compat: end -->\n"
)

// column is one runtime's results on the page.
type column struct {
	name string
	sheet
}

// title is the column's head: the runtime with its version.
func (c column) title() string {
	fields := strings.Fields(c.version)
	if len(fields) == 0 || c.name == "rt" { // rt's is that of the tree
		return c.name
	}
	return c.name + " " + fields[len(fields)-1]
}

// columnFlags name the files of results that the columns are read from.
type columnFlags struct{ rt, runc, crun string }

func (f *columnFlags) declare(set *flag.FlagSet, prefix, what string) {
	set.StringVar(&f.rt, prefix+"rt", "", "results of rt in "+what)
	set.StringVar(&f.runc, prefix+"runc", "", "results of runc")
	set.StringVar(&f.crun, prefix+"crun", "", "results of crun")
}

// load returns no column when no file is named.
func (f *columnFlags) load() ([]column, error) {
	var all []column
	for _, c := range []struct{ name, path string }{{"rt", f.rt}, {"runc", f.runc}, {"crun", f.crun}} {
		if c.path == "" {
			continue
		}
		s, err := loadSheet(c.path)
		if err != nil {
			return nil, err
		}
		all = append(all, column{c.name, s})
	}
	if len(all) > 0 && all[0].name != "rt" {
		return nil, errors.New("a page without rt")
	}
	return all, nil
}

func pageCommand(args []string) error {
	var programs, host, user columnFlags
	set := flag.NewFlagSet("conformance page", flag.ExitOnError)
	expected := set.String("expected", "", "the file of what is expected of rt with the programs")
	batsExpected := set.String("compat-expected", "", "the file of what is expected of rt with runc's suite")
	out := set.String("out", "docs/conformance.md", "the page; its part about a suite without results stays")
	programs.declare(set, "", "the validation programs")
	host.declare(set, "compat-", "runc's suite as root")
	user.declare(set, "compat-user-", "runc's suite as a user")
	if err := set.Parse(args); err != nil {
		return err
	}
	reasons, err := loadExpectations(*expected)
	if err != nil {
		return err
	}
	columns, err := programs.load()
	if err != nil {
		return err
	}
	old, err := os.ReadFile(*out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	asRoot, err := host.load()
	if err != nil {
		return err
	}
	asUser, err := user.load()
	if err != nil {
		return err
	}
	part := between(string(old), compatBegin, compatEnd)
	if len(asRoot) > 0 {
		if part, err = compatPart(asRoot, asUser, *batsExpected); err != nil {
			return err
		}
	}
	if len(columns) == 0 {
		return errors.New("no results of the validation programs")
	}
	return os.WriteFile(*out, []byte(page(columns, reasons, part)), 0o644)
}

func between(text, begin, end string) string {
	_, rest, found := strings.Cut(text, begin)
	part, _, whole := strings.Cut(rest, end)
	if !found || !whole {
		return ""
	}
	return part
}

func page(columns []column, reasons *expectations, compat string) string {
	var b strings.Builder
	b.WriteString("# What the referees say\n\n" +
		"Written by `make conformance-page`; do not edit. `make conformance` fails when rt's column is not what a run gives.\n" +
		"All runtimes were run by the same harness, on one host with cgroup v1 and a unified hierarchy beside it.\n\n" +
		"## The OCI validator\n\n" +
		"The validation programs of the OCI's runtime-tools, at the version that `tests/conformance/validator/go.mod` pins. Each runs in\n" +
		"namespaces and cgroups of its own. *ok*: a program that counts no tests, and complains of nothing; *fails*: it complains, or\n" +
		"its exit status is not 0. `…_corrected` is a program that no runtime can pass, with its mistake taken out\n" +
		"(`tests/conformance/build.go`), beside the one as it is. A program with ¹ asks for something that cannot be, or that the\n" +
		"specification does not ask for: below is what, and why. One that fails is run again, alone.\n" +
		"crun of this version is killed by SIGPIPE when a hook ends before its state is written, so its results with hooks vary.\n\n")
	programsTable(&b, columns, reasons)
	b.WriteString("\n## What is not ok with rt, and why\n\n" +
		"A mistake *of the program*; *specification*: it has changed since the program was written; *kernel*: no kernel that rt runs on\n" +
		"has it; *host*: this one lacks it; *meant*: rt does so on purpose, as runc does.\n\n")
	reasonsTable(&b, reasons)
	b.WriteString("\n## What is not everywhere\n\n" +
		"Where these programs do not find what they need, they are run and not judged.\n\n")
	needsTable(&b, reasons)
	if compat != "" {
		b.WriteString("\n## runc's own suite\n\n" + compatBegin + compat + compatEnd)
	}
	return b.String()
}

func programsTable(b *strings.Builder, columns []column, reasons *expectations) {
	var sheets []sheet
	titles := []string{"program"}
	for _, c := range columns {
		sheets = append(sheets, c.sheet)
		titles = append(titles, c.title())
	}
	names := suites(sheets...)
	head(b, titles)
	var fair int
	clean, cleanFair := make([]int, len(columns)), make([]int, len(columns))
	for _, name := range names {
		mark := reasons.mark(name)
		isFair := !strings.Contains(mark, "¹")
		if isFair {
			fair++
		}
		cells := []string{"`" + name + "`" + mark}
		for i, c := range columns {
			t, there := c.tallies()[name]
			if !there {
				cells = append(cells, "–")
				continue
			}
			cells = append(cells, t.cell())
			if t.clean() {
				clean[i]++
				if isFair {
					cleanFair[i]++
				}
			}
		}
		line(b, cells)
	}
	total(b, fmt.Sprintf("without a complaint, of the %d without ¹", fair), cleanFair)
	total(b, fmt.Sprintf("without a complaint, of all %d", len(names)), clean)
}

func total(b *strings.Builder, what string, counts []int) {
	cells := []string{"**" + what + "**"}
	for _, n := range counts {
		cells = append(cells, fmt.Sprintf("**%d**", n))
	}
	line(b, cells)
}

// mark stands behind a program that says not everything about a runtime.
func (e *expectations) mark(program string) string {
	excepted, needy := false, false
	for _, x := range e.list {
		if x.program == program {
			excepted = excepted || len(x.failures)+len(x.complaints) > 0 || x.races != ""
			needy = needy || len(x.needs) > 0
		}
	}
	switch {
	case excepted && needy:
		return " ¹ ²"
	case excepted:
		return " ¹"
	case needy:
		return " ²"
	}
	return ""
}

func reasonsTable(b *strings.Builder, reasons *expectations) {
	whose := map[string]string{"tool": "of the program", "spec": "specification", "kernel": "kernel", "rt": "meant", "host": "host"}
	head(b, []string{"program ¹", "what it says", "", "why"})
	for _, x := range reasons.list {
		for _, e := range x.failures {
			what := "not ok: " + e.text
			if e.count > 1 {
				what = fmt.Sprintf("%d times not ok: %s", e.count, e.text)
			}
			line(b, []string{"`" + x.program + "`", escape(what), whose[e.kind], escape(e.reason)})
		}
		if x.races != "" {
			line(b, []string{"`" + x.program + "`", "either way", whose["tool"], escape(x.races)})
		}
		for _, e := range x.complaints {
			line(b, []string{"`" + x.program + "`", escape(e.text), whose[e.kind], escape(e.reason)})
		}
	}
}

func needsTable(b *strings.Builder, reasons *expectations) {
	head(b, []string{"program ²", "needs"})
	for _, x := range reasons.list {
		if len(x.needs) == 0 {
			continue
		}
		var texts []string
		for _, fact := range x.needs {
			if strings.HasPrefix(fact, "!") {
				continue
			}
			texts = append(texts, factText(fact))
		}
		if len(texts) > 0 {
			line(b, []string{"`" + x.program + "`", strings.Join(texts, ", ")})
		}
	}
}

func head(b *strings.Builder, titles []string) {
	line(b, titles)
	b.WriteString(strings.Repeat("|---", len(titles)) + "|\n")
}

func line(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// checkPage returns where rt's column of the page is not what a run gave.
// Programs that lack something here are passed over: the page is of another host.
func checkPage(path string, results []result) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	_, said, _ := strings.Cut(string(text), "## The OCI validator\n")
	said, _, _ = strings.Cut(said, "\n## ")
	cells := rtColumn(said)
	var wrong []string
	for _, r := range results {
		cell, there := cells[r.program]
		switch want := r.tally().cell(); {
		case len(r.missing) > 0 || r.want != nil && r.want.races != "":
		case !there:
			wrong = append(wrong, fmt.Sprintf("%s: the program %s is missing", path, r.program))
		case cell != want:
			wrong = append(wrong, fmt.Sprintf("%s: %s: the page says %q, the run %q", path, r.program, cell, want))
		}
	}
	return wrong
}

// rtColumn reads the first two cells of a table's rows: name and rt's results.
func rtColumn(table string) map[string]string {
	cells := map[string]string{}
	for line := range strings.Lines(table) {
		f := strings.Split(line, "|")
		if len(f) < 4 {
			continue
		}
		name, quoted := strings.CutPrefix(strings.TrimSpace(f[1]), "`")
		if name, _, found := strings.Cut(name, "`"); found && quoted {
			cells[name] = strings.TrimSpace(f[2])
		}
	}
	return cells
}

package main

// report.go: a table of results in words, for the terminal and for the page.

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// number is a value with as many digits as it is good for.
func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r result) median(s *subject) float64 { return median(r.values[s.name]) }

func (r result) ratio(s *subject) ratio {
	return ratioOf(r.values[r.subjects[0].name], r.values[s.name])
}

// aimFor is what rt's share of a peer's value is to be at most; 0: nothing is
// aimed at.
func (a aim) aimFor(s *subject) float64 {
	switch s.name {
	case "crun":
		return a.crun
	case "runc":
		return a.runc
	}
	return 0
}

// met says whether an aim is met, in the two digits that it is given in.
func met(value, aim float64) string {
	if math.Round(value*100) <= math.Round(aim*100) {
		return "met"
	}
	return "not met"
}

func (t table) print() {
	fmt.Printf("\nmedians; what rt takes of each: median of the pairs, [95 %% interval], (middle half)\n\n")
	for _, r := range t {
		ours := r.subjects[0]
		fmt.Printf("%-34s%-8s%9s %s", r.name, ours.name, number(r.median(ours)), r.unit)
		if r.aim.value != 0 {
			fmt.Printf("%*s aim %s: %s", 36, "", number(r.aim.value), met(r.median(ours), r.aim.value))
		}
		fmt.Println()
		for _, s := range r.subjects[1:] {
			q := r.ratio(s)
			fmt.Printf("%-34s%-8s%9s %s  rt takes %5.2f [%.2f–%.2f] (%.2f–%.2f)", "", s.name, number(r.median(s)), r.unit,
				q.median, q.low, q.high, q.q1, q.q3)
			if aim := r.aim.aimFor(s); aim != 0 {
				fmt.Printf("  aim %.2f: %s", aim, met(q.median, aim))
			}
			fmt.Println()
		}
	}
}

// markdown is the table of aims: one line for each aim, one column for each
// sitting.
func markdown(sittings []table) string {
	var b strings.Builder
	b.WriteString("| what | against | aim |")
	for n := range sittings {
		fmt.Fprintf(&b, " run %d |", n+1)
	}
	b.WriteString(" medians of the last | |\n|---|---|---|")
	b.WriteString(strings.Repeat("---|", len(sittings)+2))
	b.WriteString("\n")
	last := sittings[len(sittings)-1]
	for i, r := range last {
		if r.aim.value != 0 {
			fmt.Fprintf(&b, "| %s | – | %s %s |", r.name, number(r.aim.value), r.unit)
			all := true
			for _, t := range sittings {
				v := t[i].median(r.subjects[0])
				fmt.Fprintf(&b, " %s |", number(v))
				all = all && met(v, r.aim.value) == "met"
			}
			fmt.Fprintf(&b, " | %s |\n", verdict(all))
		}
		for _, s := range r.subjects[1:] {
			aim := r.aim.aimFor(s)
			aimText, last := "–", ""
			if aim != 0 {
				aimText = fmt.Sprintf("≤ %.2f", aim)
			}
			all := true
			fmt.Fprintf(&b, "| %s | %s | %s |", r.name, s.name, aimText)
			for _, t := range sittings {
				q := t[i].ratio(s)
				fmt.Fprintf(&b, " %.2f [%.2f–%.2f] |", q.median, q.low, q.high)
				all = all && met(q.median, aim) == "met"
			}
			if aim != 0 {
				last = verdict(all)
			}
			fmt.Fprintf(&b, " %s to %s %s | %s |\n", number(r.median(r.subjects[0])), number(r.median(s)), r.unit, last)
		}
	}
	first := last[0]
	fmt.Fprintf(&b, "\n%d pairs in each run; fewer where one takes long, with the whole of their spread in brackets.\n", len(first.values[first.subjects[0].name]))
	return b.String()
}

func verdict(all bool) string {
	if all {
		return "met"
	}
	return "**not met**"
}

// The lines of the page between which the harness writes.
const (
	beginMark = "<!-- written by make bench-page: begin -->"
	endMark   = "<!-- written by make bench-page: end -->"
)

// write puts table and charts into the documentation.
func write(docs string, sittings []table, sc scale) error {
	for name, svg := range map[string]string{
		"performance.svg": barChart(sittings[len(sittings)-1]),
		"scale.svg":       scaleChart(sc),
	} {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	page := filepath.Join(docs, "performance.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	updated, err := between(string(text), markdown(sittings)+"\n"+sc.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(updated), 0o644)
}

// between replaces what stands between the marks.
func between(page, text string) (string, error) {
	head, rest, ok := strings.Cut(page, beginMark)
	_, tail, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return "", fmt.Errorf("the marks %q and %q are missing", beginMark, endMark)
	}
	return head + beginMark + "\n\n" + strings.TrimSpace(text) + "\n\n" + endMark + tail, nil
}

func (sc scale) markdown() string {
	var b strings.Builder
	b.WriteString("| ms beside … containers |")
	for _, n := range crowds {
		fmt.Fprintf(&b, " %d |", n)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(crowds)) + "\n")
	for _, s := range sc.subjects {
		for _, st := range s.steps() {
			fmt.Fprintf(&b, "| %s `%s` |", s.name, st.name)
			for i := range crowds {
				fmt.Fprintf(&b, " %s |", number(sc.sizes[i][s.name][st.name]))
			}
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "\n%d creates at once:", crowded)
	for i, s := range sc.subjects {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " %s %s ms", s.name, number(sc.atOnce[s.name]))
	}
	b.WriteString(" (medians; each makes and loads what a start does, up to the waiting init).\n")
	return b.String()
}

package install

// diff.go: a change as people read it.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// context is how many unchanged lines are shown around a change.
const context = 3

// Diff is the change in the form of `diff -u`.
func (c *Change) Diff() string {
	if !c.Needed() {
		return ""
	}
	var b strings.Builder
	name := func(text []byte) string {
		if text == nil {
			return "/dev/null"
		}
		return c.Path
	}
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name(c.Old), name(c.New))
	for _, h := range hunks(compare(lines(c.Old), lines(c.New))) {
		h.print(&b)
	}
	return b.String()
}

func lines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	return strings.Split(string(bytes.TrimSuffix(text, []byte("\n"))), "\n")
}

// line is one of the diff: ' ', '-' or '+', with the number that it has, or
// would have, in the old and in the new text, from 0.
type line struct {
	sign     byte
	text     string
	old, new int
}

// compare finds a longest common subsequence, between what the texts have in
// common at both ends: changes of a configuration are short.
func compare(a, b []string) []line {
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []line
	i, j := 0, 0
	add := func(sign byte) {
		switch sign {
		case ' ':
			out = append(out, line{sign, a[i], i, j})
			i, j = i+1, j+1
		case '-':
			out = append(out, line{sign, a[i], i, j})
			i++
		case '+':
			out = append(out, line{sign, b[j], i, j})
			j++
		}
	}
	for range head {
		add(' ')
	}
	for _, sign := range between(a[head:len(a)-tail], b[head:len(b)-tail]) {
		add(sign)
	}
	for range tail {
		add(' ')
	}
	return out
}

// maxTable keeps the table of between small.
const maxTable = 1 << 22

// between is the way from a to b.
func between(a, b []string) []byte {
	if len(a)*len(b) > maxTable {
		return slices.Concat(bytes.Repeat([]byte("-"), len(a)), bytes.Repeat([]byte("+"), len(b)))
	}
	// common[i][j] is the length of what a[i:] and b[j:] have in common.
	common := make([][]int32, len(a)+1)
	for i := range common {
		common[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var way []byte
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			way = append(way, ' ')
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			way = append(way, '-')
			i++
		default:
			way = append(way, '+')
			j++
		}
	}
	return way
}

// hunk are lines with a change among them.
type hunk []line

// hunks leaves out what is far from any change.
func hunks(all []line) []hunk {
	var out []hunk
	end := -1 // of the last hunk
	for i, l := range all {
		if l.sign == ' ' {
			continue
		}
		from, to := max(i-context, 0), min(i+context+1, len(all))
		if len(out) > 0 && from <= end {
			out[len(out)-1] = append(out[len(out)-1], all[end:to]...)
		} else {
			out = append(out, append(hunk{}, all[from:to]...))
		}
		end = to
	}
	return out
}

func (h hunk) print(b *strings.Builder) {
	var olds, news int
	for _, l := range h {
		if l.sign != '+' {
			olds++
		}
		if l.sign != '-' {
			news++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", place(h[0].old, olds), place(h[0].new, news))
	for _, l := range h {
		fmt.Fprintf(b, "%c%s\n", l.sign, l.text)
	}
}

// place is a range of lines as `diff -u` writes it.
func place(first, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", first)
	case 1:
		return fmt.Sprint(first + 1)
	}
	return fmt.Sprintf("%d,%d", first+1, n)
}

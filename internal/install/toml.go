package install

// toml.go: changes of a TOML file that leave all the rest of its text alone.
// Package toml reads what the file says, before and after; the scanner here only
// finds where it says it, so what it does not understand is found out.

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"rt/libcontainer/fault"
)

// statement is a table's header or a key with its value.
type statement struct {
	start, end int // whole lines
	header     bool
	array      bool     // an element of an array of tables, or in one
	path       []string // from the top
	table      int      // the number of the header that it is under, -1 for none
	value, to  int      // the value's place
	indent     string
}

// document is a TOML file.
type document struct {
	text       []byte
	statements []statement
	values     map[string]any
}

func parseTOML(text []byte) (*document, error) {
	d := &document{text: text, values: map[string]any{}}
	if err := toml.Unmarshal(text, &d.values); err != nil {
		var e *toml.DecodeError
		if errors.As(err, &e) {
			row, _ := e.Position()
			err = fmt.Errorf("line %d is not TOML: %s", row, strings.TrimPrefix(e.Error(), "toml: "))
		}
		return nil, err
	}
	return d, d.scan()
}

// scan finds the statements of a text that is known to be TOML.
func (d *document) scan() error {
	table := -1
	for at := 0; at < len(d.text); {
		s := statement{start: at, table: table}
		at += blanks(d.text[at:])
		s.indent = string(d.text[s.start:at])
		var err error
		switch {
		case at == len(d.text) || strings.IndexByte("\r\n#", d.text[at]) >= 0:
			at = nextLine(d.text, at)
			continue
		case d.text[at] == '[':
			at, err = d.scanHeader(&s, at)
			table = len(d.statements)
		default:
			at, err = d.scanKey(&s, at)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", lineOf(d.text, s.start+1), err)
		}
		at = nextLine(d.text, at)
		s.end = at
		d.statements = append(d.statements, s)
	}
	return nil
}

func blanks(text []byte) int { return len(text) - len(bytes.TrimLeft(text, " \t")) }

func nextLine(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

func (d *document) scanHeader(s *statement, at int) (int, error) {
	s.header = true
	at++
	if s.array = at < len(d.text) && d.text[at] == '['; s.array {
		at++
	}
	path, at, err := d.keyPath(at, ']')
	s.path = path
	for _, other := range d.statements { // [a.b] below [[a]]
		if other.header && other.array && within(s.path, other.path) {
			s.array = true
		}
	}
	return at, err
}

func (d *document) scanKey(s *statement, at int) (int, error) {
	path, at, err := d.keyPath(at, '=')
	if err != nil {
		return at, err
	}
	if s.table >= 0 {
		header := d.statements[s.table]
		s.array = header.array
		path = slices.Concat(header.path, path)
	}
	s.path = path
	at++
	s.value = at + blanks(d.text[at:])
	s.to, err = valueEnd(d.text, s.value)
	return s.to, err
}

var errScan = errors.New("a form that cannot be edited")

// keyPath reads a dotted key and stops at the byte that ends it.
func (d *document) keyPath(at int, end byte) ([]string, int, error) {
	var path []string
	for {
		at += blanks(d.text[at:])
		if at == len(d.text) {
			return nil, at, errScan
		}
		var part string
		var n int
		switch c := d.text[at]; c {
		case '"', '\'':
			n = stringLength(d.text[at:])
			if n < 2 {
				return nil, at, errScan
			}
			part = string(d.text[at+1 : at+n-1])
			if c == '"' && strings.Contains(part, `\`) {
				unquoted, err := strconv.Unquote(string(d.text[at : at+n]))
				if err != nil {
					return nil, at, errScan
				}
				part = unquoted
			}
		default:
			for at+n < len(d.text) && strings.IndexByte(" \t.=]\r\n", d.text[at+n]) < 0 {
				n++
			}
			part = string(d.text[at : at+n])
		}
		path = append(path, part)
		at += n
		at += blanks(d.text[at:])
		switch {
		case at < len(d.text) && d.text[at] == '.':
			at++
		case at < len(d.text) && d.text[at] == end:
			return path, at, nil
		default:
			return nil, at, errScan
		}
	}
}

// stringLength is the length of the string that text begins with, 0 when it
// does not end.
func stringLength(text []byte) int {
	quote := text[:1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(text, triple) {
		quote = triple
	}
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote[0] == '"':
			i++
		case bytes.HasPrefix(text[i:], quote):
			i += len(quote)
			for len(quote) == 3 && i < len(text) && text[i] == quote[0] {
				i++ // quotes may stand right before the three that end it
			}
			return i
		}
	}
	return 0
}

// valueEnd is where the value ends that begins at at.
func valueEnd(text []byte, at int) (int, error) {
	depth, end := 0, at
	for at < len(text) {
		switch c := text[at]; c {
		case '"', '\'':
			n := stringLength(text[at:])
			if n == 0 {
				return at, errScan
			}
			at += n
			end = at
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case '#':
			if depth == 0 {
				return end, nil
			}
			at = nextLine(text, at)
			continue
		case '\n':
			if depth == 0 {
				return end, nil
			}
		}
		if text[at] > ' ' {
			end = at + 1
		}
		at++
	}
	return end, nil
}

// within tells whether path is prefix or below it.
func within(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}

// lookup is the value at path, or nil.
func (d *document) lookup(path ...string) any {
	var v any = d.values
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// text of a value at path, "" when it is no string.
func (d *document) lookupString(path ...string) string {
	s, _ := d.lookup(path...).(string)
	return s
}

// put sets the key of a table, which begins at the end of the file when there is
// none yet.
func (d *document) put(table []string, key string, value any) (*document, error) {
	raw := rawTOML(value)
	path := slices.Concat(table, []string{key})
	header, last := -1, -1
	for i, s := range d.statements {
		switch {
		case s.array:
		case !s.header && slices.Equal(s.path, path):
			return d.becomes(splice(d.text, s.value, s.to, raw))
		case s.header && slices.Equal(s.path, table):
			header, last = i, i
		case !s.header && header >= 0 && s.table == header:
			last = i
		}
	}
	if header < 0 {
		return d.becomes(appendTable(d.text, table, key, raw))
	}
	s := d.statements[last]
	indent := s.indent
	if last == header {
		indent += "  "
	}
	line := indent + key + " = " + raw + "\n"
	if s.end > 0 && d.text[s.end-1] != '\n' {
		line = "\n" + line
	}
	return d.becomes(splice(d.text, s.end, s.end, line))
}

// becomes reads the new text.
func (d *document) becomes(text []byte) (*document, error) {
	after, err := parseTOML(text)
	if err != nil { // an inline table, or one made by dotted keys
		return nil, fault.New("", "", "", errors.New("has the tables in a form that cannot be extended")).
			WithHint("make the change by hand")
	}
	return after, nil
}

// appendTable puts a table with one key at the end of text.
func appendTable(text []byte, table []string, key, raw string) []byte {
	s := string(text)
	if s != "" {
		s = strings.TrimRight(s, "\n") + "\n\n"
	}
	return []byte(s + "[" + dotted(table) + "]\n  " + key + " = " + raw + "\n")
}

// dotted is a path as TOML has it.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = p
		if strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			parts[i] = strconv.Quote(p)
		}
	}
	return strings.Join(parts, ".")
}

// rawTOML is a string, a bool or an int as TOML has it.
func rawTOML(value any) string {
	if s, ok := value.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(value)
}

// drop removes the tables and keys at path and below, and the header of a key
// that was alone.
func (d *document) drop(path ...string) (*document, error) {
	gone := make([]bool, len(d.statements))
	for i, s := range d.statements {
		gone[i] = !s.array && within(s.path, path)
	}
	for i, s := range d.statements {
		if s.header && !gone[i] && d.losesAll(i, gone) {
			gone[i] = true
		}
	}
	text := d.text
	for i := len(gone) - 1; i >= 0; i-- {
		if gone[i] {
			text = cut(text, d.statements[i].start, d.statements[i].end)
		}
	}
	return d.becomes(text)
}

// losesAll tells whether a table had keys and will have none.
func (d *document) losesAll(header int, gone []bool) bool {
	had := false
	for i, s := range d.statements {
		if s.header || s.table != header {
			continue
		}
		if !gone[i] {
			return false
		}
		had = true
	}
	return had
}

// cut removes lines, with one blank line in front of a header.
func cut(text []byte, from, to int) []byte {
	if before := text[:from]; bytes.HasSuffix(before, []byte("\n\n")) && bytes.HasPrefix(bytes.TrimLeft(text[from:to], " \t"), []byte("[")) {
		from--
	}
	return splice(text, from, to, "")
}

// sameTOML checks the outcome: after says what before says, changed.
func sameTOML(before, after *document, change func(map[string]any)) error {
	want, err := parseTOML(before.text)
	if err != nil {
		return err
	}
	change(want.values)
	prune(want.values)
	got, err := parseTOML(after.text)
	if err != nil {
		return err
	}
	prune(got.values)
	if !reflect.DeepEqual(want.values, got.values) {
		return fault.New("", "", "", errors.New("the change would touch other settings")).WithHint("make the change by hand")
	}
	return nil
}

// prune removes tables with nothing in them: that they are there says nothing.
func prune(m map[string]any) {
	for key, v := range m {
		if sub, ok := v.(map[string]any); ok {
			prune(sub)
			if len(sub) == 0 {
				delete(m, key)
			}
		}
	}
}

// at makes the tables on the way and returns the last.
func at(m map[string]any, path ...string) map[string]any {
	for _, p := range path {
		sub, ok := m[p].(map[string]any)
		if !ok {
			sub = map[string]any{}
			m[p] = sub
		}
		m = sub
	}
	return m
}

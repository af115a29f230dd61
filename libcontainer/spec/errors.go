package spec

import (
	"strconv"
	"strings"
)

// FieldError is one thing that is wrong with a configuration.
type FieldError struct {
	Path string // JSON path, e.g. `linux.uidMappings[0].size`; "" = the whole document
	Msg  string // what is wrong, e.g. "must be > 0"
	Hint string // what to do about it, "" when Msg says it
}

// Error returns "path: msg", with the hint in brackets.
func (e FieldError) Error() string {
	s := e.Msg
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errors are all the things that are wrong with a configuration, in document
// order.
type Errors []FieldError

// Error returns one line for a single error, and for several a count and a
// line for each. "invalid configuration" is runc's text and stands in both.
func (e Errors) Error() string {
	const prefix = "invalid configuration: "
	if len(e) == 1 {
		return prefix + e[0].Error()
	}
	var b strings.Builder
	b.WriteString(prefix + strconv.Itoa(len(e)) + " errors")
	for _, f := range e {
		b.WriteString("\n  " + f.Error())
	}
	return b.String()
}

// key is a name in a JSON object whose names are the user's own: at writes it
// in brackets, because it may hold dots.
type key string

// at joins the parts of a JSON path: strings are names, ints are positions in
// an array, keys are names in a map. It is called only once something is
// wrong, so a right configuration costs no strings.
func at(parts ...any) string {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(p) + "]")
		case key:
			b.WriteString("[" + strconv.Quote(string(p)) + "]")
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(p)
		}
	}
	return b.String()
}

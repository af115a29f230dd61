package install

// json.go: changes of a JSON object that leave all the rest of its text alone.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// member is one of an object, with its places in the text.
type member struct {
	name            string
	key, value, end int // where the key and the value begin, and the value ends
}

// object is an object in a text.
type object struct {
	open, close int // the places of its braces
	members     []member
}

// find returns the member of that name, or nil.
func (o object) find(name string) *member {
	for i := range o.members {
		if o.members[i].name == name {
			return &o.members[i]
		}
	}
	return nil
}

// parseObject reads the object that begins at or behind from. what names it in
// errors.
func parseObject(text []byte, from int, what string) (object, error) {
	from += skip(text[from:], "")
	d := json.NewDecoder(bytes.NewReader(text[from:]))
	if t, err := d.Token(); err != nil {
		return object{}, jsonFault(text, from, err)
	} else if t != json.Delim('{') {
		return object{}, fmt.Errorf("%s is not an object", what)
	}
	o := object{open: from}
	at := from + 1
	for d.More() {
		m := member{key: at + skip(text[at:], ",")}
		t, err := d.Token()
		if err != nil {
			return object{}, jsonFault(text, from, err)
		}
		m.name, _ = t.(string) // the decoder takes nothing else for a key
		if o.find(m.name) != nil {
			return object{}, fmt.Errorf("%q stands twice in %s", m.name, what)
		}
		at = from + int(d.InputOffset())
		m.value = at + skip(text[at:], ":")
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return object{}, jsonFault(text, from, err)
		}
		m.end = from + int(d.InputOffset())
		at = m.end
		o.members = append(o.members, m)
	}
	if _, err := d.Token(); err != nil {
		return object{}, jsonFault(text, from, err)
	}
	o.close = from + int(d.InputOffset()) - 1
	return o, nil
}

// skip counts blanks and one of the separators.
func skip(text []byte, separator string) int {
	n := len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
	if separator != "" && n < len(text) && text[n] == separator[0] {
		n++
		n += skip(text[n:], "")
	}
	return n
}

// parseDocument reads a text that is one object and nothing else.
func parseDocument(text []byte) (object, error) {
	o, err := parseObject(text, 0, "the file")
	if err != nil {
		return object{}, err
	}
	if rest := text[o.close+1:]; skip(rest, "") != len(rest) {
		return object{}, fmt.Errorf("line %d: there is something behind the object", lineOf(text, o.close+2+skip(rest, "")))
	}
	return o, nil
}

// jsonFault says where a text is no JSON.
func jsonFault(text []byte, from int, err error) error {
	at := len(text)
	var e *json.SyntaxError
	if errors.As(err, &e) {
		at = from + int(e.Offset)
	} else if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("line %d is not JSON: %w", lineOf(text, at), err)
}

// lineOf is the line of the byte before at.
func lineOf(text []byte, at int) int {
	return 1 + bytes.Count(text[:min(max(at-1, 0), len(text))], []byte("\n"))
}

// put sets a member of o, at the end when it is new, written in the style of
// the object.
func (o object) put(text []byte, name string, value any) ([]byte, error) {
	indent, several := o.indent(text)
	written, err := write(value, indent, strings.TrimPrefix(indent, o.outer(text)), several)
	if err != nil {
		return nil, err
	}
	if m := o.find(name); m != nil {
		return splice(text, m.value, m.end, written), nil
	}
	key, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	entry := string(key) + ": " + written
	switch {
	case len(o.members) == 0:
		return splice(text, o.open+1, o.close, "\n"+indent+entry+"\n"+o.outer(text)), nil
	case several:
		entry = ",\n" + indent + entry
	default:
		entry = ", " + entry
	}
	end := o.members[len(o.members)-1].end
	return splice(text, end, end, entry), nil
}

// drop removes a member.
func (o object) drop(text []byte, name string) []byte {
	for i, m := range o.members {
		switch {
		case m.name != name:
		case len(o.members) == 1:
			return splice(text, o.open+1, o.close, "")
		case i == 0:
			return splice(text, m.key, o.members[1].key, "")
		default:
			return splice(text, o.members[i-1].end, m.end, "")
		}
	}
	return text
}

// indent is what stands in front of the members, and whether each has a line
// of its own.
func (o object) indent(text []byte) (string, bool) {
	if len(o.members) == 0 {
		outer := o.outer(text)
		if strings.HasPrefix(outer, "\t") {
			return outer + "\t", true
		}
		return outer + "  ", true
	}
	before := text[o.open+1 : o.members[0].key]
	i := bytes.LastIndexByte(before, '\n')
	return string(before[i+1:]), i >= 0
}

// outer is the indentation of the line on which o begins.
func (o object) outer(text []byte) string {
	line := text[bytes.LastIndexByte(text[:o.open], '\n')+1 : o.open]
	return string(line[:skip(line, "")])
}

// write is a value as it stands in an object whose members have this indent,
// unit more than the object itself.
func write(value any, indent, unit string, several bool) (string, error) {
	marshal := func() ([]byte, error) { return json.MarshalIndent(value, indent, unit) }
	if !several {
		marshal = func() ([]byte, error) { return json.Marshal(value) }
	}
	b, err := marshal()
	return string(b), err
}

// splice replaces text[from:to].
func splice(text []byte, from, to int, with string) []byte {
	return []byte(string(text[:from]) + with + string(text[to:]))
}

// sameJSON checks the outcome: after is what before becomes by change.
func sameJSON(before, after []byte, change func(map[string]any)) error {
	decode := func(text []byte) (map[string]any, error) {
		m := map[string]any{}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err := d.Decode(&m)
		return m, err
	}
	want, err := decode(before)
	if err != nil {
		return err
	}
	change(want)
	got, err := decode(after)
	if err == nil && !reflect.DeepEqual(want, got) {
		err = errors.New("the change would touch other settings")
	}
	return err
}

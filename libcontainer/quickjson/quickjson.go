// Package quickjson fills Go values from JSON text, and writes them as such, as
// encoding/json does, for programs that see one document and end.
// encoding/json first builds a table of every type that it meets and reads the
// text twice; for a single config.json that is most of its time. Here the text
// is read once, against the types as reflect has them.
//
// It takes the plain road only. Whatever is not plain (text that is no JSON or
// does not fit, a name that is there twice or in another case, a type with
// rules of its own) is left to encoding/json, which also knows what to say. So
// the result is encoding/json's in every case; fuzz tests compare the two.
package quickjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxDepth bounds the recursion. The types of no configuration go that deep;
// encoding/json goes much deeper.
const maxDepth = 200

// Unmarshal is json.Unmarshal into v, a pointer to a zero value.
func Unmarshal(data []byte, v any) error {
	target := reflect.ValueOf(v).Elem()
	r := reader{data: data}
	if utf8.Valid(data) && r.document(target) {
		return nil
	}
	target.SetZero()
	return json.Unmarshal(data, v)
}

// reader stands at a byte of the text. Its methods return false where the
// plain road ends; what was filled so far is worth nothing then.
type reader struct {
	data  []byte
	at    int
	depth int
}

func (r *reader) document(v reflect.Value) bool {
	return r.value(v) && r.space() == 0 && r.at == len(r.data)
}

// space goes to the next byte that is no white space and returns it, 0 at the
// end.
func (r *reader) space() byte {
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take goes past c, white space before it included.
func (r *reader) take(c byte) bool {
	if r.space() != c || c == 0 {
		return false
	}
	r.at++
	return true
}

// word goes past a literal.
func (r *reader) word(w string) bool {
	if !strings.HasPrefix(string(r.data[r.at:min(r.at+len(w), len(r.data))]), w) {
		return false
	}
	r.at += len(w)
	return true
}

// value reads one value into v.
func (r *reader) value(v reflect.Value) bool {
	c := r.space()
	t := v.Type()
	if t.Name() != "" && t.PkgPath() != "" {
		switch p := reflect.PointerTo(t); {
		case p.Implements(reflect.TypeFor[json.Unmarshaler]()):
			return r.foreign(v)
		case p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
			return false
		}
	}
	if c == 'n' {
		// nil, or what was there: v is zero.
		return r.word("null")
	}
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		return r.value(v.Elem())
	case reflect.Struct:
		return r.object(v)
	case reflect.Map:
		return r.entries(v)
	case reflect.Slice:
		return r.elements(v)
	case reflect.String:
		s, ok := r.text()
		v.SetString(s)
		return ok
	case reflect.Bool:
		v.SetBool(c == 't')
		return r.word("true") || r.word("false")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(r.integer(), 10, t.Bits())
		v.SetInt(n)
		return err == nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(r.integer(), 10, t.Bits())
		v.SetUint(n)
		return err == nil
	}
	return false // any, floating point, arrays: nowhere in a common configuration
}

// foreign lets a type's own method read the value.
func (r *reader) foreign(v reflect.Value) bool {
	r.space()
	begin := r.at
	return r.skip() && v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(r.data[begin:r.at]) == nil
}

// integer returns the text of a JSON number without a fraction, "" for
// anything else.
func (r *reader) integer() string {
	begin := r.at
	if begin < len(r.data) && r.data[begin] == '-' {
		r.at++
	}
	first := r.at
	for r.at < len(r.data) && '0' <= r.data[r.at] && r.data[r.at] <= '9' {
		r.at++
	}
	if r.at == first || r.at-first > 1 && r.data[first] == '0' {
		return ""
	}
	if r.at < len(r.data) && strings.IndexByte(".eE", r.data[r.at]) >= 0 {
		return ""
	}
	return string(r.data[begin:r.at])
}

// quoted goes past a string and returns what is between the quotes, and
// whether that has escapes.
func (r *reader) quoted() (raw []byte, escaped, ok bool) {
	if !r.take('"') {
		return nil, false, false
	}
	begin := r.at
	for ; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; {
		case c == '"':
			r.at++
			return r.data[begin : r.at-1], escaped, true
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			return nil, false, false
		}
	}
	return nil, false, false
}

// text reads a string.
func (r *reader) text() (string, bool) {
	raw, escaped, ok := r.quoted()
	if !ok || !escaped {
		return string(raw), ok
	}
	var s string
	err := json.Unmarshal(r.data[r.at-len(raw)-2:r.at], &s)
	return s, err == nil
}

// list reads the elements between brackets; one is called before each.
func (r *reader) list(open, end byte, one func() bool) bool {
	if r.depth++; r.depth > maxDepth || !r.take(open) {
		return false
	}
	defer func() { r.depth-- }()
	if r.take(end) {
		return true
	}
	for one() {
		if r.take(end) {
			return true
		}
		if !r.take(',') {
			return false
		}
	}
	return false
}

func (r *reader) elements(v reflect.Value) bool {
	t := v.Type()
	if t.Elem().Kind() == reflect.Uint8 {
		return false // base64
	}
	v.Set(reflect.MakeSlice(t, 0, 0))
	return r.list('[', ']', func() bool {
		n := v.Len()
		if n == v.Cap() {
			v.Grow(max(1, n))
		}
		v.SetLen(n + 1)
		return r.value(v.Index(n))
	})
}

func (r *reader) entries(v reflect.Value) bool {
	t := v.Type()
	if t.Key().Kind() != reflect.String || t.Key().NumMethod() > 0 {
		return false
	}
	v.Set(reflect.MakeMap(t))
	return r.list('{', '}', func() bool {
		name, ok := r.text()
		if !ok || !r.take(':') {
			return false
		}
		key := reflect.ValueOf(name).Convert(t.Key())
		if v.MapIndex(key).IsValid() {
			return false
		}
		element := reflect.New(t.Elem()).Elem()
		if !r.value(element) {
			return false
		}
		v.SetMapIndex(key, element)
		return true
	})
}

func (r *reader) object(v reflect.Value) bool {
	shape := shapeOf(v.Type())
	var seen uint64 // fields
	return r.list('{', '}', func() bool {
		name, escaped, ok := r.quoted()
		if !ok || escaped || !r.take(':') {
			return false
		}
		n, ok := shape.find(string(name))
		if n < 0 || !ok {
			return ok && r.skip()
		}
		if seen&(1<<n) != 0 {
			return false
		}
		seen |= 1 << n
		return r.value(v.FieldByIndex(shape.fields[n].index))
	})
}

// shape is what a struct has: its fields with their JSON names, those of
// embedded structs among them.
type shape struct {
	fields []named
	plain  bool // no field has rules of its own
	// options: some field is written by other rules than omitempty.
	options bool
}

type named struct {
	name      string
	index     []int
	omitEmpty bool
}

// shapes are those of the types that were met, by reflect.Type.
var shapes sync.Map

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{plain: true}
	s.add(t, nil)
	shapes.Store(t, s)
	return s
}

func (s *shape) add(t reflect.Type, outer []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := f.Index
		if outer != nil {
			index = append(outer[:len(outer):len(outer)], i)
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			s.add(f.Type, index)
			continue
		case f.Anonymous:
			s.plain = false
		case !f.IsExported():
			continue
		}
		if name == "" || name == "-" || strings.ContainsAny(name, "\"'\\") || strings.Contains(options, "string") || s.has(name) {
			s.plain = false
		}
		s.options = s.options || options != "" && options != "omitempty"
		s.fields = append(s.fields, named{name, index, options == "omitempty"})
	}
	s.plain = s.plain && len(s.fields) <= 64
}

// has: an embedded struct's field hides another, or is hidden.
func (s *shape) has(name string) bool {
	return slices.ContainsFunc(s.fields, func(f named) bool { return f.name == name })
}

// find returns the number of the field with the name, -1 for none. ok is false
// when only encoding/json can say which it is.
func (s *shape) find(name string) (n int, ok bool) {
	for i := range s.fields {
		if s.fields[i].name == name {
			return i, s.plain
		}
	}
	for i := range s.fields {
		if strings.EqualFold(s.fields[i].name, name) {
			return -1, false
		}
	}
	return -1, s.plain
}

// skip goes past a value that nobody asks for.
func (r *reader) skip() bool {
	switch c := r.space(); c {
	case '{':
		return r.list('{', '}', func() bool {
			_, ok := r.text()
			return ok && r.take(':') && r.skip()
		})
	case '[':
		return r.list('[', ']', r.skip)
	case '"':
		_, ok := r.text()
		return ok
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.word("null")
	}
	return r.integer() != ""
}

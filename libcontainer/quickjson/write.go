package quickjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Marshal is json.Marshal, byte for byte. A type's own MarshalJSON may be called
// twice.
func Marshal(v any) ([]byte, error) {
	var w writer
	if w.value(reflect.ValueOf(v), 0) {
		return w.data, nil
	}
	return json.Marshal(v)
}

// writer appends to the text. Its methods return false where the plain road
// ends.
type writer struct{ data []byte }

func (w *writer) value(v reflect.Value, depth int) bool {
	if !v.IsValid() || depth > maxDepth {
		return false
	}
	t := v.Type()
	// Embedding gives methods to a struct without a name, too.
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && (t.PkgPath() != "" || t.Kind() == reflect.Struct) {
		switch p := reflect.PointerTo(t); {
		case t == reflect.TypeFor[json.Number]():
			return false
		case t.Implements(reflect.TypeFor[json.Marshaler]()):
			return w.foreign(v)
		case p.Implements(reflect.TypeFor[json.Marshaler]()), p.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
			return false
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			w.add("null")
			return true
		}
		return w.value(v.Elem(), depth+1)
	case reflect.Struct:
		return w.object(v, depth)
	case reflect.Map:
		return w.entries(v, depth)
	case reflect.Slice:
		if v.IsNil() {
			w.add("null")
			return true
		}
		return t.Elem().Kind() != reflect.Uint8 && w.elements(v, depth)
	case reflect.String:
		w.text(v.String())
	case reflect.Bool:
		w.data = strconv.AppendBool(w.data, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.data = strconv.AppendInt(w.data, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.data = strconv.AppendUint(w.data, v.Uint(), 10)
	default:
		return false
	}
	return true
}

func (w *writer) add(s string) { w.data = append(w.data, s...) }

// next begins an element: with a comma, if it is not the first.
func (w *writer) next() {
	if c := w.data[len(w.data)-1]; c != '{' && c != '[' {
		w.add(",")
	}
}

// foreign takes what a type says of itself if that stays as it is: a
// json.RawMessage, a time.
func (w *writer) foreign(v reflect.Value) bool {
	text, err := v.Interface().(json.Marshaler).MarshalJSON()
	if err != nil || slices.ContainsFunc(text, func(c byte) bool { return c <= ' ' || !verbatim(c) }) {
		return false
	}
	r := reader{data: text}
	if !r.skip() || r.at != len(text) {
		return false
	}
	w.data = append(w.data, text...)
	return true
}

// verbatim: encoding/json writes the byte as it is, in a text and around it.
func verbatim(c byte) bool { return c >= ' ' && c < 0x7f && c != '<' && c != '>' && c != '&' }

func (w *writer) text(s string) {
	for i := range len(s) {
		if c := s[i]; !verbatim(c) || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // of a string there is no error
			w.data = append(w.data, quoted...)
			return
		}
	}
	w.add(`"`)
	w.add(s)
	w.add(`"`)
}

func (w *writer) object(v reflect.Value, depth int) bool {
	shape := shapeOf(v.Type())
	if !shape.plain || shape.options {
		return false
	}
	w.add("{")
	for _, f := range shape.fields {
		field := v.FieldByIndex(f.index)
		if f.omitEmpty {
			switch isEmpty, ok := empty(field); {
			case !ok:
				return false
			case isEmpty:
				continue
			}
		}
		w.next()
		w.text(f.name)
		w.add(":")
		if !w.value(field, depth+1) {
			return false
		}
	}
	w.add("}")
	return true
}

// empty is what omitempty means by it. ok is false for what cannot be written.
func empty(v reflect.Value) (isEmpty, ok bool) {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Array:
		return v.Len() == 0, true
	case reflect.Struct:
		return false, true
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return false, false
	}
	return v.IsZero(), true
}

func (w *writer) elements(v reflect.Value, depth int) bool {
	w.add("[")
	for i := range v.Len() {
		w.next()
		if !w.value(v.Index(i), depth+1) {
			return false
		}
	}
	w.add("]")
	return true
}

func (w *writer) entries(v reflect.Value, depth int) bool {
	key := v.Type().Key()
	if key.Kind() != reflect.String || key.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return false
	}
	if v.IsNil() {
		w.add("null")
		return true
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	w.add("{")
	for _, k := range keys {
		w.next()
		w.text(k.String())
		w.add(":")
		if !w.value(v.MapIndex(k), depth+1) {
			return false
		}
	}
	w.add("}")
	return true
}

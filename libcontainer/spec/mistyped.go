package spec

// mistyped.go names every field whose JSON type is not the specification's. It
// runs only after encoding/json has refused a document, so it may be slow.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// mistyped compares a syntactically right document with t, as encoding/json
// would when it fills a value of that type.
func mistyped(data []byte, t reflect.Type) Errors {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	w := typeWalker{d: d}
	w.value(t, nil)
	return w.errs
}

type typeWalker struct {
	d    *json.Decoder
	errs Errors
}

// value consumes one JSON value. t is nil where anything may stand.
func (w *typeWalker) value(t reflect.Type, path []any) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && t.Kind() == reflect.Interface {
		t = nil
	}
	token, err := w.d.Token()
	if err != nil {
		return
	}
	path = path[:len(path):len(path)]
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			w.object(w.expect(t, path, "an object", reflect.Struct, reflect.Map), path)
		} else {
			w.array(w.expect(t, path, "an array", reflect.Slice, reflect.Array), path)
		}
		_, _ = w.d.Token() // the closing bracket
	case json.Number:
		w.number(t, path, token.String())
	case string:
		n := len(w.errs)
		w.expect(t, path, "string "+shorten(token), reflect.String)
		if len(w.errs) > n && (isInt(t) || isUint(t)) {
			w.errs[n].Hint = numberHint(token)
		}
	case bool:
		w.expect(t, path, strconv.FormatBool(token), reflect.Bool)
	}
}

// numberHint is for a string that stands for a number.
func numberHint(text string) string {
	switch rest := strings.TrimLeft(text, "0123456789"); rest {
	case text:
		return ""
	case "":
		return "numbers stand without quotes"
	}
	return "numbers have no units; sizes are in bytes"
}

// expect returns t when it is one of the kinds; otherwise it notes the error
// and returns nil.
func (w *typeWalker) expect(t reflect.Type, path []any, got string, kinds ...reflect.Kind) reflect.Type {
	if t == nil {
		return nil
	}
	for _, k := range kinds {
		if t.Kind() == k {
			return t
		}
	}
	w.errs = append(w.errs, FieldError{Path: at(path...), Msg: "want " + wanted(t) + ", got " + got})
	return nil
}

func (w *typeWalker) object(t reflect.Type, path []any) {
	for w.d.More() {
		token, err := w.d.Token()
		if err != nil {
			return
		}
		name, _ := token.(string)
		switch {
		case t == nil:
			w.value(nil, path)
		case t.Kind() == reflect.Map:
			w.value(t.Elem(), append(path, key(name)))
		default:
			f, known := fieldOf(t, name)
			if !known {
				w.value(nil, path)
				continue
			}
			w.value(f.Type, append(path, jsonName(f)))
		}
	}
}

func (w *typeWalker) array(t reflect.Type, path []any) {
	for i := 0; w.d.More(); i++ {
		if t == nil {
			w.value(nil, path)
			continue
		}
		w.value(t.Elem(), append(path, i))
	}
}

func (w *typeWalker) number(t reflect.Type, path []any, n string) {
	if t == nil {
		return
	}
	var err error
	switch {
	case isInt(t):
		_, err = strconv.ParseInt(n, 10, t.Bits())
	case isUint(t):
		_, err = strconv.ParseUint(n, 10, t.Bits())
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		_, err = strconv.ParseFloat(n, t.Bits())
	default:
		err = strconv.ErrSyntax
	}
	if err != nil {
		w.errs = append(w.errs, FieldError{Path: at(path...), Msg: "want " + wanted(t) + ", got " + n})
	}
}

func isInt(t reflect.Type) bool  { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 }
func isUint(t reflect.Type) bool { return t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 }

// wanted describes the values that t takes.
func wanted(t reflect.Type) string {
	switch {
	case isInt(t):
		high := int64(math.MaxInt64) >> (64 - t.Bits())
		return fmt.Sprintf("a number %d..%d", -high-1, high)
	case isUint(t):
		return fmt.Sprintf("a number 0..%d", uint64(math.MaxUint64)>>(64-t.Bits()))
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// fieldOf finds the struct field for a JSON name: the exact one first, then
// one that differs only in case. Embedded structs count as their fields.
func fieldOf(t reflect.Type, name string) (found reflect.StructField, ok bool) {
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		if jsonName(f) == name {
			return f, true
		}
		if !ok && strings.EqualFold(jsonName(f), name) {
			found, ok = f, true
		}
	}
	return found, ok
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

// shorten quotes a string for an error, cut at 40 bytes.
func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}

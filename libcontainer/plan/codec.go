package plan

// codec.go turns the plan's types into bytes and back, by reflection over
// plain data: booleans, integers, strings, slices, pointers and structs.
// There are no field names or versions on the wire: both ends are the same
// binary. It exists because gob and json cost init a millisecond it need not
// spend.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// ErrTruncated is the answer of Unmarshal to data that ends too early or
// names a length beyond its end.
var ErrTruncated = errors.New("truncated message")

// Marshal returns v's bytes. v is a value or pointer of plan types; a kind
// the codec does not know is a programming error and panics.
func Marshal(v any) []byte {
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	return appendValue(make([]byte, 0, 4096), rv)
}

// Unmarshal fills v, a pointer to the type that was marshalled. Data may be
// hostile: no input makes it panic or allocate more than it holds.
func Unmarshal(data []byte, v any) error {
	d := decoder{data}
	if err := d.value(reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	if len(d.rest) != 0 {
		return fmt.Errorf("%d bytes after the message", len(d.rest))
	}
	return nil
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(b, v.Uint())
	case reflect.String:
		b = binary.AppendUvarint(b, uint64(v.Len()))
		return append(b, v.String()...)
	case reflect.Slice:
		// 0 is nil, n+1 a slice of n: a nil list and an empty one differ.
		if v.IsNil() {
			return append(b, 0)
		}
		b = binary.AppendUvarint(b, uint64(v.Len())+1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return append(b, v.Bytes()...)
		}
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
		return b
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendValue(append(b, 1), v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i))
		}
		return b
	}
	panic("plan: cannot encode " + v.Type().String())
}

type decoder struct{ rest []byte }

func (d *decoder) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		b, err := d.take(1)
		if err != nil {
			return err
		}
		v.SetBool(b[0] != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(d.rest)
		if size <= 0 || v.OverflowInt(n) {
			return ErrTruncated
		}
		d.rest = d.rest[size:]
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := d.uvarint()
		if err != nil || v.OverflowUint(n) {
			return ErrTruncated
		}
		v.SetUint(n)
	case reflect.String:
		n, err := d.uvarint()
		if err != nil {
			return err
		}
		b, err := d.take(n)
		if err != nil {
			return err
		}
		v.SetString(string(b))
	case reflect.Slice:
		return d.slice(v)
	case reflect.Pointer:
		b, err := d.take(1)
		if err != nil || b[0] == 0 {
			return err
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if err := d.value(v.Field(i)); err != nil {
				return err
			}
		}
	default:
		panic("plan: cannot decode " + v.Type().String())
	}
	return nil
}

func (d *decoder) slice(v reflect.Value) error {
	n, err := d.uvarint()
	if err != nil || n == 0 {
		return err
	}
	n--
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := d.take(n)
		if err != nil {
			return err
		}
		v.SetBytes(append([]byte{}, b...))
		return nil
	}
	// Every element takes at least one byte, so a length beyond the rest is
	// a lie; growing with the data keeps a lie within it cheap.
	if n > uint64(len(d.rest)) {
		return ErrTruncated
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, int(min(n, 64))))
	elem := reflect.New(v.Type().Elem()).Elem()
	for range n {
		elem.SetZero()
		if err := d.value(elem); err != nil {
			return err
		}
		v.Set(reflect.Append(v, elem))
	}
	return nil
}

func (d *decoder) uvarint() (uint64, error) {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		return 0, ErrTruncated
	}
	d.rest = d.rest[size:]
	return n, nil
}

func (d *decoder) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.rest)) {
		return nil, ErrTruncated
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

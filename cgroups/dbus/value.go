package dbus

// Values on the wire. Each has an alignment and a signature (D-Bus
// Specification, "Marshaling"). The set of types is closed: those that the
// interface of systemd takes.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

type (
	// ObjectPath is a value of type o.
	ObjectPath string
	// Variant is a value that brings its type along.
	Variant struct{ Value any }
	// Property is a named value: (sv).
	Property struct {
		Name  string
		Value any
	}
	// Pair is (ss).
	Pair struct{ A, B string }
	// Limit is (st).
	Limit struct {
		Name  string
		Value uint64
	}
	// Unit is (sa(sv)), an auxiliary unit of StartTransientUnit.
	Unit struct {
		Name       string
		Properties []Property
	}
)

// Signature returns the signature of a value, "" for a type that has none.
func Signature(v any) string {
	switch v.(type) {
	case string:
		return "s"
	case ObjectPath:
		return "o"
	case bool:
		return "b"
	case int32:
		return "i"
	case uint32:
		return "u"
	case int64:
		return "x"
	case uint64:
		return "t"
	case float64:
		return "d"
	case []byte:
		return "ay"
	case []string:
		return "as"
	case []uint32:
		return "au"
	case Variant:
		return "v"
	case []Property:
		return "a(sv)"
	case []Pair:
		return "a(ss)"
	case []Limit:
		return "a(st)"
	case []Unit:
		return "a(sa(sv))"
	}
	return ""
}

// encoder appends values in little-endian order. Alignment counts from the
// buffer's beginning.
type encoder struct{ buf []byte }

func (e *encoder) align(n int) {
	for len(e.buf)%n != 0 {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) uint32(v uint32) {
	e.align(4)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, v)
}

func (e *encoder) uint64(v uint64) {
	e.align(8)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, v)
}

func (e *encoder) string(s string) {
	e.uint32(uint32(len(s)))
	e.buf = append(append(e.buf, s...), 0)
}

func (e *encoder) signature(s string) {
	e.buf = append(append(append(e.buf, byte(len(s))), s...), 0)
}

// array encodes what each appends as one array of elements with this
// alignment. The length does not count the padding before the first element.
func (e *encoder) array(align int, each func()) {
	e.uint32(0)
	at := len(e.buf) - 4
	e.align(align)
	start := len(e.buf)
	each()
	binary.LittleEndian.PutUint32(e.buf[at:], uint32(len(e.buf)-start))
}

// value appends v, whose type must be one of those that Signature knows.
func (e *encoder) value(v any) {
	switch v := v.(type) {
	case string:
		e.string(v)
	case ObjectPath:
		e.string(string(v))
	case bool:
		var n uint32
		if v {
			n = 1
		}
		e.uint32(n)
	case int32:
		e.uint32(uint32(v))
	case uint32:
		e.uint32(v)
	case int64:
		e.uint64(uint64(v))
	case uint64:
		e.uint64(v)
	case float64:
		e.uint64(math.Float64bits(v))
	case []byte:
		e.array(1, func() { e.buf = append(e.buf, v...) })
	case []string:
		e.array(4, func() {
			for _, s := range v {
				e.string(s)
			}
		})
	case []uint32:
		e.array(4, func() {
			for _, n := range v {
				e.uint32(n)
			}
		})
	case Variant:
		e.signature(Signature(v.Value))
		e.value(v.Value)
	default:
		e.structs(v)
	}
}

// structs appends the arrays of structs, which are aligned to 8.
func (e *encoder) structs(v any) {
	e.array(8, func() {
		switch v := v.(type) {
		case []Property:
			for _, p := range v {
				e.align(8)
				e.string(p.Name)
				e.value(Variant{p.Value})
			}
		case []Pair:
			for _, p := range v {
				e.align(8)
				e.string(p.A)
				e.string(p.B)
			}
		case []Limit:
			for _, l := range v {
				e.align(8)
				e.string(l.Name)
				e.uint64(l.Value)
			}
		case []Unit:
			for _, u := range v {
				e.align(8)
				e.string(u.Name)
				e.structs(u.Properties)
			}
		}
	})
}

// maxDepth bounds nested containers, as the specification does.
const maxDepth = 32

// decoder reads values in the byte order of their message.
type decoder struct {
	buf   []byte
	pos   int
	order binary.ByteOrder
}

var errShort = errors.New("a D-Bus message that ends early")

func (d *decoder) align(n int) error {
	d.pos = (d.pos + n - 1) / n * n
	if d.pos > len(d.buf) {
		return errShort
	}
	return nil
}

func (d *decoder) bytes(n int) ([]byte, error) {
	if n < 0 || n > len(d.buf)-d.pos {
		return nil, errShort
	}
	b := d.buf[d.pos : d.pos+n]
	d.pos += n
	return b, nil
}

func (d *decoder) uint(size int) (uint64, error) {
	if err := d.align(size); err != nil {
		return 0, err
	}
	b, err := d.bytes(size)
	if err != nil {
		return 0, err
	}
	switch size {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(d.order.Uint16(b)), nil
	case 4:
		return uint64(d.order.Uint32(b)), nil
	}
	return d.order.Uint64(b), nil
}

// text reads a string whose length has this many bytes.
func (d *decoder) text(lengthSize int) (string, error) {
	n, err := d.uint(lengthSize)
	if err != nil {
		return "", err
	}
	b, err := d.bytes(int(n) + 1) // and its 0
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// all reads one value for each type of the signature.
func (d *decoder) all(sig string, depth int) ([]any, error) {
	var list []any
	for sig != "" {
		one, rest, err := first(sig)
		if err != nil {
			return nil, err
		}
		v, err := d.value(one, depth)
		if err != nil {
			return nil, err
		}
		list, sig = append(list, v), rest
	}
	return list, nil
}

// value reads one complete type. Arrays but ay come as []any, structs and
// dictionary entries too, variants as what is in them.
func (d *decoder) value(sig string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("a D-Bus value nested too deeply")
	}
	switch sig[0] {
	case 'y', 'n', 'q', 'b', 'i', 'u', 'h', 'x', 't', 'd':
		return d.number(sig[0])
	case 's', 'o':
		return d.text(4)
	case 'g':
		return d.text(1)
	case 'v':
		inner, err := d.text(1)
		if err != nil {
			return nil, err
		}
		one, rest, err := first(inner)
		if err != nil || rest != "" {
			return nil, fmt.Errorf("a D-Bus variant of type %q", inner)
		}
		return d.value(one, depth+1)
	case '(', '{':
		if err := d.align(8); err != nil {
			return nil, err
		}
		return d.all(sig[1:len(sig)-1], depth+1)
	}
	return d.array(sig[1:], depth)
}

func (d *decoder) number(kind byte) (any, error) {
	n, err := d.uint(alignment(kind))
	switch kind {
	case 'y':
		return byte(n), err
	case 'n':
		return int16(n), err
	case 'q':
		return uint16(n), err
	case 'b':
		return n != 0, err
	case 'i':
		return int32(n), err
	case 'u', 'h':
		return uint32(n), err
	case 'x':
		return int64(n), err
	case 'd':
		return math.Float64frombits(n), err
	}
	return n, err
}

func (d *decoder) array(element string, depth int) (any, error) {
	n, err := d.uint(4)
	if err != nil {
		return nil, err
	}
	if err := d.align(alignment(element[0])); err != nil {
		return nil, err
	}
	if element == "y" {
		return d.bytes(int(n))
	}
	end := d.pos + int(n)
	if end > len(d.buf) {
		return nil, errShort
	}
	list := []any{}
	for d.pos < end {
		v, err := d.value(element, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func alignment(kind byte) int {
	switch kind {
	case 'y', 'g', 'v':
		return 1
	case 'n', 'q':
		return 2
	case 'x', 't', 'd', '(', '{':
		return 8
	}
	return 4
}

// first splits the first complete type off a signature.
func first(sig string) (one, rest string, err error) {
	depth := 0
	for i := 0; i < len(sig); i++ {
		switch sig[i] {
		case 'a':
			continue
		case '(', '{':
			depth++
			continue
		case ')', '}':
			if depth--; depth < 0 || i == 0 || sig[i-1] == 'a' || sig[i-1] == '(' || sig[i-1] == '{' {
				return "", "", fmt.Errorf("D-Bus signature %q", sig)
			}
		case 'y', 'n', 'q', 'b', 'i', 'u', 'h', 'x', 't', 'd', 's', 'o', 'g', 'v':
		default:
			return "", "", fmt.Errorf("D-Bus signature %q", sig)
		}
		if depth == 0 {
			return sig[:i+1], sig[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("D-Bus signature %q", sig)
}

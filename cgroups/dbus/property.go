package dbus

// Values on the way: godbus tells a value's type on the bus from its Go type.

import "github.com/godbus/dbus/v5"

type (
	// Property is a named value: (sv). Value is a bool, number, string, or a
	// slice of one of these or of Pair or Limit.
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
		Properties []variantProperty
	}
	variantProperty struct {
		Name  string
		Value dbus.Variant
	}
)

// outgoing wraps the values of properties.
func outgoing(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		list, ok := a.([]Property)
		if !ok {
			out[i] = a
			continue
		}
		wrapped := make([]variantProperty, len(list))
		for j, p := range list {
			wrapped[j] = variantProperty{p.Name, dbus.MakeVariant(p.Value)}
		}
		out[i] = wrapped
	}
	return out
}

// incoming unwraps variants, and spares callers godbus's name for a path.
func incoming(body []any) []any {
	out := make([]any, len(body))
	for i, v := range body {
		switch v := v.(type) {
		case dbus.Variant:
			out[i] = v.Value()
		case dbus.ObjectPath:
			out[i] = string(v)
		default:
			out[i] = v
		}
	}
	return out
}

package quickjson

import (
	"reflect"

	"github.com/google/go-cmp/cmp"
)

func reflectOf(v any) reflect.Value { return reflect.ValueOf(v).Elem() }

// exported has cmp look into the specification's embedded structs.
var exported = cmp.Exporter(func(t reflect.Type) bool { return t.PkgPath() == "github.com/opencontainers/runtime-spec/specs-go" })

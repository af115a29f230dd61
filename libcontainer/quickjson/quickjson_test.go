package quickjson

//lint:file-ignore SA5008 tags that encoding/json does not take are tested

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// record has what the specification has not.
type record struct {
	Created time.Time                  `json:"created"`
	Raw     json.RawMessage            `json:"raw"`
	Small   int8                       `json:"small"`
	Limits  map[string]specs.LinuxRdma `json:"limits"`
	Any     any                        `json:"any"`
	Float   float64                    `json:"float"`
	Bytes   []byte                     `json:"bytes"`
}

// both is one document of each kind, so that one seed reaches all.
type both struct {
	Spec   *specs.Spec `json:"spec"`
	Record record      `json:"record"`
}

func docker(t testing.TB) []byte {
	data, err := os.ReadFile("../../tests/bench/testdata/docker-config.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPlain: what engines write takes the plain road, whole.
func TestPlain(t *testing.T) {
	for name, data := range map[string][]byte{
		"docker": docker(t),
		"embedded fields": []byte(`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":8,"minor":1,"weight":10}],
			"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}]}}}}`),
		"unknown names": []byte(`{"ociVersion":"1.0.0","new":{"a":[1,-2,"x\n",true,false,null,{}]},"process":{"args":["a \"b\""],"cwd":"/"}}`),
	} {
		var got, want specs.Spec
		r := reader{data: data}
		if !r.document(reflectOf(&got)) {
			t.Errorf("%s: not plain at offset %d", name, r.at)
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, exported); diff != "" {
			t.Errorf("%s: (-encoding/json +quickjson):\n%s", name, diff)
		}
	}
}

// FuzzSame: the result is encoding/json's, error for error.
func FuzzSame(f *testing.F) {
	f.Add(append(append([]byte(`{"spec":`), docker(f)...), '}'))
	for _, s := range []string{
		`{"record":{"created":"2026-01-02T03:04:05.000000006Z","raw":{"a":[1.5e3,{}]},"small":-7,"limits":{"mlx":{"hcaHandles":3}}}}`,
		`{"record":{"small":128}}`, `{"record":{"small":1.0}}`, `{"record":{"small":01}}`, `{"record":{"small":-}}`, `{"record":{"small":1e1}}`,
		`{"record":{"any":{"x":[1]},"float":1e400,"bytes":"AAE="}}`,
		`{"record":{"raw":null,"created":null,"small":null,"limits":null}}`, `{"spec":null}`,
		`{"record":{"limits":{"a":{},"a":{"hcaHandles":1}}}}`, `{"record":{"small":1,"small":2}}`, `{"record":{"Small":1}}`,
		`{"spec":{"process":{"args":["\u00e4\ud83d\ude00\n","\ud800"]}}}`, "{\"spec\":{\"process\":{\"args\":[\"\x01\"]}}}",
		`{"spec":{"process":{"args":[]},"mounts":null}}`, `{"spec":{"process":{"args":[1]}}}`, `{"spec":{}}x`, `{"spec":{},}`, `[`, ``, `nul`, `{"x":-}`, `{"x":1.5}`, `{"x":truefalse}`,
		`{"spec":{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"Major":2,"weight":3}]}}}}}`,
		strings.Repeat("[", 100_000), `{"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `}`, "{\"x\":\"\xff\"}",
		"{\"record\":{\"\u017fmall\":1}}", `{"record":{"sm\u0061ll":1}}`, `{"record":{"created":"never"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want both
		gotErr, wantErr := Unmarshal(data, &got), json.Unmarshal(data, &want)
		if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
			t.Fatalf("%q: %v, encoding/json says %v", data, gotErr, wantErr)
		}
		if diff := cmp.Diff(want, got, exported); diff != "" {
			t.Errorf("%q (-encoding/json +quickjson):\n%s", data, diff)
		}
		written, writeErr := Marshal(&want)
		text, err := json.Marshal(&want)
		if string(written) != string(text) || (writeErr == nil) != (err == nil) {
			t.Errorf("%q is written as\n%s, %v; encoding/json:\n%s, %v", data, written, writeErr, text, err)
		}
	})
}

// TestWritePlain: what rt keeps of a container takes the plain road.
func TestWritePlain(t *testing.T) {
	var spec specs.Spec
	if err := json.Unmarshal(docker(t), &spec); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"seccomp": spec.Linux.Seccomp, "hooks": &specs.Hooks{Poststop: []specs.Hook{{Path: "/a b", Args: []string{"<x>", "\u00e4"}}}},
		"record": struct {
			Created time.Time         `json:"created"`
			Raw     json.RawMessage   `json:"raw,omitempty"`
			Texts   map[string]string `json:"texts,omitempty"`
		}{time.Unix(1, 5).UTC(), json.RawMessage(`{"a":[1,"b"]}`), map[string]string{"z": "1", "a": "\"2\n"}},
	} {
		var w writer
		if !w.value(reflectOf(&v).Elem(), 0) {
			t.Errorf("%s: not plain behind %s", name, w.data)
		}
		want, err := json.Marshal(v)
		if err != nil || string(w.data) != string(want) {
			t.Errorf("%s: %v\n%s\nencoding/json:\n%s", name, err, w.data, want)
		}
	}
}

// TestWriteSame: types and values that are not plain are encoding/json's, error
// for error.
func TestWriteSame(t *testing.T) {
	type inner struct {
		A int `json:"a"`
		B int `json:"b,omitempty"`
	}
	type Named struct {
		C string `json:"c"`
	}
	type loop struct {
		Next *loop `json:"next"`
	}
	endless := &loop{}
	endless.Next = endless
	for _, v := range []any{
		nil, (*inner)(nil), inner{}, &inner{A: -1, B: 2}, []byte("x"), [2]int{1, 2}, []int(nil), []int{}, map[string]int(nil), map[int]string{2: "b", 1: "a"},
		struct {
			inner
			A string `json:"a"`
		}{inner{1, 2}, "outer"},
		struct {
			Named `json:"named"`
			*inner
		}{},
		struct{ Untagged int }{7},
		struct {
			S int        `json:"s,string"`
			Z inner      `json:"z,omitzero"`
			T time.Time  `json:"t,omitempty"`
			E inner      `json:"e,omitempty"`
			F float64    `json:"f"`
			X any        `json:"x"`
			P *time.Time `json:"p"`
			N string     `json:"-"`
		}{},
		json.RawMessage("{ }"), json.RawMessage("{"), json.RawMessage(`"<"`), json.RawMessage(nil), struct {
			R json.RawMessage `json:"r"`
		}{},
		json.Number("1"), json.Number(""), json.Number("x"), struct {
			N json.Number `json:"n"`
		}{"2"},
		struct{ time.Time }{}, struct {
			time.Time
			A int `json:"a"`
		}{}, struct {
			M json.Marshaler `json:"m"`
		}{}, []json.Marshaler{nil, time.Time{}},
		struct {
			F func() `json:"f,omitempty"`
		}{}, struct {
			C chan int `json:"c,omitempty"`
		}{}, struct {
			A int `json:"a'"`
			B int `json:"b\\\\c"`
		}{}, (*time.Time)(nil), &time.Time{}, new(*time.Time),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), func() {}, endless,
		"\u2028\xff\x7f\b", map[string]string{"<": "&", "ä": "\t"}, struct {
			P **int `json:"p,omitempty"`
		}{},
	} {
		got, gotErr := Marshal(v)
		want, wantErr := json.Marshal(v)
		if string(got) != string(want) || (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
			t.Errorf("%T: %s, %v; encoding/json: %s, %v", v, got, gotErr, want, wantErr)
		}
	}
}

// TestFirstBytes: no beginning of a document is taken for one.
func TestFirstBytes(t *testing.T) {
	data := docker(t)
	for n := range len(data) {
		var s specs.Spec
		if err := Unmarshal(data[:n], &s); err == nil && n < len(data)-2 {
			t.Fatalf("the first %d bytes are taken for a document", n)
		}
	}
}

func BenchmarkDocker(b *testing.B) {
	data := docker(b)
	for _, of := range []struct {
		name string
		do   func([]byte, any) error
	}{{"quickjson", Unmarshal}, {"encoding", json.Unmarshal}} {
		b.Run(of.name, func(b *testing.B) {
			for b.Loop() {
				var s specs.Spec
				if err := of.do(data, &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

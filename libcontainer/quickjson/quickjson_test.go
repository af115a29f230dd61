package quickjson

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
	})
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

package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

func TestDecodeRefuses(t *testing.T) {
	deep := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	tests := []struct{ name, data, want, hint string }{
		{name: "empty", data: " \n", want: "config: c: the file is empty"},
		{name: "byte order mark", data: "\xef\xbb\xbf{}", want: "config: c: starts with a byte order mark; save it as UTF-8 without one"},
		{name: "UTF-16", data: "\xff\xfe{\x00}\x00", want: "config: c: is UTF-16; save it as UTF-8"},
		{name: "binary", data: "\x7fELF\x02\x01\x01\x00\x00", want: "config: c: is binary, not JSON: NUL byte at offset 7"},
		{name: "not UTF-8", data: "{\n\"a\": \"\xff\"}", want: "config: c:2:7: is not UTF-8: byte 0xff at offset 8"},
		{name: "array", data: "[]", want: "config: c: is not a JSON object: it starts with '['"},
		{name: "YAML", data: "ociVersion: 1.0.0", want: "config: c: is not a JSON object: it starts with 'o'"},
		{name: "deep", data: deep(1 << 20), want: "config: c:1:105: nested more than 100 levels deep"},
		{name: "deep and open", data: strings.Repeat(`{"a":`, 200), want: "config: c:1:501: nested more than 100 levels deep"},
		{name: "cut off", data: "{\n \"process\": {\"args\": [\"a\", ", want: "config: c:2:28: process.args[1]: the file ends in the middle: is it cut off?"},
		{name: "cut in a string", data: `{"linux": {"sysctl": {"net.ip": "x`, want: `config: c:1:35: linux.sysctl["net.ip"]: the file ends in the middle: is it cut off?`},
		{name: "no comma", data: "{\"hostname\": \"a\"\n\"root\": {}}", want: `config: c:2:1: hostname: invalid character '"' after object key:value pair`,
			hint: "a comma is missing before it"},
		{name: "trailing comma", data: `{"process": {"args": ["a",]}}`, want: "config: c:1:27: process.args[1]: invalid character ']' looking for beginning of value",
			hint: "no comma may stand after the last element"},
		{name: "trailing comma in an object", data: `{"root": {"path": "a", }}`, want: "config: c:1:24: root: invalid character '}' looking for beginning of object key string",
			hint: "no comma may stand after the last element"},
		{name: "comment", data: "{ // x\n}", want: "config: c:1:3: invalid character '/' looking for beginning of object key string", hint: "JSON has no comments"},
		{name: "no comma in an array", data: `{"process": {"args": ["a" "b"]}}`, want: `config: c:1:27: process.args[0]: invalid character '"' after array element`,
			hint: "a comma is missing before it"},
		{name: "unit", data: `{"linux": {"resources": {"memory": {"limit": "512M"}}}}`,
			want: `config: c: invalid configuration: linux.resources.memory.limit: want a number -9223372036854775808..9223372036854775807, got string "512M" (numbers have no units; sizes are in bytes)`},
		{name: "trailing data", data: "{}\n{}", want: "config: c:2:1: invalid character '{' after the end of the configuration"},
		{name: "types", data: `{"ociVersion": 1, "process": {"user": {"uid": "0", "gid": -1, "umask": 1.5}, "terminal": "yes", "args": "sh",
			"rlimits": [{"type": "RLIMIT_CPU", "hard": "1"}], "oomScoreAdj": {}}, "mounts": {}, "annotations": {"a.b": 1}, "unknown": [{"a": 1}, "x", 2, true, null],
			"linux": {"RESOURCES": {"blockIO": {"weight": 65536, "weightDevice": [{"major": "8"}]}, "devices": [null, {"allow": 1}]}}}`,
			want: `config: c: invalid configuration: 13 errors
  ociVersion: want a string, got 1
  process.user.uid: want a number 0..4294967295, got string "0" (numbers stand without quotes)
  process.user.gid: want a number 0..4294967295, got -1
  process.user.umask: want a number 0..4294967295, got 1.5
  process.terminal: want true or false, got string "yes"
  process.args: want an array, got string "sh"
  process.rlimits[0].hard: want a number 0..18446744073709551615, got string "1" (numbers stand without quotes)
  process.oomScoreAdj: want a number -9223372036854775808..9223372036854775807, got an object
  mounts: want an array, got an object
  annotations["a.b"]: want a string, got 1
  linux.resources.blockIO.weight: want a number 0..65535, got 65536
  linux.resources.blockIO.weightDevice[0].major: want a number -9223372036854775808..9223372036854775807, got string "8" (numbers stand without quotes)
  linux.resources.devices[1].allow: want true or false, got 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode([]byte(tt.data), "c")
			if err == nil {
				t.Fatal("was accepted")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := fault.Hint(err); got != tt.hint {
				t.Errorf("hint %q, want %q", got, tt.hint)
			}
		})
	}
}

func TestDecodeTakes(t *testing.T) {
	const data = `{"OCIVERSION": "1.0.0", "unknown": {"deep": [[[1]]]}, "Process": {"CWD": "/", "args": ["caf\u00e9 {[\"\\"]}, "windows": {"credentialSpec": {"a": [1]}}}`
	got, err := Decode([]byte(data), "c")
	if err != nil {
		t.Fatal(err)
	}
	want := &specs.Spec{
		Version: "1.0.0",
		Process: &specs.Process{Cwd: "/", Args: []string{`café {["\`}},
		Windows: &specs.Windows{CredentialSpec: map[string]any{"a": []any{1.0}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("good"), []byte(`{"ociVersion": "1.0.0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("large"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path("large"), 200<<20); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, want, hint string }{
		{name: "good"},
		{name: "missing", want: "open: no such file or directory", hint: "rt spec makes one; --bundle names its directory"},
		{name: "gone/config.json", want: "open: no such file or directory", hint: "there is no directory " + path("gone") + "; --bundle names it"},
		{name: "", want: "not a regular file but a directory"},
		{name: "fifo", want: "not a regular file but a fifo"},
		{name: "large", want: "too large: 209715200 bytes, and at most 16 MiB are read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := path(tt.name)
			s, err := Load(p)
			if tt.want == "" {
				if err != nil || s.Version != "1.0.0" {
					t.Fatalf("got %v, %v", s, err)
				}
				return
			}
			if err == nil {
				t.Fatal("was accepted")
			}
			if want := "config: " + p + ": " + tt.want; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			if got := fault.Hint(err); got != tt.hint {
				t.Errorf("hint %q, want %q", got, tt.hint)
			}
		})
	}
	if _, err := Load(path("missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	if _, err := Load("/proc/self/limits"); err == nil || !strings.Contains(err.Error(), "is not a JSON object") {
		t.Errorf("a file of size 0 that has content: %v", err)
	}
}

// TestDocker: a configuration written by Docker 20.10 for "docker run" is right
// as it stands, and nothing of it is lost on the way.
func TestDocker(t *testing.T) {
	s, err := Load("testdata/docker.json")
	if err != nil {
		t.Fatal(err)
	}
	host := &Host{Controllers: []string{"cpu", "cpuset", "memory", "pids", "blkio", "devices"}}
	if warnings, err := Validate(s, host); err != nil || warnings != nil {
		t.Errorf("%q, %v", warnings, err)
	}
	file, err := os.ReadFile("testdata/docker.json")
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, file), tree(t, decoded)); diff != "" {
		t.Errorf("(-file +decoded):\n%s", diff)
	}
}

func tree(t *testing.T, data []byte) (v any) {
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkDocker is the whole way of a start: read, decode, validate.
func BenchmarkDocker(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := Load("testdata/docker.json")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Validate(s, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode: no input panics, and the type errors that are named are those of
// encoding/json.
func FuzzDecode(f *testing.F) {
	docker, err := os.ReadFile("testdata/docker.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(docker)
	f.Add([]byte(wrongEverywhere))
	f.Add([]byte(`{"process": {"user": {"uid": "0"}, "args": [1]}, "linux": {"sysctl": {"a": []}}}`))
	f.Add([]byte(`{"a": [1, "\u00e9\"", {"b": null}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data, "c")
		if err == nil {
			_, _ = Validate(s, &Host{Controllers: []string{"memory"}, Rootless: true})
			return
		}
		var e *fault.Error
		if !errors.As(err, &e) || e.Step != "config" || !strings.HasPrefix(e.Object, "c") {
			t.Fatalf("error without its place: %#v", err)
		}
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			t.Fatalf("a type error without its path: %v", wrong)
		}
		var errs Errors
		if errors.As(err, &errs) && !errors.As(json.Unmarshal(data, new(specs.Spec)), &wrong) {
			t.Fatalf("type errors in what encoding/json takes: %v", errs)
		}
	})
}

func FuzzCountList(f *testing.F) {
	f.Add("0-3,7")
	f.Add("3-1,")
	f.Fuzz(func(t *testing.T, list string) {
		n, bad := countList(list, maxNode)
		if (n == 0) == (bad == "") || n > maxNode+1 {
			t.Fatalf("%q: %d, %q", list, n, bad)
		}
	})
}

func FuzzSysctlFile(f *testing.F) {
	f.Add("net.ipv4.conf.eth0/100.forwarding")
	f.Add("net.//.kernel")
	f.Fuzz(func(t *testing.T, name string) {
		file := SysctlFile(name)
		if file != "" && (filepath.Clean("/"+file) != "/"+file || bytes.ContainsRune([]byte(file), 0)) {
			t.Fatalf("%q -> %q", name, file)
		}
	})
}

func TestLoadProcess(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "p.json")
	if err := os.WriteFile(file, []byte(`{"args":["a"],"CWD":"/","user":{"uid":7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want := &specs.Process{Args: []string{"a"}, Cwd: "/", User: specs.User{UID: 7}}
	if got, err := LoadProcess(file); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%+v, %v", got, err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(fifo, []byte(`{"args":["a"],"cwd":"/","user":{"uid":7}}`), 0) }()
	if got, err := LoadProcess(fifo); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%+v, %v", got, err)
	}
	for data, text := range map[string]string{`{"args":[1]}`: "args[0]", "": "the file is empty", "[]": "is not a JSON object"} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadProcess(file); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", data, err)
		}
	}
	for _, path := range []string{dir, "/dev/null", filepath.Join(dir, "gone")} {
		if _, err := LoadProcess(path); err == nil {
			t.Errorf("%s is read", path)
		}
	}
}

func TestDecodeMounts(t *testing.T) {
	for text, want := range map[string]int{
		`[]`: 0, ` [{"destination": "/a"}]`: 1, `{"mounts": [{"destination": "/a"}, {}]}`: 2,
		`{}`: -1, `[`: -1, `{"mounts": 3}`: -1, `[{"destination": 1}]`: -1, `[]]`: -1, `[],"mounts":[{}]`: -1,
	} {
		got, err := DecodeMounts([]byte(text), "file")
		if (err != nil) != (want < 0) || err == nil && len(got) != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

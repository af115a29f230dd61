package cli

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogLines(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	for _, test := range []struct {
		line       line
		text, json string
	}{
		{
			line{at, "error", "container does not exist", "", nil},
			`time="2026-01-02T03:04:05Z" level=error msg="container does not exist"`,
			`{"level":"error","msg":"container does not exist","time":"2026-01-02T03:04:05Z"}`,
		},
		{
			line{at, "warning", "plain", "", []attr{{"id", "web1"}, {"path", "/a b"}}},
			`time="2026-01-02T03:04:05Z" level=warning msg=plain id=web1 path="/a b"`,
			`{"level":"warning","msg":"plain","time":"2026-01-02T03:04:05Z","id":"web1","path":"/a b"}`,
		},
		{
			line{at, "debug", "two\nlines \"quoted\"", "", nil},
			`time="2026-01-02T03:04:05Z" level=debug msg="two\nlines \"quoted\""`,
			`{"level":"debug","msg":"two\nlines \"quoted\"","time":"2026-01-02T03:04:05Z"}`,
		},
		{
			line{at, "info", "", "", nil},
			`time="2026-01-02T03:04:05Z" level=info msg=""`,
			`{"level":"info","msg":"","time":"2026-01-02T03:04:05Z"}`,
		},
	} {
		if diff := cmp.Diff(test.text+"\n", string(test.line.text())); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(test.json+"\n", string(test.line.json())); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHandler(t *testing.T) {
	var out strings.Builder
	s := &sink{stderr: &out}
	l := slog.New(&handler{sink: s})
	l.Debug("not shown")
	l.With("a", 1).WithGroup("g").With("b", 2).Warn("shown", "c", 3)
	_, got, _ := strings.Cut(out.String(), " ")
	if want := "level=warning msg=shown a=1 g.b=2 g.c=3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A client reads the last line with "level":"error"; a person reads stderr.
func TestErrorInLogAndOnStderr(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	r := run(t, 1, "rt", "--root", t.TempDir(), "--log", file, "--log-format", "json", "state", "nope")
	if want := "rt: state nope: container does not exist\n"; r.stderr != want {
		t.Errorf("stderr %q, want %q", r.stderr, want)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Level, Msg, Time string }
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if _, err := time.Parse(time.RFC3339, got.Time); err != nil {
		t.Error(err)
	}
	got.Time = ""
	want := got
	want.Level, want.Msg = "error", "state nope: container does not exist"
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm()&^0o644 != 0 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

func TestLogIsAppendedTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	for range 2 {
		run(t, 1, "rt", "--root", t.TempDir(), "--log", file, "state", "nope")
	}
	data, err := os.ReadFile(file)
	if n := strings.Count(string(data), "level=error msg=\"state nope: container does not exist\"\n"); err != nil || n != 2 {
		t.Errorf("%d lines, %v:\n%s", n, err, data)
	}
}

func TestJSONWithoutLogFile(t *testing.T) {
	r := run(t, 1, "rt", "--root", t.TempDir(), "--log-format=json", "state", "nope")
	if !strings.HasPrefix(r.stderr, `{"level":"error","msg":"state nope: container does not exist","time":"`) || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("stderr %q", r.stderr)
	}
}

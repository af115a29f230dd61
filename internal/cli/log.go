package cli

// log.go: log lines in the shape that runc's (logrus') have, because clients
// parse them:
//
//	time="2026-01-02T03:04:05Z" level=warning msg="text" key=value
//	{"level":"warning","msg":"text","time":"2026-01-02T03:04:05Z","key":"value"}

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is where log lines go.
type sink struct {
	mu     sync.Mutex
	stderr io.Writer
	file   *os.File // --log, or nil
	json   bool
	level  slog.Level
}

func (s *sink) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// line is one log line.
type line struct {
	time  time.Time // zero: now
	level string
	msg   string
	hint  string
	attrs []attr
}

type attr struct{ key, value string }

// write writes the line in one call, so that lines of several processes on one
// file do not mix (O_APPEND).
func (s *sink) write(l line) {
	if l.time.IsZero() {
		l.time = time.Now()
	}
	if l.hint != "" {
		// In the message, not beside it: the containerd shim passes on to
		// its users the msg alone.
		l.msg += " (hint: " + l.hint + ")"
	}
	out := s.stderr
	if s.file != nil {
		out = s.file
	}
	b := l.text()
	if s.json {
		b = l.json()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = out.Write(b) // a log that cannot be written has nobody to tell
}

func (l line) text() []byte {
	b := []byte(`time="` + l.time.Format(time.RFC3339) + `" level=` + l.level + " msg=" + quoted(l.msg))
	for _, a := range l.attrs {
		b = append(b, " "+a.key+"="+quoted(a.value)...)
	}
	return append(b, '\n')
}

// quoted quotes a value that is not one plain word.
func quoted(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._/@^+:", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return strconv.Quote(s)
}

func (l line) json() []byte {
	b := append([]byte(`{"level":`), marshal(l.level)...)
	b = append(append(b, `,"msg":`...), marshal(l.msg)...)
	b = append(append(b, `,"time":`...), marshal(l.time.Format(time.RFC3339))...)
	for _, a := range l.attrs {
		b = append(append(append(append(b, ','), marshal(a.key)...), ':'), marshal(a.value)...)
	}
	return append(b, "}\n"...)
}

func marshal(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string always can be
		return []byte(`""`)
	}
	return b
}

// handler is the slog.Handler on a sink.
type handler struct {
	sink   *sink
	attrs  []attr
	prefix string // of the keys, from groups
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.sink.level }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	l := line{time: r.Time, level: levelName(r.Level), msg: r.Message, attrs: h.attrs[:len(h.attrs):len(h.attrs)]}
	r.Attrs(func(a slog.Attr) bool {
		l.attrs = append(l.attrs, attr{h.prefix + a.Key, a.Value.String()})
		return true
	})
	h.sink.write(l)
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = h.attrs[:len(h.attrs):len(h.attrs)]
	for _, a := range attrs {
		with.attrs = append(with.attrs, attr{h.prefix + a.Key, a.Value.String()})
	}
	return &with
}

func (h *handler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.prefix += name + "."
	}
	return &with
}

// levelName is logrus' name of a level.
func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warning"
	}
	return "error"
}

package cli

// report.go: how an error reaches the user.
//
//   - stderr gets "rt: TEXT", and on the next line "hint: TEXT" if there is one;
//   - with --log the file gets a log line too, the hint in its message: the
//     containerd shim shows its users the msg of the last error there;
//   - with --log-format json and no --log stderr gets the JSON line instead.
//
// Texts hold names that an image, a config.json or a hook has chosen: on stderr
// nothing in them steers the terminal, see printable. The log quotes by itself.
//
// An execve that was refused is one line where no terminal is, since users of
// runc count them: the hint stands in parentheses behind it. In `run` the line has
// no prefix, like a shell's, and they compare it: there the hint is for people,
// who have a terminal, and for the log.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
)

// report shows err and returns the exit code.
func (s *sink) report(err error) int {
	if several, ok := err.(failures); ok { //nolint:errorlint // made by each, never wrapped
		for _, err := range several {
			s.report(err)
		}
		return 1
	}
	text, hint, bare := explain(err)
	if s.file != nil || s.json {
		s.write(line{level: "error", msg: text, hint: hint})
	}
	if s.file == nil && s.json {
		return exitCode(err)
	}
	if !bare {
		text = "rt: " + text
	}
	switch {
	case hint == "":
	case !isExecve(err) || isTerminal(s.stderr):
		text += "\nhint: " + hint
	case !bare:
		text += " (hint: " + hint + ")"
	}
	fmt.Fprintln(s.stderr, printable(text))
	return exitCode(err)
}

// printable escapes what a terminal would act on instead of showing it, as Go
// does in a string (\x1b): control characters but the newline, of which texts of
// several lines are made, and bytes that are not UTF-8.
func printable(s string) string {
	if !strings.ContainsFunc(s, steers) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, r < utf8.RuneSelf && steers(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case steers(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// steers: C0, DEL and C1 (ECMA-48), and what reorders the line (Unicode TR9).
func steers(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
}

// explain takes an error apart. bare: it is to stand alone on its line.
func explain(err error) (text, hint string, bare bool) {
	var u interface {
		error
		hint() string
	}
	if errors.As(err, &u) {
		return u.Error(), u.hint(), false
	}
	_, bare = err.(execError) //nolint:errorlint // that of run, which adds nothing to it
	return strings.TrimRight(err.Error(), "\n"), fault.Hint(err), bare
}

func exitCode(err error) int {
	// The outermost alone: the *exec.ExitError of a hook has the method too.
	if coder, ok := err.(cli.ExitCoder); ok { //nolint:errorlint
		return coder.ExitCode()
	}
	return 1
}

// execError is an execve that failed: "exec /run.sh: no such file or directory".
type execError struct{ cause *fault.Error }

func (e execError) Error() string {
	bare := *e.cause
	bare.Step = ""
	return "exec " + strings.TrimPrefix(bare.Error(), "exec ")
}

func (e execError) Unwrap() error { return e.cause }

// asExec returns the fault of the step "exec" in err as an execError.
func asExec(err error) (execError, bool) {
	for f := (*fault.Error)(nil); errors.As(err, &f); err = f.Err {
		if f.Step == "exec" {
			return execError{f}, true
		}
	}
	return execError{}, false
}

// isExecve: the program was there, and execve refused it.
func isExecve(err error) bool {
	_, ok := asExec(err)
	return ok
}

// isTerminal is a guess that needs no system call but one: a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

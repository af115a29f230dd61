// Package fault is the one error type of rt and the error texts that clients
// of an OCI runtime match on. It imports nothing of rt.
package fault

import (
	"errors"
	"strings"
	"syscall"
)

// Error says which step of which operation on which object went wrong, what
// the kernel answered, and, where there is one, what the user can do.
//
// Its text is one line: "step: object: op: err". Empty parts are left out.
// The hint is not part of the text; see [Hint].
type Error struct {
	Step   string // the stage, e.g. "mounts", "cgroup", "config"
	Object string // what it was done to, e.g. "mounts[3] /data", a JSON path
	Op     string // the operation, e.g. "open /srv/nope"
	Err    error  // the cause: mostly a syscall.Errno
	Hint   string // what to do about it, one sentence without a full stop
}

// New returns an *Error without a hint. Any of the strings may be empty.
func New(step, object, op string, err error) *Error {
	return &Error{Step: step, Object: object, Op: op, Err: err}
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(hint string) *Error {
	e.Hint = hint
	return e
}

// Error returns the one-line text without the hint.
func (e *Error) Error() string {
	parts := make([]string, 0, 4)
	for _, s := range []string{e.Step, e.Object, e.Op} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Join is errors.Join with a text of one line.
func Join(errs ...error) error {
	var all joined
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type joined []error

func (j joined) Error() string {
	var text strings.Builder
	for i, err := range j {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(err.Error())
	}
	return text.String()
}

func (j joined) Unwrap() []error { return j }

// Hint returns the first hint in err's chain, or "".
func Hint(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Wire is the form in which init reports an error to its parent: the texts,
// and the errno so that the parent can still test for it.
type Wire struct {
	Step, Object, Op, Text, Hint string
	Errno                        uint32 // 0 when the cause is not an errno
}

// ToWire flattens err for the way through a socket.
func ToWire(err error) Wire {
	var w Wire
	var errno syscall.Errno
	if errors.As(err, &errno) {
		w.Errno = uint32(errno)
	}
	w.Hint = Hint(err)
	if e, ok := err.(*Error); ok { //nolint:errorlint // only the outermost carries step and object
		w.Step, w.Object, w.Op = e.Step, e.Object, e.Op
		err = e.Err
	}
	if err != nil {
		w.Text = err.Error()
	}
	return w
}

// FromWire is the inverse of ToWire. The cause unwraps to the errno where
// there was one.
func FromWire(w Wire) *Error {
	e := &Error{Step: w.Step, Object: w.Object, Op: w.Op, Hint: w.Hint}
	switch {
	case w.Errno == 0:
		e.Err = errors.New(w.Text)
	case syscall.Errno(w.Errno).Error() == w.Text:
		e.Err = syscall.Errno(w.Errno)
	default:
		e.Err = textErrno{w.Text, syscall.Errno(w.Errno)}
	}
	return e
}

type textErrno struct {
	text  string
	errno syscall.Errno
}

func (t textErrno) Error() string { return t.text }
func (t textErrno) Unwrap() error { return t.errno }

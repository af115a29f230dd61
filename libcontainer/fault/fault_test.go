package fault

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  error
		want string
		hint string
	}{
		{New("mounts", "mounts[3] /data", "open /srv/nope", syscall.ENOENT),
			"mounts: mounts[3] /data: open /srv/nope: no such file or directory", ""},
		{New("", "web1", "", ErrNotExist).WithHint("rt list"), "web1: container does not exist", "rt list"},
		{fmt.Errorf("create: %w", New("cgroup", "", "", syscall.EPERM).WithHint("be root")),
			"create: cgroup: operation not permitted", "be root"},
		{New("a", "", "", New("b", "", "", syscall.EIO).WithHint("inner")), "a: b: input/output error", "inner"},
		{errors.New("plain"), "plain", ""},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("text %q, want %q", got, test.want)
		}
		if got := Hint(test.err); got != test.hint {
			t.Errorf("hint of %q: %q, want %q", test.want, got, test.hint)
		}
	}
}

func TestWireKeepsTextHintAndErrno(t *testing.T) {
	for _, err := range []error{
		New("exec", "/run.sh", "execve", syscall.ENOEXEC).WithHint("no interpreter line"),
		New("exec", "", "", fmt.Errorf("why: %w", syscall.EACCES)),
		errors.New("plain"),
	} {
		got := FromWire(ToWire(err))
		var want, have syscall.Errno
		errors.As(err, &want)
		errors.As(got, &have)
		if got.Error() != err.Error() || Hint(got) != Hint(err) || want != have {
			t.Errorf("%v became %v (hint %q, errno %v)", err, got, Hint(got), have)
		}
	}
}

// TestAPITexts pins what clients match on; a change here breaks them.
func TestAPITexts(t *testing.T) {
	for want, err := range map[string]error{
		"container does not exist":               ErrNotExist,
		"container with given ID already exists": ErrExist,
		"container not running":                  ErrNotRunning,
		"container still running":                ErrRunning,
		"cannot exec in a paused container":      ErrPaused,
		"container not paused":                   ErrNotPaused,
		"invalid container ID format":            ErrInvalidID,
		"executable file not found in $PATH":     ErrNotFoundInPath,
		"os: process already finished":           ErrProcessDone,
	} {
		if err.Error() != want {
			t.Errorf("%q, clients match %q", err, want)
		}
	}
}

func TestJoin(t *testing.T) {
	one, two := syscall.EIO, errors.New("two")
	if err := Join(nil, nil); err != nil {
		t.Error(err)
	}
	if err := Join(nil, two); err != two { //nolint:errorlint // itself, not something around it
		t.Error(err)
	}
	if err := Join(one, nil, two); err.Error() != "input/output error; two" || !errors.Is(err, one) || !errors.Is(err, two) {
		t.Error(err)
	}
}

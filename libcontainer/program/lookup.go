// Package program knows how the program of a container is found and why it
// could not be executed: the places to look in, HOME, and from a few bytes of
// the file the remedy. It reads what an image has put there, as untrusted
// input, below a root that the caller holds.
package program

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// Root is a directory's fd that stands for "/". Own is the caller's own root.
type Root int

// Own is the root of a caller that is inside the container.
const Own Root = unix.AT_FDCWD

// defaultPath is where programs are looked for without PATH: what execvp(3)
// of glibc does.
const defaultPath = "/bin:/usr/bin"

// Candidates are the files that name can mean, in the order of execvp(3): a
// name with a slash is taken as it is, another is looked for in PATH. An empty
// name means none.
func Candidates(name string, env []string) []string {
	if name == "" {
		return nil
	}
	if strings.Contains(name, "/") {
		return []string{name}
	}
	path := defaultPath
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			path = value
		}
	}
	var list []string
	for dir := range strings.SplitSeq(path, ":") {
		candidate := filepath.Join(dir, name)
		if !strings.Contains(candidate, "/") {
			candidate = "./" + candidate // an empty entry is the working directory
		}
		list = append(list, candidate)
	}
	return list
}

// NotInPath is the error for a name that none of its candidates answers.
// refused is one that is there and may not be executed, or "".
func NotInPath(name, refused string) error {
	e := fault.New("", `exec: "`+name+`"`, "", fault.ErrNotFoundInPath)
	switch {
	case name == "":
		e.Hint = "the first of the arguments is the program, and it is empty"
	case strings.ContainsAny(name, " \t\n"):
		e.Hint = "each argument is one of its own: the name of this program has a blank in it"
	case strings.HasPrefix(name, "-"):
		e.Hint = "it looks like an option: those of rt stand before the container's id"
	}
	if refused != "" {
		e.Hint = refused + " is there but may not be executed; check its mode and owner"
	}
	return e
}

// LookupError is the error for a program that was named by path. A missing
// one is told as os/exec tells it.
func (r Root) LookupError(path string, err error) error {
	e := fault.New("", `exec: "`+path+`"`, "", err)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		e.Err = &os.PathError{Op: "stat", Path: path, Err: err}
	}
	e.Hint = r.lookupHint(path, err)
	return e
}

func (r Root) lookupHint(path string, err error) string {
	if errors.Is(err, unix.ENOENT) {
		return "process.args[0] is looked for inside the container's root"
	}
	if !errors.Is(err, unix.EACCES) {
		return ""
	}
	fd, openErr := sys.OpenAnyIn(int(r), path)
	if openErr != nil {
		return ""
	}
	defer sys.Close(fd)
	st, statErr := sys.Fstat(fd)
	switch {
	case statErr != nil:
		return ""
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return "it is a directory"
	case sys.OnNoexecMount(fd):
		return "it lies on a mount with the option noexec"
	case st.Mode&0o111 == 0:
		return "it has no execute bit; chmod +x"
	}
	return "process.user may not execute it"
}

// mode is the file type and permission bits of what the path leads to.
func (r Root) mode(path string) (uint32, error) {
	fd, err := sys.OpenAnyIn(int(r), path)
	if err != nil {
		return 0, err
	}
	defer sys.Close(fd)
	st, err := sys.Fstat(fd)
	return st.Mode, err
}

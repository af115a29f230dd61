// Package spec reads config.json, checks it against the runtime-spec and the
// host, and writes the default one. The spec's own Go types are the only model
// of a container here; what the values mean to the kernel is the planner's
// business.
package spec

// load.go turns bytes into a specs.Spec. The bytes may be anything: too many,
// too deep, not text, not JSON, not this JSON. Whether the values make sense is
// Validate's question.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/quickjson"
	"rt/libcontainer/sys"
)

const (
	// maxSize is far above any real config.json (Docker's has 25 KB, the
	// largest seen in the field some 300 KB) and far below what hurts.
	maxSize = 16 << 20
	// maxDepth: the deepest path of the specification has seven levels;
	// windows.credentialSpec may hold anything.
	maxDepth = 100
)

// Load reads the configuration file at path. Errors are *fault.Error with the
// path in Object; where the file is JSON of a wrong shape, the cause is an
// [Errors] with all wrong fields.
func Load(path string) (*specs.Spec, error) {
	data, err := Read(path)
	if err != nil {
		return nil, err
	}
	return Decode(data, path)
}

// LoadProcess reads a file that holds what stands under "process" in a
// configuration. It may be a pipe, as in "--process <(…)".
func LoadProcess(path string) (*specs.Process, error) {
	data, err := readStream(path)
	if err != nil {
		return nil, err
	}
	var p specs.Process
	if err := decode(data, path, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// Decode parses data, one JSON object. name stands for the file in errors.
// Unknown fields are ignored and names are matched without regard to case, as
// the specification and encoding/json have it.
func Decode(data []byte, name string) (*specs.Spec, error) {
	var s specs.Spec
	if err := decode(data, name, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// DecodeResources parses data, one JSON object in the form of
// linux.resources, as Decode does.
func DecodeResources(data []byte, name string) (*specs.LinuxResources, error) {
	var r specs.LinuxResources
	if err := decode(data, name, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// DecodeMounts parses data, a JSON array in the form of mounts in a
// configuration, or an object with it under that name.
func DecodeMounts(data []byte, name string) ([]specs.Mount, error) {
	var s struct {
		Mounts *[]specs.Mount `json:"mounts"`
	}
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("[")) {
		if whole := slices.Concat([]byte(`{"mounts":`), data, []byte("}")); json.Valid(data) || !json.Valid(whole) {
			data = whole
		}
	}
	if err := decode(data, name, &s); err != nil {
		return nil, err
	}
	if s.Mounts == nil {
		return nil, fault.New("config", name, "", errors.New("has no mounts")).
			WithHint(`it is a JSON array of mounts as in config.json, or an object with one under "mounts"`)
	}
	return *s.Mounts, nil
}

// Read returns the content of the configuration file at path; see Load. It goes
// past package os: an os.File would start Go's poller, which costs system calls
// here and at every later pause.
func Read(path string) ([]byte, error) {
	// O_NONBLOCK: opening a fifo must not wait for its writer.
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		e := fault.New("config", path, "open", err)
		if errors.Is(err, unix.ENOENT) {
			e.Hint = "rt spec makes one; --bundle names its directory"
			if dir := path[:max(strings.LastIndexByte(path, '/'), 0)]; dir != "" && !sys.Exists(dir) {
				e.Hint = "there is no directory " + dir + "; --bundle names it"
			}
		}
		return nil, e
	}
	defer sys.Close(fd)
	return readRegular(fd, path)
}

// readStream is Read of a file or of a pipe, which is read to its end.
func readStream(path string) ([]byte, error) {
	fd, err := sys.OpenFileAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fault.New("config", path, "open", err)
	}
	defer sys.Close(fd)
	if st, err := sys.Fstat(fd); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return readRegular(fd, path)
	}
	data, err := sys.ReadAll(fd, 4096, maxSize)
	if errors.Is(err, unix.EFBIG) {
		return nil, tooLarge(path, "more than 16 MiB")
	}
	if err != nil {
		return nil, fault.New("config", path, "read", err)
	}
	return data, nil
}

func readRegular(fd int, path string) ([]byte, error) {
	st, err := sys.Fstat(fd)
	if err != nil {
		return nil, fault.New("config", path, "stat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fault.New("config", path, "", fmt.Errorf("not a regular file but %s", fileKind(st.Mode)))
	}
	if st.Size > maxSize {
		return nil, tooLarge(path, fmt.Sprintf("%d bytes", st.Size))
	}
	// The file may grow while it is read, and files of /proc have size 0.
	data, err := sys.ReadAll(fd, max(int(st.Size), 4096), maxSize)
	if errors.Is(err, unix.EFBIG) {
		return nil, tooLarge(path, "more than 16 MiB")
	}
	if err != nil {
		return nil, fault.New("config", path, "read", err)
	}
	return data, nil
}

func tooLarge(name, size string) error {
	return fault.New("config", name, "", fmt.Errorf("too large: %s, and at most 16 MiB are read", size))
}

func fileKind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFIFO:
		return "a fifo"
	case unix.S_IFSOCK:
		return "a socket"
	default:
		return "a device"
	}
}

// decode fills v, a pointer to one of the specification's types.
func decode(data []byte, name string, v any) error {
	if len(data) > maxSize {
		return tooLarge(name, fmt.Sprintf("%d bytes", len(data)))
	}
	if err := checkText(data, name); err != nil {
		return err
	}
	if offset := tooDeep(data, maxDepth); offset >= 0 {
		return fault.New("config", position(data, offset, name), "",
			fmt.Errorf("nested more than %d levels deep", maxDepth))
	}
	err := quickjson.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return syntaxError(data, name, syntax)
	}
	// encoding/json names only the first field of a wrong type, and without
	// the positions in arrays.
	if errs := mistyped(data, reflect.TypeOf(v).Elem()); len(errs) > 0 {
		return fault.New("config", name, "", errs)
	}
	return fault.New("config", name, "", err)
}

// checkText refuses what is no JSON text at all, by the name of what it is.
func checkText(data []byte, name string) error {
	refuse := func(format string, args ...any) error {
		return fault.New("config", name, "", fmt.Errorf(format, args...))
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(text) == 0:
		return refuse("the file is empty")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return refuse("starts with a byte order mark; save it as UTF-8 without one")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return refuse("is UTF-16; save it as UTF-8")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return refuse("is binary, not JSON: NUL byte at offset %d", i)
	}
	if !utf8.Valid(data) {
		i := firstInvalid(data)
		return fault.New("config", position(data, i, name), "",
			fmt.Errorf("is not UTF-8: byte %#02x at offset %d", data[i], i))
	}
	if text[0] != '{' {
		r, _ := utf8.DecodeRune(text)
		return refuse("is not a JSON object: it starts with %q", r)
	}
	return nil
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data) - 1
}

func startsValue(b byte) bool { return strings.IndexByte(`"{[-0123456789tfn`, b) >= 0 }

func syntaxError(data []byte, name string, syntax *json.SyntaxError) error {
	// Offset counts the bytes read, the offending one included.
	offset := max(0, min(int(syntax.Offset)-1, len(data)-1))
	msg := syntax.Error()
	if msg == "unexpected end of JSON input" {
		offset = len(data)
		msg = "the file ends in the middle: is it cut off?"
	} else if after, ok := strings.CutSuffix(msg, "after top-level value"); ok {
		msg = after + "after the end of the configuration"
	}
	e := fault.New("config", position(data, offset, name), pathTo(data, offset), errors.New(msg))
	if strings.Contains(msg, "invalid character '/'") {
		e.Hint = "JSON has no comments"
	} else if before := bytes.TrimRight(data[:offset], " \t\r\n"); strings.Contains(msg, "looking for beginning of") && bytes.HasSuffix(before, []byte(",")) {
		e.Hint = "no comma may stand after the last element"
	} else if _, behind, ok := strings.Cut(msg, " after "); ok && (behind == "object key:value pair" || behind == "array element") && startsValue(data[min(offset, len(data)-1)]) {
		e.Hint = "a comma is missing before it"
	}
	return e
}

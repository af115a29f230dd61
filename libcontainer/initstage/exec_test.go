package initstage

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
	"rt/seccomp/load"
)

func writeFile(t *testing.T, name, data string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLookProgram(t *testing.T) {
	prog := writeFile(t, "prog", "#!/bin/sh\n", 0o755)
	plain := writeFile(t, "plain", "", 0o644)
	dir := filepath.Dir(prog)
	path := "PATH=/nowhere:" + filepath.Dir(plain) + ":" + dir
	for _, c := range []struct {
		name string
		env  []string
		want string
		err  string
		hint string
	}{
		{"prog", []string{path}, prog, "", ""},
		{"prog", []string{"PATH=/x", path}, prog, "", ""}, // the last one counts
		{prog, nil, prog, "", ""},
		{"gone", []string{path}, "", `exec: "gone": executable file not found in $PATH`, ""},
		{"gone", nil, "", `exec: "gone": executable file not found in $PATH`, ""},
		{"", []string{path}, "", `exec: "": executable file not found in $PATH`, "the first of the arguments is the program, and it is empty"},
		{"sh", nil, "/bin/sh", "", ""}, // without PATH: /bin
		{"plain", []string{path}, "", `exec: "plain": executable file not found in $PATH`,
			plain + " is there but may not be executed; check its mode and owner"},
		{dir + "/gone", nil, "", `exec: "` + dir + `/gone": stat ` + dir + `/gone: no such file or directory`,
			"process.args[0] is looked for inside the container's root"},
		{prog + "/x", nil, "", `exec: "` + prog + `/x": stat ` + prog + `/x: not a directory`, ""},
		{plain, nil, "", `exec: "` + plain + `": permission denied`, "it has no execute bit; chmod +x"},
		{"/etc", nil, "", `exec: "/etc": permission denied`, "it is a directory"},
	} {
		got, err := lookProgram(c.name, c.env)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.err || fault.Hint(err) != c.hint {
			t.Errorf("%q %q: %q, %q, hint %q", c.name, c.env, got, text, fault.Hint(err))
		}
	}
	if _, err := lookProgram("gone", nil); !errors.Is(err, fault.ErrNotFoundInPath) {
		t.Error("not the error clients know")
	}
}

// elf64 is the head of a little-endian program with one PT_INTERP.
func elf64(machine uint16, interpreter string) string {
	b := make([]byte, 200)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], 2) // ET_EXEC
	le.PutUint16(b[18:], machine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[32:], 64) // e_phoff
	le.PutUint16(b[52:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 1)
	le.PutUint32(b[64:], 3) // PT_INTERP
	le.PutUint64(b[72:], 120)
	le.PutUint64(b[96:], uint64(len(interpreter)+1))
	copy(b[120:], interpreter)
	return string(b)
}

// TestExplain executes bad programs for real and reads the explanation.
func TestExplain(t *testing.T) {
	native, other, otherName := uint16(unix.EM_X86_64), uint16(unix.EM_AARCH64), "AARCH64"
	if runtime.GOARCH == "arm64" {
		native, other, otherName = other, native, "X86_64"
	}
	for name, c := range map[string]struct {
		data string
		mode os.FileMode
		text string
		hint string
	}{
		"missing interpreter": {"#!/no/such/sh -x\n", 0o755, "no such file or directory",
			"the script's interpreter /no/such/sh is missing in the container"},
		"CRLF": {"#!/bin/sh\r\necho\r\n", 0o755, "no such file or directory",
			`the script has Windows line ends (CRLF), so its interpreter is read as "/bin/sh\r"; convert it, e.g. with dos2unix`},
		"interpreter without x": {"#!/etc/passwd\n", 0o755, "permission denied",
			"the script's interpreter /etc/passwd has no execute bit"},
		"empty interpreter": {"#!\n", 0o755, "exec format error", "the script's #! line names no interpreter"},
		"empty":             {"", 0o755, "exec format error", "the file is empty"},
		"text":              {"echo hello\n", 0o755, "exec format error", "it is neither an ELF program nor a script with a #! line"},
		"other architecture": {elf64(other, "/x"), 0o755, "exec format error",
			"it is built for another architecture: " + otherName},
		"missing loader": {elf64(native, "/lib/ld-gone.so.1"), 0o755, "no such file or directory",
			"its dynamic loader /lib/ld-gone.so.1 is missing in the container; it may be built for another C library"},
		"cut short": {"\x7fELF", 0o755, "exec format error", "the ELF header is cut short"},
		"no x":      {"#!/bin/sh\n", 0o644, "permission denied", ""},
	} {
		file := writeFile(t, "run.sh", c.data, c.mode)
		_, err := syscall.ForkExec(file, []string{file}, nil)
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := explain(&load.Failure{Stage: sys.StageExec, Errno: errno}, file)
		if want := "exec: " + file + ": " + c.text; got.Error() != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if c.hint != "" && fault.Hint(got) != c.hint {
			t.Errorf("%s: hint %q", name, fault.Hint(got))
		}
		if !errors.Is(got, errno) {
			t.Errorf("%s: the errno is lost", name)
		}
	}
}

func TestExplainOthers(t *testing.T) {
	for want, f := range map[string]*load.Failure{
		"seccomp: linux.seccomp: execve: bad system call":                                                 {Stage: sys.StageExec, Killed: true},
		"seccomp: linux.seccomp: seccomp SECCOMP_SET_MODE_FILTER: permission denied":                      {Stage: sys.StageFilter, Errno: unix.EACCES},
		"seccomp: linux.seccomp.listenerPath: failed to connect with seccomp agent: sendmsg: broken pipe": {Stage: sys.StageListener, Errno: unix.EPIPE},
		"exec: /gone: no such file or directory":                                                          {Stage: sys.StageExec, Errno: unix.ENOENT},
		"exec: /gone: argument list too long":                                                             {Stage: sys.StageExec, Errno: unix.E2BIG},
	} {
		got := explain(f, "/gone")
		if got.Error() != want || (fault.Hint(got) == "" && f.Stage != sys.StageListener) {
			t.Errorf("%q, hint %q", got, fault.Hint(got))
		}
	}
}

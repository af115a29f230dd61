package program

// hint.go finds out why execve refused a file. It reads a few bytes of it,
// as untrusted input, and only ever says something about it.

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

// headBytes is how much of the program is looked at: the kernel's own
// BINPRM_BUF_SIZE is 256, program headers take more.
const headBytes = 4096

// ExecHint is what to do about execve's errno, "" when there is nothing to say.
func (r Root) ExecHint(path string, errno syscall.Errno) string {
	switch errno {
	case unix.ENOENT, unix.ENOEXEC, unix.EACCES, unix.ELIBBAD, unix.ENOTDIR, unix.ELOOP, unix.EINVAL:
	case unix.E2BIG:
		return "process.args and process.env are too long together"
	case unix.ETXTBSY:
		return "somebody has it open for writing"
	case unix.EPERM:
		return "a seccomp filter or a security module forbids it"
	case unix.ENOSYS:
		return "the seccomp profile does not allow execve"
	default:
		return ""
	}
	head := r.readHead(path)
	if interpreter, ok := shebang(head); ok {
		return r.interpreterHint(interpreter, errno)
	}
	if bytes.HasPrefix(head, []byte(unix.ELFMAG)) {
		return r.elfHint(head, errno)
	}
	switch errno {
	case unix.ENOENT:
		return "it was there at create; process.args[0] is looked for inside the container's root"
	case unix.ENOEXEC:
		if len(head) == 0 {
			return "the file is empty"
		}
		return "it is neither an ELF program nor a script with a #! line"
	}
	return r.lookupHint(path, errno)
}

func (r Root) readHead(path string) []byte {
	fd, err := sys.OpenRegularIn(int(r), path)
	if err != nil {
		return nil
	}
	defer sys.Close(fd)
	head := make([]byte, headBytes)
	n, _ := sys.Pread(fd, head, 0)
	return head[:n]
}

// shebang is the interpreter that the kernel takes from a script's first line
// (execve(2), "Interpreter scripts").
func shebang(unsafeHead []byte) (interpreter string, ok bool) {
	line, ok := bytes.CutPrefix(unsafeHead, []byte("#!"))
	if !ok {
		return "", false
	}
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t\x00"); i >= 0 {
		line = line[:i]
	}
	return string(line), true
}

func (r Root) interpreterHint(interpreter string, errno syscall.Errno) string {
	if strings.HasSuffix(interpreter, "\r") {
		return "the script has Windows line ends (CRLF), so its interpreter is read as \"" +
			strings.TrimSuffix(interpreter, "\r") + "\\r\"; convert it, e.g. with dos2unix"
	}
	if interpreter == "" {
		return "the script's #! line names no interpreter"
	}
	mode, err := r.mode(interpreter)
	switch {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return "the script's interpreter " + interpreter + " is missing in the container"
	case err == nil && mode&0o111 == 0:
		return "the script's interpreter " + interpreter + " has no execute bit"
	case errno == unix.ENOENT || errno == unix.ENOEXEC || errno == unix.ELIBBAD:
		// The interpreter is a program with the same troubles.
		if head := r.readHead(interpreter); bytes.HasPrefix(head, []byte(unix.ELFMAG)) {
			if hint := r.elfHint(head, errno); hint != "" {
				return "the script's interpreter " + interpreter + ": " + hint
			}
		}
		return "the script's interpreter " + interpreter + " cannot be executed"
	}
	return r.lookupHint(interpreter, errno)
}

// elfFile is what the hint needs to know of an ELF program.
type elfFile struct {
	machine     machine
	bits64      bool
	little      bool
	interpreter string // "" = static, or beyond what was read
}

// parseELF reads the header and the program headers, as far as they are in
// head (elf(5)).
func parseELF(unsafeHead []byte) (f elfFile, ok bool) {
	h := unsafeHead
	if len(h) < 64 || string(h[:4]) != unix.ELFMAG {
		return f, false
	}
	var order binary.ByteOrder = binary.BigEndian
	if f.little = h[unix.EI_DATA] == unix.ELFDATA2LSB; f.little {
		order = binary.LittleEndian
	}
	f.bits64 = h[unix.EI_CLASS] == unix.ELFCLASS64
	f.machine = machine(order.Uint16(h[18:]))

	// Offsets of e_phoff, e_phentsize, e_phnum, and of p_offset, p_filesz.
	var start uint64
	size, count := order.Uint16(h[42:]), order.Uint16(h[44:])
	if f.bits64 {
		start = order.Uint64(h[32:])
		size, count = order.Uint16(h[54:]), order.Uint16(h[56:])
	} else {
		start = uint64(order.Uint32(h[28:]))
	}
	for i := range uint64(count) {
		at := start + i*uint64(size)
		if start > uint64(len(h)) || at+56 > uint64(len(h)) {
			break
		}
		p := h[at:]
		if order.Uint32(p) != unix.PT_INTERP {
			continue
		}
		offset, length := uint64(order.Uint32(p[4:])), uint64(order.Uint32(p[16:]))
		if f.bits64 {
			offset, length = order.Uint64(p[8:]), order.Uint64(p[32:])
		}
		if offset > uint64(len(h)) || length > uint64(len(h))-offset {
			break
		}
		name, _, _ := bytes.Cut(h[offset:offset+length], []byte{0})
		f.interpreter = string(name)
	}
	return f, true
}

func (r Root) elfHint(head []byte, errno syscall.Errno) string {
	f, ok := parseELF(head)
	switch {
	case !ok:
		return "the ELF header is cut short"
	case errno == unix.ENOEXEC && f.machine != nativeMachine():
		return "it is built for another architecture: " + f.machine.String()
	case errno == unix.ENOEXEC:
		return "it is an ELF file but not an executable one"
	case f.interpreter == "":
		return ""
	}
	if _, err := r.mode(f.interpreter); err != nil {
		return "its dynamic loader " + f.interpreter + " is missing in the container; " +
			"it may be built for another C library"
	}
	return ""
}

// machine is an ELF file's e_machine.
type machine uint16

// String names the architectures that containers are built for. Package
// debug/elf knows them all, and decompressors besides, at every start.
func (m machine) String() string {
	switch m {
	case unix.EM_386:
		return "386"
	case unix.EM_X86_64:
		return "X86_64"
	case unix.EM_ARM:
		return "ARM"
	case unix.EM_AARCH64:
		return "AARCH64"
	case unix.EM_RISCV:
		return "RISCV"
	case unix.EM_PPC64:
		return "PPC64"
	case unix.EM_S390:
		return "S390"
	case unix.EM_LOONGARCH:
		return "LOONGARCH"
	case unix.EM_MIPS:
		return "MIPS"
	}
	return "machine " + strconv.Itoa(int(m))
}

func nativeMachine() machine {
	switch runtime.GOARCH {
	case "amd64":
		return unix.EM_X86_64
	case "arm64":
		return unix.EM_AARCH64
	case "riscv64":
		return unix.EM_RISCV
	case "ppc64", "ppc64le":
		return unix.EM_PPC64
	case "s390x":
		return unix.EM_S390
	case "loong64":
		return unix.EM_LOONGARCH
	}
	return unix.EM_NONE
}

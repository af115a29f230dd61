package cgroups

// The few system calls of this package on files and directories. Paths are
// absolute: below a cgroup mount there are no symbolic links, and a path costs
// fewer calls than a descriptor for each directory. All return a plain errno.

import (
	"bytes"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// writeFd makes exactly one write: a control file takes a value whole.
func writeFd(fd int, value string) error {
	for {
		_, err := unix.Write(fd, []byte(value))
		if err != unix.EINTR {
			return err
		}
	}
}

// writeFile writes value to an existing control file.
func writeFile(path, value string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	err = writeFd(fd, value)
	unix.Close(fd)
	return err
}

// longestLine is more than any line that readFile is used for.
const longestLine = 1024

// readFile returns a whole file of lines that are made one by one by the
// kernel's seq_file: each read returns as many lines as fit, so that one with
// room left for another line was the last.
func readFile(path string) ([]byte, error) { return readLines(path, longestLine) }

// readLines is readFile for lines of any length with longest = 4096.
func readLines(path string, longest int) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var out []byte
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return out, nil
		default:
			if out = append(out, buf[:n]...); n <= len(buf)-longest {
				return out, nil
			}
		}
	}
}

// readValue returns the trimmed content of a control file of one short value:
// one read, since the kernel hands out up to a page at once.
func readValue(path string) (string, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		return string(bytes.TrimSpace(buf[:n])), nil
	}
}

// keyed returns the number behind key in a file of "key number" lines.
func keyed(content, key string) (uint64, bool) {
	for line := range strings.Lines(content) {
		if v, ok := strings.CutPrefix(line, key+" "); ok {
			return parseUint(strings.TrimSpace(v))
		}
	}
	return 0, false
}

func parseUint(s string) (uint64, bool) {
	if s == "" || len(s) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// subdirs lists the sub-cgroups of dir by name. A kernfs directory's link
// count is 2 plus its subdirectories, so most often one stat is enough.
func subdirs(dir string) ([]string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return nil, err
	}
	if st.Nlink == 2 {
		return nil, nil
	}
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var names []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return names, nil
		}
		names = appendDirs(names, buf[:n])
	}
}

// appendDirs adds the directories in a buffer of struct linux_dirent64.
func appendDirs(names []string, buf []byte) []string {
	const typeAt, nameAt = 18, 19
	for len(buf) >= nameAt {
		size := int(buf[16]) | int(buf[17])<<8
		if size < nameAt || size > len(buf) {
			return names
		}
		name, _, _ := bytes.Cut(buf[nameAt:size], []byte{0})
		if buf[typeAt] == syscall.DT_DIR && string(name) != "." && string(name) != ".." {
			names = append(names, string(name))
		}
		buf = buf[size:]
	}
	return names
}

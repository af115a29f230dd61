package program

// home.go finds HOME in a container's passwd(5).

import (
	"strconv"
	"strings"

	"rt/libcontainer/sys"
)

// maxPasswd is how much of a passwd file is read.
const maxPasswd = 1 << 20

// HasHome says whether HOME is in the environment.
func HasHome(env []string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, "HOME=") {
			return true
		}
	}
	return false
}

// Home is the directory of the uid's first line in the root's /etc/passwd, "/"
// when there is none. It never waits for what lies there, and reads a megabyte.
func (r Root) Home(uid uint32) string { return r.homeOf("/etc/passwd", uid) }

func (r Root) homeOf(path string, uid uint32) string {
	fd, err := sys.OpenRegularIn(int(r), path)
	if err != nil {
		return "/"
	}
	defer sys.Close(fd)
	data := make([]byte, 0, 8192)
	for len(data) < maxPasswd {
		if len(data) == cap(data) {
			data = append(make([]byte, 0, 4*cap(data)), data...)
		}
		n, err := sys.Pread(fd, data[len(data):cap(data)], int64(len(data)))
		data = data[:len(data)+n]
		if err != nil || len(data) < cap(data) {
			break
		}
	}
	if dir := passwdHome(string(data), uid); dir != "" {
		return dir
	}
	return "/"
}

// passwdHome is the absolute home directory in the first line of the uid, ""
// when there is none. Lines of another shape are passed over.
func passwdHome(unsafePasswd string, uid uint32) string {
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.SplitSeq(unsafePasswd, "\n") {
		// name:password:uid:gid:gecos:directory:shell
		fields := strings.SplitN(line, ":", 8)
		if len(fields) != 7 || fields[2] != want {
			continue
		}
		if dir := fields[5]; strings.HasPrefix(dir, "/") && strings.IndexByte(dir, 0) < 0 {
			return dir
		}
		return ""
	}
	return ""
}

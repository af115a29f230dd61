package initstage

// passwd.go reads passwd(5), as far as init needs it.

import (
	"strconv"
	"strings"
)

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

package libcontainer

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/plan"
)

// TestExplainRefusal: who starts a container is told the same as who creates it.
func TestExplainRefusal(t *testing.T) {
	payload := func(code plan.OpCode, errno unix.Errno, detail uint32, path string) []byte {
		var b []byte
		for _, v := range []uint32{uint32(code), uint32(errno), detail} {
			b = binary.NativeEndian.AppendUint32(b, v)
		}
		return append(b, path...)
	}
	for _, c := range []struct {
		payload    []byte
		text, hint string
	}{
		{payload(plan.OpExec, unix.E2BIG, 0, "/bin/x"), "exec: /bin/x: argument list too long", "process.args and process.env are too long together"},
		{payload(plan.OpLimit, unix.EPERM, unix.RLIMIT_NOFILE, ""), "process: process.rlimits RLIMIT_NOFILE: prlimit: operation not permitted",
			"raising a hard limit needs CAP_SYS_RESOURCE; RLIMIT_NOFILE cannot go above /proc/sys/fs/nr_open"},
		{payload(plan.OpSeccomp, unix.EACCES, 0, ""), "seccomp: linux.seccomp: seccomp SECCOMP_SET_MODE_FILTER: permission denied",
			"without process.noNewPrivileges it needs CAP_SYS_ADMIN"},
		{payload(plan.OpSigmask, unix.EINVAL, 0, ""), "session: rt_sigprocmask: invalid argument", ""},
		{[]byte("cut"), "start: receive init's report: unreadable answer of the joiner", ""},
	} {
		err := explainRefusal(c.payload, nil)
		if err.Error() != c.text || fault.Hint(err) != c.hint {
			t.Errorf("%q, hint %q", err, fault.Hint(err))
		}
	}
}

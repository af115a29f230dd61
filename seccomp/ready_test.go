package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestReady(t *testing.T) {
	returns := func(action uint32) []byte {
		return encode([]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: action}})
	}
	plain := &specs.LinuxSeccomp{Flags: []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_LOG"}}
	for _, test := range []struct {
		name    string
		bpf     []byte
		profile *specs.LinuxSeccomp
		want    Filter
	}{
		{"allow", returns(unix.SECCOMP_RET_ALLOW), nil, Filter{Flags: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW}},
		{"kill", returns(unix.SECCOMP_RET_KILL_THREAD), nil, Filter{Flags: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, KillsThread: true}},
		{"notify", returns(unix.SECCOMP_RET_USER_NOTIF | 7), nil, Filter{Flags: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, KillsThread: true, Notify: true}},
		{"the profile's flags", returns(unix.SECCOMP_RET_ALLOW), plain, Filter{Flags: unix.SECCOMP_FILTER_FLAG_LOG}},
	} {
		got, err := Ready(test.bpf, test.profile)
		if err != nil || got.Flags != test.want.Flags || got.Notify != test.want.Notify || got.KillsThread != test.want.KillsThread || string(got.BPF) != string(test.bpf) {
			t.Errorf("%s: %+v, %v; want %+v", test.name, got, err, test.want)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 7)} {
		if _, err := Ready(bad, nil); err == nil {
			t.Errorf("%d bytes are a program", len(bad))
		}
	}
}

package libcontainer

import (
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestTranslate(t *testing.T) {
	tests := []struct {
		in, want string
		ready    bool
	}{
		{"READY=1", "READY=1\nMAINPID=42\n", true},
		{"STATUS=up\nREADY=1\nMAINPID=7\n", "STATUS=up\nREADY=1\nMAINPID=42\n", true},
		{"WATCHDOG=1\n", "WATCHDOG=1\n", false},
		{"FDSTORE=1\nFDNAME=x", "", false},
		{"BARRIER=1", "", false},
		{"garbage", "", false},
		{"", "", false},
		{"READY=10", "READY=10\n", false},
		{"RELOADING=1\nMONOTONIC_USEC=5", "RELOADING=1\nMONOTONIC_USEC=5\n", false},
		{"STOPPING=1\nERRNO=2\nBUSERROR=a.b\n", "STOPPING=1\nERRNO=2\nBUSERROR=a.b\n", false},
		{"WATCHDOG_USEC=7\nEXTEND_TIMEOUT_USEC=8", "WATCHDOG_USEC=7\nEXTEND_TIMEOUT_USEC=8\n", false},
		{"WATCHDOG=trigger\nMAINPIDFDID=3\nMAINPIDFD=1\nBUSNAME=x\nNOTIFYACCESS=all\nMEMORYPRESSURE=1", "", false},
		{"VENDOR_NEW=1\nready=1\n READY=1\n=1\nREADY", "", false},
		{"STATUS=a\x00MAINPID=1", "STATUS=a\x00MAINPID=1\n", false},
	}
	for _, test := range tests {
		got, ready := translate(test.in, 42)
		if got != test.want || ready != test.ready {
			t.Errorf("translate(%q) = %q, %v; want %q, %v", test.in, got, ready, test.want, test.ready)
		}
	}
}

func TestListenFds(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, fds, pid string
		wantFds        int
		wantEnv        []string
		library        bool
	}{
		{"none", "", "", 1, nil, false},
		{"ours", "2", own, 3, []string{"LISTEN_FDS=2", "LISTEN_PID=1"}, false},
		{"no pid named", "2", "", 3, []string{"LISTEN_FDS=2", "LISTEN_PID=1"}, false},
		{"somebody else's", "2", "1", 1, nil, false},
		{"nonsense", "-2", own, 1, nil, false},
		{"a daemon's own", "2", own, 1, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("LISTEN_FDS", test.fds)
			t.Setenv("LISTEN_PID", test.pid)
			s := &specs.Spec{Process: &specs.Process{}}
			o := CreateOptions{PreserveFds: 1}
			New(RuntimeOptions{Standalone: !test.library}).listenFds(s, &o)
			if o.PreserveFds != test.wantFds {
				t.Errorf("PreserveFds = %d, want %d", o.PreserveFds, test.wantFds)
			}
			if diff := cmp.Diff(test.wantEnv, s.Process.Env); diff != "" {
				t.Errorf("env (-want +got):\n%s", diff)
			}
		})
	}
}

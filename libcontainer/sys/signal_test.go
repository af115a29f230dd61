package sys

import (
	"syscall"
	"testing"
)

func TestSignalNumber(t *testing.T) {
	for s, want := range map[string]syscall.Signal{
		"9": 9, "0": 0, "64": 64, "KILL": 9, "SIGKILL": 9, "sigterm": 15, "Hup": 1,
		"RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX": 64, "rtmax-1": 63,
	} {
		if got, ok := SignalNumber(s); !ok || got != want {
			t.Errorf("%q: %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "SIG", "-1", "65", "NONSENSE", "web1", "RTMIN3", "RTMIN-1", "RTMAX+1", "RTMIN+x", "99999999999999999999"} {
		if got, ok := SignalNumber(s); ok {
			t.Errorf("%q: %d", s, got)
		}
	}
}

func FuzzSignalNumber(f *testing.F) {
	f.Add("SIGRTMIN+3")
	f.Fuzz(func(t *testing.T, s string) {
		if sig, ok := SignalNumber(s); ok && (sig < 0 || sig > 64) {
			t.Errorf("%q: %d", s, sig)
		}
	})
}

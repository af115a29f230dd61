package sys

// signal.go: signals by name.

import (
	"io"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Numbers of the real-time signals as glibc counts them (signal(7)); the
// kernel's own first two are its business.
const (
	rtMin = 34
	rtMax = 64
)

// ReadSignal reads a signal's number, one byte, from fd.
func ReadSignal(fd int) (syscall.Signal, error) {
	var b [1]byte
	n, err := unix.Read(fd, b[:])
	if err == nil && n != 1 {
		err = io.EOF
	}
	return syscall.Signal(b[0]), err
}

// SignalNumber parses a signal as kill(1) takes it: a number from 0 to 64, or
// a name in upper or lower case with or without SIG: "KILL", "sigterm",
// "RTMIN+3". ok is false for anything else.
func SignalNumber(s string) (sig syscall.Signal, ok bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return syscall.Signal(n), n >= 0 && n <= rtMax
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if rest, found := strings.CutPrefix(name, "RTMIN"); found {
		return realTime(rtMin, rest)
	}
	if rest, found := strings.CutPrefix(name, "RTMAX"); found {
		return realTime(rtMax, rest)
	}
	sig = unix.SignalNum("SIG" + name)
	return sig, sig != 0
}

// realTime adds "", "+n" or "-n" to a base.
func realTime(base int, offset string) (syscall.Signal, bool) {
	n := 0
	if offset != "" {
		var err error
		if n, err = strconv.Atoi(offset); err != nil || offset[0] != '+' && offset[0] != '-' {
			return 0, false
		}
	}
	sig := base + n
	return syscall.Signal(sig), sig >= rtMin && sig <= rtMax
}

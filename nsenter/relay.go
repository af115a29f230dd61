package nsenter

/*
#include "relay.h"
*/
import "C"

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Relay takes the signals over from the Go runtime, for good and for the whole
// process, but those that are ignored. Each that comes is one byte, its number,
// to be read from the fd, which is close-on-exec and does not block. A process
// can have one relay.
func Relay(signals []syscall.Signal) (fd int, err error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, err
	}
	list := make([]C.int32_t, len(signals))
	for i, s := range signals {
		list[i] = C.int32_t(s)
	}
	if len(list) == 0 {
		return pipe[0], nil
	}
	if r := C.rt_relay(C.int(pipe[1]), &list[0], C.int(len(list))); r != 0 {
		return -1, unix.Errno(-r)
	}
	return pipe[0], nil
}

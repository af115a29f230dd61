package nsenter

/*
#include "spawn.h"
*/
import "C"

import "golang.org/x/sys/unix"

// SpawnJoiner starts the program behind exe as a joiner whose socket is its fd
// target, the caller's sock; both exe and sock must be above target, or sock be
// it. The child has the caller's fds that are not close-on-exec, no environment,
// and blocks all signals; mask is what the caller blocks, for the program to
// begin with (bit n-1 is signal n).
func SpawnJoiner(exe, sock, target int) (pid, pidfd int, mask uint64, err error) {
	var fd C.int
	var old C.uint64_t
	r := C.rt_spawn_joiner(C.int(exe), C.int(sock), C.int(target), &fd, &old)
	if r < 0 {
		return -1, -1, 0, unix.Errno(-r)
	}
	return int(r), int(fd), uint64(old), nil
}

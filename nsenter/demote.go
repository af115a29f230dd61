package nsenter

/*
#include "demote.h"
*/
import "C"

import "golang.org/x/sys/unix"

// DemoteOthers takes the privileges of every thread of the process but the
// calling one: they become uid and gid, without groups, capabilities and
// without a way to new ones (no_new_privs). The caller must be locked to its
// thread, and /proc be a procfs that shows the process. Errors: unix.ETIMEDOUT
// when a thread does not answer, or what the kernel told one.
func DemoteOthers(uid, gid uint32) error {
	if r := C.rt_demote_others(C.uint32_t(uid), C.uint32_t(gid)); r != 0 {
		return unix.Errno(-r)
	}
	return nil
}

package sys

// creds.go: credentials of the calling thread. These are raw calls: Go's own
// wrappers would change all threads, which costs a signal to each and is of no
// use to a thread that is about to execve (credentials(7): the kernel keeps
// them per thread, execve keeps those of its caller).

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// SetGroups sets the supplementary groups.
func SetGroups(gids []uint32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(gids)),
		uintptr(unsafe.Pointer(unsafe.SliceData(gids))), 0)
	return rawErr(errno)
}

// SetGID sets the real, effective and saved group id.
func SetGID(gid uint32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
	return rawErr(errno)
}

// SetUID sets the real, effective and saved user id.
func SetUID(uid uint32) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
	return rawErr(errno)
}

// KeepCaps lets the permitted set survive the next change of the uid away from
// 0. The next execve clears it (prctl(2), PR_SET_KEEPCAPS).
func KeepCaps() error { return rawPrctl(unix.PR_SET_KEEPCAPS, 1, 0) }

// NoNewPrivs forbids every later execve to gain privileges.
func NoNewPrivs() error { return rawPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0) }

// DropBounding takes a capability out of the bounding set.
func DropBounding(capability int) error {
	return rawPrctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0)
}

// ClearAmbient empties the ambient set.
func ClearAmbient() error { return rawPrctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0) }

// RaiseAmbient puts a capability that is permitted and inheritable into the
// ambient set.
func RaiseAmbient(capability int) error {
	return rawPrctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(capability))
}

// Capset sets three of the sets, bit n = capability n (capset(2)).
func Capset(effective, permitted, inheritable uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{
		{Effective: uint32(effective), Permitted: uint32(permitted), Inheritable: uint32(inheritable)},
		{Effective: uint32(effective >> 32), Permitted: uint32(permitted >> 32), Inheritable: uint32(inheritable >> 32)},
	}
	return unix.Capset(&header, &data[0])
}

func rawPrctl(option int, arg2, arg3 uintptr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, uintptr(option), arg2, arg3, 0, 0, 0)
	return rawErr(errno)
}

package sys

// raw.go: the system calls that a start makes by the hundred, without Go's
// scheduler around them. golang.org/x/sys tells the scheduler of every call, and
// the scheduler's monitor wakes up to give the caller's place to others; init
// has no others, so each such round is lost. The calls here do not wait for
// anything but the kernel's own work. Whatever may sleep for long (a socket, a
// child) must not be raw; nor, in a process that has others, what asks a file
// system, which may be a program or a server that does not answer: with one CPU
// the deadline for it would never come.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// alone: nobody waits in this process for his turn.
var alone bool

// Alone says that nothing is to happen in this process beside the calling
// goroutine, so that the scheduler need not know of it when a file system
// sleeps.
func Alone() { alone = true }

func answer(r uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

func rawFsopen(fstype string) (int, error) {
	p, err := unix.BytePtrFromString(fstype)
	if err != nil {
		return -1, err
	}
	r, _, errno := unix.RawSyscall(unix.SYS_FSOPEN, uintptr(unsafe.Pointer(p)), unix.FSOPEN_CLOEXEC, 0)
	return answer(r, errno)
}

// rawFsconfig: key and value nil where the command has none.
func rawFsconfig(ctx int, cmd uintptr, key, value *byte) error {
	if !alone && cmd == unix.FSCONFIG_CMD_CREATE {
		_, _, errno := unix.Syscall6(unix.SYS_FSCONFIG, uintptr(ctx), cmd,
			uintptr(unsafe.Pointer(key)), uintptr(unsafe.Pointer(value)), 0, 0)
		return rawErr(errno)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_FSCONFIG, uintptr(ctx), cmd,
		uintptr(unsafe.Pointer(key)), uintptr(unsafe.Pointer(value)), 0, 0)
	return rawErr(errno)
}

func rawFsmount(ctx int, attrs uint64) (int, error) {
	r, _, errno := unix.RawSyscall(unix.SYS_FSMOUNT, uintptr(ctx), unix.FSMOUNT_CLOEXEC, uintptr(attrs))
	return answer(r, errno)
}

func rawOpenTree(dir int, path string, flags uint) (int, error) {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	if !alone {
		r, _, errno := unix.Syscall(unix.SYS_OPEN_TREE, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(flags))
		return answer(r, errno)
	}
	r, _, errno := unix.RawSyscall(unix.SYS_OPEN_TREE, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(flags))
	return answer(r, errno)
}

func rawMoveMount(from, to int, path string, flags uintptr) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	var empty byte
	_, _, errno := unix.RawSyscall6(unix.SYS_MOVE_MOUNT, uintptr(from), uintptr(unsafe.Pointer(&empty)),
		uintptr(to), uintptr(unsafe.Pointer(p)), flags, 0)
	return rawErr(errno)
}

func rawMountSetattr(dir int, path string, flags uint, attr *unix.MountAttr) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_MOUNT_SETATTR, uintptr(dir), uintptr(unsafe.Pointer(p)),
		uintptr(flags), uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr), 0)
	return rawErr(errno)
}

func rawOpenat2(dir int, path string, how *unix.OpenHow) (int, error) {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	if !alone {
		r, _, errno := unix.Syscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(p)),
			uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
		return answer(r, errno)
	}
	r, _, errno := unix.RawSyscall6(unix.SYS_OPENAT2, uintptr(dir), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(how)), unsafe.Sizeof(*how), 0, 0)
	return answer(r, errno)
}

func rawStatx(dir int, path string, flags, mask int, st *unix.Statx_t) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	if !alone {
		_, _, errno := unix.Syscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(p)),
			uintptr(flags), uintptr(mask), uintptr(unsafe.Pointer(st)), 0)
		return rawErr(errno)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(dir), uintptr(unsafe.Pointer(p)),
		uintptr(flags), uintptr(mask), uintptr(unsafe.Pointer(st)), 0)
	return rawErr(errno)
}

func rawClose(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

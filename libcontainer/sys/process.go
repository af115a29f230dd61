package sys

// process.go: attributes of the calling process and thread other than its
// credentials, and the few file calls that init makes by path once it is
// inside the container.

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RaiseHard lifts the hard limit of a resource of process pid (0: the caller)
// to at least hard and leaves the soft one alone. Only that needs
// CAP_SYS_RESOURCE, in the user namespace of the host; everything else about a
// limit can be done later without privilege (prlimit(2)).
func RaiseHard(pid, resource int, hard uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &now); err != nil {
		return err
	}
	if now.Max >= hard {
		return nil
	}
	now.Max = hard
	return unix.Prlimit(pid, resource, &now, nil)
}

// SetLimit sets a resource limit of the caller (prlimit(2)). It is a raw call
// on purpose: Go's own Setrlimit would take note of RLIMIT_NOFILE.
func SetLimit(resource int, soft, hard uint64) error {
	limit := unix.Rlimit{Cur: soft, Max: hard}
	_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(resource),
		uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return rawErr(errno)
}

// RestoreNofile gives RLIMIT_NOFILE the soft value that the caller was started
// with. The Go runtime raises it at start, remembers the old value where
// nobody can read it, and puts it back in exactly one public place: before the
// execve in syscall.Exec. So that is called with a name that cannot exist.
func RestoreNofile() { _ = syscall.Exec("", []string{""}, nil) }

// SetScheduler sets the calling thread's policy (sched_setattr(2)).
func SetScheduler(a *unix.SchedAttr) error { return unix.SchedSetAttr(0, a, 0) }

// SetSchedulerOf is SetScheduler for another thread, or for a process that has
// only one.
func SetSchedulerOf(pid int, a *unix.SchedAttr) error { return unix.SchedSetAttr(pid, a, 0) }

// SetAffinity sets the CPUs the calling thread may run on; bit n of the mask,
// lowest byte first, is CPU n (sched_setaffinity(2)). CPUs outside the cpuset
// are ignored as long as one is inside.
func SetAffinity(mask []byte) error {
	if len(mask) == 0 {
		return unix.EINVAL
	}
	// The kernel takes whole longs.
	whole := make([]byte, (len(mask)+7)&^7)
	copy(whole, mask)
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(whole)),
		uintptr(unsafe.Pointer(&whole[0])))
	return rawErr(errno)
}

// SetIOPriority sets the calling thread's I/O priority, class<<13 | level
// (ioprio_set(2)).
func SetIOPriority(value int) error {
	const whoProcess = 1
	_, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, whoProcess, 0, uintptr(value))
	return rawErr(errno)
}

// SetPersonality sets the execution domain (personality(2)).
func SetPersonality(persona uint64) error {
	_, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, uintptr(persona), 0, 0)
	return rawErr(errno)
}

// SetMemPolicy sets the calling thread's NUMA policy; bit n of nodes is node n
// (set_mempolicy(2)).
func SetMemPolicy(mode int, nodes []uint64) error {
	var bits uintptr
	if len(nodes) > 0 {
		// The kernel takes one bit less than it is told of.
		bits = uintptr(len(nodes)*64 + 1)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SET_MEMPOLICY, uintptr(mode),
		uintptr(unsafe.Pointer(unsafe.SliceData(nodes))), bits)
	return rawErr(errno)
}

// NewSessionKeyring gives the caller a session keyring of its own (keyctl(2),
// KEYCTL_JOIN_SESSION_KEYRING without a name). A name would join a ring that
// somebody else may have made under it, with keys in it.
func NewSessionKeyring() error {
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	return err
}

// Umask sets the file mode creation mask.
func Umask(mask int) { unix.Umask(mask) }

// CloseFrom marks every fd from first on close-on-exec (close_range(2)).
func CloseFrom(first int) error {
	return unix.CloseRange(uint(first), ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
}

// OpenDirPath opens a directory as a path handle, without following magic
// links.
func OpenDirPath(unsafePath string) (int, error) {
	return openat2(unix.AT_FDCWD, unsafePath, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_NO_MAGICLINKS)
}

// Chdir changes the working directory to a trusted path.
func Chdir(path string) error { return retry(func() error { return unix.Chdir(path) }) }

// Gettid is the calling thread's id.
func Gettid() int { return unix.Gettid() }

// Fchdir changes the working directory.
func Fchdir(fd int) error { return retry(func() error { return unix.Fchdir(fd) }) }

// Getcwd is the system call, not the library's search: a directory outside the
// caller's root comes back as "(unreachable)…", a removed one as ENOENT
// (getcwd(2)).
func Getcwd() (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Getcwd(buf[:])
	if err != nil {
		return "", err
	}
	if n < 1 || n > len(buf) || buf[n-1] != 0 {
		return "", unix.EINVAL
	}
	return string(buf[:n-1]), nil
}

// OpenRegularIn opens an untrusted path for reading as if root, a directory's
// fd, were "/"; unix.AT_FDCWD stands for the caller's own root. It follows no
// magic link; anything but a regular file is answered with EINVAL, and never
// opened: to open a device may do something to it, and a fifo may block. The
// caller's /proc must be the host's, or else root its own, a container's: then a
// file that is replaced in that moment is opened, as far as the container may.
func OpenRegularIn(root int, unsafePath string) (int, error) {
	fd, err := OpenAnyIn(root, unsafePath)
	if err != nil {
		return -1, err
	}
	defer Close(fd)
	if err := isRegular(fd); err != nil {
		return -1, err
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	if root != unix.AT_FDCWD {
		return OpenFileAt(unix.AT_FDCWD, "/proc/thread-self/fd/"+strconv.Itoa(fd), flags, 0)
	}
	again, err := openat2(root, unsafePath, flags, inRoot(root))
	if err != nil {
		return -1, err
	}
	if err := isRegular(again); err != nil {
		Close(again)
		return -1, err
	}
	return again, nil
}

// isRegular answers EINVAL for anything else.
func isRegular(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.EINVAL
	}
	return nil
}

// inRoot are the openat2 restrictions for untrusted paths below root.
func inRoot(root int) uint64 {
	if root == unix.AT_FDCWD {
		return unix.RESOLVE_NO_MAGICLINKS
	}
	return unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_IN_ROOT
}

// OpenAnyIn returns an O_PATH fd of whatever the path leads to, as if root were
// "/" (unix.AT_FDCWD: the caller's own root), without following magic links.
func OpenAnyIn(root int, unsafePath string) (int, error) {
	return openat2(root, unsafePath, unix.O_PATH, inRoot(root))
}

// Pread fills p from offset and returns how much there was.
func Pread(fd int, p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		var got int
		err = retry(func() error {
			got, err = unix.Pread(fd, p[n:], offset+int64(n))
			return err
		})
		if err != nil || got == 0 {
			return n, err
		}
		n += got
	}
	return n, nil
}

// CanExecute asks whether the caller's effective ids may execute the file;
// a noexec mount counts (faccessat2(2)).
func CanExecute(unsafePath string) error {
	return retry(func() error {
		return unix.Faccessat2(unix.AT_FDCWD, unsafePath, unix.X_OK, unix.AT_EACCESS)
	})
}

// Mode is the file type and permission bits of what the path leads to.
func Mode(unsafePath string) (mode uint32, err error) {
	var st unix.Stat_t
	err = retry(func() error { return unix.Stat(unsafePath, &st) })
	return st.Mode, err
}

// OnNoexecMount says whether the open file lies on a mount with the noexec
// option.
func OnNoexecMount(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0
}

// WriteProcSelf writes value to a file below /proc/self. It makes sure that
// /proc is a procfs and that nothing is mounted on the way: a label that goes
// to a file of somebody's choice would be lost.
func WriteProcSelf(name, value string) error {
	return writeProc("self/"+name, value)
}

// SetOOMScoreAdj sets the oom_score_adj of process pid (0: the caller), from
// -1000 to 1000. Lowering it needs CAP_SYS_RESOURCE in the host's user
// namespace (proc(5)).
func SetOOMScoreAdj(pid, value int) error {
	dir := "self"
	if pid != 0 {
		dir = strconv.Itoa(pid)
	}
	return writeProc(dir+"/oom_score_adj", strconv.Itoa(value))
}

func writeProc(name, value string) error {
	proc, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer Close(proc)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(proc, &fs); err != nil {
		return err
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return unix.ENODEV
	}
	fd, err := openat2(proc, name, unix.O_WRONLY, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_XDEV|unix.RESOLVE_NO_MAGICLINKS)
	if err != nil {
		return err
	}
	defer Close(fd)
	n, err := unix.Write(fd, []byte(value))
	if err == nil && n != len(value) {
		return unix.EIO
	}
	return err
}

func rawErr(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

package sys

import (
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// InUserNamespace says whether the caller's user namespace is not the host's:
// only the host's maps every id to itself (user_namespaces(7)). It is read once
// in a process, and false where it cannot be known.
var InUserNamespace = sync.OnceValue(func() bool {
	b, err := ReadSmall(unix.AT_FDCWD, "/proc/self/uid_map", 1<<16)
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
})

// IsSELinuxFS says whether selinuxfs is mounted at path.
func IsSELinuxFS(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Type == unix.SELINUX_MAGIC
}

// LastCap is the highest capability of the running kernel: the first number
// that prctl(2) PR_CAPBSET_READ refuses is one too high.
func LastCap() int {
	last := unix.CAP_LAST_CAP // as of the headers; Linux 5.14 has it
	for {
		if err := unix.Prctl(unix.PR_CAPBSET_READ, uintptr(last+1), 0, 0, 0); err != nil {
			return last
		}
		last++
	}
}

// PermittedCaps is the calling thread's permitted capability set, a bit mask.
func PermittedCaps() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, err
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted), nil
}

// TotalMemory is the size of the host's memory in bytes, 0 when the kernel does
// not say.
func TotalMemory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

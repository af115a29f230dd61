package intelrdt

// Finding the resctrl file system.

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"rt/libcontainer/fault"
)

var root = sync.OnceValues(func() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fault.New(step, "/proc/self/mountinfo", "read", cause(err))
	}
	if point := find(string(mounts)); point != "" {
		return point, nil
	}
	systems, _ := os.ReadFile("/proc/filesystems")
	return "", missing(string(systems))
})

// Root is where resctrl is mounted, read once in a process. An error says what
// to do about it not being mounted.
func Root() (string, error) { return root() }

// find returns the last mount of resctrl in a mountinfo file, or "". Only a
// mount of the whole file system will do.
func find(mountinfo string) string {
	point := ""
	for line := range strings.Lines(mountinfo) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash >= 6 && len(f) > dash+1 && f[dash+1] == "resctrl" && f[3] == "/" && !strings.Contains(f[4], `\`) {
			point = f[4]
		}
	}
	return point
}

// missing: the kernel registers resctrl only on a processor that can do it.
func missing(filesystems string) error {
	e := fault.New(step, "", "", errors.New("no resctrl file system is mounted"))
	if slices.Contains(strings.Fields(filesystems), "resctrl") {
		return e.WithHint("mount -t resctrl resctrl /sys/fs/resctrl")
	}
	return e.WithHint("the processor needs RDT, QoS or MPAM (rdt_a, cat_l3, mba in /proc/cpuinfo) and the kernel CONFIG_X86_CPU_RESCTRL, not turned off by rdt= on its command line; then mount -t resctrl resctrl /sys/fs/resctrl")
}

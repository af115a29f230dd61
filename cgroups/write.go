package cgroups

// The engine that carries out lists of writes to control files, and the words
// for what the kernel answers. The lists themselves are made in limits_*.go.

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// write is one value for one control file.
type write struct {
	file, value string
	// again: the kernel may refuse the value (EINVAL) until a later write of
	// the list is made; it is then tried once more after the last one.
	again bool
	// alt is taken when the file is not there.
	alt *write
	// optional: a missing file or one that no longer takes values (ENOENT,
	// EOPNOTSUPP) is a warning; with quiet not even that.
	optional, quiet bool
	// edit, if set, makes the value from the file's present one.
	edit func(current string) string
}

// apply carries out a list in one directory and stops at the first refusal.
func apply(dir string, list []write) (warnings []string, err error) {
	var late []write
	for _, w := range list {
		err := w.do(dir)
		switch {
		case err == nil:
		case w.again && errors.Is(err, unix.EINVAL):
			late = append(late, w)
		case w.optional && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)):
			if !w.quiet {
				warnings = append(warnings, err.Error()+": "+w.file+" has no effect on this kernel")
			}
		default:
			return warnings, err
		}
	}
	for _, w := range late {
		if err := w.do(dir); err != nil {
			return warnings, err
		}
	}
	return warnings, nil
}

// do makes the write. The error names file, value and errno.
func (w write) do(dir string) error {
	file := path.Join(dir, w.file)
	if w.edit != nil {
		cur, err := readValue(file)
		if err != nil {
			return refusal(dir, w.file, "", err)
		}
		w.value = w.edit(cur)
	}
	err := writeFile(file, w.value)
	if err == unix.ENOENT && w.alt != nil {
		return w.alt.do(dir)
	}
	if err != nil {
		return refusal(dir, w.file, w.value, err)
	}
	return nil
}

func refusal(dir, file, value string, err error) error {
	e := fault.New(step, path.Join(dir, file), "write "+value, err)
	if value == "" {
		e.Op = "read"
	}
	e.Hint = hint(file, err)
	if err == unix.EBUSY && file == "memory.limit_in_bytes" {
		if used, err := readValue(path.Join(dir, "memory.usage_in_bytes")); err == nil {
			e.Hint += " (" + used + " bytes)"
		}
	}
	return e
}

// hint says what a refusal means. It knows the files whose errnos are
// ambiguous or whose absence has one cause.
func hint(file string, err error) string {
	starts := func(prefix string) bool { return strings.HasPrefix(file, prefix) }
	switch err {
	case unix.ENOENT:
		switch {
		case starts("memory.memsw"), starts("memory.swap"):
			return "the kernel does not account swap; boot with swapaccount=1"
		case starts("cpu.rt_"):
			return "the kernel is built without CONFIG_RT_GROUP_SCHED"
		case starts("blkio.leaf_"):
			return "leaf weights went with the CFQ scheduler in Linux 5.0"
		case starts("blkio.bfq"), starts("io.bfq"), starts("io.weight"):
			return "I/O weights need the bfq scheduler or iocost; load the module bfq"
		case starts("hugetlb"):
			return "huge pages of this size do not exist here; see /sys/kernel/mm/hugepages"
		case starts("cpu.cfs_"), starts("cpu.max"):
			return "the kernel is built without CONFIG_CFS_BANDWIDTH"
		case starts("cpu.idle"):
			return "cpu.idle needs Linux 5.15"
		}
		return "this kernel does not have the file, or its controller is not enabled here"
	case unix.EBUSY:
		if starts("memory.") {
			return "the cgroup uses more than that"
		}
	case unix.EINVAL, unix.ERANGE:
		switch {
		case starts("cpu.cfs_"), starts("cpu.max"):
			return "at least 1000 µs, a burst not above the quota, and no greater share than the parent cgroup has"
		case starts("cpu.rt_"):
			return "not more than the parent cgroup has; a new parent has none"
		case starts("cpuset."):
			return "only CPUs and memory nodes that exist, as a list like 0-3,7"
		case starts("blkio.bfq"), starts("io.bfq"):
			return "from 1 to 1000"
		case starts("memory.swappiness"):
			return "from 0 to 200"
		}
	case unix.EACCES:
		if starts("cpuset.") {
			return "only CPUs and memory nodes that the parent cgroup has"
		}
	case unix.ENODEV:
		if starts("blkio.") || starts("io.") {
			return "no such block device, or a partition; give the whole disk"
		}
	case unix.EPERM:
		if starts("devices.") {
			return "the parent cgroup does not have this device either"
		}
	}
	return ""
}

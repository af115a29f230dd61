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
	// edit, if set, makes the value from the present one of the file from,
	// or of the file itself.
	edit func(current string) (string, error)
	from string
}

// apply carries out a list in one directory and stops at the first refusal.
// What it did is in the journal then.
func apply(dir string, list []write, j *journal) (warnings []string, err error) {
	var late []write
	for _, w := range list {
		err := w.do(dir, j)
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
		if err := w.do(dir, j); err != nil {
			return warnings, err
		}
	}
	return warnings, nil
}

// do makes the write. The error names file, value and errno.
func (w write) do(dir string, j *journal) error {
	if w.edit != nil {
		if w.from == "" {
			w.from = w.file
		}
		cur, err := readValue(path.Join(dir, w.from))
		if err != nil {
			return refusal(dir, w.from, "", err)
		}
		if w.value, err = w.edit(cur); err != nil {
			return err
		}
	}
	back, noted := j.before(dir, w.file, w.value)
	err := writeFile(path.Join(dir, w.file), w.value)
	if err == unix.ENOENT && w.alt != nil {
		return w.alt.do(dir, j)
	}
	if err != nil {
		return refusal(dir, w.file, w.value, err)
	}
	if noted {
		j.add(back)
	}
	return nil
}

func refusal(dir, file, value string, err error) error {
	e := fault.New(step, path.Join(dir, file), "write "+value, err)
	if value == "" {
		e.Op = "read"
	}
	e.Hint = hint(file, err)
	// Why the kernel refuses a memory limit is told by another file.
	for _, why := range []struct {
		file  string
		errno error
		by    string
	}{
		{"memory.limit_in_bytes", unix.EBUSY, "memory.usage_in_bytes"},
		{"memory.limit_in_bytes", unix.EINVAL, "memory.memsw.limit_in_bytes"},
		{"memory.memsw.limit_in_bytes", unix.EINVAL, "memory.limit_in_bytes"},
	} {
		if err == why.errno && file == why.file {
			if v, err := readValue(path.Join(dir, why.by)); err == nil {
				e.Hint += " (" + v + " bytes)"
			}
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
		switch {
		case starts("memory."), starts("hugetlb."):
			return "the cgroup uses more than that"
		case starts("cpuset."):
			return "a sub-cgroup uses other CPUs or memory nodes than these"
		}
	case unix.ENOSPC:
		if starts("cpuset.") {
			return "its processes need a CPU and a memory node"
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
		case starts("memory.limit"), starts("memory.memsw"):
			return "memory.swap is memory and swap together, so not less than memory.limit"
		case starts("memory.swappiness"):
			return "from 0 to 200"
		case file == "memory.limit_in_bytes":
			return "not more than the limit of memory and swap together, memory.memsw.limit_in_bytes; give memory.swap too"
		case file == "memory.memsw.limit_in_bytes":
			return "not less than the limit of memory alone, memory.limit_in_bytes; give memory.limit too"
		case file == "cpu.shares", file == "cpu.weight":
			return "an idle cgroup has no other weight; give cpu.idle 0 too"
		case starts("hugetlb."):
			return "a number of bytes"
		case starts("rdma."):
			return "not more handles or objects than the kernel counts; see rdma.max"
		}
	case unix.EACCES:
		if starts("cpuset.") {
			return "only CPUs and memory nodes that the parent cgroup has"
		}
	case unix.ENODEV:
		if starts("blkio.") || starts("io.") {
			return "no such block device, or a partition; give the whole disk"
		}
		switch {
		case starts("rdma."):
			return "no such device; see /sys/class/infiniband"
		case starts("net_prio."):
			return "no such network interface in the host's first network namespace; net_prio knows no other"
		}
	case unix.EOPNOTSUPP:
		if starts("io.") || starts("blkio.") {
			return "the disk's scheduler does not do this; see /sys/block/*/queue/scheduler"
		}
	case unix.EPERM:
		if starts("devices.") {
			return "the parent cgroup does not have this device either"
		}
	}
	return ""
}

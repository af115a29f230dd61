package cgroups

// Taking back an update that the kernel refused half-way. What a file held is
// read before it is written, and written again, last first. Only updates keep
// a journal: a new cgroup is removed instead.

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// journal is the writes that would undo those made so far. Nil keeps none.
type journal struct{ undo []undo }

type undo struct{ dir, file, value string }

// before notes what undoes a write of value. A file that cannot be read
// (memory.reclaim) has nothing to go back to.
func (j *journal) before(dir, file, value string) (u undo, ok bool) {
	if j == nil {
		return u, false
	}
	old, err := readFile(path.Join(dir, file))
	if err != nil {
		return u, false
	}
	back, ok := restoring(file, value, strings.TrimRight(string(old), "\n"))
	if !ok || back == value {
		return u, false
	}
	return undo{dir, file, back}, true
}

func (j *journal) add(u undo) { j.undo = append(j.undo, u) }

// rollback undoes all, and returns what could not be. Values that depend on
// each other may need a second turn.
func (j *journal) rollback() (failed []string) {
	if j == nil {
		return nil
	}
	left := j.undo
	j.undo = nil
	for {
		var again []undo
		failed = nil
		for i := len(left) - 1; i >= 0; i-- {
			u := left[i]
			if err := writeFile(path.Join(u.dir, u.file), u.value); err != nil && err != unix.ENOENT {
				again = append([]undo{u}, again...)
				failed = append(failed, path.Join(u.dir, u.file)+" could not be set back to "+strings.TrimSpace(u.value)+": "+err.Error())
			}
		}
		if len(again) == 0 || len(again) == len(left) {
			return failed
		}
		left = again
	}
}

// perKey are the files with a line for each device or resource, and what one
// without a line has.
func perKey(file string) (unset string, ok bool) {
	switch file {
	case "io.max":
		return "rbps=max wbps=max riops=max wiops=max", true
	case "io.latency":
		return "target=0", true
	case "io.weight", "io.bfq.weight", "blkio.bfq.weight_device":
		return "default", true
	case "rdma.max":
		return "hca_handle=max hca_object=max", true
	case "net_prio.ifpriomap":
		return "0", true
	case "misc.max", "dmem.max", "dmem.low", "dmem.min":
		return "max", true
	}
	return "0", strings.HasPrefix(file, "blkio.throttle.") || file == "blkio.leaf_weight_device"
}

// restoring is what to write so that a file that held old and was given value
// holds old again.
func restoring(file, value, old string) (back string, ok bool) {
	if file == "memory.oom_control" {
		n, ok := keyed(old+"\n", "oom_kill_disable")
		return num(n), ok
	}
	unset, lines := perKey(file)
	if !lines {
		if strings.Contains(old, "\n") {
			return "", false
		}
		if old == "" {
			return "\n", true // a write of nothing would not reach the kernel
		}
		return old, true
	}
	key, _, isKeyed := strings.Cut(value, " ")
	if !isKeyed {
		key = "default"
	}
	for line := range strings.SplitSeq(old, "\n") {
		if k, _, _ := strings.Cut(line, " "); k == key {
			return line, true
		}
	}
	if !isKeyed {
		return old, !strings.Contains(old, "\n")
	}
	return key + " " + unset, true
}

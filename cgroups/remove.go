package cgroups

// Removing the container's cgroups with whatever sub-cgroups it made.

import (
	"errors"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

func (m *manager) Remove(deadline time.Duration) error {
	m.Close()
	if m.foreign {
		return nil
	}
	end := time.Now().Add(deadline)
	var first error
	var unseen []string
	for _, g := range m.groups {
		var missing bool
		var err error
		if g.joined {
			err = awaitEmpty(g.dir, end)
		} else {
			missing, err = removeTree(g.dir, end)
		}
		if err != nil && first == nil {
			first = err
		}
		if missing && !inHierarchy(g.dir) { // it is not seen, not gone
			unseen = append(unseen, g.dir)
		}
	}
	if len(unseen) > 0 {
		m.warn("cgroups may stay, as their hierarchies are not mounted where rt runs: " + strings.Join(unseen, " "))
	}
	return first
}

// inHierarchy says whether the nearest directory there is above dir is a cgroup.
func inHierarchy(dir string) bool {
	for dir != "/" {
		dir = path.Dir(dir)
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != unix.ENOENT {
			return err == nil && (fs.Type == unix.CGROUP_SUPER_MAGIC || fs.Type == unix.CGROUP2_SUPER_MAGIC)
		}
	}
	return false
}

// awaitEmpty waits until the container's last process has left a directory
// that is not the container's own.
func awaitEmpty(dir string, end time.Time) error {
	pids, err := procs(dir)
	if err != nil {
		return fault.New(step, dir, "list processes", err)
	}
	if !waitGone(pids, end) {
		return stillBusy(dir, pids, unix.EBUSY)
	}
	return nil
}

// removeTree removes dir and all below it. In the common case that is one
// rmdir. A cgroup is busy while a process in it is alive or dying; those are
// waited for on their pidfds. For a short time after the last is reaped it can
// still be busy; for that there is nothing to wait on. missing: there was none.
func removeTree(dir string, end time.Time) (missing bool, err error) {
	pause := time.Millisecond
	for first := true; ; first = false {
		err := unix.Rmdir(dir)
		switch err {
		case nil, unix.ENOENT:
			return first && err != nil, nil
		case unix.EBUSY, unix.ENOTEMPTY, unix.EINTR:
		default:
			return false, fault.New(step, dir, "rmdir", err)
		}
		names, _ := subdirs(dir)
		below := func(sub string) error {
			_, err := removeTree(sub, end)
			return err
		}
		if err := eachBelow(dir, names, below); err != nil {
			return false, err
		}
		pids, listErr := procs(dir)
		if listErr != nil {
			return false, fault.New(step, dir, "list processes", listErr)
		}
		if !time.Now().Before(end) {
			return false, stillBusy(dir, pids, err)
		}
		if !waitGone(pids, end) {
			return false, stillBusy(dir, pids, err)
		}
		if !first || len(pids)+len(names) == 0 {
			time.Sleep(min(pause, time.Until(end)))
			pause = min(2*pause, 50*time.Millisecond)
		}
	}
}

func stillBusy(dir string, pids []int, err error) error {
	e := fault.New(step, dir, "rmdir", err)
	if len(pids) > 0 {
		e.Op = "rmdir (processes: " + describe(pids) + ")"
		e.Hint = "kill them first, or delete with --force"
	} else {
		e.Hint = "the kernel still holds it; try again"
	}
	return e
}

// waitGone waits for each process to exit, or to be out of reach of pidfds
// already. False: the deadline passed.
func waitGone(pids []int, end time.Time) bool {
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // ESRCH: gone; else the back-off in removeTree does it
		}
		ok := pollUntil(fd, end)
		unix.Close(fd)
		if !ok {
			return false
		}
	}
	return true
}

// pollUntil waits until fd is readable: for a pidfd, until its process exited.
func pollUntil(fd int, end time.Time) bool {
	for {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if n > 0 {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return true
		}
	}
}

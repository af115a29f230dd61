package cgroups

// Freezing and thawing: v1's freezer controller where there is one (it is what
// other tools look at then), else cgroup2.

import (
	"errors"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// freezeTime is how long Freeze waits. Freezing takes long only while a
// process sits in an uninterruptible system call.
const freezeTime = 10 * time.Second

// freezer is the group that freezes, or nil.
func (m *manager) freezer() *group {
	if g := m.v1Group("freezer"); g != nil {
		return g
	}
	return m.v2Group()
}

func (m *manager) Frozen() (bool, error) {
	g := m.freezer()
	if g == nil {
		return false, nil
	}
	return g.frozen()
}

// frozen tells whether g is frozen, by itself or from above. On v1 one that is
// freezing counts. A cgroup that is gone is not.
func (g *group) frozen() (bool, error) {
	file := path.Join(g.dir, "freezer.state")
	if g.v2 {
		file = path.Join(g.dir, "cgroup.events")
	}
	v, err := readValue(file)
	switch {
	case err == unix.ENOENT, err == unix.ENODEV:
		return false, nil
	case err != nil:
		return false, fault.New(step, file, "read", err)
	case g.v2:
		n, _ := keyed(v, "frozen")
		return n == 1, nil
	}
	return v != "THAWED", nil
}

func (m *manager) Freeze(freeze bool) error {
	g := m.freezer()
	if g == nil {
		return fault.New(step, "controller freezer", "", ErrUnavailable)
	}
	return g.freeze(freeze, freezeTime)
}

func (g *group) freeze(freeze bool, wait time.Duration) error {
	if g.v2 {
		return g.freezeV2(freeze, wait)
	}
	return g.freezeV1(freeze, wait)
}

var errTimeout = errors.New("still not done")

// freezeV1 writes the state until it is there: the kernel looks again at
// processes that were not ready only when the file is read or written, and
// tells nobody.
func (g *group) freezeV1(freeze bool, wait time.Duration) error {
	state := "THAWED"
	if freeze {
		state = "FROZEN"
	}
	file := path.Join(g.dir, "freezer.state")
	end := time.Now().Add(wait)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if err := writeFile(file, state); err != nil {
			return refusal(g.dir, "freezer.state", state, err)
		}
		now, err := readValue(file)
		if err != nil {
			return fault.New(step, file, "read", err)
		}
		if now == state {
			return nil
		}
		if time.Now().After(end) {
			if freeze {
				_ = writeFile(file, "THAWED") // not half frozen
			}
			return fault.New(step, file, "wait for "+state+" ("+wait.String()+")", errTimeout).
				WithHint("it is " + now + "; a parent may be frozen, or a process be in an uninterruptible call")
		}
		time.Sleep(pause)
	}
}

// freezeV2 waits on cgroup.events, which reports changes to poll.
func (g *group) freezeV2(freeze bool, wait time.Duration) error {
	value, want := "0", "frozen 0"
	if freeze {
		value, want = "1", "frozen 1"
	}
	events := path.Join(g.dir, "cgroup.events")
	fd, err := open(events, unix.O_RDONLY)
	if err != nil {
		return fault.New(step, events, "open", err)
	}
	defer unix.Close(fd)
	if err := writeFile(path.Join(g.dir, "cgroup.freeze"), value); err != nil {
		return refusal(g.dir, "cgroup.freeze", value, err)
	}
	end := time.Now().Add(wait)
	buf := make([]byte, 256)
	for {
		n, err := unix.Pread(fd, buf, 0)
		if err != nil && err != unix.EINTR {
			return fault.New(step, events, "read", err)
		}
		if n > 0 && strings.Contains(string(buf[:n]), want) {
			return nil
		}
		left := time.Until(end)
		if left <= 0 {
			if freeze {
				_ = writeFile(path.Join(g.dir, "cgroup.freeze"), "0")
			}
			return fault.New(step, events, "wait for "+want+" ("+wait.String()+")", errTimeout).
				WithHint("a parent may be frozen, or a process be in an uninterruptible call")
		}
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, int(left.Milliseconds())+1)
	}
}

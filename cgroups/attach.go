package cgroups

// Moving processes into the container's cgroups.
//
// Parking is for the runtime's own share of memory. The kernel charges a page
// to the cgroup its process is in at that moment and leaves it there when the
// process moves on (v2 always; v1 unless memory.move_charge_at_immigrate is
// set). So what init allocates before Unpark is charged to the caller's cgroup,
// and is freed at execve. The cgroup namespace must be made while init is
// attached everywhere: its root is where init is then.

import (
	"errors"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

func (m *manager) Attach(pid int) error { return m.attachBut(nil, pid) }

func (m *manager) AttachParked(pid int) error { return m.attachBut(m.charging(), pid) }

func (m *manager) attachBut(left *group, pid int) error {
	for i := range m.groups {
		g := &m.groups[i]
		if g == left {
			continue
		}
		err := attach(g.dir, pid)
		if g.v2 && errors.Is(err, unix.EOPNOTSUPP) && m.makeThreaded(g, nil) == nil {
			err = attach(g.dir, pid)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenDoors opens the file tasks of cgroup v1 directories: a process with a
// single thread is in the cgroup when it has written "0" there. Unlike Attach, by
// another's pid, that does not wait for a grace period of the kernel. The
// descriptors are the caller's.
func OpenDoors(dirs []string) (doors []int, err error) {
	for _, dir := range dirs {
		fd, err := open(path.Join(dir, "tasks"), unix.O_WRONLY)
		if err != nil {
			for _, fd := range doors {
				unix.Close(fd)
			}
			return nil, fault.New(step, path.Join(dir, "tasks"), "open", err)
		}
		doors = append(doors, fd)
	}
	return doors, nil
}

func (m *manager) Doors() ([]int, error) {
	var dirs []string
	for _, g := range m.groups {
		if !g.v2 {
			dirs = append(dirs, g.dir)
		}
	}
	return OpenDoors(dirs)
}

func attach(dir string, pid int) error {
	err := writeFile(path.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
	if err == nil {
		return nil
	}
	e := fault.New(step, dir, "attach pid "+strconv.Itoa(pid), err)
	switch err {
	case unix.ENOENT:
		e.Hint = "the directory is gone, or no cgroup file system is mounted there"
	case unix.ENOSPC:
		e.Hint = "its cpuset has no CPUs or no memory nodes"
	case unix.EINVAL:
		e.Hint = "a real-time process needs a cgroup with cpu.rt_runtime_us"
	case unix.EBUSY:
		e.Hint = "a cgroup that hands controllers to children cannot have processes"
	case unix.EOPNOTSUPP:
		e.Hint = "the cgroup is threaded or lies below one that is; see cgroup.type"
	}
	return e
}

func (m *manager) CanPark() bool { return m.charging() != nil }

// charging is the group by which memory is charged, or nil.
func (m *manager) charging() *group {
	if g := m.v1Group("memory"); g != nil {
		return g
	}
	return m.v2Group()
}

func (m *manager) Unpark(pid int) error {
	g := m.charging()
	if g == nil {
		return nil
	}
	if g.v2 && m.entered != "" {
		return attach(m.entered, pid)
	}
	return attach(g.dir, pid)
}

func (m *manager) Park(pid int) error {
	g := m.charging()
	if g == nil {
		return nil
	}
	if g.v2 && m.ownDir != "" {
		return attach(m.ownDir, pid)
	}
	l := m.layout
	if l == nil {
		var err error
		if l, err = Host(); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(l.Hierarchies, func(h Hierarchy) bool {
		return h.V2 && g.v2 || slices.Contains(h.Controllers, "memory")
	})
	if i < 0 {
		return nil
	}
	return attach(path.Join(l.Hierarchies[i].Mountpoint, l.Hierarchies[i].OwnPath), pid)
}

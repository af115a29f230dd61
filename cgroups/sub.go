package cgroups

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// Enter makes the cgroup name, which may have several parts, below the
// container's own, of the same owner, and moves pid there. The limits stay where they are, above
// it. v1 has no safe way of handing a part of the tree on, so there it is
// errors.ErrUnsupported.
func (m *manager) Enter(name string, pid int) error {
	g := m.v2Group()
	if g == nil || m.rec.Manager != ManagerV2 {
		return fault.New(step, name, "", errors.ErrUnsupported).WithHint("cgroups can be delegated on cgroup v2 only")
	}
	dir := g.dir
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		dir = path.Join(dir, part)
		if err := unix.Mkdir(dir, 0o755); err != nil && err != unix.EEXIST {
			return fault.New(step, dir, "mkdir", err)
		}
		if m.handOver == nil {
			continue
		}
		if err := m.handOver(dir); err != nil {
			return err
		}
	}
	m.entered = dir
	return attach(dir, pid)
}

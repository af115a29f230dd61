package cgroups

// Handing the container's cgroup to the user that runs in it, so that it can
// make cgroups of its own below (runtime-spec config-linux.md, "Cgroup
// ownership"; cgroups(7), "Delegation"). Its limits stay out of reach: only the
// directory and the files that the kernel lists change hands.

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// delegateList is where the kernel says which files belong to a delegation.
const delegateList = "/sys/kernel/cgroup/delegate"

func (m *manager) Delegate(uid int) error {
	g := m.v2Group()
	if g == nil || m.rec.Manager != ManagerV2 {
		return nil // v1 cannot be delegated safely
	}
	list, err := readFile(delegateList)
	if err != nil {
		list = nil
	}
	if err := delegate(g.dir, uid, delegated(string(list))); err != nil {
		return err
	}
	m.handOver = func(dir string) error { return delegate(dir, uid, delegated(string(list))) }
	return nil
}

// delegated are the names in the kernel's list, or those that are meant where
// there is none.
func delegated(list string) []string {
	var names []string
	for line := range strings.Lines(list) {
		if name := strings.TrimSpace(line); name != "" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	if names == nil {
		names = []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
	}
	return names
}

// delegate changes the owner of dir last: until then nobody else can do
// anything there. A file that this cgroup does not have is none to give.
func delegate(dir string, uid int, files []string) error {
	for _, file := range append(files, "") {
		object := path.Join(dir, file)
		if err := unix.Lchown(object, uid, -1); err != nil && (err != unix.ENOENT || file == "") {
			return fault.New(step, object, "chown to uid "+strconv.Itoa(uid), err).
				WithHint("the container's user gets its cgroup when the mount of it is writable; add ro to the options of the mount at /sys/fs/cgroup to do without")
		}
	}
	return nil
}

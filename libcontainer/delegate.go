package libcontainer

// delegate.go: when and to whom the container's cgroup is handed over.

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/planner"
)

// delegates: the container gets a cgroup namespace of its own and a writable
// view of its cgroup (runtime-spec config-linux.md, "Cgroup ownership").
func delegates(s *specs.Spec, ns planner.Namespaces) bool {
	if ns.New&unix.CLONE_NEWCGROUP == 0 {
		return false
	}
	return slices.ContainsFunc(s.Mounts, func(m specs.Mount) bool {
		return m.Source == "cgroup" && filepath.Clean(m.Destination) == "/sys/fs/cgroup" && !slices.Contains(m.Options, "ro")
	})
}

// delegate gives the cgroup to the user that runs the program. Its uid on the
// host is what init's map says: also of a user namespace that was joined.
func (l *launch) delegate() error {
	if l.spec.Process == nil || !delegates(l.spec, l.ns) {
		return nil
	}
	uid := int(l.spec.Process.User.UID)
	if l.ns.Has&unix.CLONE_NEWUSER != 0 {
		var maps specs.Linux
		if err := readIDMaps(l.init.pid, &maps); err != nil {
			return err
		}
		mapped := false
		if uid, mapped = mappedID(maps.UIDMappings, uid); !mapped {
			return nil // refused elsewhere
		}
	}
	if uid == os.Geteuid() {
		return nil // it is ours already
	}
	err := l.cg.Delegate(uid)
	if l.rt.rootless() && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL)) {
		l.rt.log.Warn("the container's user cannot make cgroups of its own: " + err.Error())
		return nil
	}
	return err
}

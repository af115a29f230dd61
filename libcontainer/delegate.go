package libcontainer

// delegate.go: when and to whom the container's cgroup is handed over.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
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
		uidMap, err := os.ReadFile(fmt.Sprintf("/proc/%d/uid_map", l.init.pid))
		if err != nil {
			return fault.New("cgroup", fmt.Sprintf("pid %d", l.init.pid), "read its uid_map", err)
		}
		mapped := false
		if uid, mapped = mappedID(string(uidMap), uid); !mapped {
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

// mappedID is what the id of a user namespace is outside, by a uid_map file
// (user_namespaces(7)).
func mappedID(uidMap string, id int) (outside int, ok bool) {
	for line := range strings.Lines(uidMap) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		inside, err1 := strconv.ParseInt(f[0], 10, 64)
		first, err2 := strconv.ParseInt(f[1], 10, 64)
		count, err3 := strconv.ParseInt(f[2], 10, 64)
		if errors.Join(err1, err2, err3) == nil && int64(id) >= inside && int64(id)-inside < count {
			return int(first + int64(id) - inside), true
		}
	}
	return 0, false
}

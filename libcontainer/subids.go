package libcontainer

// subids.go: the id maps of a new user namespace for which config.json names
// none. As with crun the caller is the user that the container's process runs
// as, and all other ids come from the caller's ranges in /etc/subuid and
// /etc/subgid (subuid(5)).

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/fault"
)

// defaultIDMaps adds id mappings to a spec that makes a user namespace and has
// neither uidMappings nor gidMappings. One list without the other is a mistake
// that the validation names.
func (r *Runtime) defaultIDMaps(s *specs.Spec) error {
	if !wantsIDMaps(s.Linux) {
		return nil
	}
	uid, gid := os.Geteuid(), os.Getegid()
	names := []string{strconv.Itoa(uid)}
	if u, err := user.LookupId(names[0]); err == nil {
		names = append(names, u.Username)
	}
	uids, err := subordinate("/etc/subuid", names)
	if err != nil {
		return err
	}
	gids, err := subordinate("/etc/subgid", names)
	if err != nil {
		return err
	}
	if uid != 0 && len(uids)+len(gids) > 0 && !haveHelpers() {
		r.log.Warn("only your own id is mapped: other ids need newuidmap and newgidmap (package uidmap)")
		uids, gids = nil, nil
	}
	var inside specs.User
	if s.Process != nil {
		inside = s.Process.User
	}
	s.Linux.UIDMappings = aroundOwn(inside.UID, uint32(uid), uids)
	s.Linux.GIDMappings = aroundOwn(inside.GID, uint32(gid), gids)
	return nil
}

// wantsIDMaps: a user namespace is to be made, and nobody says with which ids.
func wantsIDMaps(l *specs.Linux) bool {
	if l == nil || len(l.UIDMappings)+len(l.GIDMappings) > 0 {
		return false
	}
	for _, ns := range l.Namespaces {
		if ns.Type == specs.UserNamespace {
			return ns.Path == ""
		}
	}
	return false
}

func haveHelpers() bool {
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(findHelper(name)); err != nil {
			return false
		}
	}
	return true
}

// idRange is one line of /etc/subuid.
type idRange struct{ first, count uint32 }

func subordinate(path string, names []string) ([]idRange, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New("user namespace", path, "read", errors.Unwrap(err))
	}
	return parseSubIDs(string(text), names), nil
}

// parseSubIDs returns the ranges of the user with one of these names, a login
// name or a number. Lines that make no sense are skipped, as newuidmap does.
func parseSubIDs(text string, names []string) []idRange {
	var list []idRange
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 {
			continue
		}
		for _, name := range names {
			if fields[0] != name {
				continue
			}
			first, err1 := strconv.ParseUint(fields[1], 10, 32)
			count, err2 := strconv.ParseUint(fields[2], 10, 32)
			if err1 == nil && err2 == nil && count > 0 && first+count <= 1<<32-1 {
				list = append(list, idRange{uint32(first), uint32(count)})
			}
			break
		}
	}
	return list
}

// aroundOwn maps the id inside to the caller's own, and the other ids from 0 on
// to the ranges, in order.
func aroundOwn(inside, own uint32, ranges []idRange) []specs.LinuxIDMapping {
	maps := []specs.LinuxIDMapping{{ContainerID: inside, HostID: own, Size: 1}}
	next := uint32(0)
	for _, r := range ranges {
		for r.count > 0 {
			if next == inside {
				next++
			}
			n := r.count
			if next < inside {
				n = min(n, inside-next)
			}
			if uint64(next)+uint64(n) > 1<<32-1 {
				return maps
			}
			maps = append(maps, specs.LinuxIDMapping{ContainerID: next, HostID: r.first, Size: n})
			next, r.first, r.count = next+n, r.first+n, r.count-n
		}
	}
	return maps
}

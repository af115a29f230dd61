package cgroups

// Making the directories of a container, and undoing that when a later step of
// Create is refused. Limits are written by set.go, device rules by
// devices_attach.go.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

func (m *manager) Create(res *specs.LinuxResources) error {
	if res == nil {
		res = &specs.LinuxResources{}
	}
	if m.loaded {
		return fault.New(step, "", "create", errors.New("the container has its cgroups already"))
	}
	var made []string
	err := m.create(res, &made)
	if err != nil {
		for _, dir := range slices.Backward(made) {
			_ = unix.Rmdir(dir)
		}
	}
	m.foreign = err != nil
	return err
}

// create appends every directory it makes to made.
func (m *manager) create(res *specs.LinuxResources, made *[]string) error {
	if err := m.makeGroups(res, made); err != nil {
		return err
	}
	for i := range m.groups {
		if m.groups[i].joined {
			if err := m.checkJoined(&m.groups[i]); err != nil {
				return err
			}
			m.rec.Joined = append(m.rec.Joined, m.groups[i].dir)
		}
	}
	if err := m.openDir(); err != nil {
		return err
	}
	var j *journal
	if len(m.rec.Joined) > 0 {
		j = &journal{}
	}
	err := m.limit(res, true, j)
	if err == nil {
		err = m.setDevices(res, true)
	}
	if err != nil {
		_ = j.rollback()
	}
	return err
}

// makeGroups makes the directory in each hierarchy. A rootless user goes on
// without those that may not be made.
func (m *manager) makeGroups(res *specs.LinuxResources, made *[]string) error {
	kept := m.groups[:0:0]
	for i, g := range m.groups {
		err := m.makeDir(&g, m.layout.Hierarchies[i].Mountpoint, res, made)
		if err == nil {
			kept = append(kept, g)
			continue
		}
		denied := errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
		if !m.rec.Rootless || !denied {
			return err
		}
	}
	all := len(kept) == len(m.groups)
	m.groups = kept
	if all {
		return nil
	}
	m.rec.Paths = map[string]string{}
	for _, g := range kept {
		if g.v2 {
			m.rec.Paths[""] = g.dir
		}
		for _, c := range g.controllers {
			m.rec.Paths[c] = g.dir
		}
	}
	if len(kept) == 0 {
		m.rec.Manager = ManagerNone
	}
	return nil
}

// makeDir makes one directory and its missing parents below mount.
func (m *manager) makeDir(g *group, mount string, res *specs.LinuxResources, made *[]string) error {
	isCpuset := slices.Contains(g.controllers, "cpuset")
	missing := []string{g.dir}
	for {
		dir := missing[len(missing)-1]
		err := unix.Mkdir(dir, 0o755)
		if err == unix.ENOENT && path.Dir(dir) != mount && strings.HasPrefix(dir, mount+"/") {
			missing = append(missing, path.Dir(dir))
			continue
		}
		switch {
		case err == nil:
			*made = append(*made, dir)
			if isCpuset {
				own := dir == g.dir && res.CPU != nil
				if err := inheritCpuset(mount, dir, own && res.CPU.Cpus != "", own && res.CPU.Mems != ""); err != nil {
					return err
				}
			}
		case err == unix.EEXIST:
			g.joined = g.joined || dir == g.dir
		default:
			e := fault.New(step, dir, "mkdir", err)
			if err == unix.ENOSPC || err == unix.EAGAIN {
				e.Hint = "a parent's cgroup.max.descendants or cgroup.max.depth is reached"
			}
			return e
		}
		if missing = missing[:len(missing)-1]; len(missing) == 0 {
			return nil
		}
	}
}

// inheritCpuset copies the parent's sets: a new v1 cpuset is empty, and no
// process can enter an empty one (cpuset(7)). A parent that somebody has left
// empty is filled too.
func inheritCpuset(mount, dir string, hasCpus, hasMems bool) error {
	for _, f := range []struct {
		file string
		skip bool
	}{{"cpuset.cpus", hasCpus}, {"cpuset.mems", hasMems}} {
		if f.skip {
			continue
		}
		parent := path.Dir(dir)
		value, err := readValue(path.Join(parent, f.file))
		if err == nil && value == "" && parent != mount {
			if err := inheritCpuset(mount, parent, f.file != "cpuset.cpus", f.file != "cpuset.mems"); err != nil {
				return err
			}
			value, err = readValue(path.Join(parent, f.file))
		}
		if err != nil {
			return fault.New(step, path.Join(parent, f.file), "read", err)
		}
		if value == "" {
			continue // Attach will say so
		}
		if err := writeFile(path.Join(dir, f.file), value); err != nil {
			return refusal(dir, f.file, value, err)
		}
	}
	return nil
}

// checkJoined refuses a directory that was there before and is in use.
func (m *manager) checkJoined(g *group) error {
	pids, err := procs(g.dir)
	if err != nil {
		return fault.New(step, g.dir, "list processes", err)
	}
	if len(pids) > 0 {
		return fault.New(step, g.dir, "", fmt.Errorf("%w: %d process(es) found", ErrNotEmpty, len(pids))).
			WithHint("another container or service uses it; choose another linux.cgroupsPath")
	}
	if !g.v2 && !slices.Contains(g.controllers, "freezer") {
		return nil
	}
	frozen, err := g.frozen()
	if err != nil {
		return err
	}
	if frozen {
		return fault.New(step, g.dir, "", ErrFrozen).WithHint("thaw it first")
	}
	return nil
}

func (m *manager) openDir() error {
	g := m.v2Group()
	if g == nil {
		return nil
	}
	fd, err := open(g.dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fault.New(step, g.dir, "open", err)
	}
	m.Close()
	m.dirFd = fd + 1
	return nil
}

func (m *manager) Dir() (int, bool) { return m.dirFd - 1, m.dirFd > 0 }

func (m *manager) Close() {
	if m.dirFd > 0 {
		unix.Close(m.dirFd - 1)
		m.dirFd = 0
	}
}

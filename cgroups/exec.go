package cgroups

// Putting another process into the cgroups of a running container, or below.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
)

// errSubPath answers a sub-cgroup that is none; clients of runc match the text.
var errSubPath = errors.New("is not a sub cgroup path")

// SubPaths parses the arguments of exec's --cgroup: "PATH" once, for every
// hierarchy, or any number of "CONTROLLER[,CONTROLLER]:PATH". The result is by
// controller, with "" for every hierarchy.
func SubPaths(args []string) (map[string]string, error) {
	paths := map[string]string{}
	for _, arg := range args {
		controllers, sub, found := strings.Cut(arg, ":")
		switch {
		case strings.Count(arg, ":") > 1:
			return nil, fault.New(step, "--cgroup", "", errors.New("invalid --cgroup argument: "+arg))
		case found:
			for c := range strings.SplitSeq(controllers, ",") {
				paths[c] = sub
			}
		case len(args) != 1:
			return nil, fault.New(step, "--cgroup", "", errors.New("invalid --cgroup argument: "+arg+" (missing <controller>: prefix)"))
		default:
			paths[""] = arg
		}
	}
	return paths, nil
}

// ExecPaths are the directories that a process which comes to the container
// has to be put into: those of the record, each with its sub-path.
func (r Record) ExecPaths(sub map[string]string) ([]string, error) {
	for c := range sub {
		if _, known := r.Paths[c]; !known && c != "" {
			return nil, fault.New(step, "--cgroup", "", errors.New("unknown controller "+c+" in "+c+":"+sub[c]))
		}
	}
	below := map[string]string{} // by directory: "cpu" and "cpuacct" share theirs
	for c, dir := range r.Paths {
		if _, named := below[dir]; !named {
			below[dir] = ""
		}
		if p, ok := sub[c]; ok && c != "" {
			below[dir] = p
		}
		if p, ok := sub[""]; ok {
			below[dir] = p
		}
	}
	dirs := make([]string, 0, len(below))
	for dir, p := range below {
		joined := path.Join(dir, p)
		if joined != dir && !strings.HasPrefix(joined, dir+"/") {
			return nil, fault.New(step, "--cgroup", "bad sub cgroup path", fmt.Errorf("%s %w", p, errSubPath))
		}
		dirs = append(dirs, joined)
	}
	slices.Sort(dirs)
	return dirs, nil
}

// Enter moves pid into the directories. own says that they are the container's
// own: on cgroup2 one that has handed its controllers to children takes no
// process any more (EBUSY), then pid goes to where the container's init is. A
// process that may not be moved there (EACCES, EPERM) systemd can attach to its
// unit: see [Manager.Attach].
func (r Record) Enter(dirs []string, pid, init int, own bool) error {
	for _, dir := range dirs {
		err := writeFile(path.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
		if err == unix.EBUSY && own && dir == r.Paths[""] {
			var actual string
			if actual, err = r.InitDir(init); err == nil {
				err = writeFile(path.Join(actual, "cgroup.procs"), strconv.Itoa(pid))
			}
		}
		// Without a unit there is nobody else to ask, and as a rule no limit.
		if err == nil || r.Rootless && r.Unit == nil && (err == unix.EACCES || err == unix.EPERM || err == unix.EROFS) {
			continue
		}
		e := fault.New(step, "", "adding pid "+strconv.Itoa(pid)+" to cgroups: "+path.Join(dir, "cgroup.procs"), err)
		switch err {
		case unix.ENOENT, unix.ENODEV:
			e.Hint = "the cgroup is gone, or the container is being deleted"
			if !own {
				e.Hint = "--cgroup names a cgroup that is there already, below the container's"
			}
		case unix.EBUSY:
			e.Hint = "a cgroup that hands controllers to children cannot have processes; name one of its children with --cgroup"
		}
		return e
	}
	return nil
}

// InitDir is the directory in cgroup2 that process init is in: the container's
// or one below, where it has moved itself. ErrInvalid answers any other.
func (r Record) InitDir(init int) (string, error) {
	data, err := readLines("/proc/"+strconv.Itoa(init)+"/cgroup", 4096)
	if err != nil {
		return "", err
	}
	own := r.Paths[""]
	l, err := Host()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		p, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		dir := path.Join(l.Unified, p)
		if own != "" && (dir == own || strings.HasPrefix(dir, own+"/")) {
			return dir, nil
		}
	}
	return "", ErrInvalid
}

// OpenDir opens a cgroup2 directory for clone3(CLONE_INTO_CGROUP). The
// descriptor is the caller's.
func OpenDir(dir string) (int, error) { return open(dir, unix.O_PATH|unix.O_DIRECTORY) }

package libcontainer

// idmap.go writes the id maps of a new user namespace (user_namespaces(7)).

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

// writeIDMaps maps the ids of the process's user namespace: directly where the
// kernel allows it to us, by newuidmap and newgidmap where not.
func writeIDMaps(pid int, l *specs.Linux) error {
	if l == nil {
		return nil
	}
	gid, uid := mapText(l.GIDMappings), mapText(l.UIDMappings)
	// Without privilege the kernel takes a gid map only after setgroups is
	// given up (Linux 3.19). In a container uid 0 may be without privilege.
	if ownOnly(l.GIDMappings, os.Getegid()) && !mayMapGroups() {
		if err := writeProc(pid, "setgroups", "deny"); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if err := writeMap(pid, "gid_map", "newgidmap", gid); err != nil {
		return err
	}
	return writeMap(pid, "uid_map", "newuidmap", uid)
}

// mayMapGroups says whether the caller has CAP_SETGID.
func mayMapGroups() bool {
	caps, err := sys.PermittedCaps()
	return err == nil && caps&(1<<unix.CAP_SETGID) != 0
}

// ownOnly: the one mapping that an unprivileged caller may write itself.
func ownOnly(m []specs.LinuxIDMapping, id int) bool {
	return len(m) == 1 && m[0].Size == 1 && m[0].HostID == uint32(id)
}

// joinedIDMaps puts the mappings of an existing user namespace into the spec,
// which need not know them: what the planner does depends on the ids there are.
// init is in the namespace.
func (l *launch) joinedIDMaps() error {
	if !l.ns.Joins(unix.CLONE_NEWUSER) {
		return nil
	}
	return readIDMaps(l.init.pid, l.spec.Linux)
}

// readIDMaps puts the mappings of a process's user namespace into to.
func readIDMaps(pid int, to *specs.Linux) error {
	for _, m := range []struct {
		file string
		list *[]specs.LinuxIDMapping
	}{{"uid_map", &to.UIDMappings}, {"gid_map", &to.GIDMappings}} {
		path := fmt.Sprintf("/proc/%d/%s", pid, m.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return fault.New("user namespace", path, "read", errors.Unwrap(err))
		}
		*m.list = nil
		for line := range strings.Lines(string(text)) {
			var one specs.LinuxIDMapping
			if _, err := fmt.Sscan(line, &one.ContainerID, &one.HostID, &one.Size); err != nil {
				return fault.New("user namespace", path, "parse "+strings.TrimSpace(line), err)
			}
			*m.list = append(*m.list, one)
		}
	}
	return nil
}

// mappedID is what the id of a user namespace is outside, by its mappings.
func mappedID(mappings []specs.LinuxIDMapping, id int) (outside int, ok bool) {
	for _, m := range mappings {
		if off := int64(id) - int64(m.ContainerID); off >= 0 && off < int64(m.Size) {
			return int(int64(m.HostID) + off), true
		}
	}
	return 0, false
}

func mapText(mappings []specs.LinuxIDMapping) string {
	var b strings.Builder
	for _, m := range mappings {
		fmt.Fprintf(&b, "%d %d %d\n", m.ContainerID, m.HostID, m.Size)
	}
	return b.String()
}

func writeMap(pid int, file, helper, text string) error {
	if text == "" {
		return nil
	}
	err := writeProc(pid, file, text)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	if os.Geteuid() == 0 {
		var e *fault.Error
		if errors.As(err, &e) {
			e.Hint = "every hostID must be one of the user namespace that rt runs in (/proc/self/" + file + "), and rt needs CAP_SETUID, CAP_SETGID and, for the id 0, CAP_SETFCAP there"
		}
		return err
	}
	args := append([]string{strconv.Itoa(pid)}, strings.Fields(text)...)
	cmd := exec.Command(findHelper(helper), args...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	e := fault.New("user namespace", file, helper, err)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		e.Err = errors.New("not installed")
		e.Hint = "mapping more than your own id needs newuidmap and newgidmap (package uidmap)"
	case len(out) > 0:
		e.Err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		e.Hint = "the mapped ids must be yours in /etc/subuid and /etc/subgid"
	}
	return e
}

// findHelper looks for the program in PATH, or, where the caller has none, as
// conmon calls its runtime, in the usual places.
func findHelper(name string) string {
	if os.Getenv("PATH") == "" {
		for _, dir := range []string{"/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/"} {
			if _, err := os.Stat(dir + name); err == nil {
				return dir + name
			}
		}
	}
	return name
}

// writeProc writes a file of /proc/PID in one write, as the id maps need.
func writeProc(pid int, file, text string) error {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fault.New("user namespace", file, "write "+strings.ReplaceAll(strings.TrimSpace(text), "\n", ", "), err)
	}
	return nil
}

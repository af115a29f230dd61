package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// host is the machine to look at; tests give it another root and no systemd.
type host struct {
	root string
	self int // a process that does not count
}

// mark is what the suite's names have in them: rt-e2e-…, rt-test-…, a
// container's scope rt-ID.scope, state directories .../rt.
var mark = regexp.MustCompile(`(^|[/:._-])rt-`)

// testDir is what testing.T.TempDir makes, which a killed test leaves.
var testDir = regexp.MustCompile(`^(Test|Fuzz)[A-Z]\w*[0-9]{4,}$`)

func (h host) path(elem ...string) string { return filepath.Join(append([]string{h.root}, elem...)...) }

// look lists everything with a mark, each as "kind name".
func (h host) look() []string {
	var found []string
	for _, part := range []func() []string{h.cgroups, h.mounts, h.processes, h.units, h.networks, h.directories} {
		found = append(found, part()...)
	}
	return found
}

// cgroups are the directories of all hierarchies. What is below a marked one
// is not named again.
func (h host) cgroups() []string {
	var found []string
	top := h.path("sys/fs/cgroup")
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == top {
			return nil // it went while we looked
		}
		if mark.MatchString(d.Name()) {
			found = append(found, "cgroup "+path)
			return filepath.SkipDir
		}
		return nil
	})
	return found
}

func (h host) mounts() []string {
	data, err := os.ReadFile(h.path("proc/self/mountinfo"))
	if err != nil {
		return nil
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		// id, parent, device, root, mount point: ids and devices differ each time.
		if f := strings.Fields(line); len(f) > 4 && (mark.MatchString(f[3]) || mark.MatchString(f[4]) || testDir.MatchString(tempName(f[4]))) {
			found = append(found, "mount "+f[4])
		}
	}
	return found
}

// tempName is the first name below /tmp.
func tempName(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/tmp/"), "/")
	return name
}

// processes are those that are rt, or that run in a marked cgroup.
func (h host) processes() []string {
	dirs, _ := filepath.Glob(h.path("proc/[0-9]*"))
	var found []string
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || h.isOurs(pid) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		cgroup, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		exe = filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
		if exe == "rt" || exe == "memfd:rt" || strings.TrimSpace(string(comm)) == "rt" || mark.Match(cgroup) {
			found = append(found, fmt.Sprintf("process %d: %s", pid, strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))))
		}
	}
	return found
}

// isOurs tells whether pid is the caller or one of its ancestors, which may
// run in a cgroup that the suite's caller made.
func (h host) isOurs(pid int) bool {
	for p := h.self; p > 1; {
		if p == pid {
			return true
		}
		data, err := os.ReadFile(h.path("proc", strconv.Itoa(p), "stat"))
		if err != nil {
			return false
		}
		// The name may have blanks and brackets in it: it ends with the last one.
		rest := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(rest) < 2 {
			return false
		}
		if p, err = strconv.Atoi(rest[1]); err != nil {
			return false
		}
	}
	return false
}

// units are systemd's, of the system and of each user's manager that runs.
func (h host) units() []string {
	if h.root != "/" {
		return nil
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	found := listUnits("system")
	buses, _ := filepath.Glob("/run/user/[0-9]*/bus")
	for _, bus := range buses {
		uid := filepath.Base(filepath.Dir(bus))
		found = append(found, listUnits("user "+uid, "--user", "--machine="+uid+"@.host")...)
	}
	return found
}

func listUnits(whose string, flags ...string) []string {
	out, err := exec.Command("systemctl", append(flags, "list-units", "--all", "--plain", "--no-legend", "--no-pager")...).Output()
	if err != nil {
		return []string{fmt.Sprintf("unknown units of %s: systemctl: %v", whose, err)}
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 3 && mark.MatchString(f[0]) && !strings.HasSuffix(f[0], ".device") {
			found = append(found, fmt.Sprintf("unit %s (%s, %s)", f[0], f[2], whose))
		}
	}
	return found
}

func (h host) networks() []string {
	var found []string
	dirs, _ := filepath.Glob(h.path("run/netns/*"))
	for _, path := range dirs {
		if mark.MatchString(filepath.Base(path)) {
			found = append(found, "network namespace "+path)
		}
	}
	return found
}

// directories are rt's state below its default roots, and the suite's
// temporary ones.
func (h host) directories() []string {
	var found []string
	for _, pattern := range []string{"run/rt/*", "run/user/*/rt/*"} {
		dirs, _ := filepath.Glob(h.path(pattern))
		for _, path := range dirs {
			if !strings.HasPrefix(filepath.Base(path), "@") { // compiled filters are kept
				found = append(found, "state directory "+path)
			}
		}
	}
	for _, temp := range []string{"tmp", "var/tmp", "dev/shm"} {
		entries, _ := os.ReadDir(h.path(temp))
		for _, e := range entries {
			if mark.MatchString(e.Name()) || testDir.MatchString(e.Name()) {
				found = append(found, "directory "+h.path(temp, e.Name()))
			}
		}
	}
	return found
}

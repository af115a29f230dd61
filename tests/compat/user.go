package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rt/tests/harness/hierarchy"
)

// What the suite's own script for unprivileged users sets up for its user, of
// all features: ranges of ids, and cgroups that the user may write to.
const (
	rootless      = 2000 // uid and gid
	firstUID      = 100000
	firstGID      = 200000
	ids           = 65536
	ttyGroup      = 5
	userCgroup    = "runc-cgroups-integration-test"
	groundForUser = "/run/compat"
)

// userEnv tells the suite of them.
func userEnv(aux string) []string {
	return []string{
		"ROOTLESS_FEATURES=idmap+cgroup",
		fmt.Sprintf("ROOTLESS_UIDMAP_START=%d", firstUID), fmt.Sprintf("ROOTLESS_UIDMAP_LENGTH=%d", ids),
		fmt.Sprintf("ROOTLESS_GIDMAP_START=%d", firstGID), fmt.Sprintf("ROOTLESS_GIDMAP_LENGTH=%d", ids),
		fmt.Sprintf("ROOTLESS_AUX_UID=%d", auxUID), "ROOTLESS_AUX_DIR=" + aux,
	}
}

// auxUID owns, as the container sees it, a directory that others cannot enter.
const auxUID = 1024

func (j job) settleUser() error {
	files := map[string]string{
		"/etc/passwd": fmt.Sprintf("rootless:x:%d:%d::%s:/bin/bash\n", rootless, rootless, j.Tmp),
		"/etc/group":  fmt.Sprintf("rootless:x:%d:\n", rootless),
		"/etc/subuid": fmt.Sprintf("rootless:%d:%d\n", firstUID, ids),
		"/etc/subgid": fmt.Sprintf("rootless:%d:%d\n", firstGID, ids),
	}
	for path, line := range files {
		if err := j.append(path, line); err != nil {
			return err
		}
	}
	if err := os.Mkdir(groundForUser, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(j.Ground, groundForUser, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", j.Ground, err)
	}
	aux := filepath.Join(j.Tmp, "aux")
	if err := os.Mkdir(aux, 0o700); err != nil {
		return err
	}
	// The suite maps the container's ids from 1000 on to the range.
	if err := os.Chown(aux, firstUID-1000+auxUID, 0); err != nil {
		return err
	}
	mounted, err := hierarchy.Mounted() // anew, in this world
	if err != nil {
		return err
	}
	// Not in the unified one: who moves there needs the common ancestor's as well.
	for _, h := range mounted.V1() {
		if err := delegate(filepath.Join(h.Dir, userCgroup)); err != nil {
			return err
		}
	}
	return nil
}

// append mounts a copy of the file with another line over it.
func (j job) append(path, line string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
	}
	name := filepath.Join(j.Tmp, strings.ReplaceAll(path, "/", "-"))
	if err := os.WriteFile(name, append(text, line...), 0o644); err != nil {
		return err
	}
	if err := syscall.Mount(name, path, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind over %s: %w", path, err)
	}
	return nil
}

// delegate makes a cgroup that the user may make others in.
func delegate(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, file := range []string{"", "cgroup.procs", "tasks", "cgroup.subtree_control", "cpuset.cpus", "cpuset.mems", "cpu.rt_period_us", "cpu.rt_runtime_us"} {
		err := os.Chown(filepath.Join(dir, file), rootless, rootless)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return hierarchy.Inherit(dir, "cpuset.cpus", "cpuset.mems")
}

//go:build clients

package world

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rt/tests/harness"
)

// baseFile keeps what the world has when it is new, for [left].
const baseFile = "base"

// Snapshot is what is in the world at one moment, a line for each mount,
// process, cgroup, network namespace with a name and state directory.
type Snapshot []string

// Snap takes a snapshot. Everything in it is the world's: nothing of the host
// comes and goes here.
func Snap() Snapshot {
	var found Snapshot
	found = append(found, mounts()...)
	found = append(found, processes()...)
	for _, dir := range cgroups() {
		found = append(found, "cgroup "+dir)
	}
	// Engines name what they keep for a container by its id.
	for kind, patterns := range map[string][]string{
		"network namespace": {"/run/netns/*", "/run/docker/netns/*", "/var/run/docker/netns/*"},
		"state directory": {
			"/run/rt/*", "/run/runc/*", "/run/crun/*", "/run/user/*/rt/*", "/run/docker/runtime-*/*/*", "/run/containerd/runc/*/*",
			"/run/containerd/io.containerd.runtime.v2.task/*/*", "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/*/*",
		},
	} {
		for _, pattern := range patterns {
			paths, _ := filepath.Glob(pattern)
			for _, path := range paths {
				if !strings.HasPrefix(filepath.Base(path), "@") { // compiled filters are kept
					found = append(found, kind+" "+path)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Since names what is in the world now and was not in s.
func (s Snapshot) Since() []string {
	return slices.DeleteFunc(Snap(), func(line string) bool { return slices.Contains(s, line) })
}

// Check fails the test if anything is in the world that was not in s, once it
// had a moment to go. Lines with one of the texts in allowed are passed over.
func (s Snapshot) Check(t testing.TB, allowed ...string) {
	t.Helper()
	var more []string
	for end := time.Now().Add(harness.Slow(10 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		more = slices.DeleteFunc(s.Since(), func(line string) bool {
			return slices.ContainsFunc(allowed, func(text string) bool { return strings.Contains(line, text) })
		})
		if len(more) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, line := range more {
		t.Errorf("left behind: %s", line)
	}
}

// mounts are what is mounted, and where; ids differ each time.
func mounts() []string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		left, right, _ := strings.Cut(line, " - ")
		if f := strings.Fields(left); len(f) > 4 {
			fstype, _, _ := strings.Cut(right, " ")
			found = append(found, "mount "+fstype+" "+f[4])
		}
	}
	return found
}

// processes are all but init, this one and kernel threads, which are not seen here.
func processes() []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue // it ended while we looked
		}
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		found = append(found, fmt.Sprintf("process %d %s: %s", pid, strings.TrimSpace(string(comm)), strings.ReplaceAll(string(args), "\x00", " ")))
	}
	return found
}

// saveBase writes down what a new world has.
func saveBase(dir string) error {
	return os.WriteFile(filepath.Join(dir, baseFile), []byte(strings.Join(Snap(), "\n")), 0o600)
}

// left names what the tests left. What daemons that have ended keep for
// themselves is not a container's: see [Allow].
func left() []string {
	dir := os.Getenv(dirEnv)
	base, err := os.ReadFile(filepath.Join(dir, baseFile))
	if err != nil {
		return []string{err.Error()}
	}
	allowed, _ := os.ReadFile(filepath.Join(dir, allowFile))
	texts := strings.Fields(string(allowed))
	return slices.DeleteFunc(Snapshot(strings.Split(string(base), "\n")).Since(), func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool {
			end, atEnd := strings.CutSuffix(text, "$")
			return atEnd && strings.HasSuffix(line, end) || !atEnd && strings.Contains(line, text)
		})
	})
}

const allowFile = "allow"

// Allow passes over lines with text in them, or those that end with it where it
// ends with $, when the world is looked through at its end: for what a daemon
// leaves by design. text has no blanks.
func Allow(t testing.TB, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.Getenv(dirEnv), allowFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, text); err != nil {
		t.Fatal(err)
	}
}

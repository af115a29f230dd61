package main

import (
	"os"
	"strconv"
	"strings"
)

// facts are what programs may need of a host, by the names that the file of
// what is expected uses. A v1:CONTROLLER is one as well.
func facts() map[string]func() bool {
	return map[string]func() bool{
		"selinux":      func() bool { return exists("/sys/fs/selinux/enforce") },
		"capabilities": allCapabilities,
	}
}

const v1Prefix = "v1:"

func knownFact(name string) bool {
	name = strings.TrimPrefix(name, "!")
	return strings.HasPrefix(name, v1Prefix) || facts()[name] != nil
}

// holds tells whether a fact is one here.
func (g *ground) holds(name string) bool {
	if other, not := strings.CutPrefix(name, "!"); not {
		return !g.holds(other)
	}
	if controller, isV1 := strings.CutPrefix(name, v1Prefix); isV1 {
		return g.cgroups.Has(controller)
	}
	return facts()[name]()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// allCapabilities tells whether this process may give every capability that
// the kernel knows.
func allCapabilities() bool {
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(last)))
	if err != nil || n > 62 {
		return false
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if set, found := strings.CutPrefix(line, "CapBnd:"); found {
			have, err := strconv.ParseUint(strings.TrimSpace(set), 16, 64)
			return err == nil && have == 1<<(n+1)-1
		}
	}
	return false
}

// factText is a fact in the page's words.
func factText(name string) string {
	if controller, found := strings.CutPrefix(name, v1Prefix); found {
		return "the controller " + controller + " of cgroup v1"
	}
	return map[string]string{
		"selinux":      "SELinux",
		"capabilities": "all capabilities",
	}[name]
}

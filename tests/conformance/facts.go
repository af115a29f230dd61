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
		"selinux": func() bool { return exists("/sys/fs/selinux/enforce") },
		"apparmor:acme_secure_profile": func() bool {
			profiles, _ := os.ReadFile("/sys/kernel/security/apparmor/profiles")
			return strings.Contains("\n"+string(profiles), "\nacme_secure_profile ")
		},
		"capabilities": allCapabilities,
	}
}

const v1Prefix = "v1:"

func knownFact(name string) bool {
	return strings.HasPrefix(name, v1Prefix) || facts()[name] != nil
}

// missing are those of the facts that do not hold here.
func (g *ground) missing(names []string) []string {
	var gone []string
	for _, name := range names {
		holds := facts()[name]
		controller, isV1 := strings.CutPrefix(name, v1Prefix)
		if isV1 && !g.cgroups.Has(controller) || !isV1 && !holds() {
			gone = append(gone, name)
		}
	}
	return gone
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
		"selinux":                      "SELinux",
		"apparmor:acme_secure_profile": "AppArmor, with a profile `acme_secure_profile`",
		"capabilities":                 "all capabilities",
	}[name]
}

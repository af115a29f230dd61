package main

import (
	"fmt"
	"slices"
	"strings"
)

// worlds are those in which the suite runs: the host, as root and as a user; and the guest, which has
// cgroup v2, as root without and with systemd's cgroups, as a user with those of
// the user's systemd, and as root with SELinux.
func worlds() []string { return []string{"host", "user", "root", "systemd", "rootless", "selinux"} }

// kinds are the ways in which a test may end other than well. skip: the suite
// itself says that it lacks something here. The others are failures that are
// expected, and why: of the environment, which fails runc as well; of a look
// into what is runc's own affair (files, exact logs); of a difference that rt
// means and docs/differences.md tells.
func kinds() []string { return []string{"skip", "environment", "runc-internal", "difference"} }

// exception is one line of the file of what is expected.
type exception struct {
	worlds      []string
	suite, name string // * is any, of a skip
	kind        string
	reason      string // of a skip: what the suite says, word for word
	used        bool
}

// exceptions are those that are expected in one world.
type exceptions []*exception

// readExceptions reads the file's text: lines of world, file, test, kind and
// reason with tabs between.
func readExceptions(text, world string) (exceptions, error) {
	var all exceptions
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 5 || slices.Contains(f, "") {
			return nil, fmt.Errorf("not five fields: %q", line)
		}
		e := exception{worlds: strings.Split(f[0], ","), suite: f[1], name: f[2], kind: f[3], reason: f[4]}
		if !slices.Contains(kinds(), e.kind) {
			return nil, fmt.Errorf("no kind is called %s: %q", e.kind, line)
		}
		if e.kind != "skip" && (e.suite == "*" || e.name == "*") {
			return nil, fmt.Errorf("a failure is expected of one test: %q", line)
		}
		if slices.Contains(e.worlds, world) {
			all = append(all, &e)
		}
	}
	return all, nil
}

// judge returns what is wrong with a result, "" when it is as expected.
func (all exceptions) judge(r result) string {
	for _, e := range all {
		if (e.suite != "*" && e.suite != r.suite) || (e.name != "*" && e.name != r.name) {
			continue
		}
		if (e.kind == "skip") != (r.outcome == skipped) || e.kind == "skip" && e.reason != r.reason {
			continue
		}
		e.used = true
		if r.outcome == passed {
			return fmt.Sprintf("passes, but is listed: %s, %s", e.kind, e.reason)
		}
		return ""
	}
	switch r.outcome {
	case failed:
		return "fails: " + r.reason
	case skipped:
		return "is skipped: " + r.reason
	}
	return ""
}

// stale are the exceptions that no result fell under.
func (all exceptions) stale() []string {
	var lines []string
	for _, e := range all {
		if !e.used {
			lines = append(lines, fmt.Sprintf("%s: %s: listed (%s: %s), but nothing of the kind happened", e.suite, e.name, e.kind, e.reason))
		}
	}
	return lines
}

//go:build clients

package podman

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rt/tests/harness"
)

// who says for whom a check is.
type who int

const (
	both who = iota
	rootful
	rootless
)

// check is one line of the checklist: one subtest, whose name says what it
// checks, so that the lists of two runtimes can be compared.
type check struct {
	name string
	who  who
	run  func(p *podman)
}

// TestPodman is the checklist, once for root and once for a user. The checks of
// a half run side by side.
func TestPodman(t *testing.T) {
	s := setUp(t)
	var checks []check
	for _, part := range [][]check{
		runChecks, terminalChecks, execChecks, lifeChecks, limitChecks, securityChecks, mountChecks, userChecks,
		namespaceChecks, podChecks, buildChecks, engineChecks,
	} {
		checks = append(checks, part...)
	}
	for _, half := range []struct {
		name string
		who  who
	}{{"rootful", rootful}, {"rootless", rootless}} {
		t.Run(half.name, func(t *testing.T) {
			first := &podman{site: s, t: t, rootless: half.who == rootless}
			first.images()
			t.Cleanup(func() {
				first.leftNothing()
				first.ok("system", "migrate") // ends the process that keeps a user's namespaces
			})
			t.Run("all", func(t *testing.T) {
				for _, c := range checks {
					if c.who != both && c.who != half.who {
						continue
					}
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						c.run(&podman{site: s, t: t, rootless: half.who == rootless})
					})
				}
			})
			// These count what is there, and want to be alone.
			for _, c := range aloneChecks {
				t.Run(c.name, func(t *testing.T) {
					c.run(&podman{site: s, t: t, rootless: half.who == rootless})
				})
			}
		})
	}
}

// images gives the engine the image of the checks and one for pods.
func (p *podman) images() {
	p.t.Helper()
	p.ok("import", "-q", "--change", "ENV PATH="+path, p.tar, image)
	p.ok("import", "-q", "--change", `ENTRYPOINT ["/bin/sleep","100000"]`, p.tar, infraImage)
}

// leftNothing looks for what is there without a container: conmon and the
// runtime need a moment to go.
func (p *podman) leftNothing() {
	p.t.Helper()
	is(p.t, p.ok("ps", "-a", "--external", "--format", "{{.Names}} {{.Status}}"), "")
	var left []string
	for end := time.Now().Add(harness.Slow(10 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		left = slices.Concat(cgroupsNamed("libpod-"), processesOf("conmon"))
		for _, root := range p.stateRoots() {
			states, err := filepath.Glob(filepath.Join(root, "[0-9a-f]*"))
			must(p.t, err)
			left = append(left, states...)
		}
		if len(left) == 0 || time.Now().After(end) {
			break
		}
	}
	for _, path := range left {
		p.t.Errorf("left behind: %s", path)
	}
}

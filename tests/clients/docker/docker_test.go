//go:build clients

// Package docker is Docker's checklist: a dockerd and a containerd of the
// test's own, with the runtime under test as the default one, and everything
// that their users do. Each line of the list is a subtest, so that the lists of
// two runtimes can be compared:
//
//	make test-docker
//	RT_CLIENT_RUNTIME=/usr/sbin/runc make test-docker
package docker

import (
	"os"
	"slices"
	"testing"

	"rt/tests/clients/world"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }

// check is a line of the list.
type check struct {
	name string
	run  func(t *testing.T, e *engine)
}

// lists returns the checks that share a daemon and run side by side.
func lists() [][]check {
	return [][]check{
		runChecks(), terminalChecks(), execChecks(), lifeChecks(), watchChecks(), limitChecks(), securityChecks(), mountChecks(),
		namespaceChecks(), networkChecks(), imageChecks(),
	}
}

// TestDebian is the whole list with Debian's Docker and containerd.
func TestDebian(t *testing.T) {
	e := debian(t, "debian")
	e.load(t)
	t.Run("list", func(t *testing.T) {
		for _, c := range slices.Concat(lists()...) {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, e)
			})
		}
	})
	for _, c := range aloneChecks() {
		t.Run(c.name, func(t *testing.T) { c.run(t, e) })
	}
}

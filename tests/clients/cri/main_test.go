//go:build clients

// Package cri runs pods with rt: through the CRI of Debian's containerd 1.6 and
// of the current 2.x, asked as a kubelet asks (see client). Each line of the
// checklist is a subtest with the same name for both, and for any runtime:
// RT_CLIENT_RUNTIME names another one to compare with.
package cri

import (
	"os"
	"testing"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }

func TestDebian(t *testing.T) {
	harness.Need(t, "containerd", "ctr", "containerd-shim-runc-v2")
	checklist(t, start(t, "1.6", "/usr/bin"))
}

func TestCurrent(t *testing.T) {
	checklist(t, start(t, "2.x", world.Build(t, world.Containerd())))
}

// check is one line of the checklist.
type check struct {
	name string
	run  func(t *testing.T, s *server)
}

func checklist(t *testing.T, s *server) {
	before := world.Snap()
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"pods", pods()}, {"namespaces", namespaces()}, {"containers", containers()}, {"exec", execs()},
		{"limits", limits()}, {"mounts", mounts()}, {"security", security()}, {"crictl", crictls()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, s)
				})
			}
		})
	}
	t.Run("nothing-left", func(t *testing.T) { s.nothingLeft(t, before) })
	t.Run("mishaps", func(t *testing.T) {
		for _, c := range mishaps() { // one after the other: they change what all share
			t.Run(c.name, func(t *testing.T) { c.run(t, s) })
			t.Run(c.name+"-leaves-nothing", func(t *testing.T) { s.nothingLeft(t, before) })
		}
	})
}

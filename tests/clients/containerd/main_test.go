//go:build clients

// Package containerd runs rt under containerd: Debian's 1.6, and the current
// 2.x, which is built from the module proxy. Each line of the checklist is a
// subtest with the same name for both, and for any runtime: RT_CLIENT_RUNTIME
// names another one to compare with.
package containerd

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
	run  func(t *testing.T, e *engine)
}

func checklist(t *testing.T, e *engine) {
	before := world.Snap()
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"run", running()}, {"limits", limits()}, {"security", security()}, {"namespaces", namespaces()},
		{"tasks", tasks()}, {"exec", execs()}, {"errors", errors()}, {"events", events()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, e)
				})
			}
		})
	}
	t.Run("nothing-left", func(t *testing.T) { e.nothingLeft(t, before) })
	t.Run("mishaps", func(t *testing.T) {
		for _, c := range mishaps() { // one after the other: they change what all share
			t.Run(c.name, func(t *testing.T) { c.run(t, e) })
			t.Run(c.name+"-leaves-nothing", func(t *testing.T) { e.nothingLeft(t, before) })
		}
	})
}

// nothingLeft fails if there is more than before, in the world or in containerd.
func (e *engine) nothingLeft(t *testing.T, before world.Snapshot) {
	t.Helper()
	before.Check(t, "containerd --config") // which was started anew
	for _, list := range []string{"tasks", "containers", "snapshots"} {
		r := e.ctr(t, list, "ls")
		r.WantExit(t, 0)
		for _, line := range lines(r.Stdout)[1:] {
			if list != "snapshots" || !isImage(line) {
				t.Errorf("left behind in %s: %s", list, line)
			}
		}
	}
}

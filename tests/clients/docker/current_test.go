//go:build clients

package docker

import (
	"testing"

	"rt/tests/clients/world"
)

// current is the current Docker, built from its module. Its client would be a
// module of its own: Debian's speaks the oldest API that this daemon takes.
func current() world.Program {
	return world.Program{
		Module:   "github.com/moby/moby/v2",
		Version:  "v2.0.0-beta.24",
		Packages: []string{"cmd/dockerd", "cmd/docker-proxy"},
	}
}

// TestCurrent is the part of the list in which a current Docker calls the
// runtime otherwise than Debian's does.
func TestCurrent(t *testing.T) {
	moby, containerd := world.Build(t, current()), world.Build(t, world.Containerd())
	e := start(t, "current", programs{
		docker: "/usr/bin/docker", dockerd: moby + "/dockerd", containerd: containerd + "/containerd", path: moby + ":" + containerd + ":",
	})
	e.load(t)
	t.Run("list", func(t *testing.T) {
		for _, list := range lists() {
			for _, c := range list {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, e)
				})
			}
		}
	})
}

package spec

import "github.com/opencontainers/runtime-spec/specs-go"

// Modernize says in the words of today's specification what a configuration
// for an older one meant otherwise. Validate then sees what is meant.
//
// A pids.limit of 0 was no limit until 1.3.0 made it a limit like any other:
// Podman before 5.5 writes it for --pids-limit=-1.
func Modernize(s *specs.Spec) {
	major, minor, ok := parseVersion(s.Version)
	if !ok || major != 1 || minor >= 3 || s.Linux == nil || s.Linux.Resources == nil {
		return
	}
	if p := s.Linux.Resources.Pids; p != nil && p.Limit != nil && *p.Limit == 0 {
		unlimited := int64(-1)
		p.Limit = &unlimited
	}
}

package spec

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestModernize(t *testing.T) {
	for _, row := range []struct {
		version     string
		limit, want int64
	}{
		{"1.0.0", 0, -1}, {"1.0.2-dev", 0, -1}, {"1.2.1", 0, -1},
		{"1.3.0", 0, 0}, {"1.3.0-rc.1", 0, 0}, {"1.4.0", 0, 0}, {"none", 0, 0},
		{"1.0.2", 7, 7}, {"1.0.2", -1, -1},
	} {
		s := &specs.Spec{Version: row.version, Linux: &specs.Linux{Resources: &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &row.limit}}}}
		Modernize(s)
		if got := *s.Linux.Resources.Pids.Limit; got != row.want {
			t.Errorf("%s: %d became %d instead of %d", row.version, row.limit, got, row.want)
		}
	}
	for _, s := range []*specs.Spec{{}, {Version: "1.0.0", Linux: &specs.Linux{}}, {Version: "1.0.0", Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}} {
		Modernize(s) // nothing to do
	}
}

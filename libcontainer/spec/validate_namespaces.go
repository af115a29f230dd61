package spec

// validate_namespaces.go checks linux.namespaces and what only makes sense
// with one of them: id mappings and time offsets. Whether a path is a
// namespace of its type is known once it is opened, not here.

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// NamespaceTypes returns the known values of linux.namespaces[].type, sorted.
func NamespaceTypes() []specs.LinuxNamespaceType {
	return []specs.LinuxNamespaceType{
		specs.CgroupNamespace, specs.IPCNamespace, specs.MountNamespace, specs.NetworkNamespace,
		specs.PIDNamespace, specs.TimeNamespace, specs.UserNamespace, specs.UTSNamespace,
	}
}

func (c *checker) namespaces() {
	if c.host != nil && c.host.Rootless && c.namespace(specs.UserNamespace) == nil {
		c.failHint("rt spec --rootless makes one that has it", "linux.namespaces",
			`must have one of type "user": only root can make containers without`)
	}
	for i, ns := range c.linux.Namespaces {
		if oneOf(c, ns.Type, NamespaceTypes(), "linux.namespaces", i, "type") {
			for j := range i {
				if c.linux.Namespaces[j].Type == ns.Type {
					c.fail(at("linux.namespaces", i, "type"), "%q is there twice, first in linux.namespaces[%d]", ns.Type, j)
					break
				}
			}
		}
		if ns.Path != "" {
			c.absolute(ns.Path, "linux.namespaces", i, "path")
		}
	}
}

// userMappings: a user namespace that is made needs both mappings, and
// without one they have no meaning. With a path they may be repeated, as
// containerd's CRI does.
func (c *checker) userMappings() {
	l := c.linux
	ns := c.namespace(specs.UserNamespace)
	fields := []struct {
		path string
		list []specs.LinuxIDMapping
	}{{"linux.uidMappings", l.UIDMappings}, {"linux.gidMappings", l.GIDMappings}}
	for _, f := range fields {
		switch {
		case ns == nil && len(f.list) > 0:
			c.failHint(`add {"type": "user"} to linux.namespaces`, f.path, "needs a user namespace")
		case ns != nil && ns.Path == "" && len(f.list) == 0:
			c.failHint(`{"containerID": 0, "hostID": 100000, "size": 65536} is a usual one`, f.path,
				"must be set: a new user namespace needs mappings")
		}
		c.mappings(f.list, f.path)
	}
}

// maxSeconds is KTIME_SEC_MAX: 2^63 ns, in seconds.
const maxSeconds = 9223372036

// timeOffsets: time_namespaces(7). The kernel has two clocks with an offset;
// the sum of the offset and the clock must be >= 0 and at most half of
// KTIME_SEC_MAX.
func (c *checker) timeOffsets() {
	offsets := c.linux.TimeOffsets
	if len(offsets) == 0 {
		return
	}
	const path = "linux.timeOffsets"
	if ns := c.namespace(specs.TimeNamespace); ns == nil {
		c.failHint(`add {"type": "time"} to linux.namespaces`, path, "needs a time namespace")
	} else if ns.Path != "" {
		c.fail(path, "cannot be set in the existing time namespace %s", ns.Path)
	}
	for _, clock := range sortedKeys(offsets) {
		oneOf(c, clock, []string{"monotonic", "boottime"}, path, key(clock))
	}
	c.offsetRanges(offsets, path)
}

func (c *checker) offsetRanges(offsets map[string]specs.LinuxTimeOffset, path ...any) {
	for _, clock := range sortedKeys(offsets) {
		field := func(name string) string { return at(append(slices.Clip(path), key(clock), name)...) }
		o := offsets[clock]
		if o.Secs < -maxSeconds || o.Secs > maxSeconds/2 {
			c.fail(field("secs"), "must be %d..%d, got %d", -maxSeconds, maxSeconds/2, o.Secs)
		}
		if o.Nanosecs > 999999999 {
			c.fail(field("nanosecs"), "must be 0..999999999, got %d", o.Nanosecs)
		}
	}
}

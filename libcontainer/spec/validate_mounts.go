package spec

// validate_mounts.go checks mounts and the id mappings that they share with
// the user namespace. Which options there are and what they do is the
// planner's table; unknown ones belong to the file system.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) mount(i int, m *specs.Mount) {
	has := func(options ...string) bool {
		return slices.ContainsFunc(m.Options, func(o string) bool { return slices.Contains(options, o) })
	}
	remount := has("remount")
	bind := has("bind", "rbind") || m.Type == "bind"
	idmap := has("idmap", "ridmap")
	if (idmap || len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0) && remount {
		c.fail(at("mounts", i), "the ids of a mount that is there already cannot be mapped")
	}

	switch {
	case m.Destination == "":
		c.fail(at("mounts", i, "destination"), "must be set, to an absolute path in the container")
	case m.Destination[0] != '/':
		c.warn(at("mounts", i, "destination"), "%q is relative, which is deprecated; it is taken from /", m.Destination)
	}
	c.noNUL(m.Destination, "mounts", i, "destination")
	if m.Type == "" && !bind && !remount {
		c.failHint(`for a bind mount, add "bind" or "rbind" to its options`, at("mounts", i, "type"), "must be set")
	}
	c.noNUL(m.Type, "mounts", i, "type")
	if bind && !remount && m.Source == "" {
		c.fail(at("mounts", i, "source"), "must be set for a bind mount")
	}
	c.noNUL(m.Source, "mounts", i, "source")

	// The gid=5 that every client writes for devpts is dropped by the planner
	// where it is not mapped.
	ownFS := c.newUserNS() && !bind && m.Type == "tmpfs"
	for j, o := range m.Options {
		c.noNUL(o, "mounts", i, "options", j)
		if ownFS {
			c.ownerOption(i, j, o)
		}
	}
	c.mountMappings(i, m, idmap)
}

// ownerOption refuses a uid= or gid= that the container's user namespace does
// not map; the kernel would only say EINVAL.
func (c *checker) ownerOption(i, j int, option string) {
	kind, value, _ := strings.Cut(option, "=")
	mappings := c.linux.UIDMappings
	if kind == "gid" {
		mappings = c.linux.GIDMappings
	} else if kind != "uid" {
		return
	}
	id, err := strconv.ParseUint(value, 10, 32)
	if err == nil && len(mappings) > 0 && !mapped(uint32(id), mappings) {
		c.fail(at("mounts", i, "options", j), "%q: %s %d is not in linux.%sMappings", option, kind, id, kind)
	}
}

// mountMappings: config.md asks for both mappings or none, and for an error
// when idmap has nothing to take a mapping from.
func (c *checker) mountMappings(i int, m *specs.Mount, idmap bool) {
	uids, gids := len(m.UIDMappings) > 0, len(m.GIDMappings) > 0
	if idmap && !uids && !gids && c.namespace(specs.UserNamespace) == nil {
		c.fail(at("mounts", i, "options"), "idmap needs uidMappings and gidMappings here, or a user namespace to take them from")
	}
	if gids && !uids {
		c.fail(at("mounts", i, "uidMappings"), "must be set when gidMappings is")
	}
	c.mappings(m.UIDMappings, "mounts", i, "uidMappings")
	if uids && !gids {
		c.fail(at("mounts", i, "gidMappings"), "must be set when uidMappings is")
	}
	c.mappings(m.GIDMappings, "mounts", i, "gidMappings")
}

// mappings: user_namespaces(7). The kernel takes 340 lines, wants them not to
// overlap on either side, and says only EINVAL.
func (c *checker) mappings(list []specs.LinuxIDMapping, path ...any) {
	if len(list) > 340 {
		c.fail(at(path...), "has %d entries, and the kernel takes 340", len(list))
		return
	}
	field := func(i int, name string) string { return at(append(slices.Clip(path), i, name)...) }
	for i, m := range list {
		for j, o := range list[:i] {
			if overlap(m.ContainerID, m.Size, o.ContainerID, o.Size) {
				c.fail(field(i, "containerID"), "overlaps with entry [%d]", j)
			}
			if overlap(m.HostID, m.Size, o.HostID, o.Size) {
				c.fail(field(i, "hostID"), "overlaps with entry [%d]", j)
			}
		}
		switch {
		case m.Size == 0:
			c.fail(field(i, "size"), "must be > 0")
		case uint64(m.ContainerID)+uint64(m.Size) > noID:
			c.fail(field(i, "size"), "containerID %d + size %d goes beyond the last id %d", m.ContainerID, m.Size, uint32(noID-1))
		case uint64(m.HostID)+uint64(m.Size) > noID:
			c.fail(field(i, "size"), "hostID %d + size %d goes beyond the last id %d", m.HostID, m.Size, uint32(noID-1))
		}
	}
}

// overlap says that two ranges have an id in common; an empty one has none.
func overlap(a, sizeA, b, sizeB uint32) bool {
	return sizeA > 0 && sizeB > 0 && uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}

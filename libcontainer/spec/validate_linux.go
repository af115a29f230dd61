package spec

// validate_linux.go walks the linux section in document order and checks its
// smaller fields; the larger ones have files of their own.

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) linuxSection() {
	l := c.linux
	c.userMappings()
	c.sysctls()
	c.resources(l.Resources)
	c.cgroupsPath(l.CgroupsPath)
	c.namespaces()
	c.devices()
	c.netDevices()
	c.seccomp(l.Seccomp)
	if l.RootfsPropagation != "" {
		oneOf(c, l.RootfsPropagation, []string{
			"shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable",
		}, "linux.rootfsPropagation")
	}
	c.hiddenPaths("linux.maskedPaths", l.MaskedPaths)
	c.hiddenPaths("linux.readonlyPaths", l.ReadonlyPaths)
	c.seLinux("linux.mountLabel", l.MountLabel)
	c.intelRdt(l.IntelRdt)
	c.memoryPolicy(l.MemoryPolicy)
	c.personality(l.Personality)
	c.timeOffsets()
}

// cgroupsPath: ".." could leave the place that the manager gives the
// container. The systemd form slice:prefix:name passes here.
func (c *checker) cgroupsPath(path string) {
	if slices.Contains(strings.Split(path, "/"), "..") {
		c.fail("linux.cgroupsPath", "must not have .. in it, got %q", path)
	}
	c.noNUL(path, "linux.cgroupsPath")
}

// hiddenPaths checks maskedPaths and readonlyPaths, which are mounts over
// something: without a mount namespace they would land on the host.
func (c *checker) hiddenPaths(field string, paths []string) {
	if len(paths) > 0 && c.namespace(specs.MountNamespace) == nil {
		c.failHint(`add {"type": "mount"} to linux.namespaces`, field,
			"needs a mount namespace: without one it would hide the host's files")
	}
	for i, p := range paths {
		c.absolute(p, field, i)
	}
}

// intelRdt: the checks are the specification's. What the processor offers is
// known to the kernel alone.
func (c *checker) intelRdt(r *specs.LinuxIntelRdt) {
	if r == nil {
		return
	}
	const path = "linux.intelRdt"
	if id := r.ClosID; id == "." || id == ".." || id != "/" && strings.ContainsAny(id, "/\n\x00") {
		c.fail(at(path, "closID"), `must be a plain name or "/", got %q`, id)
	}
	for i, line := range r.Schemata {
		if strings.Contains(line, "\n") {
			c.fail(at(path, "schemata", i), "must be one line, got %q", line)
		}
	}
	if s := r.L3CacheSchema; s != "" && (!strings.HasPrefix(s, "L3:") || strings.Contains(s, "\n")) {
		c.warn(at(path, "l3CacheSchema"), `should be one line that starts with "L3:", got %q`, s)
	}
	if s := r.MemBwSchema; s != "" && (!strings.HasPrefix(s, "MB:") || strings.Contains(s, "\n")) {
		c.fail(at(path, "memBwSchema"), `must be one line that starts with "MB:", got %q`, s)
	}
}

func (c *checker) personality(p *specs.LinuxPersonality) {
	if p == nil {
		return
	}
	oneOf(c, p.Domain, []specs.LinuxPersonalityDomain{specs.PerLinux, specs.PerLinux32}, "linux.personality.domain")
	for i, f := range p.Flags {
		c.fail(at("linux.personality.flags", i), "%q is not supported: the specification has no flags yet", f)
	}
}

func contains[T ~string](list []T, v T) bool { return slices.Contains(list, v) }

func join[T ~string](list []T) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = string(v)
	}
	return strings.Join(names, ", ")
}

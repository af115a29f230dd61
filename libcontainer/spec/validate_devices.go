package spec

// validate_devices.go checks device nodes, device rules of the cgroup and
// network devices.

import (
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The kernel's dev_t has 12 bits for the major number and 20 for the minor
// (include/linux/kdev_t.h).
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

func (c *checker) devices() {
	const field = "linux.devices"
	byPath := make(map[string]int, len(c.linux.Devices))
	for i, d := range c.linux.Devices {
		c.absolute(d.Path, field, i, "path")
		clean := path.Clean(d.Path)
		if j, twice := byPath[clean]; twice && !sameDevice(c.linux.Devices[j], d) {
			c.fail(at(field, i, "path"), "%s is another device in %s[%d]", clean, field, j)
		}
		byPath[clean] = i
		if !oneOf(c, d.Type, []string{"c", "b", "u", "p"}, field, i, "type") || d.Type == "p" {
			continue
		}
		c.number(d.Major, maxMajor, field, i, "major")
		c.number(d.Minor, maxMinor, field, i, "minor")
	}
}

// sameDevice: the numbers of a fifo have no meaning, and u is another word for
// c (mknod(1)).
func sameDevice(a, b specs.LinuxDevice) bool {
	kind := func(t string) string {
		if t == "u" {
			return "c"
		}
		return t
	}
	return kind(a.Type) == kind(b.Type) && (a.Type == "p" || a.Major == b.Major && a.Minor == b.Minor)
}

func (c *checker) number(n, limit int64, path ...any) {
	if n < 0 || n > limit {
		c.fail(at(path...), "must be 0..%d, got %d", limit, n)
	}
}

// deviceRules: cgroup-v1/devices.rst. A number that is absent or -1 stands for
// all, and so does every other field that is left out.
func (c *checker) deviceRules(rules []specs.LinuxDeviceCgroup) {
	const field = "linux.resources.devices"
	for i, r := range rules {
		if r.Type != "" {
			oneOf(c, r.Type, []string{"a", "b", "c"}, field, i, "type")
		}
		if r.Major != nil && *r.Major != -1 {
			c.number(*r.Major, maxMajor, field, i, "major")
		}
		if r.Minor != nil && *r.Minor != -1 {
			c.number(*r.Minor, maxMinor, field, i, "minor")
		}
		if strings.Trim(r.Access, "rwma") != "" { // a, all, as the type has it: some write it
			c.fail(at(field, i, "access"), "must be made of r, w and m, got %q", r.Access)
		}
	}
}

// netDevices checks the names. Whether the container's network namespace has an
// interface of such a name is known once it is there.
func (c *checker) netDevices() {
	const field = "linux.netDevices"
	devices := c.linux.NetDevices
	if len(devices) == 0 {
		return
	}
	if c.namespace(specs.NetworkNamespace) == nil {
		c.failHint(`add {"type": "network"} to linux.namespaces`, field, "needs a network namespace")
	}
	taken := make(map[string]string, len(devices))
	for _, host := range sortedKeys(devices) {
		if !interfaceName(host) {
			c.fail(at(field, key(host)), "%q is not the name of a network interface", host)
		}
		name := devices[host].Name
		if name == "" {
			name = host
		} else if !interfaceName(strings.TrimSuffix(name, "%d") + "0") {
			c.fail(at(field, key(host), "name"), "%q is not the name of a network interface", name)
		}
		if strings.HasSuffix(name, "%d") {
			continue // a template: the kernel finds a free number
		}
		if other, twice := taken[name]; twice {
			c.failHint("end the name in %d to get a free one", at(field, key(host), "name"),
				"%q is the name of %s already", name, other)
		}
		taken[name] = host
	}
}

// interfaceName: dev_valid_name of the kernel, and no % outside of a template.
func interfaceName(s string) bool {
	return s != "" && len(s) < 16 && s != "." && s != ".." && !strings.ContainsAny(s, "/:% \t\n\v\f\r\x00\u00a0")
}

package spec

// validate.go is the entrance of the checks and holds those of the top level.
// The other validate_*.go files each hold one section. They check what can be
// known from the file and from Host; nothing here looks at the system. Fields
// of other platforms (windows, solaris, vm, zos, freebsd) are not looked at.

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Host are the facts about the host that a configuration is checked against.
type Host struct {
	// AppArmor and SELinux: the security module is on.
	AppArmor, SELinux bool
	// Controllers are the cgroup controllers that can be used, by the
	// kernel's names ("memory", "blkio" on v1, "io" on v2). Nil: nothing is
	// known of the host's cgroups and nothing is checked against them.
	Controllers []string
	// CgroupV2: the unified hierarchy is the only one. On a hybrid host it
	// is false, and Controllers are the v1 ones.
	CgroupV2 bool
	// Rootless: the caller's effective uid is not 0, so that it needs a user
	// namespace to make any of the others. The root of a user namespace is
	// not rootless in this sense.
	Rootless bool
}

// Validate checks s against the runtime-spec 1.3 and, unless h is nil, against
// the host. All errors come at once, as [Errors], in document order. Warnings
// are for what the specification lets pass: one line each, path first.
//
// A configuration without process is right: it can be created, and only start
// needs one.
func Validate(s *specs.Spec, h *Host) (warnings []string, err error) {
	c := checker{spec: s, host: h}
	if s.Linux != nil {
		c.linux = s.Linux
	} else {
		c.linux = &specs.Linux{}
	}
	c.version()
	if s.Process != nil {
		c.process(s.Process)
	}
	c.root()
	c.utsName("hostname", s.Hostname)
	c.utsName("domainname", s.Domainname)
	for i := range s.Mounts {
		c.mount(i, &s.Mounts[i])
	}
	c.hooks()
	c.annotations()
	if s.Linux != nil {
		c.linuxSection()
	}
	if len(c.errs) > 0 {
		return c.warnings, c.errs
	}
	return c.warnings, nil
}

// ValidateProcess is Validate for s.Process alone, which exec puts in the place
// of the one that the container was created with.
func ValidateProcess(s *specs.Spec, h *Host) (warnings []string, err error) {
	c := checker{spec: s, host: h, linux: s.Linux}
	if c.linux == nil {
		c.linux = &specs.Linux{}
	}
	c.process(s.Process)
	if len(c.errs) > 0 {
		return c.warnings, c.errs
	}
	return c.warnings, nil
}

// ValidateMounts is Validate for s.Mounts alone, which are to be added to the
// container of s.
func ValidateMounts(s *specs.Spec) (warnings []string, err error) {
	c := checker{spec: s, linux: s.Linux}
	if c.linux == nil {
		c.linux = &specs.Linux{}
	}
	for i := range s.Mounts {
		c.mount(i, &s.Mounts[i])
	}
	if len(c.errs) > 0 {
		return c.warnings, c.errs
	}
	return c.warnings, nil
}

// checker collects what is wrong. Its methods stand in document order, and so
// do the errors.
type checker struct {
	spec     *specs.Spec
	linux    *specs.Linux // never nil
	host     *Host        // may be nil
	errs     Errors
	warnings []string
}

func (c *checker) fail(path, format string, args ...any) {
	c.errs = append(c.errs, FieldError{Path: path, Msg: fmt.Sprintf(format, args...)})
}

// failHint is fail with a hint.
func (c *checker) failHint(hint, path, format string, args ...any) {
	c.fail(path, format, args...)
	c.errs[len(c.errs)-1].Hint = hint
}

func (c *checker) warn(path, format string, args ...any) {
	c.warnings = append(c.warnings, path+": "+fmt.Sprintf(format, args...))
}

// cgroups says that the host's cgroups are known.
func (c *checker) cgroups() bool { return c.host != nil && c.host.Controllers != nil }

// noNUL refuses a NUL, which JSON can carry and no string of the kernel's can.
func (c *checker) noNUL(s string, path ...any) {
	if strings.IndexByte(s, 0) >= 0 {
		c.fail(at(path...), "has a NUL byte in it: %q", s)
	}
}

// absolute checks a path that must be given and absolute.
func (c *checker) absolute(s string, path ...any) {
	switch {
	case s == "":
		c.fail(at(path...), "must be set, to an absolute path")
	case s[0] != '/':
		c.fail(at(path...), "must be an absolute path, got %q", s)
	default:
		c.noNUL(s, path...)
	}
}

// oneOf checks a value against a list.
func oneOf[T ~string](c *checker, v T, known []T, path ...any) bool {
	if slices.Contains(known, v) {
		return true
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	list := strings.Join(names, ", ")
	if v == "" {
		c.fail(at(path...), "must be set, to one of %s", list)
	} else {
		c.fail(at(path...), "%q is not known; want one of %s", v, list)
	}
	return false
}

// sortedKeys gives the errors of a map's entries a fixed order.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// namespace returns the first entry of the type, or nil.
func (c *checker) namespace(t specs.LinuxNamespaceType) *specs.LinuxNamespace {
	for i := range c.linux.Namespaces {
		if c.linux.Namespaces[i].Type == t {
			return &c.linux.Namespaces[i]
		}
	}
	return nil
}

// newUserNS says that the container gets a user namespace of its own, with the
// mappings of the file.
func (c *checker) newUserNS() bool {
	ns := c.namespace(specs.UserNamespace)
	return ns != nil && ns.Path == ""
}

func (c *checker) version() {
	v := c.spec.Version
	if v == "" {
		c.fail("ociVersion", "must be set, e.g. to %q", specs.Version)
		return
	}
	major, minor, ok := parseVersion(v)
	switch {
	case !ok:
		c.fail("ociVersion", "%q is not a SemVer 2.0.0 version such as %q", v, specs.Version)
	case major != specs.VersionMajor:
		c.fail("ociVersion", "%q is not supported, only versions 1.x are", v)
	case minor > specs.VersionMinor:
		c.warn("ociVersion", "%s is newer than %s: what it added is ignored", v, specs.Version)
	}
}

// parseVersion takes a SemVer 2.0.0 version apart (semver.org, items 2, 9, 10).
func parseVersion(v string) (major, minor int, ok bool) {
	v, build, hasBuild := strings.Cut(v, "+")
	v, pre, hasPre := strings.Cut(v, "-")
	if hasBuild && !identifiers(build, false) || hasPre && !identifiers(pre, true) {
		return 0, 0, false
	}
	parts := strings.Split(v, ".")
	if len(parts) != 3 {
		return 0, 0, false
	}
	var n [3]int
	for i, p := range parts {
		if !decimal(p) || len(p) > 1 && p[0] == '0' {
			return 0, 0, false
		}
		var err error
		if n[i], err = strconv.Atoi(p); err != nil {
			return 0, 0, false
		}
	}
	return n[0], n[1], true
}

// identifiers checks the dot-separated identifiers after "-" (pre) or "+".
func identifiers(s string, pre bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || pre && decimal(id) && len(id) > 1 && id[0] == '0' {
			return false
		}
		for i := range len(id) {
			if c := id[i]; c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}

func decimal(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (c *checker) root() {
	switch r := c.spec.Root; {
	case r == nil:
		c.failHint(`"root": {"path": "rootfs"} is the usual one`, "root", "must be set")
	case r.Path == "":
		c.fail("root.path", "must be set, to a directory: absolute or relative to the bundle")
	default:
		c.noNUL(r.Path, "root.path")
	}
}

// utsName checks hostname and domainname: __NEW_UTS_LEN of the kernel is 64.
func (c *checker) utsName(path, name string) {
	if name == "" {
		return
	}
	if c.namespace(specs.UTSNamespace) == nil {
		c.failHint(`add {"type": "uts"} to linux.namespaces`, path,
			"needs a uts namespace: without one it would rename the host")
	}
	if len(name) > 64 {
		c.fail(path, "is %d bytes long, and the kernel takes 64", len(name))
	}
	c.noNUL(name, path)
}

func (c *checker) hooks() {
	h := c.spec.Hooks
	if h == nil {
		return
	}
	//lint:ignore SA1019 deprecated, and Docker uses it
	c.hookList("prestart", h.Prestart)
	c.hookList("createRuntime", h.CreateRuntime)
	c.hookList("createContainer", h.CreateContainer)
	c.hookList("startContainer", h.StartContainer)
	c.hookList("poststart", h.Poststart)
	c.hookList("poststop", h.Poststop)
}

func (c *checker) hookList(kind string, hooks []specs.Hook) {
	for i, h := range hooks {
		c.absolute(h.Path, "hooks", kind, i, "path")
		for j, arg := range h.Args {
			c.noNUL(arg, "hooks", kind, i, "args", j)
		}
		c.environment(h.Env, false, "hooks", kind, i, "env")
		if h.Timeout != nil && *h.Timeout <= 0 {
			c.failHint("leave it out for no timeout", at("hooks", kind, i, "timeout"), "must be > 0, got %d", *h.Timeout)
		}
	}
}

// environment checks a list of NAME=VALUE. The kernel takes any string; strict
// refuses what is of another form, as runc does for the process, else it is
// worth a warning.
func (c *checker) environment(env []string, strict bool, path ...any) {
	for i, e := range env {
		switch odd := strings.IndexByte(e, '=') <= 0; {
		case odd && strict:
			c.fail(at(append(path, i)...), "invalid environment variable: %q is not of the form NAME=VALUE", e)
		case odd:
			c.warn(at(append(path, i)...), "%q is not of the form NAME=VALUE", e)
		}
		if strings.IndexByte(e, 0) >= 0 {
			c.fail(at(append(path, i)...), "has a NUL byte in it: %q", e)
		}
	}
}

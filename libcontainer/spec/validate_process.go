package spec

// validate_process.go checks process, apart from what places it on CPUs, disks
// and memory nodes (validate_placement.go). Capabilities are never an error:
// the planner warns of those that the kernel does not know or grant.

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// noID is (uid_t)-1, which setresuid(2) takes for "leave it".
const noID = 1<<32 - 1

func (c *checker) process(p *specs.Process) {
	c.console(p)
	c.user(&p.User)
	if len(p.Args) == 0 {
		c.fail("process.args", "must not be empty: its first entry is the program")
	}
	for i, arg := range p.Args {
		c.noNUL(arg, "process.args", i)
	}
	c.environment(p.Env, true, "process.env")
	c.absolute(p.Cwd, "process.cwd")
	c.rlimits(p.Rlimits)
	c.appArmor(p.ApparmorProfile)
	if adj := p.OOMScoreAdj; adj != nil && (*adj < -1000 || *adj > 1000) {
		c.fail("process.oomScoreAdj", "must be -1000..1000, got %d", *adj)
	}
	c.scheduler(p.Scheduler)
	c.seLinux("process.selinuxLabel", p.SelinuxLabel)
	c.ioPriority(p.IOPriority)
	if a := p.ExecCPUAffinity; a != nil {
		c.cpuList("process.execCPUAffinity.initial", a.Initial)
		c.cpuList("process.execCPUAffinity.final", a.Final)
	}
}

// console: struct winsize has 16 bits for each. Without a terminal the size
// MUST be ignored, whatever it is.
func (c *checker) console(p *specs.Process) {
	if !p.Terminal || p.ConsoleSize == nil {
		return
	}
	if h := p.ConsoleSize.Height; h > 65535 {
		c.fail("process.consoleSize.height", "must be 0..65535, got %d", h)
	}
	if w := p.ConsoleSize.Width; w > 65535 {
		c.fail("process.consoleSize.width", "must be 0..65535, got %d", w)
	}
}

func (c *checker) user(u *specs.User) {
	c.id(u.UID, "uid", c.linux.UIDMappings, "process.user.uid")
	c.id(u.GID, "gid", c.linux.GIDMappings, "process.user.gid")
	if u.Umask != nil && *u.Umask > 0o777 {
		c.fail("process.user.umask", "must be 0..511 (0777), got %d", *u.Umask)
	}
	for i, gid := range u.AdditionalGids {
		c.id(gid, "gid", c.linux.GIDMappings, "process.user.additionalGids", i)
	}
}

// id checks a uid or gid of the container.
func (c *checker) id(id uint32, kind string, mappings []specs.LinuxIDMapping, path ...any) {
	switch {
	case id == noID:
		c.fail(at(path...), "%d stands for no id at all", id)
	case c.newUserNS() && len(mappings) > 0 && !mapped(id, mappings):
		c.fail(at(path...), "%s %d is not in linux.%sMappings", kind, id, kind)
	}
}

func mapped(id uint32, mappings []specs.LinuxIDMapping) bool {
	for _, m := range mappings {
		if id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size) {
			return true
		}
	}
	return false
}

func (c *checker) rlimits(limits []specs.POSIXRlimit) {
	known := []string{
		"RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_LOCKS", "RLIMIT_MEMLOCK",
		"RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS", "RLIMIT_RTPRIO",
		"RLIMIT_RTTIME", "RLIMIT_SIGPENDING", "RLIMIT_STACK",
	}
	for i, l := range limits {
		if oneOf(c, l.Type, known, "process.rlimits", i, "type") {
			for j := range i {
				if limits[j].Type == l.Type {
					c.fail(at("process.rlimits", i, "type"), "%s is set twice, first in process.rlimits[%d]", l.Type, j)
					break
				}
			}
		}
		if l.Soft > l.Hard {
			c.fail(at("process.rlimits", i, "soft"), "must be at most the hard limit %d, got %d", l.Hard, l.Soft)
		}
	}
}

func (c *checker) appArmor(profile string) {
	if profile == "" {
		return
	}
	c.noNUL(profile, "process.apparmorProfile")
	if c.host != nil && !c.host.AppArmor {
		c.failHint("leave the field out, or boot with AppArmor on", "process.apparmorProfile",
			"profile %q cannot be set: AppArmor is off on this host", profile)
	}
}

func (c *checker) seLinux(path, label string) {
	if label == "" {
		return
	}
	if strings.ContainsAny(label, "\x00\n") {
		c.fail(path, "%q is not a label", label)
	}
	if c.host != nil && !c.host.SELinux {
		c.failHint("leave the field out, or boot with SELinux on", path,
			"label %q cannot be set: SELinux is off on this host", label)
	}
}

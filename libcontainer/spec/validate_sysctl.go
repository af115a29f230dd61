package spec

// validate_sysctl.go decides which kernel parameters a container may set: those
// that live in one of its own namespaces. Any other would change the host.

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) sysctls() {
	for _, name := range sortedKeys(c.linux.Sysctl) {
		c.noNUL(c.linux.Sysctl[name], "linux.sysctl", key(name))
		if msg, hint := c.sysctl(name); msg != "" {
			c.failHint(hint, at("linux.sysctl", key(name)), "%s", msg)
		}
	}
}

// sysctl returns what is wrong with the name, or "".
func (c *checker) sysctl(name string) (msg, hint string) {
	file := SysctlFile(name)
	if file == "" {
		return "is not the name of a kernel parameter", ""
	}
	var ns specs.LinuxNamespaceType
	switch {
	case strings.HasPrefix(file, "net/"):
		ns = specs.NetworkNamespace
	case strings.HasPrefix(file, "fs/mqueue/"), ipcSysctl(file):
		ns = specs.IPCNamespace
	case file == "kernel/hostname":
		return "is not allowed, it conflicts with the field hostname", `set "hostname"`
	case file == "kernel/domainname":
		if c.spec.Domainname != "" {
			return "is set by the field domainname already", "keep one of the two"
		}
		ns = specs.UTSNamespace
	default:
		return "is not in a namespace of its own and would change the host", "set it on the host"
	}
	if c.namespace(ns) == nil {
		return "needs a namespace of type " + string(ns) + ", or it would change the host's",
			`add {"type": "` + string(ns) + `"} to linux.namespaces`
	}
	return "", ""
}

// ipcSysctl: the parameters of ipc_namespaces(7) below kernel/.
func ipcSysctl(file string) bool {
	switch file {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
		"kernel/shmmni", "kernel/shm_rmid_forced":
		return true
	}
	return false
}

// SysctlFile returns the file below /proc/sys that the name of a kernel
// parameter stands for, or "" if it stands for none. As in sysctl(8), the
// first separator decides: with a dot, dots separate and slashes stand for
// dots ("net.ipv4.conf.eth0/100.forwarding"), with a slash it is a path.
func SysctlFile(name string) string {
	file := name
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		file = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, name)
	}
	// ".." here would leave the subtree that the name was allowed for.
	for part := range strings.SplitSeq(file, "/") {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return ""
		}
	}
	return file
}

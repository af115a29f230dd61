package planner

// caps.go decides which capabilities the process gets. Since 1.1.0 the spec
// wants no error for one that does not exist here or cannot be granted, but a
// warning. The masks that come out obey the kernel's rules (capabilities(7)),
// so that init's one capset cannot be refused.

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/plan"
)

// capabilityNames are all that Linux knows, by number (linux/capability.h);
// CAP_CHECKPOINT_RESTORE, the last, came with 5.9.
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Capabilities are the names of all capabilities up to last, by number.
func Capabilities(last int) []string {
	return slices.Clone(capabilityNames[:min(max(last+1, 0), len(capabilityNames))])
}

// grantable is the most that the process can have: everything in a user
// namespace of its own, else what the caller has.
func grantable(s *specs.Spec, f Facts) uint64 {
	if s.Linux != nil && slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.UserNamespace
	}) {
		return upTo(f.LastCap)
	}
	return f.CallerCaps & upTo(f.LastCap)
}

// upTo is the mask of the capabilities 0 to last.
func upTo(last int) uint64 {
	if last < 0 {
		return 0
	}
	return ^uint64(0) >> (63 - uint(min(last, 63)))
}

// capabilities translates the five sets of a process, which may be root's. A
// spec without capabilities gives none at all.
func capabilities(c *specs.LinuxCapabilities, root bool, grantable uint64, last int) (*plan.Caps, []string) {
	out := &plan.Caps{Last: last}
	if c == nil {
		return out, nil
	}
	w := capWarnings{}
	known := upTo(last)
	out.Bounding = w.set(c.Bounding, known)
	out.Permitted = w.set(c.Permitted, known)
	out.Effective = w.set(c.Effective, known)
	out.Inheritable = w.set(c.Inheritable, known)
	out.Ambient = w.set(c.Ambient, known)

	out.Permitted = w.limit(out.Permitted, grantable, "permitted", "the caller does not have it")
	out.Effective = w.limit(out.Effective, out.Permitted, "effective", "it is not permitted")
	out.Inheritable = w.limit(out.Inheritable, out.Bounding&grantable, "inheritable", "it is not in the bounding set")
	ambient := out.Ambient & out.Permitted & out.Inheritable
	lost := bitsOf(out.Ambient &^ ambient)
	// Root's programs get what is permitted, ambient or not. Buildah asks for it
	// all the same, at each step of a build, and has no inheritable ones.
	if root && len(c.Inheritable) == 0 {
		lost = nil
	}
	for _, n := range lost {
		w.list = append(w.list, "can't raise ambient capability "+capabilityNames[n]+": not both permitted and inheritable")
	}
	out.Ambient = ambient
	return out, w.list
}

type capWarnings struct {
	list []string
	seen []string // unknown names: warned of once, not once for each set
}

func (w *capWarnings) set(names []string, known uint64) (mask uint64) {
	for _, name := range names {
		n := slices.Index(capabilityNames[:], name)
		if n >= 0 && known&(1<<n) != 0 {
			mask |= 1 << n
		} else if !slices.Contains(w.seen, name) {
			w.seen = append(w.seen, name)
			w.list = append(w.list, "ignoring unknown capability "+name+meant(name, known))
		}
	}
	return mask
}

// meant says what a name is called rightly.
func meant(name string, known uint64) string {
	right := strings.ToUpper(strings.TrimSpace(name))
	if !strings.HasPrefix(right, "CAP_") {
		right = "CAP_" + right
	}
	if n := slices.Index(capabilityNames[:], right); n < 0 || known&(1<<n) == 0 {
		return ""
	}
	return ": it is called " + right
}

func (w *capWarnings) limit(set, allowed uint64, name, why string) uint64 {
	for _, n := range bitsOf(set &^ allowed) {
		w.list = append(w.list, "can't grant "+name+" capability "+capabilityNames[n]+": "+why)
	}
	return set & allowed
}

func bitsOf(mask uint64) (list []int) {
	for ; mask != 0; mask &= mask - 1 {
		list = append(list, bits.TrailingZeros64(mask))
	}
	return list
}

var _ = [1]struct{}{}[len(capabilityNames)-1-unix.CAP_LAST_CAP] // the table is complete

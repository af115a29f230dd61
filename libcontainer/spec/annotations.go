package spec

// annotations.go knows the annotations of crun that change what rt does: their
// names, what values they may have, and those values. docs/annotations.md is
// the page for users. All other annotations are the user's own, and only
// passed on.

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/sys"
)

const (
	annKeepGroups   = "run.oci.keep_original_groups"
	annHooksStdout  = "run.oci.hooks.stdout"
	annHooksStderr  = "run.oci.hooks.stderr"
	annSeccompBPF   = "run.oci.seccomp_bpf_data"
	annPidfd        = "run.oci.pidfd_receiver"
	annSubgroup     = "run.oci.systemd.subgroup"
	annDelegate     = "run.oci.delegate-cgroup"
	annTimeOffset   = "run.oci.timens_offset"
	annSystemdV1    = "run.oci.systemd.force_cgroup_v1"
	sockFilterBytes = 8 // struct sock_filter
)

// Annotations are the names of the annotations that change what rt does,
// sorted.
func Annotations() []string {
	return []string{
		annDelegate, annHooksStderr, annHooksStdout, annKeepGroups, annPidfd, annSeccompBPF, annSystemdV1,
		annSubgroup, annTimeOffset,
	}
}

func (c *checker) annotations() {
	if _, empty := c.spec.Annotations[""]; empty {
		c.fail(`annotations[""]`, "the key must not be empty")
	}
	for _, name := range Annotations() {
		value, given := c.spec.Annotations[name]
		if !given {
			continue
		}
		wrong := func(format string, args ...any) { c.fail(at("annotations", key(name)), format, args...) }
		switch name {
		case annKeepGroups:
			c.keepGroups(value, wrong)
		case annHooksStdout, annHooksStderr:
			c.absolute(value, "annotations", key(name))
		case annPidfd:
			c.absolute(value, "annotations", key(name))
			if len(value) > sys.MaxSocketPath {
				wrong("is %d bytes long, and the path of a socket has at most %d", len(value), sys.MaxSocketPath)
			}
		case annSeccompBPF:
			c.seccompBPF(value, wrong)
		case annTimeOffset:
			c.timeOffset(value, wrong)
		case annDelegate, annSubgroup:
			c.delegate(value, wrong)
		case annSystemdV1:
			c.systemdV1(value, wrong)
		}
	}
}

func (c *checker) keepGroups(value string, wrong func(string, ...any)) {
	if value != "0" && value != "1" {
		wrong("must be 0 or 1, got %q", value)
	}
	if value == "1" && c.spec.Process != nil && len(c.spec.Process.User.AdditionalGids) > 0 {
		c.warn("process.user.additionalGids", "not set: %s keeps the caller's groups", annKeepGroups)
	}
}

// seccompBPF checks what can be seen without the kernel's checker.
func (c *checker) seccompBPF(value string, wrong func(string, ...any)) {
	bpf, err := base64.StdEncoding.DecodeString(value)
	switch n := len(bpf) / sockFilterBytes; {
	case err != nil:
		wrong("is not base64: %v", err)
	case len(bpf) == 0:
		wrong("is empty")
	case len(bpf)%sockFilterBytes != 0:
		wrong("is %d bytes long, and a BPF instruction has %d", len(bpf), sockFilterBytes)
	case n > unix.BPF_MAXINSNS:
		wrong("has %d instructions, and the kernel takes %d", n, unix.BPF_MAXINSNS)
	}
}

func (c *checker) timeOffset(value string, wrong func(string, ...any)) {
	offsets, ok := parseTimeOffsets(value)
	ns := c.namespace(specs.TimeNamespace)
	switch {
	case !ok:
		wrong(`must be lines of "CLOCK SECONDS NANOSECONDS" as in time_namespaces(7), got %q`, value)
	case len(c.linux.TimeOffsets) > 0:
		wrong("must not stand beside linux.timeOffsets")
	case ns == nil || ns.Path != "":
		wrong("needs a new time namespace in linux.namespaces")
	default:
		c.offsetRanges(offsets, "annotations", key(annTimeOffset))
	}
}

// delegate: the names of cgroups are those of files, with more that the kernel
// keeps for itself.
func (c *checker) delegate(value string, wrong func(string, ...any)) {
	name := strings.Trim(value, "/")
	if value != "" && name == "" || strings.ContainsAny(name, "\n\x00") {
		wrong("is not the name of a cgroup: %q", value)
		return
	}
	for part := range strings.SplitSeq(name, "/") {
		if value != "" && (part == "" || part == "." || part == ".." || strings.HasPrefix(part, "cgroup.") || len(part) > 255) {
			wrong("is not the name of a cgroup: %q", value)
			return
		}
	}
}

func (c *checker) systemdV1(value string, wrong func(string, ...any)) {
	if value == "" || value[0] != '/' {
		wrong("must be an absolute path in the container, got %q", value)
	} else if !slices.ContainsFunc(c.spec.Mounts, func(m specs.Mount) bool { return m.Destination == value }) {
		wrong("%s is the destination of no mount", value)
	}
}

// parseTimeOffsets reads what /proc/PID/timens_offsets takes: lines of a clock,
// by name or by its number (clock_gettime(2)), seconds and nanoseconds.
func parseTimeOffsets(text string) (offsets map[string]specs.LinuxTimeOffset, ok bool) {
	offsets = map[string]specs.LinuxTimeOffset{}
	for line := range strings.Lines(strings.TrimRight(text, " \n")) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, false
		}
		clock := fields[0]
		switch clock {
		case "1":
			clock = "monotonic"
		case "7":
			clock = "boottime"
		}
		secs, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, false
		}
		nanosecs, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil || clock != "monotonic" && clock != "boottime" {
			return nil, false
		}
		offsets[clock] = specs.LinuxTimeOffset{Secs: secs, Nanosecs: uint32(nanosecs)}
	}
	return offsets, len(offsets) > 0
}

// Apply puts those annotations of a valid configuration that only say in other
// words what a property of the specification says into that property.
func Apply(s *specs.Spec) {
	text, given := s.Annotations[annTimeOffset]
	if !given || s.Linux == nil {
		return
	}
	s.Linux.TimeOffsets, _ = parseTimeOffsets(text)
}

// KeepGroups says that the process keeps the supplementary groups of rt's
// caller.
func KeepGroups(annotations map[string]string) bool { return annotations[annKeepGroups] == "1" }

// HookOutput are the files that the hooks' stdout and stderr are appended to,
// "" for none.
func HookOutput(annotations map[string]string) (stdout, stderr string) {
	return annotations[annHooksStdout], annotations[annHooksStderr]
}

// SeccompBPF is the seccomp program that stands in for linux.seccomp, nil for
// none.
func SeccompBPF(annotations map[string]string) []byte {
	text, given := annotations[annSeccompBPF]
	if !given {
		return nil
	}
	bpf, _ := base64.StdEncoding.DecodeString(text)
	return bpf
}

// PidfdReceiver is the socket that gets a pidfd of the container's init, "" for
// none.
func PidfdReceiver(annotations map[string]string) string { return annotations[annPidfd] }

// DelegateCgroup is the cgroup below the container's own that the process is
// to be in, "" for none.
func DelegateCgroup(annotations map[string]string) string {
	return strings.Trim(annotations[annDelegate], "/")
}

// SystemdSubgroup is the cgroup below a unit's own that the container is to be
// in, "" for none.
func SystemdSubgroup(annotations map[string]string) string {
	return strings.Trim(annotations[annSubgroup], "/")
}

// SystemdV1 is the destination of the mount that is to be systemd's v1
// hierarchy, "" for none.
func SystemdV1(annotations map[string]string) string { return annotations[annSystemdV1] }

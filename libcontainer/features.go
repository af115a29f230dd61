package libcontainer

// features.go answers `rt features`: what this build of rt can do, whatever
// the host offers (runtime-spec features.md, features-linux.md). A field is
// true only when the thing works.

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"golang.org/x/sys/unix"

	"rt/libcontainer/planner"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
	"rt/seccomp"
)

// Features returns the specification's Features structure. A program that
// embeds rt may add its own annotations.
func Features() *features.Features {
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  planner.MountOptions(),
		Linux: &features.Linux{
			Namespaces:   featureNames(spec.NamespaceTypes()),
			Capabilities: planner.Capabilities(63), // all that it knows
			Cgroup: &features.Cgroup{
				V1: new(true), V2: new(true), Systemd: new(true), SystemdUser: new(true), Rdma: new(true),
			},
			Seccomp: &features.Seccomp{
				Enabled:        new(true),
				Actions:        seccomp.Actions(),
				Operators:      seccomp.Operators(),
				Archs:          seccomp.Architectures(),
				KnownFlags:     seccomp.Flags(),
				SupportedFlags: supportedFlags(seccomp.Flags()),
			},
			Apparmor: &features.Apparmor{Enabled: new(true)},
			Selinux:  &features.Selinux{Enabled: new(true)},
			IntelRdt: &features.IntelRdt{Enabled: new(true), Schemata: new(true), Monitoring: new(true)},
			MemoryPolicy: &features.MemoryPolicy{
				Modes: featureNames(spec.MemoryPolicyModes()),
				Flags: featureNames(spec.MemoryPolicyFlags()),
			},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: new(true)}},
			NetDevices:      &features.NetDevices{Enabled: new(true)},
		},
		Annotations: map[string]string{
			"io.github.seccomp.libseccomp.version": seccomp.Version(),
		},
		PotentiallyUnsafeConfigAnnotations: append([]string{"org.systemd.property."}, spec.Annotations()...),
	}
}

// supportedFlags are the seccomp flags that this kernel takes. It is the one
// list that depends on the host, as the specification allows.
func supportedFlags(known []string) []string {
	supported := []string{}
	for _, name := range known {
		var flag uintptr
		switch name {
		case "SECCOMP_FILTER_FLAG_LOG":
			flag = unix.SECCOMP_FILTER_FLAG_LOG
		case "SECCOMP_FILTER_FLAG_SPEC_ALLOW":
			flag = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
		case "SECCOMP_FILTER_FLAG_TSYNC":
			flag = unix.SECCOMP_FILTER_FLAG_TSYNC
		case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
			flag = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
		default:
			continue
		}
		if sys.SeccompFlagAvailable(flag) {
			supported = append(supported, name)
		}
	}
	return supported
}

func featureNames[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

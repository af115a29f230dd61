package libcontainer

// host.go: facts of the host, read when a container asks for them.

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/cgroups"
	"rt/libcontainer/spec"
	"rt/libcontainer/sys"
)

// appArmorEnabled: the kernel module is on (Documentation/admin-guide/LSM).
func appArmorEnabled() bool {
	b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && len(b) > 0 && b[0] == 'Y'
}

// wantsSELinux: s has a label, of the process or of the mounts.
func wantsSELinux(s *specs.Spec) bool {
	return s.Process != nil && s.Process.SelinuxLabel != "" || s.Linux != nil && s.Linux.MountLabel != ""
}

// seLinuxEnabled: selinuxfs is mounted (selinux(8)).
func seLinuxEnabled() bool { return sys.IsSELinuxFS("/sys/fs/selinux") }

// CgroupV2 says that the host has the unified cgroup hierarchy alone.
func CgroupV2() bool {
	layout, err := cgroups.Host()
	return err == nil && layout.Mode == cgroups.ManagerV2
}

// validationHost gathers what the spec's values are checked against; what the
// spec does not mention is not looked up.
func (r *Runtime) validationHost(s *specs.Spec) *spec.Host {
	// Root of a user namespace (rootless Podman) is root here: it can do
	// without a user namespace in the config.
	h := &spec.Host{Rootless: os.Geteuid() != 0}
	if s.Linux != nil && s.Linux.Resources != nil {
		if layout, err := cgroups.Host(); err == nil {
			h.Controllers = layout.Controllers()
			h.CgroupV2 = layout.Mode == cgroups.ManagerV2
		}
	}
	if s.Process != nil && s.Process.ApparmorProfile != "" {
		h.AppArmor = appArmorEnabled()
	}
	if wantsSELinux(s) {
		h.SELinux = seLinuxEnabled()
	}
	return h
}

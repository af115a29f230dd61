package planner

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func liveSpec(propagation string, mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{
		Root: &specs.Root{Path: "rootfs"}, Mounts: mounts,
		Linux: &specs.Linux{RootfsPropagation: propagation, Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}, {Type: specs.UserNamespace}}},
	}
}

func TestLiveMounts(t *testing.T) {
	tmpfs := specs.Mount{Type: "tmpfs", Destination: "/t"}
	for _, propagation := range []string{"", "shared", "private"} {
		r, err := LiveMounts(liveSpec(propagation, tmpfs), Facts{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r.HostPropagation == 0 || !r.UserNS || r.Mounts[0].AttrSet&unix.MOUNT_ATTR_NODEV == 0 {
			t.Errorf("%q: %+v", propagation, r)
		}
	}
	bind := specs.Mount{Source: "vol", Destination: "/v", Options: []string{"bind"}}
	r, err := LiveMounts(liveSpec("", bind), Facts{}, Options{Bundle: "/bundle"})
	if err != nil || r.Mounts[0].Source != "/bundle/vol" || r.Mounts[0].AttrSet != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	host := liveSpec("", bind)
	host.Linux.Namespaces = nil
	if _, err := LiveMounts(host, Facts{}, Options{}); err == nil {
		t.Error("planned without a mount namespace")
	}
}

//go:build clients

package world

// Containerd is the current containerd with its shim and ctr, without the
// snapshotters that need a library or a block device.
func Containerd() Program {
	return Program{
		Module:   "github.com/containerd/containerd/v2",
		Version:  "v2.4.2",
		Packages: []string{"cmd/containerd", "cmd/containerd-shim-runc-v2", "cmd/ctr"},
		Tags:     "no_btrfs,no_zfs,no_devmapper",
	}
}

package rootfs

import "testing"

func TestMountPoint(t *testing.T) {
	const table = "1 0 8:1 / / rw - ext4 sda rw\n11 1 0:5 / /a\\040b rw shared:1 - tmpfs t rw\n12 1 0:6 /x\n"
	for id, want := range map[uint64]string{1: "/", 11: "/a b", 12: "", 0: "", 111: ""} {
		if got := mountPoint([]byte(table), id); got != want {
			t.Errorf("%d: %q, want %q", id, got, want)
		}
	}
}

package rootfs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const table = `20 1 254:0 / / rw - ext4 /dev/vda rw
21 20 0:5 / /dev rw shared:2 - devtmpfs devtmpfs rw
22 21 0:6 / /dev/pts rw - devpts devpts rw
40 30 0:9 / /data rw - tmpfs tmpfs rw
30 20 254:0 /rootfs / rw - ext4 /dev/vda rw
31 30 0:7 / /proc rw - proc proc rw
23 20 0:8 / /mnt/a\040b\134c rw - tmpfs tmpfs rw
`

// The container's own mounts stay, whatever the order of the lines; the host's
// go, children first.
func TestForeignMounts(t *testing.T) {
	want := []string{`/mnt/a b\c`, "/dev/pts", "/dev"}
	if diff := cmp.Diff(want, foreignMounts(table, 30)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzForeignMounts(f *testing.F) {
	f.Add(table)
	f.Fuzz(func(t *testing.T, text string) {
		if points := foreignMounts(text, 30); len(points) > strings.Count(text, "\n")+1 {
			t.Errorf("%d mount points in %d lines", len(points), strings.Count(text, "\n")+1)
		}
	})
}

package libcontainer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"rt/libcontainer/sys"
)

func TestStdioOwner(t *testing.T) {
	mapped := &specs.Linux{UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 10}}}
	joined := &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace, Path: "/proc/7/ns/user"}}}
	for _, c := range []struct {
		name   string
		uid    uint32
		l      *specs.Linux
		owner  int
		needed bool
	}{
		{"root", 0, &specs.Linux{}, 0, false},
		{"a user", 1000, nil, 1000, true},
		{"root of a user namespace", 0, mapped, 100000, true},
		{"a user of one", 7, mapped, 100007, true},
		{"without a mapping", 10, mapped, 0, false},
		{"of a user namespace that is joined", 1000, joined, 0, false},
	} {
		if owner, needed := stdioOwner(c.uid, c.l); owner != c.owner || needed != c.needed {
			t.Errorf("%s: %d %v, want %d %v", c.name, owner, needed, c.owner, c.needed)
		}
	}
}

func TestIsClosedNull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		flag int
		want bool
	}{
		{os.DevNull, syscall.O_RDONLY, true}, {os.DevNull, syscall.O_RDWR, false}, {os.DevNull, syscall.O_WRONLY, false},
		{"/dev/zero", syscall.O_RDONLY, false}, {file, syscall.O_RDONLY, false},
	} {
		f, err := os.OpenFile(c.path, c.flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := isClosedNull(int(f.Fd())); got != c.want {
			t.Errorf("%s opened with %#x: %v", c.path, c.flag, got)
		}
		f.Close()
		if isClosedNull(1 << 20) {
			t.Error("an fd that is not open")
		}
	}
	if _, err := sys.Writable(1 << 20); err == nil {
		t.Error("an fd that is not open is writable")
	}
}

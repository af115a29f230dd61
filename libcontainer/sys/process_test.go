package sys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// noDevice makes a node of a device that no driver is for: to open it is ENXIO.
func noDevice(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(4000, 7))); err != nil {
		t.Skipf("mknod is missing: %v", err)
	}
	if _, err := os.Open(path); !errors.Is(err, unix.ENXIO) {
		t.Skipf("a device without a driver is missing: %v", err)
	}
}

// TestOpenRegularIn: an image's device is not opened, since that alone may do
// something to it.
func TestOpenRegularIn(t *testing.T) {
	dir := t.TempDir()
	root, err := OpenPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(root)
	noDevice(t, filepath.Join(dir, "device"))
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600), unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
		os.Symlink("/file", filepath.Join(dir, "link")), os.Symlink("/proc/self/exe", filepath.Join(dir, "magic"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"/device": unix.EINVAL, "/fifo": unix.EINVAL, "/": unix.EINVAL, "/magic": unix.ENOENT, "/no": unix.ENOENT, "/file": nil, "/link": nil,
	} {
		fd, err := OpenRegularIn(root, name)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err != nil {
			continue
		}
		var text [8]byte
		if n, err := Pread(fd, text[:], 0); err != nil || string(text[:n]) != "text" {
			t.Errorf("%s: %q, %v", name, text[:n], err)
		}
		Close(fd)
	}
	for _, name := range []string{"device", "fifo"} {
		if _, err := OpenRegularIn(unix.AT_FDCWD, filepath.Join(dir, name)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s, by the own root: %v", name, err)
		}
	}
	fd, err := OpenRegularIn(unix.AT_FDCWD, filepath.Join(dir, "file"))
	if err != nil {
		t.Error(err)
	}
	Close(fd)
}

// TestOpenPtyOfAnImage: what stands in the place of a devpts is not opened.
func TestOpenPtyOfAnImage(t *testing.T) {
	dir := t.TempDir()
	root, err := OpenPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(root)
	if err := os.Mkdir(filepath.Join(dir, "pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	noDevice(t, filepath.Join(dir, "pts/ptmx"))
	if _, _, _, err := OpenPty(root, "pts"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v, want ENODEV", err)
	}
}

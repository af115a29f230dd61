package sys

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// noDevice makes a node of a device that no driver is for: to open it is ENXIO.
func noDevice(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(4000, 7))); err != nil {
		if os.Geteuid() != 0 {
			t.Skip("needs root: mknod")
		}
		t.Fatal(err)
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

// TestFileSystemThatSleeps: while a file system lets the caller wait, here a fifo
// for its other end, others have their turn.
func TestFileSystemThatSleeps(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := OpenPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(root)
	late := exec.Command("sh", "-c", `sleep 20; : > "$0"`, fifo)
	if err := late.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Process.Kill(); _ = late.Wait() }()
	var turn atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		turn.Store(true)
		if f, err := os.OpenFile(fifo, os.O_WRONLY, 0); err == nil {
			f.Close()
		}
	}()
	fd, err := OpenIn(root, "fifo", unix.O_RDONLY, 0)
	if err != nil || !turn.Load() {
		t.Errorf("%v; another goroutine had its turn: %v", err, turn.Load())
	}
	Close(fd)
	if turn.Load() {
		<-done
	}
}

//go:build clients

// Package world is what the tests of rt's clients (Docker, containerd, Podman)
// stand on: a machine of their own inside this one, daemons in it, images
// without a registry, and a check that nothing is left behind.
package world

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
	"rt/tests/harness"
	"rt/tests/harness/hierarchy"
)

const (
	dirEnv  = "RT_CLIENT_DIR" // the world's directory on the host's disk
	hostFD  = 3               // the host's network namespace
	dirName = "rt-clients-"   // then the pid of who made it; its cgroups have this name too
	tempDir = "/var/tmp"      // on a disk
)

// Main runs m's tests in mount, pid, network, uts, ipc and cgroup namespaces of
// their own, in a cgroup of their own in every hierarchy:
//
//   - / is shared, as on a host with systemd, and cut off from the host's mounts
//   - /sys/fs/cgroup shows the tests' cgroups as the roots of the hierarchies
//   - /etc and /var/lib are overlays of the host's that end with the tests; what
//     engines keep there (/etc/docker, /var/lib/docker and the like) is empty
//   - /run is an empty tmpfs; lo is up and the only network device
//
// At the end everything goes, and what the tests left behind is a failure.
// TestMain passes its result to os.Exit.
func Main(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "world: root is missing")
		return 1
	}
	if harness.InWorld() {
		unix.CloseOnExec(hostFD) // no daemon's business
	}
	w := harness.World{
		Flags:   unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Outside: outside,
		Inside:  inside,
		Left:    left,
	}
	return w.Main(m)
}

// Dir is a directory of the world's own on the host's disk, for what is large;
// it ends with the world.
func Dir() string { return filepath.Join(os.Getenv(dirEnv), "data") }

// Online runs f on a thread that is in the host's network namespace, as are the
// programs that f starts: for the module proxy and the distribution's packages.
func Online(t testing.TB, f func()) {
	t.Helper()
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := unix.Setns(hostFD, unix.CLONE_NEWNET); err != nil {
		t.Fatalf("enter the host's network namespace: %v", err)
	}
	defer func() {
		if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Errorf("leave the host's network namespace: %v", err)
			return // the thread stays locked, and ends with its goroutine
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// outside makes the directory and the cgroups of a new world.
func outside() (env []string, files []*os.File, done func() error, err error) {
	if err := sweep(); err != nil {
		return nil, nil, nil, err
	}
	name := fmt.Sprintf("%s%d", dirName, os.Getpid())
	dir := filepath.Join(tempDir, name)
	for _, sub := range []string{"data", "etc", "etc.work", "lib", "lib.work"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, nil, nil, err
		}
	}
	all, err := hierarchy.Mounted()
	if err != nil {
		return nil, nil, nil, err
	}
	done = func() error { return errors.Join(all.Remove(name), os.RemoveAll(dir)) }
	if err := all.Make(name); err != nil {
		return nil, nil, nil, errors.Join(err, done())
	}
	host, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, nil, nil, errors.Join(err, done())
	}
	return []string{dirEnv + "=" + dir}, []*os.File{host}, done, nil
}

// sweep removes what a killed run left: worlds whose maker is gone.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(tempDir, dirName+"*"))
	if err != nil {
		return err
	}
	all, err := hierarchy.Mounted()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), dirName+"%d", &pid); err != nil || unix.Kill(pid, 0) == nil {
			continue
		}
		if err := errors.Join(all.Remove(filepath.Base(dir)), os.RemoveAll(dir)); err != nil {
			return fmt.Errorf("what an earlier run left: %w", err)
		}
	}
	return nil
}

// inside makes the world, on the thread that starts the tests.
func inside() error {
	dir := os.Getenv(dirEnv)
	all, err := hierarchy.Mounted()
	if err != nil {
		return err
	}
	if err := all.Enter(filepath.Base(dir)); err != nil {
		return err
	}
	if len(all.V1()) == 0 { // beside v1 programs are at the roots, as on a host
		if err := all.Descend(filepath.Base(dir)); err != nil {
			return err
		}
	}
	resolver, resolverErr := os.ReadFile("/etc/resolv.conf")
	for _, step := range []func() error{
		func() error { return mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "") },
		func() error { return mount("proc", "/proc", "proc", 0, "") },
		// Podman unmounts what the mount table has below /sys: nothing may be hidden there.
		func() error { return os.NewSyscallError("unmount /sys", unix.Unmount("/sys", unix.MNT_DETACH)) },
		func() error { return mount("sysfs", "/sys", "sysfs", 0, "") },
		all.Mount,
		func() error { return mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755") },
		func() error { return overlay("/etc", dir+"/etc") },
		func() error { return overlay("/var/lib", dir+"/lib") },
		func() error { return engineDirs(dir) },
		func() error { return mount("", "/", "", unix.MS_SHARED|unix.MS_REC, "") },
		loopbackUp,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if resolverErr == nil { // it may have been a link into /run
		if err := os.Remove("/etc/resolv.conf"); err != nil {
			return err
		}
		if err := os.WriteFile("/etc/resolv.conf", resolver, 0o644); err != nil {
			return err
		}
	}
	return saveBase(dir)
}

// overlay makes place a copy on write.
func overlay(place, upper string) error {
	return mount("overlay", place, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s.work", place, upper, upper))
}

// engineDirs gives the world what engines keep on a host, empty: what may grow
// large lies on the disk, and not on an overlay.
func engineDirs(dir string) error {
	for _, name := range []string{"docker", "containerd", "containers", "cni"} {
		etc, lib, data := "/etc/"+name, "/var/lib/"+name, filepath.Join(dir, "data", "lib-"+name)
		for _, d := range []string{etc, lib, data} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		if err := mount("tmpfs", etc, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
		if err := mount(data, lib, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	for _, d := range []string{"/run/lock", "/run/netns"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, target, err)
	}
	return nil
}

// loopbackUp does what `ip link set lo up` does.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

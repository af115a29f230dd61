//go:build clients

package podman

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"rt/tests/clients/world"
	"rt/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }

// The user of the rootless half. Its ids are those of nobody else in the world.
const (
	userName = "podtest"
	userID   = 4242
	userHome = "/home/" + userName
	userRun  = "/run/user/4242"
)

const image, infraImage = "localhost/bb", "localhost/infra"

// conf is the containers.conf of a run: what the runtime can do, and its path.
// Limits of the process are what the world has: raising them would need more
// than a test may have.
const conf = `[containers]
netns = "none"
init_path = "/usr/bin/tini-static"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
infra_image = "` + infraImage + `"
runtime = "under-test"
%s
[engine.runtimes]
under-test = [%q]
`

// podman gives --log to a runtime that is said to support JSON, and reads the
// stderr of the others.
const supports = `runtime_supports_json = ["under-test"]
runtime_supports_nocgroup = ["under-test"]`

// setUp makes what the world does not have: the user, the engine's
// configuration, a rootfs and its tar.
func setUp(t *testing.T) *site {
	t.Helper()
	harness.Need(t, "podman", "buildah", "conmon", "slirp4netns", "fuse-overlayfs", "newuidmap", "tini-static", "setpriv", "tar")
	// conmon tells of a lack of memory there as well, in the host's own root.
	const oom = "/oom"
	if _, err := os.Lstat(oom); os.IsNotExist(err) {
		t.Cleanup(func() { _ = os.Remove(oom) })
	}
	s := &site{runtime: world.Runtime(t), dir: filepath.Join(world.Dir(), "podman")}
	const unified = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(unified); err == nil && filepath.Base(s.runtime) == "crun" {
		// It does not know a hybrid layout whose controllers are all in v1.
		must(t, unix.Unmount(unified, unix.MNT_DETACH))
		must(t, os.Remove(unified))
	}
	must(t, os.Mkdir(s.dir, 0o755))
	for _, podmans := range []string{"libpod_parent", parent, "/run/netns"} {
		world.Allow(t, podmans)
	}
	s.makeUser(t)
	for name, text := range map[string]string{
		"containers.conf": fmt.Sprintf(conf, supports, s.runtime),
		"storage.conf":    "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\ngraphroot = \"/var/lib/containers/storage\"\n",
		"policy.json":     `{"default":[{"type":"insecureAcceptAnything"}]}`,
		"registries.conf": "unqualified-search-registries = [\"localhost\"]\nshort-name-mode = \"permissive\"\n",
	} {
		must(t, os.WriteFile(filepath.Join("/etc/containers", name), []byte(text), 0o644))
	}
	s.makeImage(t)
	return s
}

// site is what both halves share.
type site struct {
	runtime string // path of the runtime under test
	dir     string // open to the user
	rootfs  string
	tar     string // of rootfs
}

func (s *site) makeImage(t *testing.T) {
	t.Helper()
	s.rootfs, s.tar = filepath.Join(s.dir, "rootfs"), filepath.Join(s.dir, "bb.tar")
	must(t, harness.Busybox(s.rootfs))
	harness.AddProbe(t, s.rootfs)
	for _, dir := range []string{"root", "home/user", "tmp", "proc", "sys", "dev", "mnt", "data"} {
		must(t, os.MkdirAll(filepath.Join(s.rootfs, dir), 0o755))
	}
	must(t, os.Chmod(filepath.Join(s.rootfs, "tmp"), 0o777|os.ModeSticky))
	for name, text := range map[string]string{
		"etc/passwd":   "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
		"etc/group":    "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n",
		"etc/hostname": "image\n",
		"bin/noexec":   "#!/bin/sh\n",
	} {
		must(t, os.WriteFile(filepath.Join(s.rootfs, name), []byte(text), 0o644))
	}
	world.Command(t, "tar", "-C", s.rootfs, "-cf", s.tar, ".").WantExit(t, 0)
}

// makeUser makes the user of the rootless half.
func (s *site) makeUser(t *testing.T) {
	t.Helper()
	for file, line := range map[string]string{
		"/etc/passwd": fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", userName, userID, userID, userHome),
		"/etc/group":  fmt.Sprintf("%s:x:%d:\n", userName, userID),
		"/etc/subuid": userName + ":200000:65536\n",
		"/etc/subgid": userName + ":200000:65536\n",
	} {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		must(t, err)
		_, err = f.WriteString(line)
		must(t, errors.Join(err, f.Close()))
	}
	homes := filepath.Join(s.dir, "home")
	must(t, os.MkdirAll(filepath.Join(homes, userName), 0o755))
	must(t, os.MkdirAll(userRun, 0o755))
	bind(t, homes, "/home")
	for _, dir := range []string{userHome, userRun} {
		must(t, os.Chmod(dir, 0o700))
		must(t, os.Chown(dir, userID, userID))
	}
	// For everybody, as udev makes them.
	for name, minor := range map[string]uint32{"/dev/net/tun": 200, "/dev/fuse": 229} {
		if _, err := os.Stat(name); err != nil {
			t.Fatalf("%s is missing: %v", name, err)
		}
		node := filepath.Join(s.dir, filepath.Base(name))
		must(t, unix.Mknod(node, unix.S_IFCHR, int(unix.Mkdev(10, minor))))
		must(t, os.Chmod(node, 0o666))
		bind(t, node, name)
	}
}

func bind(t testing.TB, source, place string) {
	t.Helper()
	must(t, unix.Mount(source, place, "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(place, unix.MNT_DETACH)) })
}

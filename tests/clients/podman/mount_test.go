//go:build clients

package podman

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"rt/tests/harness"
)

var mountChecks = []check{
	{"mounts/bind", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "a", "text\n")
		is(p.t, p.run("-v", dir+":/data", "cat /data/a; echo b >/data/b"), "text")
		if _, err := os.Stat(filepath.Join(dir, "b")); err != nil {
			p.t.Error(err)
		}
	}},
	{"mounts/bind-read-only", both, func(p *podman) {
		p.refuses(1, []string{"read-only"}, "run", "--rm", "-v", p.temp()+":/data:ro", image, "touch", "/data/b")
	}},
	{"mounts/bind-of-a-file", both, func(p *podman) {
		path := p.file(p.temp(), "a", "text\n")
		is(p.t, p.run("-v", path+":/made/for/it", "cat /made/for/it"), "text")
	}},
	{"mounts/bind-of-nothing", both, func(p *podman) {
		p.refuses(125, []string{"no such file"}, "run", "--rm", "-v", "/none/such:/data", image, "true")
	}},
	{"mounts/bind-options", both, func(p *podman) {
		out := p.run("-v", p.temp()+":/data:nosuid,nodev,noexec", "grep ' /data ' /proc/self/mounts")
		has(p.t, out, "nosuid,nodev,noexec")
	}},
	{"mounts/mount-flag", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "a", "text\n")
		is(p.t, p.run("--mount", "type=bind,src="+dir+",dst=/data,ro=true", "cat /data/a"), "text")
		has(p.t, p.run("--mount", "type=tmpfs,dst=/data,tmpfs-size=1m,tmpfs-mode=0700", "grep ' /data ' /proc/self/mounts; stat -c %a /data"), "size=1024k", "700")
	}},
	{"mounts/propagation", rootful, func(p *podman) {
		for mode, want := range map[string]string{"shared": "shared:", "slave": "master:", "private": ""} {
			dir := p.temp()
			must(p.t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
			p.t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			must(p.t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
			has(p.t, p.run("-v", dir+":/data:"+mode, "grep ' /data ' /proc/self/mountinfo | cut -d' ' -f7"), want)
		}
	}},
	{"mounts/appears-in-a-slave", rootful, func(p *podman) {
		dir := p.temp()
		must(p.t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
		defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
		must(p.t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
		must(p.t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
		name := p.sleeping("-v", dir+":/data:rslave")
		must(p.t, unix.Mount("tmpfs", filepath.Join(dir, "sub"), "tmpfs", 0, ""))
		defer func() { _ = unix.Unmount(filepath.Join(dir, "sub"), unix.MNT_DETACH) }()
		must(p.t, os.WriteFile(filepath.Join(dir, "sub/late"), nil, 0o644))
		is(p.t, p.ok("exec", name, "ls", "/data/sub"), "late")
	}},
	{"mounts/overlay", both, func(p *podman) {
		dir := p.temp()
		p.file(dir, "a", "text\n")
		is(p.t, p.run("-v", dir+":/data:O", "cat /data/a && touch /data/b && ls /data"), "text\na\nb")
		if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
			p.t.Error("the overlay's file is in the source")
		}
	}},
	{"mounts/chowned", both, func(p *podman) {
		is(p.t, p.run("-v", p.temp()+":/data:U", "--user", "1000:1000", "stat -c %u:%g /data && touch /data/mine && echo made"), "1000:1000\nmade")
	}},
	{"mounts/idmapped", rootful, func(p *podman) {
		dir := p.temp()
		p.file(dir, "a", "text\n")
		is(p.t, p.run("--uidmap", "0:300000:65536", "--gidmap", "0:300000:65536", "-v", dir+":/data:idmap", "stat -c %u:%g /data/a; touch /data/b"), "0:0")
		var st syscall.Stat_t
		must(p.t, syscall.Stat(filepath.Join(dir, "b"), &st))
		is(p.t, fmt.Sprint(st.Uid), "0")
	}},
	{"mounts/volume", both, func(p *podman) {
		volume := p.label()
		p.ok("volume", "create", volume)
		p.run("-v", volume+":/data", "echo kept >/data/a")
		is(p.t, p.run("-v", volume+":/data", "cat /data/a"), "kept")
		p.ok("volume", "rm", volume)
	}},
	{"mounts/volume-takes-the-images-files", both, func(p *podman) {
		volume := p.label()
		has(p.t, p.run("-v", volume+":/etc", "cat /etc/group"), "extra")
		p.ok("volume", "rm", volume)
	}},
	{"mounts/anonymous-volume", both, func(p *podman) {
		is(p.t, p.run("-v", "/data", "touch /data/a && ls /data"), "a")
	}},
	{"mounts/volumes-from", both, func(p *podman) {
		name := p.sleeping("-v", "/data")
		p.ok("exec", name, "touch", "/data/theirs")
		is(p.t, p.run("--volumes-from", name, "ls /data"), "theirs")
		p.ok("rm", "-f", "-v", "-t", "0", name)
	}},
	{"mounts/tmpfs", both, func(p *podman) {
		out := p.run("--tmpfs", "/data:size=2m,mode=1777", "grep ' /data ' /proc/self/mounts; stat -c %a /data")
		has(p.t, out, "size=2048k", "1777", "nosuid,nodev")
	}},
	{"mounts/image", both, func(p *podman) {
		is(p.t, p.run("--mount", "type=image,src="+image+",dst=/mnt", "cat /mnt/etc/hostname"), "image")
	}},
	{"mounts/devpts-and-proc", both, func(p *podman) {
		out := p.run("cut -d' ' -f2,3 /proc/self/mounts")
		has(p.t, out, "/proc proc\n", "/dev tmpfs\n", "/dev/pts devpts\n", "/dev/mqueue mqueue\n", "/sys sysfs\n", "/dev/shm tmpfs")
	}},
	{"mounts/hosts-files", both, func(p *podman) {
		has(p.t, p.run("--add-host", "there:10.1.2.3", "cat /etc/hosts"), "10.1.2.3\tthere")
		has(p.t, p.run("--dns", "10.9.8.7", "--network", "host", "cat /etc/resolv.conf; true"), "")
		has(p.t, p.run("cat /run/.containerenv; echo; ls /run/.containerenv"), "/run/.containerenv")
	}},
	{"mounts/vfs-storage", both, func(p *podman) {
		dir := p.temp()
		flags := []string{"--storage-driver", "vfs", "--root", dir + "/root", "--runroot", p.runroot("vfs")}
		vfs := func(args ...string) harness.Result {
			p.t.Helper()
			return p.do(append(flags, args...)...).WantExit(p.t, 0)
		}
		vfs("import", "-q", p.tar, image)
		is(p.t, vfs("run", "--rm", image, "sh", "-c", "touch /data/a && ls /data").Stdout, "a\n")
		vfs("rmi", "-f", image)
	}},
	{"mounts/fuse-overlayfs", rootless, func(p *podman) {
		dir := p.temp()
		flags := []string{"--storage-driver", "overlay", "--storage-opt", "overlay.mount_program=/usr/bin/fuse-overlayfs", "--root", dir + "/root", "--runroot", p.runroot("fuse")}
		fuse := func(args ...string) harness.Result {
			p.t.Helper()
			return p.do(append(flags, args...)...).WantExit(p.t, 0)
		}
		fuse("import", "-q", p.tar, image)
		is(p.t, fuse("run", "--rm", image, "sh", "-c", "touch /data/a && ls /data").Stdout, "a\n")
		fuse("rmi", "-f", image)
	}},
}

// runroot is a directory for what a storage has at run time: podman wants its
// name to be short.
func (p *podman) runroot(name string) string {
	p.t.Helper()
	dir := "/run"
	if p.rootless {
		dir = userRun
	}
	dir = filepath.Join(dir, name)
	must(p.t, os.Mkdir(dir, 0o700))
	p.own(dir)
	p.t.Cleanup(func() { must(p.t, os.RemoveAll(dir)) })
	return dir
}

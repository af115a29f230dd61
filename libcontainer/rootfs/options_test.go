package rootfs_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"rt/libcontainer/planner"
)

// kernelOptions turns a line of mountinfo into what the options asked for:
// the mount's and the superblock's words in one list.
func kernelOptions(m mounted) string {
	return m.Options + "," + m.Super
}

// Every option of runtime-spec's table and of ours, on the kind of mount where
// it has an effect, observed in mountinfo. want lists words that must be
// there, with a "-" in front those that must not.
func TestEveryMountOption(t *testing.T) {
	type row struct {
		kind    string // tmpfs, bind: of a plain mount; sub: rbind with a mount below, looked at there
		options string
		want    string
	}
	table := []row{
		{"tmpfs", "sync,async", "-sync"},
		{"tmpfs", "sync", "sync"},
		{"tmpfs", "dirsync", "dirsync"},
		{"tmpfs", "lazytime", "lazytime"},
		{"tmpfs", "lazytime,nolazytime", "-lazytime"},
		{"tmpfs", "mand", "-ro"}, // a no-op since Linux 5.15
		{"tmpfs", "mand,nomand", "-mand"},
		{"tmpfs", "iversion", "rw"}, // shown by no file of procfs
		{"tmpfs", "iversion,nosuid,nodev,noexec,noatime,nodiratime,sync,size=64k", "nosuid,nodev,noexec,noatime,nodiratime,sync,size=64k"},
		{"tmpfs", "iversion,noiversion", "rw"},
		{"tmpfs", "silent", "rw"},
		{"tmpfs", "silent,loud", "rw"},
		{"tmpfs", "defaults", "rw,relatime,-nosuid,-nodev,-noexec,-sync"},
		{"tmpfs", "ro", "ro"},
		{"tmpfs", "ro,rw", "rw,-ro"},
		{"tmpfs", "rw,ro", "ro"},
		{"tmpfs", "rro", "ro"},
		{"tmpfs", "nosuid", "nosuid"},
		{"tmpfs", "nosuid,suid", "-nosuid"},
		{"tmpfs", "nodev", "nodev"},
		{"tmpfs", "nodev,dev", "-nodev"},
		{"tmpfs", "noexec", "noexec"},
		{"tmpfs", "noexec,exec", "-noexec"},
		{"tmpfs", "noatime", "noatime,-relatime"},
		{"tmpfs", "noatime,atime", "-noatime,relatime"},
		{"tmpfs", "strictatime", "-relatime,-noatime"},
		{"tmpfs", "strictatime,nostrictatime", "relatime"},
		{"tmpfs", "strictatime,relatime", "relatime"},
		{"tmpfs", "strictatime,noatime", "noatime"},
		{"tmpfs", "relatime,norelatime", "relatime"}, // the kernel's default
		{"tmpfs", "nodiratime", "nodiratime"},
		{"tmpfs", "nodiratime,diratime", "-nodiratime"},
		{"tmpfs", "nosymfollow", "nosymfollow"},
		{"tmpfs", "nosymfollow,symfollow", "-nosymfollow"},
		{"tmpfs", "size=128k,mode=700,nr_inodes=99", "size=128k,mode=700,nr_inodes=99"},
		{"tmpfs", "size=64k,size=128k", "size=128k"},
		{"bind", "ro", "ro"},
		{"bind", "mode=700,size=1k,strictatime,nosuid", "nosuid,-noatime,-relatime"},
		{"bind", "nocopy,copy,volume-opt=a=b,nosuid", "nosuid"},
		{"bind", "sync,iversion,lazytime,dirsync", "-sync,-dirsync"},
		{"bind", "noatime,nodev,noexec,nosuid,nosymfollow,nodiratime", "noatime,nodev,noexec,nosuid,nosymfollow,nodiratime"},
		{"bind", "rro", "ro"},
		{"bind", "rrw,ro", "rw"},
		// The source is mounted noatime,nosuid,nodev,noexec,nodiratime,nosymfollow.
		{"bind", "", "noatime,nosuid,nodev,noexec,nodiratime,nosymfollow"},
		{"bind", "suid,dev,exec,diratime,symfollow,atime", "-nosuid,-nodev,-noexec,-nodiratime,-nosymfollow,-noatime"},
		{"sub", "ro,noexec", "-ro,noatime"},
		{"sub", "rro", "ro"},
		{"sub", "rro,rrw", "-ro"},
		{"sub", "rsuid", "-nosuid"},
		{"sub", "rsuid,rnosuid", "nosuid"},
		{"sub", "rdev", "-nodev"},
		{"sub", "rdev,rnodev", "nodev"},
		{"sub", "rexec", "-noexec"},
		{"sub", "rexec,rnoexec", "noexec"},
		{"sub", "rdiratime", "-nodiratime"},
		{"sub", "rdiratime,rnodiratime", "nodiratime"},
		{"sub", "rsymfollow", "-nosymfollow"},
		{"sub", "rsymfollow,rnosymfollow", "nosymfollow"},
		{"sub", "ratime", "-noatime"},
		{"sub", "rrelatime", "relatime,-noatime"},
		{"sub", "rrelatime,rnorelatime", "noatime"}, // as at the source
		{"sub", "rstrictatime", "-relatime,-noatime"},
		{"sub", "rstrictatime,rnostrictatime", "noatime"},
		{"sub", "rrelatime,rnoatime", "noatime"},
		{"opt", "private", ""}, {"opt", "rprivate", ""},
		{"opt", "slave", ""}, {"opt", "rslave", ""},
		{"opt", "shared", "shared"}, {"opt", "rshared", "shared"},
		{"opt", "unbindable", "unbindable"}, {"opt", "runbindable", "unbindable"},
		{"opt", "shared,slave", ""}, {"opt", "shared,private,shared", "shared"},
	}
	base, root := newRoot(t)
	source := filepath.Join(base, "source")
	write(t, filepath.Join(source, "sub", "file"), "")
	s := newSpec(root, procMount())
	for i, row := range table {
		m := specs.Mount{Destination: "/m/" + string(rune('A'+i/26)) + string(rune('a'+i%26)), Type: "tmpfs", Source: "tmpfs"}
		if row.options != "" {
			m.Options = strings.Split(row.options, ",")
		}
		switch row.kind {
		case "bind":
			m.Type, m.Source = "", source
			m.Options = append(m.Options, "bind")
		case "sub":
			m.Type, m.Source = "none", source
			m.Options = append([]string{"rbind"}, m.Options...)
		}
		s.Mounts = append(s.Mounts, m)
	}
	// The source must be a mount with a mount below; both are made in a
	// namespace that the container's parent, this process's child, runs in.
	rep := inSource(t, &job{Spec: s, Share: source})
	for i, row := range table {
		point := s.Mounts[i+1].Destination
		if row.kind == "sub" {
			point += "/sub"
		}
		m := rep.at(point)
		if m.Point == "" {
			t.Errorf("%s %q: not mounted", row.kind, row.options)
			continue
		}
		if row.kind == "opt" {
			got, _, _ := strings.Cut(m.Optional, ":")
			if got != row.want {
				t.Errorf("%q: propagation %q, want %q", row.options, m.Optional, row.want)
			}
			continue
		}
		for _, w := range strings.Split(row.want, ",") {
			word, not := strings.CutPrefix(w, "-")
			list := kernelOptions(m)
			if row.kind != "tmpfs" || word == "ro" || word == "rw" {
				list = m.Options
			}
			if has(list, word) == not {
				t.Errorf("%s %q: mountinfo shows %q, want %q", row.kind, row.options, kernelOptions(m), row.want)
				break
			}
		}
	}
	// The table is whole.
	seen := map[string]bool{
		// These have tests of their own.
		"bind": true, "rbind": true, "remount": true, "tmpcopyup": true, "idmap": true, "ridmap": true,
		"copy-symlink": true, "src-nofollow": true, "dest-nofollow": true,
	}
	for _, row := range table {
		for _, o := range strings.Split(row.options, ",") {
			seen[o] = true
		}
	}
	for _, o := range planner.MountOptions() {
		if !seen[o] {
			t.Errorf("option %q is not tested", o)
		}
	}
}

// inSource runs the container as a grandchild; the child's mount namespace has
// a tmpfs with every attribute on Share and one on Share/sub.
func inSource(t *testing.T, j *job) report {
	t.Helper()
	rep := trySource(t, j)
	if rep.Err != "" {
		t.Fatalf("%s: %s", rep.Stage, rep.Err)
	}
	return rep
}

// trySource is inSource for a container that need not come up.
func trySource(t *testing.T, j *job) report {
	t.Helper()
	needRoot(t)
	rep, err := spawn("source", j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func sourceHost(j *job) report {
	if err := leaveHost(); err != nil {
		return report{Err: err.Error()}
	}
	const flags = unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOSYMFOLLOW
	for _, dir := range []string{j.Share, filepath.Join(j.Share, "sub")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return report{Err: err.Error()}
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "mode=755"); err != nil {
			return report{Err: err.Error()}
		}
	}
	rep, err := startContainer(j)
	if err != nil {
		return report{Err: err.Error()}
	}
	return rep
}

func TestRemountOption(t *testing.T) {
	_, root := newRoot(t)
	rep := mustRun(t, &job{Spec: newSpec(root, procMount(),
		specs.Mount{Destination: "/a", Type: "tmpfs", Options: []string{"nosuid", "size=64k", "noatime"}},
		specs.Mount{Destination: "/a", Type: "tmpfs", Options: []string{"remount", "nodev", "size=128k", "sync"}},
		specs.Mount{Destination: "/b", Type: "tmpfs", Options: []string{"nosuid", "size=64k"}},
		specs.Mount{Destination: "/b", Options: []string{"remount", "bind", "ro", "size=128k"}},
	)})
	a, b := rep.at("/a"), rep.at("/b")
	if o := kernelOptions(a); has(o, "nosuid") || !has(o, "nodev") || !has(o, "size=128k") || !has(o, "sync") || !has(o, "noatime") {
		t.Errorf("/a is %s", o)
	}
	if o := kernelOptions(b); has(b.Options, "nosuid") || !has(b.Options, "ro") || !has(o, "size=64k") || !has(b.Super, "rw") {
		t.Errorf("/b is %s", o)
	}
	rep = run(t, &job{Spec: newSpec(root, specs.Mount{Destination: "/data", Options: []string{"remount", "bind", "ro"}})})
	if !strings.Contains(rep.Err, "mounts[0] /data: remount: invalid argument") {
		t.Errorf("remount of no mount: %q", rep.Err)
	}
}

func TestTmpfsMode(t *testing.T) {
	_, root := newRoot(t)
	os.Mkdir(root+"/sticky", 0o755)
	os.Chmod(root+"/sticky", 0o711|os.ModeSticky)
	rep := mustRun(t, &job{Spec: newSpec(root,
		specs.Mount{Destination: "/sticky", Type: "tmpfs"},
		specs.Mount{Destination: "/new/dir", Type: "tmpfs"},
		specs.Mount{Destination: "/given", Type: "tmpfs", Options: []string{"mode=0700,uid=5,gid=6"}},
		specs.Mount{Destination: "/sealed", Type: "tmpfs", Options: []string{"ro"}},
		specs.Mount{Destination: "/sealed/below", Type: "tmpfs"},
	), Look: []string{"/sticky", "/new", "/new/dir", "/given"}, Write: []string{"/sealed/x", "/sealed/below/x"}})
	for p, want := range map[string]string{"/sticky": "41711", "/new": "40755", "/new/dir": "41777", "/given": "40700"} {
		if got := rep.Look[p].Mode; got != want {
			t.Errorf("%s: mode %s, want %s", p, got, want)
		}
	}
	if g := rep.Look["/given"]; g.UID != 5 || g.GID != 6 {
		t.Errorf("/given belongs to %d:%d", g.UID, g.GID)
	}
	if rep.Write["/sealed/x"] != "EROFS" || rep.Write["/sealed/below/x"] != "ok" {
		t.Errorf("writes: %v", rep.Write)
	}
}

func TestBindKinds(t *testing.T) {
	base, root := newRoot(t)
	write(t, base+"/src/file", "file")
	write(t, root+"/etc/there", "old")
	os.Symlink("../run/systemd/resolve.conf", root+"/etc/resolv.conf") // dangling, as in many images
	os.Symlink("file", base+"/src/link")
	os.Symlink("/data", root+"/etc/alias")
	j := &job{Spec: newSpec(root, procMount(),
		specs.Mount{Destination: "/etc/there", Source: base + "/src/file", Options: []string{"bind"}},
		specs.Mount{Destination: "/etc/resolv.conf", Source: "src/file", Type: "bind"},
		specs.Mount{Destination: "/deep/er/file", Source: base + "/src/file", Options: []string{"rbind", "ro"}},
		specs.Mount{Destination: "deep/dir", Source: base + "/src", Options: []string{"rbind"}},
		specs.Mount{Destination: "/copied", Source: base + "/src/link", Options: []string{"bind", "copy-symlink"}},
		specs.Mount{Destination: "/plain", Source: base + "/src/file", Options: []string{"bind", "copy-symlink"}},
		specs.Mount{Destination: "/etc/alias", Source: base + "/src/link", Options: []string{"bind", "src-nofollow", "dest-nofollow"}},
		specs.Mount{Destination: "/proc/uptime", Source: base + "/src/file", Options: []string{"bind"}},
	),
		Opts: planner.Options{Bundle: base},
		Read: []string{"/etc/there", "/run/systemd/resolve.conf", "/deep/er/file", "/deep/dir/file", "/plain", "/proc/uptime"},
		Look: []string{"/deep/er/file", "/deep/dir", "/copied", "/etc/alias"}, Write: []string{"/deep/er/file"}}
	rep := mustRun(t, j)
	for _, p := range j.Read {
		if rep.Read[p] != "file" {
			t.Errorf("%s: %q", p, rep.Read[p])
		}
	}
	if got := rep.Look["/copied"].Target; got != "file" {
		t.Errorf("/copied leads to %q", got)
	}
	if got := rep.Look["/etc/alias"].Target; got != "file" {
		t.Errorf("/etc/alias leads to %q, want the link that is bound over it", got)
	}
	if rep.Write["/deep/er/file"] != "EROFS" {
		t.Errorf("ro bind: %v", rep.Write)
	}
	if st, err := os.Stat(root + "/deep/er"); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("made directory: %v %v", st, err)
	}
}

// Overlay with more layers than one value of fsconfig holds.
func TestOverlay(t *testing.T) {
	base, root := newRoot(t)
	var lower []string
	for i := range 12 {
		d := filepath.Join(base, "layer-with-a-rather-long-name", string(rune('a'+i)))
		write(t, filepath.Join(d, string(rune('a'+i))), "layer")
		lower = append(lower, d)
	}
	slices.Reverse(lower)
	for _, d := range []string{"upper", "work"} {
		os.MkdirAll(filepath.Join(base, d), 0o755)
	}
	rep := mustRun(t, &job{Spec: newSpec(root, procMount(),
		specs.Mount{Destination: "/few", Type: "overlay", Source: "overlay", Options: []string{"lowerdir=" + lower[0] + ":" + lower[1]}},
		specs.Mount{Destination: "/many", Type: "overlay", Source: "overlay", Options: []string{
			"lowerdir=" + strings.Join(lower, ":"), "upperdir=" + base + "/upper", "workdir=" + base + "/work"}},
	), Read: []string{"/few/l", "/few/k", "/many/a", "/many/l"}, Write: []string{"/few/x", "/many/x"}})
	for p, text := range rep.Read {
		if text != "layer" {
			t.Errorf("%s: %q", p, text)
		}
	}
	if rep.Write["/few/x"] != "EROFS" || rep.Write["/many/x"] != "ok" {
		t.Errorf("writes: %v", rep.Write)
	}
	// The place where the old call had to land is gone again.
	for line := range strings.Lines(rep.Mountinfo) {
		if m := parseMount(line); m.Type == "tmpfs" {
			t.Errorf("left over: %s", line)
		}
	}
}

func TestIDMap(t *testing.T) {
	base, root := newRoot(t)
	write(t, base+"/src/file", "x")
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}}
	s := newSpec(root, procMount(),
		specs.Mount{Destination: "/mapped", Source: base + "/src", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: ids},
		specs.Mount{Destination: "/ridmapped", Source: base + "/src", Options: []string{"rbind", "ridmap"}, UIDMappings: ids, GIDMappings: ids},
		specs.Mount{Destination: "/plain", Source: base + "/src", Options: []string{"bind"}},
	)
	rep := mustRun(t, &job{Spec: s, Look: []string{"/mapped/file", "/ridmapped/file", "/plain/file"}})
	for p, want := range map[string]uint32{"/mapped/file": 100000, "/ridmapped/file": 100000, "/plain/file": 0} {
		if f := rep.Look[p]; f.UID != want || f.GID != want {
			t.Errorf("%s belongs to %d:%d, want %d", p, f.UID, f.GID, want)
		}
	}
	// In a user namespace with the same mapping the files are root's again.
	userNamespace(s)
	chownAll(t, root)
	rep = mustRun(t, &job{Spec: s, Look: []string{"/mapped/file", "/plain/file"}})
	if a, b := rep.Look["/mapped/file"], rep.Look["/plain/file"]; a.UID != 0 || b.UID != 65534 {
		t.Errorf("in the user namespace: mapped %+v plain %+v", a, b)
	}
}

func TestCopyUp(t *testing.T) {
	base, root := newRoot(t)
	write(t, base+"/outside", "secret")
	d := root + "/data"
	write(t, d+"/a/b/file", "text")
	os.Lchown(d+"/a/b/file", 7, 8)
	unix.Chmod(d+"/a/b/file", 0o4711)
	os.Symlink(base+"/outside", d+"/link")
	unix.Mkfifo(d+"/fifo", 0o640)
	unix.Mknod(d+"/null", unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	if err := unix.Setxattr(d+"/a/b/file", "trusted.test", []byte("v"), 0); err != nil {
		t.Log("trusted xattrs:", err)
	}
	os.Chmod(d, 0o710)
	os.Lchown(d, 3, 4)
	rep := mustRun(t, &job{Spec: newSpec(root, specs.Mount{Destination: "/data", Type: "tmpfs", Options: []string{"tmpcopyup", "ro"}}),
		Look: []string{"/data", "/data/a/b/file", "/data/link", "/data/fifo", "/data/null"}, Read: []string{"/data/a/b/file"},
		Write: []string{"/data/a/b/file"}})
	want := map[string]found{
		"/data":          {Mode: "40710", UID: 3, GID: 4, Size: rep.Look["/data"].Size},
		"/data/a/b/file": {Mode: "104711", UID: 7, GID: 8, Size: 4},
		"/data/link":     {Mode: "120777", Target: base + "/outside", Size: int64(len(base) + 8)},
		"/data/fifo":     {Mode: "10640"},
		"/data/null":     {Mode: "20600", Rdev: "1:3"},
	}
	for p, w := range want {
		if rep.Look[p] != w {
			t.Errorf("%s: %+v, want %+v", p, rep.Look[p], w)
		}
	}
	if rep.Read["/data/a/b/file"] != "text" || rep.Write["/data/a/b/file"] != "EROFS" {
		t.Errorf("content %v, write %v", rep.Read, rep.Write)
	}
}

// What is mounted in a container reaches the host if, and only if, shared is
// asked for.
func TestPropagationToHost(t *testing.T) {
	needRoot(t)
	for mode, want := range map[string]bool{"": false, "slave": false, "private": false, "rslave": false, "shared": true, "rshared": true} {
		base, root := newRoot(t)
		os.MkdirAll(base+"/vol", 0o755)
		s := newSpec(root, procMount(), specs.Mount{Destination: "/vol", Source: base + "/vol", Options: []string{"rbind", "rshared"}})
		s.Linux.RootfsPropagation = mode
		rep, err := spawn("shared", &job{Spec: s, Share: base, Remount: "/vol/new"}, nil)
		if err != nil || rep.Err != "" {
			t.Fatalf("%q: %v %s: %s", mode, err, rep.Stage, rep.Err)
		}
		if rep.Extra != "ok" {
			t.Errorf("%q: mount in the container: %s", mode, rep.Extra)
		}
		if got := strings.Contains(rep.Host, base+"/vol/new"); got != want || !want && rep.Host != "" || strings.Contains(rep.Host, "rootfs") {
			t.Errorf("%q: on the host has appeared %q", mode, rep.Host)
		}
		root2 := rep.at("/")
		switch mode {
		case "shared", "rshared":
			if !strings.HasPrefix(root2.Optional, "shared:") || strings.Contains(root2.Optional, "master:") {
				t.Errorf("%q: / is %q", mode, root2.Optional)
			}
		case "", "slave", "rslave":
			if !strings.HasPrefix(root2.Optional, "master:") {
				t.Errorf("%q: / is %q", mode, root2.Optional)
			}
		default:
			if root2.Optional != "" {
				t.Errorf("%q: / is %q", mode, root2.Optional)
			}
		}
	}
}

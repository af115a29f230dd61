package cgroups

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const (
	errNoEnt = unix.ENOENT
	errNoDev = unix.ENODEV
)

func TestParseLayout(t *testing.T) {
	for _, tc := range []struct {
		name, own, mounts string
		want              *Layout
	}{
		{"v1, controllers mounted together",
			"4:name=systemd:/u/s.scope\n3:cpu,cpuacct:/a:b\n2:memory:/\n",
			`20 1 0:20 / /sys rw - sysfs sysfs rw
30 20 0:27 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:28 / /sys/fs/cgroup/systemd rw shared:1 master:2 - cgroup cgroup rw,xattr,name=systemd
32 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:30 / /sys/fs/cgroup/mem\040ory rw - cgroup cgroup rw,memory
`, &Layout{Mode: "v1", Hierarchies: []Hierarchy{
				{Name: "systemd", Controllers: []string{"name=systemd"}, Options: "none,name=systemd", Mountpoint: "/sys/fs/cgroup/systemd", OwnPath: "/u/s.scope"},
				{Name: "cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Options: "cpu,cpuacct", Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", OwnPath: "/a:b"},
				{Name: "mem ory", Controllers: []string{"memory"}, Options: "memory", Mountpoint: "/sys/fs/cgroup/mem ory", OwnPath: "/"},
			}}},
		{"hybrid in a container that sees its own part",
			"1:pids:/docker/abc/sub\n0::/docker/abc\n",
			`31 30 0:28 /docker/abc /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
32 30 0:29 /docker/abc /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`, &Layout{Mode: "hybrid", Unified: "/sys/fs/cgroup/unified", Hierarchies: []Hierarchy{
				{Name: "pids", Controllers: []string{"pids"}, Options: "pids", Mountpoint: "/sys/fs/cgroup/pids", OwnPath: "/sub"},
				{Name: "unified", Mountpoint: "/sys/fs/cgroup/unified", OwnPath: "/", V2: true},
			}}},
		{"v2 elsewhere", "0::/x\n", "31 30 0:28 / /cg rw - cgroup2 none rw\n",
			&Layout{Mode: "v2", Unified: "/cg", Hierarchies: []Hierarchy{{Mountpoint: "/cg", OwnPath: "/x", V2: true}}}},
		{"covered by a tmpfs", "1:pids:/\n0::/\n",
			`40 1 0:2 / / rw - ext4 /dev/x rw
31 40 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
32 40 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 32 0:33 / /sys/fs/cgroup/unified rw - tmpfs none rw
`, &Layout{Mode: "v1", Hierarchies: []Hierarchy{
				{Name: "pids", Controllers: []string{"pids"}, Options: "pids", Mountpoint: "/sys/fs/cgroup/pids", OwnPath: "/"}}}},
		{"covered from above", "1:pids:/\n",
			`40 1 0:2 / / rw - ext4 /dev/x rw
30 40 0:27 / /sys/fs/cgroup rw - tmpfs none rw
31 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
35 40 0:33 / /sys rw - tmpfs none rw
`, &Layout{Mode: "v1"}},
		{"two mounts, one from outside of the cgroup namespace", "1:pids:/\n0::/a\n",
			`31 30 0:28 /.. /mnt/outside rw - cgroup cgroup rw,pids
32 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 30 0:29 /b /mnt/b rw - cgroup2 cgroup2 rw
34 30 0:29 /a /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`, &Layout{Mode: "hybrid", Unified: "/sys/fs/cgroup/unified", Hierarchies: []Hierarchy{
				{Name: "pids", Controllers: []string{"pids"}, Options: "pids", Mountpoint: "/sys/fs/cgroup/pids", OwnPath: "/"},
				{Name: "unified", Mountpoint: "/sys/fs/cgroup/unified", OwnPath: "/", V2: true},
			}}},
		{"nothing", "0::/\n", "", &Layout{Mode: "v1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, parseLayout(tc.own, tc.mounts)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestContainerDir(t *testing.T) {
	h := &Hierarchy{Mountpoint: "/sys/fs/cgroup/pids", OwnPath: "/a/b"}
	for _, tc := range []struct{ mode, path, want string }{
		{"v1", "", "/sys/fs/cgroup/pids/a/b/web1"},
		{"v1", "x/y", "/sys/fs/cgroup/pids/a/b/x/y"},
		{"v1", "/x/y/", "/sys/fs/cgroup/pids/x/y"},
		{"v1", "../../../etc", "/sys/fs/cgroup/pids/a/b/etc"},
		{"v1", "/../../etc", "/sys/fs/cgroup/pids/etc"},
		{"v1", "x/../../y", "/sys/fs/cgroup/pids/a/b/y"},
		{"v1", "slice:rt:web1", "/sys/fs/cgroup/pids/a/b/slice:rt:web1"},
		{"v2", "", "/sys/fs/cgroup/pids/a/web1"},
		{"v2", "/x", "/sys/fs/cgroup/pids/x"},
		{"v1", "/", ""},
		{"v1", ".", ""},
		{"v1", "x/..", ""},
		{"v1", "a\x00b", ""},
		{"v1", "a\nb", ""},
	} {
		got, err := containerDir(h, tc.mode, Options{ID: "web1", Path: tc.path})
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s %q: got %q, %v, want %q", tc.mode, tc.path, got, err, tc.want)
		}
	}
	top := &Hierarchy{Mountpoint: "/sys/fs/cgroup", OwnPath: "/"}
	if got, _ := containerDir(top, "v2", Options{ID: "web1"}); got != "/sys/fs/cgroup/web1" {
		t.Error(got)
	}
}

func FuzzContainerDir(f *testing.F) {
	f.Add("../x", "/own")
	f.Add("0", "..")
	f.Fuzz(func(t *testing.T, unsafePath, own string) {
		h := &Hierarchy{Mountpoint: "/mnt", OwnPath: "/" + own}
		for _, mode := range []string{"v1", "v2"} {
			dir, err := containerDir(h, mode, Options{ID: "id", Path: unsafePath})
			if err == nil && (!strings.HasPrefix(dir, "/mnt/") || strings.Contains(dir+"/", "/../")) {
				t.Fatalf("%q -> %q", unsafePath, dir)
			}
		}
	})
}

func FuzzParseLayout(f *testing.F) {
	f.Add("1:pids:/\n0::/\n", "31 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n")
	f.Fuzz(func(t *testing.T, own, mounts string) {
		for _, h := range parseLayout(own, mounts).Hierarchies {
			if !strings.HasPrefix(h.OwnPath, "/") {
				t.Fatalf("%+v", h)
			}
		}
	})
}

func TestLoad(t *testing.T) {
	l := &Layout{Mode: ManagerHybrid, Unified: "/u", Hierarchies: []Hierarchy{
		{Controllers: []string{"cpu", "cpuacct"}, Mountpoint: "/c", OwnPath: "/"}, {Mountpoint: "/u", OwnPath: "/o", V2: true}}}
	m, err := newOn(l, Options{ID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := Record{Manager: "hybrid", Paths: map[string]string{"cpu": "/c/x", "cpuacct": "/c/x", "": "/u/o/x"}}
	if d := cmp.Diff(want, m.Record()); d != "" {
		t.Error(d)
	}
	loaded, err := LoadJSON([]byte(`{"manager":"hybrid","paths":{"cpu":"/c/x","cpuacct":"/c/x","":"/u/o/x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]group{{dir: "/u/o/x", v2: true}, {dir: "/c/x", controllers: []string{"cpu", "cpuacct"}}},
		loaded.(*manager).groups, cmp.AllowUnexported(group{})); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{`{`, `{"manager":"vX"}`, `{"manager":"v2","paths":{"":"relative"}}`, `{"manager":"v2","paths":{"":"/a/../b"}}`} {
		if _, err := LoadJSON([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

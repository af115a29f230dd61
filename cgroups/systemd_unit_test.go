package cgroups

import (
	"strings"
	"testing"

	"rt/libcontainer/fault"
)

func TestParseUnitName(t *testing.T) {
	for _, test := range []struct {
		path, id   string
		rootless   bool
		unit, dir  string
		slice, err string
	}{
		{path: "", id: "web", unit: "rt-web.scope", slice: "system.slice", dir: "/system.slice/rt-web.scope"},
		{path: "", id: "web", rootless: true, unit: "rt-web.scope", slice: "user.slice", dir: "/user.slice/rt-web.scope"},
		{path: "", id: "a+b.c", unit: `rt-a\x2bb.c.scope`, slice: "system.slice", dir: `/system.slice/rt-a\x2bb.c.scope`},
		{path: "system.slice:docker:0123", unit: "docker-0123.scope", slice: "system.slice", dir: "/system.slice/docker-0123.scope"},
		{path: ":libpod:x", unit: "libpod-x.scope", slice: "system.slice", dir: "/system.slice/libpod-x.scope"},
		{path: "m.slice::x", unit: "x.scope", slice: "m.slice", dir: "/m.slice/x.scope"},
		{path: "kubepods-burstable-pod1_2.slice:cri:x", unit: "cri-x.scope", slice: "kubepods-burstable-pod1_2.slice",
			dir: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-x.scope"},
		{path: "-.slice:rt:x", unit: "rt-x.scope", slice: "-.slice", dir: "/rt-x.scope"},
		{path: "::a-b.slice", unit: "a-b.slice", slice: "system.slice", dir: "/a.slice/a-b.slice"},

		{path: "/foo", err: `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/foo" instead`},
		{path: "a:b:c:d", err: "slice:prefix:name"},
		{path: "a:b:c", err: `"a" is no name of a slice`},
		{path: "a--b.slice:b:c", err: "is no name of a slice"},
		{path: "-a.slice:b:c", err: "is no name of a slice"},
		{path: "a-.slice:b:c", err: "is no name of a slice"},
		{path: ".slice:b:c", err: "is no name of a slice"},
		{path: "a/../b.slice:b:c", err: "is no name of a slice"},
		{path: "::", err: "has no name"},
		{path: "::.slice", err: "has no name"},
		{path: "::-.slice", err: "is no slice that a container can have"},
		{path: ":a:b/../../c", err: "is no name of a unit"},
		{path: ":a:b\n", err: "is no name of a unit"},
		{path: "::.x", err: "is no name of a unit"},
		{path: ":a:" + strings.Repeat("x", 250), err: "is no name of a unit"},
	} {
		n, err := parseUnitName(test.path, test.id, test.rootless)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) || !strings.HasPrefix(err.Error(), "cgroup: linux.cgroupsPath: ") {
				t.Errorf("%q: error %v, want %q", test.path, err, test.err)
			}
			continue
		}
		if err != nil || n.unit != test.unit || n.slice != test.slice || n.dir() != test.dir {
			t.Errorf("%q: %+v in %s, %v; want %s in %s", test.path, n, n.dir(), err, test.unit, test.dir)
		}
	}
}

func TestUnitPath(t *testing.T) {
	for unit, want := range map[string]string{
		"rt-web.scope": "rt_2dweb_2escope", "0a.slice": "_30a_2eslice", `rt-a\x2b.scope`: "rt_2da_5cx2b_2escope", "a_b": "a_5fb",
	} {
		if got := unitPath(unit); got != "/org/freedesktop/systemd1/unit/"+want {
			t.Errorf("%s is %s, want …/%s", unit, got, want)
		}
	}
}

func TestLoadRefusesUnitName(t *testing.T) {
	_, err := Load(Record{Manager: ManagerV2, Paths: map[string]string{"": "/sys/fs/cgroup/x"}, Unit: &UnitRecord{Name: "a/b"}})
	if err == nil || !strings.Contains(err.Error(), `unit "a/b"`) {
		t.Errorf("load: %v", err)
	}
}

func FuzzParseUnitName(f *testing.F) {
	for _, s := range []string{"", "system.slice:rt:x", "a-b.slice::c.slice", "-.slice:a:b", ":::"} {
		f.Add(s, "id")
	}
	f.Fuzz(func(t *testing.T, path, id string) {
		n, err := parseUnitName(path, id, false)
		if err != nil {
			if fault.Hint(err) == "" && !strings.Contains(err.Error(), "no slice that") {
				t.Errorf("%q: no hint: %v", path, err)
			}
			return
		}
		dir := n.dir()
		if !validUnitName(n.unit) || !strings.HasPrefix(dir, "/") || strings.Contains(dir+"/", "/../") || strings.Contains(dir, "//") {
			t.Errorf("%q, %q: unit %q in %q", path, id, n.unit, dir)
		}
	})
}

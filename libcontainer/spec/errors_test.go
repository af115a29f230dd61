package spec

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestErrorsText(t *testing.T) {
	one := Errors{{Path: "linux.uidMappings[0].size", Msg: "must be > 0"}}
	two := append(one, FieldError{Path: "root", Msg: "must be set", Hint: "do"})
	if got, want := one.Error(), "invalid configuration: linux.uidMappings[0].size: must be > 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := "invalid configuration: 2 errors\n  linux.uidMappings[0].size: must be > 0\n  root: must be set (do)"
	if got := two.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// wrongEverywhere has one error in nearly every section.
const wrongEverywhere = `{
	"ociVersion": "x",
	"process": {"terminal": true, "consoleSize": {"height": 70000, "width": 1}, "user": {"uid": 0, "gid": 0, "umask": 9999}, "cwd": "x",
		"rlimits": [{"type": "X"}], "oomScoreAdj": 5000, "scheduler": {"policy": "X"}, "ioPriority": {"class": "IOPRIO_CLASS_RT", "priority": 9},
		"execCPUAffinity": {"initial": "x", "final": "y"}},
	"hostname": "h", "domainname": "d",
	"mounts": [{"destination": "/a", "type": "tmpfs"}, {"destination": "", "source": "", "options": ["bind", "idmap"], "uidMappings": [{"size": 0}]}],
	"hooks": {"prestart": [{"path": "x", "timeout": 0}], "poststop": [{"path": ""}]},
	"annotations": {"": ""},
	"linux": {
		"uidMappings": [{"containerID": 0, "hostID": 0, "size": 0}],
		"sysctl": {"vm.b": "1", "vm.a": "1"},
		"resources": {"devices": [{"access": "x", "type": "x", "major": -2}], "memory": {"limit": -2, "swappiness": 200}, "cpu": {"idle": 5, "quota": 1, "burst": 2},
			"blockIO": {"weightDevice": [{"major": 0, "minor": 0}]}, "hugepageLimits": [{"pageSize": "x"}], "network": {"priorities": [{"name": ""}]},
			"rdma": {"a": {}}, "unified": {"x/y": ""}},
		"cgroupsPath": "..",
		"namespaces": [{"type": "x"}],
		"devices": [{"path": "x", "type": "x"}],
		"netDevices": {"e/e": {}},
		"seccomp": {"defaultAction": "x", "architectures": ["x"], "flags": ["x"], "listenerMetadata": "x", "syscalls": [{"names": [], "action": "x", "args": [{"index": 9, "op": "x"}]}]},
		"rootfsPropagation": "x", "maskedPaths": ["x"], "readonlyPaths": ["x"], "mountLabel": "\n",
		"intelRdt": {"closID": ".."}, "memoryPolicy": {"mode": "x", "nodes": "x", "flags": ["x"]}, "personality": {"domain": "x"}, "timeOffsets": {"x": {}}
	}
}`

func TestAllErrorsAtOnceInDocumentOrder(t *testing.T) {
	s, err := Decode([]byte(wrongEverywhere), "config.json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Validate(s, nil)
	var paths []string
	for _, e := range err.(Errors) {
		paths = append(paths, e.Path)
	}
	if len(paths) < 60 {
		t.Errorf("only %d errors: %q", len(paths), paths)
	}
	for i := 1; i < len(paths); i++ {
		if compareRanks(rank(t, paths[i-1]), rank(t, paths[i])) > 0 {
			t.Errorf("%s comes before %s", paths[i-1], paths[i])
		}
	}
}

// rank turns a JSON path into positions: of fields in the specification's
// structs, of elements in arrays, and names of map keys as they are.
func rank(t *testing.T, path string) (ranks []any) {
	typ := reflect.TypeFor[specs.Spec]()
	for path != "" {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if path[0] == '[' {
			inside, rest, _ := strings.Cut(path[1:], "]")
			if typ.Kind() == reflect.Map {
				ranks = append(ranks, inside)
			} else {
				ranks = append(ranks, len(inside)*1000+int(inside[0]))
			}
			typ, path = typ.Elem(), strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(path+".", ".[")
		f, ok := fieldOf(typ, path[:end])
		if !ok {
			t.Fatalf("%s: no field %q in %v", path, path[:end], typ)
		}
		for i, v := range reflect.VisibleFields(typ) {
			if v.Name == f.Name {
				ranks = append(ranks, i)
			}
		}
		typ, path = f.Type, strings.TrimPrefix(path[end:], ".")
	}
	return ranks
}

func compareRanks(a, b []any) int {
	for i := range min(len(a), len(b)) {
		if x, ok := a[i].(int); ok {
			if y := b[i].(int); x != y {
				return x - y
			}
		} else if c := strings.Compare(a[i].(string), b[i].(string)); c != 0 {
			return c
		}
	}
	return 0
}

func TestWarningsAndErrorsTogether(t *testing.T) {
	s := Default(false, true)
	s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/h", Env: []string{"X"}}}}
	s.Process.Cwd = ""
	warnings, err := Validate(s, nil)
	if len(warnings) != 1 || err == nil {
		t.Errorf("got %q, %v", warnings, err)
	}
}

func TestDefault(t *testing.T) {
	for _, rootless := range []bool{false, true} {
		s := Default(rootless, !rootless)
		if has := slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.CgroupNamespace }); has == rootless {
			t.Errorf("cgroup namespace %v, cgroup v2 alone %v", has, !rootless)
		}
		if warnings, err := Validate(s, &Host{Rootless: rootless}); err != nil || warnings != nil {
			t.Errorf("rootless %v: %q, %v", rootless, warnings, err)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(data, "config.json")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("rootless %v: does not survive a round trip:\n%s", rootless, diff)
		}
	}
}

func TestDefaultsAreIndependent(t *testing.T) {
	Default(false, true).Process.Capabilities.Bounding[0] = "X"
	if got := Default(false, true).Process.Capabilities.Bounding[0]; got != "CAP_AUDIT_WRITE" {
		t.Errorf("a change to one default shows in the next: %q", got)
	}
}

package arch

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const specPage = "../../docs/spec.md"

// testRooms are the directories of the packages that docs/spec.md names.
func testRooms() map[string]string {
	return map[string]string{
		"e2e": "tests/e2e", "attack": "tests/attack", "libcontainer": "libcontainer", "spec": "libcontainer/spec",
		"planner": "libcontainer/planner", "rootfs": "libcontainer/rootfs", "initstage": "libcontainer/initstage",
		"hook": "libcontainer/hook", "state": "libcontainer/state", "cgroups": "cgroups", "seccomp": "seccomp",
		"cli": "internal/cli", "intelrdt": "cgroups/intelrdt",
	}
}

var (
	inTicks  = regexp.MustCompile("`([^`]+)`")
	testName = regexp.MustCompile(`^([a-z0-9]+)\.(Test\w+)(?:/(.+))?$`)
)

// rows are the rows of the page's tables, cells trimmed, heads left out.
func rows(t *testing.T, page string) (list [][]string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "| ") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|---") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "| "), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		list = append(list, cells)
	}
	return list
}

// TestSpecPageNamesTests: every line of docs/spec.md names a test, and every
// test that it names is there.
func TestSpecPageNamesTests(t *testing.T) {
	sources := map[string]string{}
	for name, dir := range testRooms() {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sources[name] += string(data)
		}
	}
	for _, row := range rows(t, specPage) {
		tests := inTicks.FindAllStringSubmatch(row[len(row)-1], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test", row[0])
		}
		for _, ticks := range tests {
			m := testName.FindStringSubmatch(ticks[1])
			switch {
			case m == nil:
				t.Errorf("%s: %q is not of the form package.TestName/case", row[0], ticks[1])
			case !strings.Contains(sources[m[1]], "\nfunc "+m[2]+"("):
				t.Errorf("%s: there is no %s in %s", row[0], m[2], m[1])
			case m[3] != "" && !strings.Contains(sources[m[1]], strconv.Quote(m[3])):
				t.Errorf("%s: %s.%s has no case %q", row[0], m[1], m[2], m[3])
			}
		}
	}
}

// TestSpecPageIsWhole: every property of the specification for Linux has a
// line, and every property that has a line is one.
func TestSpecPageIsWhole(t *testing.T) {
	var want []string
	properties("", reflect.TypeFor[specs.Spec](), &want)
	if len(want) < 150 {
		t.Fatalf("only %d properties: %q", len(want), want)
	}
	var got []string
	for _, row := range rows(t, specPage) {
		last := ""
		for _, ticks := range inTicks.FindAllStringSubmatch(row[0], -1) {
			path := ticks[1]
			if strings.HasPrefix(path, "/") {
				continue // a file
			}
			if strings.HasPrefix(path, ".") { // a sibling of the one before
				path = last[:strings.LastIndexByte(last, '.')] + path
			}
			got, last = append(got, path), path
		}
	}
	for _, path := range want {
		if !slices.Contains(got, path) {
			t.Errorf("%s has no line", path)
		}
	}
	for _, path := range got {
		if !slices.Contains(want, path) {
			t.Errorf("%s is not a property", path)
		}
	}
}

// properties lists the JSON paths below a type: [] for an element of a list, a
// map's keys left out.
func properties(path string, typ reflect.Type, list *[]string) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		if typ.Kind() == reflect.Slice {
			path += "[]"
		}
		typ = typ.Elem()
	}
	if path != "" {
		*list = append(*list, path)
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for _, f := range reflect.VisibleFields(typ) {
		platform := f.Tag.Get("platform")
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" || name == "-" || platform != "" && !strings.Contains(platform, "linux") || foreignSection(path, name) {
			continue
		}
		properties(strings.TrimPrefix(path+"."+name, "."), f.Type, list)
	}
}

// foreignSection: what the types mark for no platform, and is of another.
func foreignSection(path, name string) bool {
	return path == "" && slices.Contains([]string{"solaris", "windows", "vm", "zos", "freebsd"}, name) ||
		path == "process" && name == "commandLine" || path == "process.user" && name == "username"
}

// Package arch checks the rules of the tree's design that a compiler does not:
// who may import whom, where raw system calls stand, what may run before main.
package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imports says which packages of the tree each one may import, besides sys
// and fault, which everyone may. A package that is missing here is an error:
// a new room gets its line first.
func imports() map[string][]string {
	return map[string][]string{
		"rt":                  {"internal/cli", "libcontainer/initstage", "nsenter/slack"},
		"rt/internal/cli":     {"libcontainer", "libcontainer/quickjson", "libcontainer/spec", "libcontainer/state", "cgroups", "seccomp", "internal/install"},
		"rt/internal/install": {},
		"rt/libcontainer": {
			"libcontainer/planner", "libcontainer/state", "libcontainer/spec", "libcontainer/plan", "libcontainer/hook",
			"cgroups", "cgroups/intelrdt", "seccomp", "nsenter", "libcontainer/wire", "libcontainer/program",
			"libcontainer/rootfs", // opens the mounts' sources on the parent's side
			"libcontainer/quickjson",
		},
		"rt/libcontainer/planner":   {"libcontainer/spec", "libcontainer/plan"},
		"rt/libcontainer/initstage": {"libcontainer/plan", "libcontainer/rootfs", "libcontainer/wire", "libcontainer/hook", "libcontainer/program", "nsenter", "seccomp/load"},
		"rt/libcontainer/rootfs":    {"libcontainer/plan"},
		"rt/libcontainer/hook":      {"libcontainer/plan"},
		"rt/libcontainer/wire":      {"libcontainer/plan"},
		"rt/libcontainer/plan":      {},
		"rt/libcontainer/program":   {},
		"rt/libcontainer/spec":      {"libcontainer/quickjson"},
		"rt/libcontainer/state":     {"libcontainer/quickjson"},
		"rt/libcontainer/quickjson": {},
		"rt/libcontainer/fault":     {},
		"rt/libcontainer/sys":       {},
		"rt/cgroups":                {"cgroups/dbus", "libcontainer/quickjson"},
		"rt/cgroups/dbus":           {},
		"rt/cgroups/intelrdt":       {},
		"rt/seccomp":                {"seccomp/load", "libcontainer/quickjson"},
		"rt/seccomp/load":           {},
		"rt/nsenter":                {"libcontainer/plan"},
		"rt/nsenter/slack":          {},
	}
}

// foreign says which packages from outside the tree only some may import.
func foreign() map[string][]string {
	return map[string][]string{
		"github.com/seccomp/libseccomp-golang": {"rt/seccomp"},
		"github.com/urfave/cli/v2":             {"rt/internal/cli"},
		"github.com/godbus/dbus/v5":            {"rt/cgroups/dbus"},
		"github.com/pelletier/go-toml/v2":      {"rt/internal/install"},
		"os/exec":                              {"rt/libcontainer/hook", "rt/libcontainer", "rt/internal/cli"},
		"encoding/gob":                         {},
		"regexp":                               {"rt/internal/cli"},
		"net/http":                             {},
	}
}

// initOnly are the packages that must stay out of init's program text: it is
// checked by walking the imports of initstage.
func initOnly() []string {
	return []string{
		"rt/libcontainer/spec", "rt/libcontainer/planner", "rt/cgroups", "rt/internal/cli", "rt/seccomp",
		"github.com/seccomp/libseccomp-golang", "github.com/opencontainers/runtime-spec/specs-go", "encoding/json",
	}
}

// rawRooms may call unix.X() and syscall.X().
func rawRooms() []string {
	return []string{"rt/libcontainer/sys", "rt/cgroups", "rt/cgroups/dbus", "rt/nsenter"}
}

// topLevel are the names that may stand at the top of the tree, dot files
// aside. "rt" is what the build makes.
func topLevel() []string {
	return []string{
		"main.go", "libcontainer", "nsenter", "seccomp", "cgroups", "tests", "go.mod", "go.sum", "Makefile", "LICENSE",
		"internal", "docs", "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "packaging", "rt",
	}
}

// cheap are the calls that a package-level variable may be initialised with.
func cheap() []string {
	return []string{"errors.New", "sync.OnceValue", "sync.OnceValues", "sync.OnceFunc", "embed.FS", "flag.Bool", "unsafe.Sizeof", "len", "byte", "uint32", "uint64", "int64"}
}

const maxLines = 500

type file struct {
	path, pkg string // relative path, import path
	syntax    *ast.File
	lines     int
}

type tree struct {
	fset  *token.FileSet
	files []file
}

// parse reads the non-test Go files below root, tests/ left out.
func parse(root string) (tree, error) {
	t := tree{fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel == "tests" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		syntax, err := parser.ParseFile(t.fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := "rt"
		if dir := filepath.Dir(rel); dir != "." {
			pkg = "rt/" + filepath.ToSlash(dir)
		}
		t.files = append(t.files, file{rel, pkg, syntax, t.fset.File(syntax.Pos()).LineCount()})
		return nil
	})
	return t, err
}

func (t tree) check() []string {
	var broken []string
	for _, f := range t.files {
		broken = append(broken, t.imports(f)...)
		broken = append(broken, t.beforeMain(f)...)
		broken = append(broken, t.rawCalls(f)...)
		if f.lines > maxLines {
			broken = append(broken, fmt.Sprintf("%s: %d lines, more than %d", f.path, f.lines, maxLines))
		}
	}
	broken = append(broken, t.reach("rt/libcontainer/initstage")...)
	slices.Sort(broken)
	return slices.Compact(broken)
}

func importPath(spec *ast.ImportSpec) string {
	path, _ := strconv.Unquote(spec.Path.Value) // the parser has seen it
	return path
}

func (t tree) imports(f file) []string {
	allowed, known := imports()[f.pkg]
	if !known {
		return []string{fmt.Sprintf("%s: package %s has no line in the import table", f.path, f.pkg)}
	}
	var broken []string
	for _, spec := range f.syntax.Imports {
		path := importPath(spec)
		ok := true
		if room, inside := strings.CutPrefix(path, "rt/"); inside {
			ok = slices.Contains(allowed, room) || room == "libcontainer/sys" || room == "libcontainer/fault"
			if f.pkg == "rt/libcontainer/sys" || f.pkg == "rt/libcontainer/fault" {
				ok = false
			}
		} else if owners, limited := foreign()[path]; limited {
			ok = slices.Contains(owners, f.pkg)
		}
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: %s may not import %s", f.path, f.pkg, path))
		}
	}
	return broken
}

// reach follows the imports inside the tree from pkg.
func (t tree) reach(pkg string) []string {
	via := map[string]string{pkg: pkg}
	queue := []string{pkg}
	var broken []string
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, f := range t.files {
			if f.pkg != at {
				continue
			}
			for _, spec := range f.syntax.Imports {
				path := importPath(spec)
				if slices.Contains(initOnly(), path) {
					broken = append(broken, fmt.Sprintf("%s: %s reaches init by way of %s", f.path, path, via[at]))
				}
				if strings.HasPrefix(path, "rt/") && via[path] == "" {
					via[path] = via[at] + " > " + path
					queue = append(queue, path)
				}
			}
		}
	}
	return broken
}

// beforeMain finds what would run at every start: init functions, and
// package-level variables that are initialised by a call.
func (t tree) beforeMain(f file) []string {
	var broken []string
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				broken = append(broken, fmt.Sprintf("%s: func init()", f.path))
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				for _, value := range spec.(*ast.ValueSpec).Values {
					broken = append(broken, f.costs(spec.(*ast.ValueSpec).Names[0].Name, value)...)
				}
			}
		}
	}
	return broken
}

func (f file) costs(name string, value ast.Expr) []string {
	var broken []string
	ast.Inspect(value, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // runs when called
		case *ast.CallExpr:
			if call := callee(n); !slices.Contains(cheap(), call) {
				broken = append(broken, fmt.Sprintf("%s: var %s is initialised by %s()", f.path, name, call))
			}
		case *ast.CompositeLit:
			if _, isMap := n.Type.(*ast.MapType); isMap && len(n.Elts) > 8 {
				broken = append(broken, fmt.Sprintf("%s: var %s is a map of %d entries, filled at every start", f.path, name, len(n.Elts)))
			}
		}
		return true
	})
	return broken
}

// rawCalls finds calls of functions of the packages unix and syscall. A
// conversion such as syscall.Errno(n) is none.
func (t tree) rawCalls(f file) []string {
	if slices.Contains(rawRooms(), f.pkg) {
		return nil
	}
	raw := map[string]bool{}
	for _, spec := range f.syntax.Imports {
		path := importPath(spec)
		if path == "syscall" || path == "golang.org/x/sys/unix" {
			name := path[strings.LastIndex(path, "/")+1:]
			if spec.Name != nil {
				name = spec.Name.Name
			}
			raw[name] = true
		}
	}
	conversions := []string{"Errno", "Signal", "WaitStatus", "Handle"}
	var broken []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && raw[x.Name] && !slices.Contains(conversions, sel.Sel.Name) {
			broken = append(broken, fmt.Sprintf("%s:%d: %s.%s() outside sys, cgroups and nsenter", f.path, t.fset.Position(call.Pos()).Line, x.Name, sel.Sel.Name))
		}
		return true
	})
	return broken
}

func callee(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if x, ok := fun.X.(*ast.Ident); ok {
			return x.Name + "." + fun.Sel.Name
		}
	}
	return "a call"
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestRules(t *testing.T) {
	tr, err := parse(moduleRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.files) < 20 {
		t.Fatalf("only %d files found", len(tr.files))
	}
	for _, rule := range tr.check() {
		t.Error(rule)
	}
}

func TestTopLevelNames(t *testing.T) {
	entries, err := os.ReadDir(moduleRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel(), e.Name()) {
			t.Errorf("%s has no place at the top of the tree", e.Name())
		}
	}
}

// TestCheckerFinds: the checker on a small tree that breaks each rule once.
func TestCheckerFinds(t *testing.T) {
	tr, err := parse("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"attic/attic.go: package rt/attic has no line in the import table",
		"libcontainer/initstage/init.go: func init()",
		"libcontainer/initstage/init.go: rt/cgroups reaches init by way of rt/libcontainer/initstage",
		"libcontainer/initstage/init.go: rt/libcontainer/initstage may not import rt/cgroups",
		"libcontainer/initstage/init.go: var pattern is initialised by regexp.MustCompile()",
		"libcontainer/initstage/init.go: rt/libcontainer/initstage may not import regexp",
		"libcontainer/plan/plan.go:16: raw.Getpid() outside sys, cgroups and nsenter",
		"libcontainer/plan/plan.go: encoding/json reaches init by way of rt/libcontainer/initstage > rt/libcontainer/plan",
		"libcontainer/plan/plan.go: var table is a map of 9 entries, filled at every start",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, tr.check()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package install

// containerd.go: containerd's config.toml. rt is one of the runtimes of the CRI
// plugin, and maybe its default: Kubernetes calls the names "handlers". ctr and
// nerdctl name a runtime's program themselves.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"

	"rt/libcontainer/fault"
)

// containerdTOML edits the file. New ones are of version 2, which every
// containerd since 1.3 reads.
type containerdTOML struct{}

// runcShim is the shim that calls a program with runc's command line.
const runcShim = "io.containerd.runc.v2"

// criTable is the table of the CRI plugin that names runtimes.
func criTable(version int64) []string {
	if version >= 3 {
		return []string{"plugins", "io.containerd.cri.v1.runtime", "containerd"}
	}
	return []string{"plugins", "io.containerd.grpc.v1.cri", "containerd"}
}

// parseVersioned reads a configuration and its version: plugins have other names
// from 3 on. It is 0 where nothing is configured.
func parseVersioned(text []byte) (*document, int64, error) {
	d, err := parseTOML(text)
	if err != nil {
		return nil, 0, err
	}
	version, _ := d.lookup("version").(int64)
	if version < 2 && len(d.values) != 0 {
		return nil, 0, fault.New("", "version", "", errors.New("is 1, which is no longer extended")).
			WithHint("bring it up to date first: containerd config migrate")
	}
	return d, version, nil
}

func (containerdTOML) set(old []byte, e edit) ([]byte, error) {
	before, version, err := parseVersioned(old)
	if err != nil {
		return nil, err
	}
	doc := before
	if version == 0 {
		version = 2
		text := string(bytes.TrimRight(old, "\n"))
		if text != "" {
			text += "\n\n"
		}
		if doc, err = doc.becomes([]byte(text + "version = 2\n")); err != nil {
			return nil, err
		}
	}
	table := criTable(version)
	systemd, alone := usesSystemd(before, table), len(others(before, table)) == 0
	if alone {
		if doc, err = doc.put(stock(table), "runtime_type", runcShim); err != nil {
			return nil, err
		}
	}
	if doc, err = putHandler(doc, table, e.binary, systemd); err != nil {
		return nil, err
	}
	if e.def {
		if err := freeDefault(doc, table); err != nil {
			return nil, err
		}
		if doc, err = doc.put(table, "default_runtime_name", Name); err != nil {
			return nil, err
		}
	}
	return doc.text, sameTOML(before, doc, func(m map[string]any) {
		m["version"] = version
		if alone {
			at(m, stock(table)...)["runtime_type"] = runcShim
		}
		ours := at(m, slices.Concat(table, []string{"runtimes", Name})...)
		ours["runtime_type"] = runcShim
		at(ours, "options")["BinaryName"] = e.binary
		if systemd {
			at(ours, "options")["SystemdCgroup"] = true
		}
		if e.def {
			at(m, table...)["default_runtime_name"] = Name
		}
	})
}

// stock is the runtime that containerd has by itself as long as the configuration
// names none: beside rt it has to be named, or containerd 1 has it no longer and
// its CRI plugin, whose default it is, does not load.
func stock(table []string) []string { return slices.Concat(table, []string{"runtimes", "runc"}) }

// others are the runtimes besides rt.
func others(d *document, table []string) map[string]any {
	all, _ := d.lookup(slices.Concat(table, []string{"runtimes"})...).(map[string]any)
	all = maps.Clone(all)
	delete(all, Name)
	return all
}

// onlyStock tells whether the runtimes besides rt are what stock says, no more.
func onlyStock(d *document, table []string) bool {
	return reflect.DeepEqual(others(d, table), map[string]any{"runc": map[string]any{"runtime_type": runcShim}})
}

// putHandler adds the runtime, or brings one up to date.
func putHandler(doc *document, table []string, binary string, systemd bool) (*document, error) {
	runtime := slices.Concat(table, []string{"runtimes", Name})
	options := slices.Concat(runtime, []string{"options"})
	doc, err := doc.put(runtime, "runtime_type", runcShim)
	if err == nil {
		doc, err = doc.put(options, "BinaryName", binary)
	}
	if err == nil && systemd {
		doc, err = doc.put(options, "SystemdCgroup", true)
	}
	return doc, err
}

// usesSystemd: the kubelet has one cgroup driver for all runtimes, so that rt's
// is runc's.
func usesSystemd(d *document, table []string) bool {
	for _, name := range []string{"runc", Name} {
		if on, _ := d.lookup(slices.Concat(table, []string{"runtimes", name, "options", "SystemdCgroup"})...).(bool); on {
			return true
		}
	}
	return false
}

// freeDefault refuses to take the place of a runtime that somebody has chosen.
func freeDefault(d *document, table []string) error {
	switch name := d.lookupString(slices.Concat(table, []string{"default_runtime_name"})...); name {
	case "", "runc", Name:
	default:
		return otherDefault("default_runtime_name", name)
	}
	// A table of old, which comes before the name.
	if typ := d.lookupString(slices.Concat(table, []string{"default_runtime", "runtime_type"})...); typ != "" {
		return otherDefault("default_runtime.runtime_type", typ)
	}
	return nil
}

func (containerdTOML) unset(old []byte) ([]byte, error) {
	if old == nil {
		return nil, nil
	}
	before, version, err := parseVersioned(old)
	if err != nil {
		return nil, err
	}
	doc, table := before, criTable(version)
	ours := slices.Concat(table, []string{"runtimes", Name})
	name := slices.Concat(table, []string{"default_runtime_name"})
	if before.lookup(ours...) != nil {
		if onlyStock(before, table) {
			ours = ours[:len(ours)-1] // all of them
		}
		if doc, err = doc.drop(ours...); err != nil {
			return nil, err
		}
	}
	isDefault := before.lookupString(name...) == Name
	if isDefault {
		if doc, err = doc.drop(name...); err != nil {
			return nil, err
		}
	}
	return doc.text, sameTOML(before, doc, func(m map[string]any) {
		delete(at(m, ours[:len(ours)-1]...), ours[len(ours)-1])
		if isDefault {
			delete(at(m, table...), "default_runtime_name")
		}
	})
}

// containerdTarget is the main file, or a file in the directory that it imports,
// or, when there is no main file, that containerd imports by itself (2.2 and newer).
func containerdTarget(o Options) (string, editor, []string, error) {
	main := o.file("containerd/config.toml")
	if o.Config != "" {
		return main, containerdTOML{}, nil, nil
	}
	text, err := readFile(o.Root, main)
	if err != nil {
		return "", nil, nil, err
	}
	doc, version, err := parseVersioned(text)
	if err != nil {
		return "", nil, nil, inFile(main, err)
	}
	dir := filepath.Join(filepath.Dir(main), "conf.d")
	if !doc.imports(dir, filepath.Dir(main)) && (text != nil || !isDir(o.Root, dir)) {
		return main, containerdTOML{}, nil, nil
	}
	if version == 2 {
		return main, containerdTOML{}, nil, nil // an import replaces the whole plugin's table
	}
	table := criTable(3)
	if doc.lookup(slices.Concat(table, []string{"runtimes", Name})...) != nil {
		return main, containerdTOML{}, nil, nil
	}
	return filepath.Join(dir, "99-rt.toml"), dropIn{
		isDefault: `default_runtime_name = "` + Name + `"`,
		content: func(e edit) (string, error) {
			if e.def {
				if err := freeDefault(doc, table); err != nil {
					return "", inFile(main, err)
				}
			}
			return importedTOML(doc, table, e)
		},
	}, nil, nil
}

// importedTOML is a file that the main file, doc, imports: what it says is merged
// into that.
func importedTOML(doc *document, table []string, e edit) (string, error) {
	d, err := parseTOML([]byte("version = 3\n"))
	if err == nil && len(others(doc, table)) == 0 {
		d, err = d.put(stock(table), "runtime_type", runcShim)
	}
	if err == nil {
		d, err = putHandler(d, table, e.binary, usesSystemd(doc, table))
	}
	if err == nil && e.def {
		d, err = d.put(table, "default_runtime_name", Name)
	}
	if err != nil {
		return "", err
	}
	return string(d.text), nil
}

// imports tells whether the file imports all of dir's *.toml.
func (d *document) imports(dir, relativeTo string) bool {
	list, _ := d.lookup("imports").([]any)
	for _, v := range list {
		pattern := fmt.Sprint(v)
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(relativeTo, pattern)
		}
		if filepath.Clean(pattern) == filepath.Join(dir, "*.toml") {
			return true
		}
	}
	return false
}

func isDir(root, path string) bool {
	dir, err := openDir(root, filepath.Dir(path))
	if err != nil {
		return false
	}
	defer dir.Close()
	fi, err := fs.Stat(dir.FS(), filepath.Base(path))
	return err == nil && fi.IsDir()
}

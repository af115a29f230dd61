package install

// dropin.go: clients that read a directory of files, one of which is rt's.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"rt/libcontainer/fault"
)

// marker is the first line of a file that is rt's own.
const marker = "# Written by rt install, and removed by rt install --uninstall.\n"

// dropIn is the editor of a file that is all rt's.
type dropIn struct {
	content func(edit) (string, error)
	// isDefault stands in the content where rt is the default.
	isDefault string
}

func (d dropIn) set(old []byte, e edit) ([]byte, error) {
	if err := ours(old); err != nil {
		return nil, err
	}
	e.def = e.def || bytes.Contains(old, []byte(d.isDefault))
	text, err := d.content(e)
	if err != nil {
		return nil, err
	}
	return []byte(marker + text), nil
}

func (d dropIn) unset(old []byte) ([]byte, error) { return nil, ours(old) }

func ours(text []byte) error {
	if text != nil && !bytes.HasPrefix(text, []byte(marker)) {
		return fault.New("", "", "", errors.New("is there, and was not written by rt install")).
			WithHint("move it away, or name another file with --config")
	}
	return nil
}

// podmanTarget is a file for containers.conf. Buildah and Skopeo read it too.
func podmanTarget(o Options) (string, editor, []string, error) {
	files := []string{"/usr/share/containers/containers.conf", "/etc/containers/containers.conf"}
	dir := "/etc/containers/containers.conf.d"
	if o.Home != "" {
		system, err := list(o.Root, dir, ".conf")
		if err != nil {
			return "", nil, nil, err
		}
		files = slices.Concat(files, system, []string{filepath.Join(o.configHome(), "containers/containers.conf")})
		dir = filepath.Join(o.configHome(), "containers/containers.conf.d")
	}
	path, all, err := inDir(o, files, dir, ".conf")
	if err != nil {
		return "", nil, nil, err
	}
	return path, dropIn{isDefault: "\nruntime = \"" + Name + "\"\n", content: func(e edit) (string, error) {
		if e.def {
			if err := all.free(path, "engine", "runtime"); err != nil {
				return "", err
			}
		}
		return podmanConf(e, all), nil
	}}, nil, nil
}

// podmanConf is the file. A list takes the place of the list of files before, so
// it names what is in those and what Podman has by itself.
func podmanConf(e edit, all configs) string {
	var b strings.Builder
	b.WriteString("[engine]\n")
	if e.def {
		fmt.Fprintf(&b, "runtime = %q\n", Name)
	}
	for _, l := range []struct {
		key   string
		stock []string
	}{
		{"runtime_supports_json", []string{"crun", "runc", "kata", "runsc", "youki", "krun"}},
		{"runtime_supports_nocgroups", []string{"crun", "krun"}},
	} {
		fmt.Fprintf(&b, "%s = [%s]\n", l.key, quotedList(append(all.union(l.stock, "engine", l.key), Name)))
	}
	fmt.Fprintf(&b, "\n[engine.runtimes]\n%s = [%q]\n", Name, e.binary)
	return b.String()
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = rawTOML(s)
	}
	return strings.Join(quoted, ", ")
}

// crioTarget is a file for crio.conf.
func crioTarget(o Options) (string, editor, []string, error) {
	path, all, err := inDir(o, []string{"/etc/crio/crio.conf"}, "/etc/crio/crio.conf.d", "")
	if err != nil {
		return "", nil, nil, err
	}
	return path, dropIn{isDefault: "\ndefault_runtime = \"" + Name + "\"\n", content: func(e edit) (string, error) {
		var b strings.Builder
		if e.def {
			if err := all.free(path, "crio", "runtime", "default_runtime"); err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "[crio.runtime]\ndefault_runtime = %q\n\n", Name)
		}
		fmt.Fprintf(&b, "[crio.runtime.runtimes.%s]\nruntime_path = %q\nruntime_type = \"oci\"\nruntime_root = \"/run/%[1]s\"\n", Name, e.binary)
		return b.String(), nil
	}}, nil, nil
}

// config is one of the files that a client reads.
type config struct {
	path string
	*document
}

// configs are the files in the order in which they are read, rt's own left out.
type configs []config

// inDir is the path of rt's file in dir, and all the others.
func inDir(o Options, files []string, dir, suffix string) (string, configs, error) {
	path := o.Config
	if path == "" {
		path = filepath.Join(dir, "99-rt.conf")
	}
	more, err := list(o.Root, dir, suffix)
	if err != nil {
		return "", nil, err
	}
	var all configs
	for _, file := range slices.Concat(files, more) {
		if file == path {
			continue
		}
		text, err := readFile(o.Root, file)
		if err != nil {
			return "", nil, err
		}
		doc, err := parseTOML(text)
		if err != nil {
			return "", nil, inFile(file, err)
		}
		all = append(all, config{file, doc})
	}
	return path, all, nil
}

// list are the files of a directory, sorted; none when there is no directory.
func list(root, dir, suffix string) ([]string, error) {
	d, err := openDir(root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileFault(dir, err)
	}
	defer d.Close()
	entries, err := fs.ReadDir(d.FS(), ".")
	if err != nil {
		return nil, fileFault(dir, err)
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), suffix) && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// free looks for a default that somebody has chosen, or that is read behind rt's
// file and so decides.
func (all configs) free(ours string, path ...string) error {
	for _, c := range all {
		name := c.lookupString(path...)
		switch later := filepath.Dir(c.path) == filepath.Dir(ours) && c.path > ours; {
		case name == "" || name == Name:
		case later:
			e := fault.New(step, c.path, path[len(path)-1], fmt.Errorf("is %q, and is read after %s", name, ours))
			return e.WithHint("take it out first, or leave out --default")
		case name != "runc" && name != "crun":
			return inFile(c.path, otherDefault(path[len(path)-1], name))
		}
	}
	return nil
}

// union is the list with what the files' lists have besides.
func (all configs) union(list []string, path ...string) []string {
	for _, c := range all {
		values, _ := c.lookup(path...).([]any)
		for _, v := range values {
			if s, ok := v.(string); ok && s != Name && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

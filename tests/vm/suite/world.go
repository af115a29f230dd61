package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// pkg is one line of the manifest: a package's tests, built.
type pkg struct {
	path   string // the import path
	binary string
	dir    string // where its tests run: the package's directory
}

// manifest reads lines of import path, binary and directory, in the order in
// which to run them.
func manifest(path string, only *regexp.Regexp) ([]pkg, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []pkg
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("%s: %q is not a package, a binary and a directory", path, line)
		}
		if only.MatchString(fields[0]) {
			all = append(all, pkg{fields[0], fields[1], fields[2]})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no package", path)
	}
	return all, nil
}

// lacks says what a world does not have: a skip with any other reason fails.
type lacks []*regexp.Regexp

// readLacks reads the lines of a world ("*" is every world) from a file of
// lines "world regular-expression".
func readLacks(path, world string) (lacks, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all lacks
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, expr, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("%s: %q is not a world and a regular expression", path, line)
		}
		re, err := regexp.Compile(strings.TrimSpace(expr))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if name == world || name == "*" {
			all = append(all, re)
		}
	}
	return all, nil
}

func (l lacks) allows(reason string) bool {
	for _, re := range l {
		if re.MatchString(reason) {
			return true
		}
	}
	return false
}

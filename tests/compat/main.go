// Compat runs runc's own integration suite with another runtime and holds the
// results against the file of what is expected. The suite, its helper programs
// and its runner come from the module proxy and npm, the images from Debian's
// packages; nothing of them is kept in this tree.
//
//	compat -runtime ./rt                       the whole suite, on this host
//	compat -runtime ./rt -only exec -run user  some tests of one file
//	compat -runtime module -results FILE       runc of the same release
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

type options struct {
	runtime, world string
	only, run      string
	results        string
	expected       string
	cache, debian  string
	ground         string
	parallel       int
	verbose        bool
	prepare        bool
	part           bool // of what is expected in this world
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "world" {
		code, err := inhabit(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, "compat:", err)
			code = 125
		}
		os.Exit(code)
	}
	var o options
	flag.StringVar(&o.runtime, "runtime", "./rt", `the runtime's binary; "module" is runc of the suite's release`)
	flag.StringVar(&o.world, "world", "host", "whose expectations hold")
	flag.StringVar(&o.only, "only", ".", "the files whose names match")
	flag.StringVar(&o.run, "run", "", "the tests whose names match")
	flag.StringVar(&o.results, "results", "", "write file, test, outcome and reason of each test here")
	flag.StringVar(&o.expected, "expected", "", "the file of what is expected; without it nothing is judged")
	flag.StringVar(&o.cache, "cache", "", "where what is fetched and built is kept")
	flag.StringVar(&o.debian, "debian", "", "a Debian root file system to make an image of")
	flag.StringVar(&o.ground, "ground", "", "use what another run prepared in this directory")
	flag.IntVar(&o.parallel, "p", 2, "files at a time")
	flag.BoolVar(&o.verbose, "v", false, "print the output of expected failures as well")
	flag.BoolVar(&o.prepare, "prepare", false, "only prepare, and print the directory for -ground")
	chosen := flag.Bool("chosen", false, "-only and -run choose all that is expected of this world")
	flag.Parse()
	o.part = !*chosen && (o.only != "." || o.run != "")
	code, err := compat(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		code = 2
	}
	os.Exit(code)
}

func compat(o options) (int, error) {
	if !slices.Contains(worlds(), o.world) {
		return 2, fmt.Errorf("no world is called %s", o.world)
	}
	if os.Getuid() != 0 && o.ofTheHost() {
		return 2, errors.New("root is needed")
	}
	expected, err := o.exceptions()
	if err != nil {
		return 2, err
	}
	g := ground{o.ground}
	if o.ground == "" {
		if g, err = prepare(o.cache, o.debian); err != nil {
			return 2, err
		}
	}
	if o.runtime == "module" {
		o.runtime, err = g.runc()
	} else {
		o.runtime, err = filepath.Abs(o.runtime)
	}
	if err != nil {
		return 2, err
	}
	if o.prepare {
		fmt.Println(g.dir)
		return 0, nil
	}
	files, err := g.files(o.only)
	if err != nil {
		return 2, err
	}
	r, err := newRun(o, g, expected)
	if err != nil {
		return 2, err
	}
	defer r.end()
	began := time.Now()
	if err := r.all(files); err != nil {
		return 2, err
	}
	return r.report(time.Since(began))
}

func (o options) exceptions() (exceptions, error) {
	if o.expected == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.expected)
	if err != nil {
		return nil, err
	}
	all, err := readExceptions(string(text), o.world)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.expected, err)
	}
	return all, nil
}

// files are the suite's, by name; those that take longest first, so that no
// worker is left alone with one at the end.
func (g ground) files(only string) ([]string, error) {
	re, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(g.suite(), "*.bats"))
	if err != nil {
		return nil, err
	}
	var first, rest []string
	for _, path := range paths {
		name := filepath.Base(path)
		name = name[:len(name)-len(".bats")]
		switch {
		case !re.MatchString(name):
		case slow[name]:
			first = append(first, name)
		default:
			rest = append(rest, name)
		}
	}
	if len(first)+len(rest) == 0 {
		return nil, fmt.Errorf("no file of %s matches %s", g.suite(), only)
	}
	return append(first, rest...), nil
}

var slow = map[string]bool{"update": true, "cgroups": true, "events": true, "delete": true, "idmap": true, "seccomp-notify": true, "mounts_sshfs": true}

// Bench measures what a container costs on rt and, beside it in the same run, on
// other runtimes: what they do (system calls, processes, threads, bytes read) and
// how long it takes. The configuration is the one that Docker 20.10 gives a plain
// container. Counts are held against budgets and fail; a time never does. Times
// are taken in turns, and said as ratios: see docs/performance.md.
//
//	bench -rt ./rt -floor .bench/floor     counts, then the table of times
//	bench -rt ./rt -counts                 the counts alone, against their budgets
//	bench -rt ./rt -sittings 3 -docs docs  and writes table and charts there
//	bench -rt ./rt -peer crun=/opt/crun    other runtimes than the host's own
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	rt, floor string
	peers     peers
	counts    bool
	rounds    int
	sittings  int
	only      string
	docs      string
	trace     string
	hyperfine bool
}

// peers are the other runtimes, name=path.
type peers [][2]string

func (p *peers) String() string { return fmt.Sprint(*p) }

func (p *peers) Set(s string) error {
	name, path, ok := strings.Cut(s, "=")
	if !ok || name == "" || name == "rt" || path == "" {
		return errors.New("want NAME=PATH")
	}
	*p = append(*p, [2]string{name, path})
	return nil
}

func main() {
	var o options
	flag.StringVar(&o.rt, "rt", "./rt", "the rt binary")
	flag.Var(&o.peers, "peer", "another runtime, as `NAME=PATH`; default: the host's runc and crun")
	flag.StringVar(&o.floor, "floor", ".bench/floor", "the floor program, built from floor.c; beside it is peak, from peak.c")
	flag.BoolVar(&o.counts, "counts", false, "counts only")
	flag.IntVar(&o.rounds, "rounds", 100, "pairs that a median is taken of")
	flag.IntVar(&o.sittings, "sittings", 1, "how often the whole table is measured")
	flag.StringVar(&o.only, "only", "", "times of the rows whose names contain this")
	flag.StringVar(&o.docs, "docs", "", "write table and charts into this directory's performance.md, performance.svg and scale.svg")
	flag.StringVar(&o.trace, "trace", "", "keep rt's system call traces as `FILE`.COMMAND")
	flag.BoolVar(&o.hyperfine, "hyperfine", false, "let hyperfine time run as well")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run() (err error) {
	if os.Getuid() != 0 {
		return errors.New("root is needed")
	}
	dir, err := ownMounts()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp(dir)) }()
	subjects, err := o.find(dir)
	if err != nil {
		return err
	}
	defer onSignal(func() { abandon(subjects, dir) })()
	for _, s := range subjects {
		defer s.end()
		if err := s.begin(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	runtimes := subjects[:len(subjects):len(subjects)]
	if last := len(runtimes) - 1; runtimes[last].isFloor {
		runtimes = runtimes[:last]
	}
	var over []error
	if o.only == "" {
		over = append(over, countAll(runtimes, o.trace), flat(runtimes[0]))
	}
	if !o.counts {
		if err := o.times(subjects, runtimes); err != nil {
			return err
		}
	}
	return errors.Join(over...)
}

func (o *options) times(subjects, runtimes []*subject) error {
	var sittings []table
	for n := range o.sittings {
		if o.sittings > 1 {
			fmt.Printf("\nsitting %d of %d\n", n+1, o.sittings)
		}
		t, err := measureAll(subjects, o.rounds, o.only)
		if err != nil {
			return err
		}
		t.print()
		sittings = append(sittings, t)
	}
	if o.hyperfine {
		if err := crossCheck(subjects, o.rounds); err != nil {
			return err
		}
	}
	if o.only != "" {
		return nil
	}
	scale, err := measureScale(runtimes, max(o.rounds/10, 1))
	if err != nil {
		return err
	}
	scale.print()
	if o.docs == "" {
		return nil
	}
	return write(o.docs, sittings, scale)
}

// onSignal has a signal that ends the program clean up first; the function that
// it returns takes that back.
func onSignal(do func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		if _, ok := <-signals; ok {
			do()
			os.Exit(1)
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// abandon removes what may be there, whatever the subjects are at.
func abandon(subjects []*subject, dir string) {
	for _, s := range subjects {
		if s.isFloor {
			continue
		}
		entries, _ := os.ReadDir(s.root())
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "rt-bench-") {
				argv := s.command("delete", "--force", e.Name())
				_ = exec.Command(argv[0], argv[1:]...).Run()
			}
		}
	}
	_ = cleanUp(dir)
}

// find returns rt first, then its peers, and the floor last.
func (o *options) find(dir string) ([]*subject, error) {
	rt, err := filepath.Abs(o.rt)
	if err != nil {
		return nil, err
	}
	subjects := []*subject{{name: "rt", path: rt}}
	wanted := o.peers
	if wanted == nil {
		wanted = peers{{"runc", "runc"}, {"crun", "crun"}}
	}
	for _, p := range wanted {
		path, err := exec.LookPath(p[1])
		if err != nil {
			if o.peers != nil {
				return nil, err
			}
			fmt.Printf("%s is missing: not measured\n", p[0])
			continue
		}
		subjects = append(subjects, &subject{name: p[0], path: path, plainV1: strings.HasPrefix(p[0], "crun")})
	}
	if !o.counts {
		path, err := filepath.Abs(o.floor)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, &subject{name: "floor", path: path, isFloor: true})
	}
	peaker, err := filepath.Abs(filepath.Join(filepath.Dir(o.floor), "peak"))
	if err != nil {
		return nil, err
	}
	for _, s := range subjects {
		s.dir, s.peaker = filepath.Join(dir, s.name), peaker
		if err := s.makeBundles(); err != nil {
			return nil, fmt.Errorf("bundles for %s: %w", s.name, err)
		}
	}
	return subjects, nil
}

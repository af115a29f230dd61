// Suite runs built test binaries where there is no Go, as
// `go test` does elsewhere, and is stricter: every test that a binary lists
// has to run to its end, and may be skipped only for want of something that
// this world is known not to have. Each test is reported as it ends; the last
// lines are those of `go test`, and the counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"
)

type options struct {
	world   string
	run     string
	timeout time.Duration
	lacks   lacks
}

func main() {
	var o options
	flag.StringVar(&o.world, "world", "root", "what this run is called, here and in the -lacks file")
	flag.StringVar(&o.run, "run", ".", "run the tests whose names match this")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "of one binary")
	list := flag.String("packages", "", "file of lines: import path, test binary, directory")
	only := flag.String("only", ".", "the packages whose import paths match this")
	missing := flag.String("lacks", "", "file of lines: world, regular expression of the skips it may have")
	counts := flag.String("counts", "", "append the three counts to this file")
	parallel := flag.Int("p", 2, "binaries at a time")
	flag.Parse()
	code, err := suite(o, *list, *only, *missing, *counts, *parallel)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		code = 2
	}
	os.Exit(code)
}

func suite(o options, list, only, missing, counts string, parallel int) (int, error) {
	re, err := regexp.Compile(only)
	if err != nil {
		return 2, err
	}
	packages, err := manifest(list, re)
	if err != nil {
		return 2, err
	}
	if o.lacks, err = readLacks(missing, o.world); err != nil {
		return 2, err
	}
	begin := time.Now()
	t := runAll(o, packages, parallel)
	t.print(o.world, time.Since(begin))
	if counts != "" {
		if err := t.save(counts); err != nil {
			return 2, err
		}
	}
	if t.failed > 0 || t.passed == 0 {
		return 1, nil
	}
	return 0, nil
}

// runAll runs the packages in their order, some at a time.
func runAll(o options, packages []pkg, parallel int) totals {
	queue := make(chan job)
	var mu sync.Mutex
	var outs []outcome
	var workers sync.WaitGroup
	for range max(parallel, 1) {
		workers.Go(func() {
			for j := range queue {
				out := o.test(j)
				mu.Lock()
				outs = append(outs, out)
				mu.Unlock()
			}
		})
	}
	for _, j := range o.jobs(packages) {
		queue <- j
	}
	close(queue)
	workers.Wait()
	o.again(outs)
	var all totals
	for _, out := range outs {
		all.add(out)
	}
	return all
}

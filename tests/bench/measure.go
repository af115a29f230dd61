package main

// measure.go: what is timed, and how. In each round every subject does the same
// once, one after the other, beginning with another one each time: whatever the
// machine does to one it does to all, and a round's values are a pair.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// aim is what rt's value is to be at most: a share of each peer's, or a value.
type aim struct {
	crun, runc float64
	value      float64
}

// row is one line of the table. The values of a round are all below in of.
type row struct {
	name, unit string
	aim        aim
	// few divides the number of rounds, where one takes long.
	few int
	// floor: the floor program does it too.
	floor bool
	// do measures once, and returns one value for this row and one for each in
	// also, which is taken of the same calls.
	do   func(*subject) ([]float64, error)
	also []row
	// before and after frame the rounds of one subject.
	before, after func(*subject) error
}

func rows() []row {
	return []row{
		{
			name: "run /bin/true", unit: "ms", aim: aim{crun: 0.40, runc: 0.18}, floor: true,
			do:   func(s *subject) ([]float64, error) { return s.wallAndCPU(s.run("", s.id())) },
			also: []row{{name: "run: CPU time, all processes", unit: "ms", aim: aim{crun: 0.5, runc: 0.2}, floor: true}},
		},
		{
			name: "run without seccomp", unit: "ms", aim: aim{crun: 0.85, runc: 0.30}, floor: true,
			do: func(s *subject) ([]float64, error) { return s.wall(s.run("plain", s.id())) },
		},
		{
			name: "run, 100 ms after the last", unit: "ms", floor: true,
			do: func(s *subject) ([]float64, error) {
				time.Sleep(100 * time.Millisecond)
				return s.wall(s.run("", s.id()))
			},
		},
		{
			name: "exec /bin/true", unit: "ms", aim: aim{crun: 0.9, runc: 0.25},
			do: func(s *subject) ([]float64, error) { return s.wall(s.command("exec", s.standing(), "/bin/true")) },
		},
		{
			name: "state", unit: "ms", aim: aim{crun: 1, runc: 0.4},
			do: func(s *subject) ([]float64, error) { return s.wall(s.command("state", s.standing())) },
		},
		{
			name: "list of 1,000", unit: "ms", aim: aim{crun: 1, runc: 0.4},
			before: func(s *subject) error { return s.copies(1000) },
			do:     func(s *subject) ([]float64, error) { return s.wall(s.command("list")) },
			after:  func(s *subject) error { return s.copies(0) },
		},
		{
			name: "200 runs, 8 at a time", unit: "ms", aim: aim{crun: 0.45, runc: 0.20}, few: 20, floor: true,
			do: (*subject).crowd,
		},
		{
			name: "peak memory of run", unit: "MB", few: 10,
			do: (*subject).peak,
		},
		{
			name: "private memory of a created init", unit: "MB", aim: aim{value: 2.5}, few: 20,
			do: (*subject).private,
		},
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func (s *subject) wall(argv []string) ([]float64, error) {
	took, err := s.call(argv)
	return []float64{ms(took.wall)}, err
}

func (s *subject) wallAndCPU(argv []string) ([]float64, error) {
	took, err := s.call(argv)
	return []float64{ms(took.wall), ms(took.cpu)}, err
}

// crowd runs 200 containers, as many at a time as there are workers.
func (s *subject) crowd() ([]float64, error) {
	const all = 200
	took, err := s.beside(all, workers, func(_, worker int) []string {
		return s.run(fmt.Sprint("w", worker), s.worker(worker))
	})
	return []float64{ms(took)}, err
}

// atOnce makes calls at the same time, and returns how long they took.
func (s *subject) atOnce(argv func(i int) []string) (time.Duration, error) {
	return s.beside(crowded, crowded, func(n, _ int) []string { return argv(n) })
}

// beside makes calls, some at a time; a call gets its number and the worker
// whose turn it is. All are started by the thread that has the subject's view.
func (s *subject) beside(all, atATime int, argv func(n, worker int) []string) (took time.Duration, err error) {
	type end struct {
		worker int
		err    error
	}
	ends := make(chan end, atATime)
	start := func(n, worker int) error {
		args := argv(n, worker)
		cmd := exec.Command(args[0], args[1:]...)
		// A file: a container that stays would keep a pipe open.
		out, err := os.CreateTemp(s.dir, "output")
		if err != nil {
			return err
		}
		cmd.Stderr = out
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() {
			err := cmd.Wait()
			if err != nil {
				text, _ := os.ReadFile(out.Name())
				err = fmt.Errorf("%v: %w: %s", args, err, text)
			}
			out.Close()
			os.Remove(out.Name())
			ends <- end{worker, err}
		}()
		return nil
	}
	s.do(func() {
		begin := time.Now()
		running := 0
		for n := 0; err == nil && n < all; n++ {
			worker := n
			if n >= atATime {
				e := <-ends
				running--
				worker, err = e.worker, e.err
			}
			if err == nil {
				if err = start(n, worker); err == nil {
					running++
				}
			}
		}
		for range running {
			e := <-ends
			err = errors.Join(err, e.err)
		}
		took = time.Since(begin)
	})
	return took, err
}

// peak is the greatest resident size that a process of run had.
func (s *subject) peak() ([]float64, error) {
	text, err := s.output(append([]string{s.peaker}, s.run("", s.id())...))
	if err != nil {
		return nil, err
	}
	kb, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return []float64{kb / 1024}, err
}

// private is the memory that a created container's init has for itself while it
// waits.
func (s *subject) private() (values []float64, err error) {
	if _, err := s.call(s.command("create", "--bundle", s.bundle(""), s.id())); err != nil {
		return nil, err
	}
	defer func() {
		if _, derr := s.call(s.command("delete", "--force", s.id())); err == nil {
			err = derr
		}
	}()
	pid, err := s.pid(s.id())
	if err != nil {
		return nil, err
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return nil, err
	}
	kb := 0.0
	for line := range strings.Lines(string(rollup)) {
		if f := strings.Fields(line); len(f) == 3 && strings.HasPrefix(f[0], "Private_") {
			n, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return nil, err
			}
			kb += n
		}
	}
	return []float64{kb / 1024}, nil
}

// result is a row with its values: by subject, one for each round.
type result struct {
	row
	subjects []*subject
	values   map[string][]float64
}

// table is one sitting.
type table []result

func measureAll(subjects []*subject, rounds int, only string) (table, error) {
	var t table
	for _, r := range rows() {
		if !strings.Contains(r.name, only) {
			continue
		}
		results, err := r.measure(subjects, max(rounds/max(r.few, 1), 1))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		t = append(t, results...)
	}
	return t, nil
}

const warmUp = 2

func (r row) measure(all []*subject, rounds int) (results []result, err error) {
	var subjects []*subject
	for _, s := range all {
		if !s.isFloor || r.floor {
			subjects = append(subjects, s)
		}
	}
	for _, one := range append([]row{r}, r.also...) {
		results = append(results, result{row: one, subjects: subjects, values: map[string][]float64{}})
	}
	for _, s := range subjects {
		if r.before != nil {
			if err := r.before(s); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
		if r.after != nil {
			defer func() {
				if aerr := r.after(s); err == nil && aerr != nil {
					err = aerr
				}
			}()
		}
	}
	warmUp := warmUp
	if r.few > 1 {
		warmUp = 0 // what takes long is warm soon
	}
	for round := range warmUp + rounds {
		for i := range subjects {
			s := subjects[(i+round)%len(subjects)]
			values, err := r.do(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if round < warmUp {
				continue
			}
			for k, v := range values {
				results[k].values[s.name] = append(results[k].values[s.name], v)
			}
		}
	}
	return results, nil
}

// crossCheck has hyperfine time `run`, one runtime after the other.
func crossCheck(subjects []*subject, rounds int) error {
	fmt.Println("\nhyperfine, one after the other:")
	for _, s := range subjects {
		file := filepath.Join(s.dir, "hyperfine.csv")
		line := strings.Join(s.run("", s.id()), " ")
		if _, err := s.output([]string{"hyperfine", "-N", "--warmup", "3", "--runs", strconv.Itoa(rounds), "--export-csv", file, line}); err != nil {
			return err
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		// command,mean,stddev,median,…, in seconds
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		fields := strings.Split(lines[len(lines)-1], ",")
		if len(fields) < 4 {
			return fmt.Errorf("hyperfine wrote %q", raw)
		}
		median, err := strconv.ParseFloat(fields[3], 64)
		if err != nil {
			return err
		}
		fmt.Printf("%-8s median %8.2f ms\n", s.name, 1000*median)
	}
	return nil
}

// ratio is what rt takes of a peer's value: the median of the rounds' ratios,
// the middle half of them, and an interval that holds the true median with 95 %
// (order statistics: it assumes nothing of the distribution).
type ratio struct{ median, q1, q3, low, high float64 }

func ratioOf(ours, theirs []float64) ratio {
	n := min(len(ours), len(theirs))
	values := make([]float64, n)
	for i := range n {
		values[i] = ours[i] / theirs[i]
	}
	slices.Sort(values)
	low, high := medianRanks(n)
	return ratio{quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75), values[low], values[high]}
}

// medianRanks are the places, in n sorted values, between which the median of
// what they are drawn from lies with 95 %: the sign test, turned around. With
// fewer than six values they are the ends, and that is less certain.
func medianRanks(n int) (low, high int) {
	// p is the chance that at most k of n fair coins show heads.
	p, term := 0.0, 1.0
	for range n {
		term /= 2
	}
	k := 0
	for ; k < n/2; k++ {
		if p += term; p > 0.025 {
			break
		}
		term *= float64(n-k) / float64(k+1)
	}
	low = max(k-1, 0)
	return low, n - 1 - low
}

// quantile is that of sorted values, the mean of the two in the middle for 0.5.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return quantile(sorted, 0.5)
}

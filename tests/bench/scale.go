package main

// scale.go: what commands cost beside the states of many other containers. A
// container's start and end must not depend on how many there are; list is
// linear.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// crowds are the numbers of containers beside.
var crowds = [...]int{10, 100, 1000, 5000}

// copies makes the state root hold n more containers, or takes them away. They
// are copies of the state of the container that stands, each with an id of its
// own: all of them are the same running process. So the runtime has as much to
// read and to ask the kernel as with n real ones, and they need no memory.
func (s *subject) copies(n int) error {
	entries, err := os.ReadDir(s.root())
	if err != nil {
		return err
	}
	have := 0
	for _, e := range entries {
		if bytes.HasPrefix([]byte(e.Name()), []byte(copyName)) {
			have++
		}
	}
	for ; have > n; have-- {
		if err := os.RemoveAll(filepath.Join(s.root(), copyID(have))); err != nil {
			return err
		}
	}
	for ; have < n; have++ {
		if err := s.copyState(copyID(have + 1)); err != nil {
			return err
		}
	}
	return nil
}

const copyName = "copy-"

func copyID(n int) string { return fmt.Sprintf("%s%06d", copyName, n) }

func (s *subject) copyState(id string) error {
	from, to := filepath.Join(s.root(), s.standing()), filepath.Join(s.root(), id)
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		name := []byte(`"id":` + strconv.Quote(s.standing()))
		data = bytes.ReplaceAll(data, name, []byte(`"id":`+strconv.Quote(id)))
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// listed is how many containers list shows.
func (s *subject) listed() (int, error) {
	text, err := s.output(s.command("list", "--quiet"))
	return bytes.Count([]byte(text), []byte("\n")), err
}

// pid is that of a container's init.
func (s *subject) pid(id string) (int, error) {
	text, err := s.output(s.command("state", id))
	if err != nil {
		return 0, err
	}
	var state struct{ Pid int }
	if err := json.Unmarshal([]byte(text), &state); err != nil || state.Pid <= 0 {
		return 0, fmt.Errorf("%s: no pid in %s", s.name, text)
	}
	return state.Pid, nil
}

// steps are the commands that are measured, in their order: a container comes,
// is looked at and goes.
func (s *subject) steps() [4]step {
	return [...]step{
		{"create", s.command("create", "--bundle", s.bundle(""), s.id())},
		{"state", s.command("state", s.id())},
		{"list", s.command("list")},
		{"delete", s.command("delete", "--force", s.id())},
	}
}

type step struct {
	name string
	argv []string
}

// flat fails when one of rt's commands makes more system calls beside many
// containers than beside few; list, when it makes more for each.
func flat(s *subject) (err error) {
	calls := map[string][]int{}
	defer func() { err = errors.Join(err, s.copies(0)) }()
	for _, n := range crowds {
		if err := s.copies(n); err != nil {
			return err
		}
		if got, err := s.listed(); err != nil || got != n+1 {
			return fmt.Errorf("%s: list shows %d of %d containers: %w", s.name, got, n+1, err)
		}
		for _, st := range s.steps() {
			c, err := s.traceStep(st)
			if err != nil {
				return err
			}
			calls[st.name] = append(calls[st.name], c.work())
		}
	}
	fmt.Printf("\n%-34s", "system calls of rt beside")
	for _, n := range crowds {
		fmt.Printf("%12d", n)
	}
	fmt.Println(" containers")
	for _, st := range s.steps() {
		fmt.Printf("%-34s", st.name)
		for _, n := range calls[st.name] {
			fmt.Printf("%12d", n)
		}
		fmt.Println()
	}
	return errors.Join(notFlat(calls), s.parallel())
}

// traceStep counts a step. The one that creates is counted on a container that
// goes again, and then made once more for the steps behind it.
func (s *subject) traceStep(st step) (c counts, err error) {
	if st.name != "create" {
		c, _, err = s.trace(st.argv)
		return c, err
	}
	if c, _, err = s.traceUntil(st.argv, s.steps()[3].argv); err == nil {
		_, err = s.call(st.argv)
	}
	return c, err
}

const (
	// slack is for the scheduler's mood; what grows with the number of
	// containers is far above it.
	slack = 100
	// perContainer are list's calls for one: four for the record in its
	// directory, three for the state of its process, three for whether it is
	// paused; and what Go's scheduler and collector add.
	perContainer = 13
)

func notFlat(calls map[string][]int) error {
	var errs []error
	for name, got := range calls {
		for i, n := range crowds {
			most := got[0] + slack
			if name == "list" {
				most = got[0] + slack + perContainer*(n-crowds[0])
			}
			if got[i] > most {
				errs = append(errs, fmt.Errorf("%s is not flat: %d system calls beside %d containers, %d beside %d, at most %d are right",
					name, got[i], n, got[0], crowds[0], most))
			}
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return bytes.Compare([]byte(a.Error()), []byte(b.Error())) })
	return errors.Join(errs...)
}

// crowded is how many creates go on at once in parallel.
const crowded = 32

// parallel has containers created at the same time, and deleted: all of them
// come to be, and nothing of them stays.
func (s *subject) parallel() error {
	_, err := s.createAtOnce()
	if err != nil {
		return fmt.Errorf("%d creates at once: %w", crowded, err)
	}
	if got, err := s.listed(); err != nil || got != crowds[len(crowds)-1]+1 {
		return fmt.Errorf("%s: list shows %d containers after those made at once are gone: %w", s.name, got, err)
	}
	return nil
}

// createAtOnce creates and deletes, and returns how long the creates took.
func (s *subject) createAtOnce() (took time.Duration, err error) {
	id := func(i int) string { return fmt.Sprint(s.id(), "-at-once-", i) }
	for i := range crowded {
		if err := s.makeBundle(fmt.Sprint("c", i), id(i), filepath.Join(s.dir, "rootfs")); err != nil {
			return 0, err
		}
	}
	took, err = s.atOnce(func(i int) []string {
		return s.command("create", "--bundle", s.bundle(fmt.Sprint("c", i)), id(i))
	})
	if err == nil {
		var list int
		if list, err = s.listed(); err == nil && list < crowded+1 {
			err = fmt.Errorf("list shows %d containers", list)
		}
	}
	_, derr := s.atOnce(func(i int) []string { return s.command("delete", "--force", id(i)) })
	for i := range crowded {
		_ = os.RemoveAll(s.bundle(fmt.Sprint("c", i)))
	}
	return took, errors.Join(err, derr)
}

// size is what the commands take at one size of the crowd: milliseconds by
// subject and command.
type size map[string]map[string]float64

type scale struct {
	subjects []*subject
	sizes    []size
	atOnce   map[string]float64 // the creates at once, by subject
}

func measureScale(subjects []*subject, rounds int) (sc scale, err error) {
	sc = scale{subjects: subjects, atOnce: map[string]float64{}}
	for _, s := range subjects {
		defer func() { err = errors.Join(err, s.copies(0)) }()
		var all []float64
		for range rounds {
			took, err := s.createAtOnce()
			if err != nil {
				return sc, fmt.Errorf("%s: %w", s.name, err)
			}
			all = append(all, ms(took))
		}
		sc.atOnce[s.name] = median(all)
	}
	for _, n := range crowds {
		values := map[string]map[string][]float64{}
		for _, s := range subjects {
			values[s.name] = map[string][]float64{}
			if err := s.copies(n); err != nil {
				return sc, err
			}
		}
		few := rounds
		if n > 1000 {
			few = min(rounds, 3) // a list takes seconds
		}
		for round := range few {
			for i := range subjects {
				s := subjects[(i+round)%len(subjects)]
				for _, st := range s.steps() {
					took, err := s.call(st.argv)
					if err != nil {
						return sc, err
					}
					values[s.name][st.name] = append(values[s.name][st.name], ms(took.wall))
				}
			}
		}
		one := size{}
		for name, steps := range values {
			one[name] = map[string]float64{}
			for step, v := range steps {
				one[name][step] = median(v)
			}
		}
		sc.sizes = append(sc.sizes, one)
	}
	return sc, nil
}

func (sc scale) print() {
	fmt.Printf("\n%-34s", "ms beside")
	for _, n := range crowds {
		fmt.Printf("%12d", n)
	}
	fmt.Println(" containers")
	for _, s := range sc.subjects {
		for _, st := range s.steps() {
			fmt.Printf("%-34s", s.name+" "+st.name)
			for i := range crowds {
				fmt.Printf("%12.2f", sc.sizes[i][s.name][st.name])
			}
			fmt.Println()
		}
	}
	for _, s := range sc.subjects {
		fmt.Printf("%-34s%12.2f\n", fmt.Sprintf("%s: %d creates at once", s.name, crowded), sc.atOnce[s.name])
	}
}

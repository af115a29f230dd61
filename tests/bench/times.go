package main

// times.go times the runs: alternating, in one sitting, so that whatever the
// machine does to one it does to all.

import (
	"fmt"
	"slices"
	"time"
)

type sample struct {
	wall, cpu time.Duration // cpu: user and system, of all processes waited for
}

const warmUp = 3

func timeAll(subjects []*subject, sc scene, rounds int) error {
	for i := range warmUp + rounds {
		for _, s := range subjects {
			begin := time.Now()
			state, err := s.call(sc.args(s))
			if err != nil {
				return err
			}
			if i < warmUp {
				continue
			}
			s.times = append(s.times, sample{wall: time.Since(begin), cpu: state.UserTime() + state.SystemTime()})
		}
	}
	return nil
}

// quantile returns the value below which the share q of the samples lies.
func quantile(samples []sample, of func(sample) float64, q float64) float64 {
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func wallMS(s sample) float64 { return s.wall.Seconds() * 1000 }
func cpuMS(s sample) float64  { return s.cpu.Seconds() * 1000 }

func printTimes(subjects []*subject, rounds int) {
	fmt.Printf("\nthe same, timed: %d runs each, alternating\n\n", rounds)
	fmt.Printf("%-6s%12s%22s%12s%16s\n", "", "median ms", "middle half ms", "CPU ms", "rt takes of it")
	rt := quantile(subjects[0].times, wallMS, 0.5)
	for _, s := range subjects {
		median := quantile(s.times, wallMS, 0.5)
		fmt.Printf("%-6s%12.2f%22s%12.2f%15.0f%%\n", s.name, median,
			fmt.Sprintf("%.2f – %.2f", quantile(s.times, wallMS, 0.25), quantile(s.times, wallMS, 0.75)),
			quantile(s.times, cpuMS, 0.5), 100*rt/median)
	}
}

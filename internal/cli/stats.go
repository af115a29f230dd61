package cli

// stats.go: rt stats, the live table. What is in it is made in stats_lines.go.

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
	"rt/libcontainer/state"
	"rt/libcontainer/sys"
)

func (a *app) statsCommand() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "show what containers use, live",
		ArgsUsage: "[container-id...]",
		Description: `Shows CPU time, memory, processes, block I/O and pressure of the containers
named, or of all that run, again and again until it is interrupted or none of
those named is left. 100 % CPU is one CPU; memory is without page cache that can
be dropped at once; pressure is the share of the last 10 seconds in which
something waited for CPU, memory or I/O.

With --format json there is a line for each container and time. For programs
that know runc there is "rt events".`,
		Flags: []cli.Flag{
			formatFlag(),
			&cli.DurationFlag{Name: "interval", Value: time.Second, Usage: "look every `TIME`, like 500ms or 5s"},
			toggle("no-stream", "show it once"),
		},
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			interval := c.Duration("interval")
			if interval <= 0 {
				return fault.New("", "--interval", "", errors.New("must be greater than 0"))
			}
			m := &monitor{app: a, ids: c.Args().Slice(), json: asJSON, redraw: isTerminal(a.out), warned: map[string]bool{}}
			m.all = func() ([]string, error) { return a.running(c) }
			return m.run(interval, c.Bool("no-stream"))
		},
	}
}

// monitor is one rt stats.
type monitor struct {
	*app
	ids    []string                 // those named; none: whatever runs
	all    func() ([]string, error) // those that run
	json   bool
	redraw bool            // in place, on a terminal
	drawn  bool            // once at least
	warned map[string]bool // containers that cannot be looked at
}

// firstSample is how long the first look at CPU time takes.
const firstSample = 500 * time.Millisecond

func (m *monitor) run(interval time.Duration, once bool) error {
	if err := m.check(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(stop)
	before, err := m.look()
	if err != nil {
		return err
	}
	for wait := min(interval, firstSample); ; wait = interval {
		select {
		case <-stop:
			return nil
		case <-time.After(wait):
		}
		now, err := m.look()
		if err != nil {
			return err
		}
		if len(now) == 0 && len(m.ids) > 0 {
			return nil
		}
		if err := m.print(compare(before, now, sys.TotalMemory())); err != nil || once {
			return err
		}
		before = now
	}
}

// check refuses containers that are named and do not run, before anything is
// shown.
func (m *monitor) check() error {
	return each("stats", m.ids, func(id string) error {
		_, err := m.rt.Stats(id)
		return err
	})
}

// look takes a sample of every container, sorted by id. Those that have ended
// meanwhile are left out.
func (m *monitor) look() ([]sample, error) {
	ids := m.ids
	if len(ids) == 0 {
		var err error
		if ids, err = m.all(); err != nil {
			return nil, err
		}
	}
	var list []sample
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		s, err := m.rt.Stats(id)
		switch {
		case err == nil:
			list = append(list, sample{id: id, at: time.Now(), stats: s})
		case errors.Is(err, fault.ErrNotRunning), errors.Is(err, fault.ErrNotExist), errors.Is(err, state.ErrCreating):
		case !m.warned[id]:
			m.warned[id] = true
			m.log.Warn(about("stats", id, err).Error())
		}
	}
	return list, nil
}

// running are the ids of the containers that run or are paused.
func (a *app) running(c *cli.Context) ([]string, error) {
	list, _, err := a.rt.List()
	if err := missingIsEmpty(c, err); err != nil {
		return nil, fault.New("stats", "", "", err)
	}
	var ids []string
	for _, s := range list {
		if s.Status == libcontainer.Running || s.Status == libcontainer.Paused {
			ids = append(ids, s.ID)
		}
	}
	return ids, nil
}

// The sequences of ECMA-48 that draw over what was drawn before, without a
// flicker.
const (
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
	clearScreen = "\x1b[2J"
)

func (m *monitor) print(lines []statsLine) error {
	if m.json {
		for _, l := range lines {
			if err := m.printJSON(l, ""); err != nil {
				return err
			}
		}
		return nil
	}
	text := statsTable(lines)
	if m.redraw {
		text = toTop + strings.ReplaceAll(text, "\n", clearLine+"\n") + clearBelow
		if !m.drawn {
			text = clearScreen + text
		}
		m.drawn = true
	}
	_, err := fmt.Fprint(m.out, text)
	return err
}

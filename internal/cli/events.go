package cli

// events.go: rt events.

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
)

func (a *app) eventsCommand() *cli.Command {
	return &cli.Command{
		Name:      "events",
		Usage:     "print statistics and OOM kills of a container as they come",
		ArgsUsage: "<container-id>",
		Description: `Prints a line of JSON with the container's statistics every interval, and one
whenever the OOM killer was at work in it, until the container ends. The format
is runc's. For people there is "rt stats".`,
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "interval", Value: 5 * time.Second, Usage: "print statistics every `TIME`, like 500ms or 5s"},
			toggle("stats", "print the statistics of this moment and exit"),
		},
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			id := c.Args().First()
			return about("events", id, a.events(id, c.Duration("interval"), c.Bool("stats")))
		},
	}
}

func (a *app) events(id string, interval time.Duration, once bool) error {
	if interval <= 0 {
		return fault.New("", "--interval", "", errors.New("duration interval must be greater than 0"))
	}
	out := json.NewEncoder(a.out)
	if once {
		stats, err := a.rt.Stats(id)
		if err != nil {
			return err
		}
		return out.Encode(libcontainer.Event{Type: libcontainer.EventStats, ID: id, Data: stats})
	}
	return a.rt.Events(id, interval, func(e libcontainer.Event) error { return out.Encode(e) })
}

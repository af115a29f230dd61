package cli

// kill.go: rt kill. The grammar takes runc's as it is and leaves no doubt with
// several containers:
//
//	kill ID                      TERM
//	kill ID... SIGNAL            the last of two or more arguments is a signal
//	kill --signal SIGNAL ID...   all arguments are containers
//
// With --regex the ids are expressions. Nothing is signalled when the command
// line is wrong.

import (
	"errors"
	"syscall"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
	"rt/libcontainer/sys"
)

func (a *app) killCommand() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Usage:     "send a signal (default: SIGTERM) to the first process of containers",
		ArgsUsage: "<container-id> [container-id...] [signal]",
		Description: `Sends a signal, given by name or number, to the container's first process. The
last of two or more arguments is the signal, unless --signal names it: to send
SIGTERM to several containers say "rt kill --signal TERM a b".

A container without a pid namespace of its own outlives its first process:
KILL goes to all of its processes.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "signal", Aliases: []string{"s"}, Usage: "send `SIGNAL`; all arguments are containers"},
			regexFlag(),
			// runc has it still, hidden, for old containerds.
			hidden(toggle("all", "send it to every process of the container", "a")),
		},
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 1); err != nil {
				return err
			}
			args, sig, err := killArgs(c.Args().Slice(), c.String("signal"))
			if err != nil {
				return err
			}
			ids, err := a.selected(c, args)
			if err != nil {
				return err
			}
			return each("kill", ids, func(id string) error { return a.rt.Kill(id, sig, c.Bool("all")) })
		},
	}
}

var errUnknownSignal = errors.New("unknown signal")

// killArgs parts the containers from the signal.
func killArgs(args []string, flag string) ([]string, syscall.Signal, error) {
	name, ids := "TERM", args
	switch {
	case flag != "":
		name = flag
	case len(args) > 1:
		name, ids = args[len(args)-1], args[:len(args)-1]
	}
	if name == "" { // a variable that is not set; runc takes it so
		name = "TERM"
	}
	sig, ok := sys.SignalNumber(name)
	if !ok {
		e := fault.New("kill", name, "", errUnknownSignal)
		if flag == "" {
			e.Hint = "the last argument is the signal; for several containers: rt kill --signal TERM ID..."
		}
		return nil, 0, e
	}
	return ids, sig, nil
}

package cli

import (
	"syscall"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
)

func (a *app) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "create and start a container",
		ArgsUsage: "<container-id>",
		Description: `Creates a container and starts its program. In the foreground rt stays with
it: it forwards signals, connects the terminal, exits with the program's own
exit status (128+n when signal n ended it) and deletes the container.`,
		Flags: append(createFlags(),
			toggle("detach", "return as soon as the program runs", "d"),
			toggle("keep", "do not delete the container when its program has ended"),
			toggle("no-subreaper", "leave orphaned processes of the container to another reaper"),
		),
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			if err := makeRoot(c); err != nil {
				return err
			}
			o := createOptions(c)
			o.Detach, o.Keep, o.NoSubreaper = c.Bool("detach"), c.Bool("keep"), c.Bool("no-subreaper")
			if !o.Detach {
				relay, err := libcontainer.NewSignalRelay(forwardedSignals()...)
				if err != nil {
					return about("run", o.ID, err)
				}
				o.Attach, o.Relay = attach, relay
			}
			status, err := a.rt.Run(c.Context, o)
			if e, ok := asExec(err); ok {
				return e
			}
			a.status = status
			return about("run", o.ID, err)
		},
	}
}

// forwardedSignals are those that a terminal, a supervisor or a script sends to
// a program to tell it something. Those that the kernel raises for a program's
// own doing, and SIGWINCH, which the terminal's size follows, are not messages.
func forwardedSignals() []syscall.Signal {
	const rtmin = 34 // glibc's SIGRTMIN; systemd as init listens on +3 and +4
	return []syscall.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTSTP,
		syscall.SIGPWR, syscall.Signal(rtmin + 3), syscall.Signal(rtmin + 4),
	}
}

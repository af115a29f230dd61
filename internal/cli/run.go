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
			} else {
				o.Interruptible = interruptible
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

// forwardedSignals are all that somebody can send, as in runc, but those that
// end or stop a process whatever it does, that say something of its children
// or its files, that the terminal sends to who has no right to it, or whose
// size follows SIGWINCH, and those that Go and the C library use.
func forwardedSignals() []syscall.Signal {
	const last = 64
	var list []syscall.Signal
	for s := syscall.Signal(1); s <= last; s++ {
		switch s {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU,
			syscall.SIGWINCH, syscall.SIGURG, syscall.SIGPROF, 32, 33, 34:
		default:
			list = append(list, s)
		}
	}
	return list
}

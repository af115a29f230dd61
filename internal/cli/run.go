package cli

import "github.com/urfave/cli/v2"

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
				o.Attach = attach
			}
			status, err := a.rt.Run(o)
			if e, ok := asExec(err); ok {
				return e
			}
			a.status = status
			return about("run", o.ID, err)
		},
	}
}

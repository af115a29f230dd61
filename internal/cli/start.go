package cli

import "github.com/urfave/cli/v2"

func (a *app) startCommand() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Usage:     "start the program of a created container",
		ArgsUsage: "<container-id>",
		Description: `Lets the first process of a created container execute the program that
process.args in its config.json names.`,
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			id := c.Args().First()
			err := a.rt.Start(id)
			if e, ok := asExec(err); ok {
				err = e
			}
			return about("start", id, err)
		},
	}
}

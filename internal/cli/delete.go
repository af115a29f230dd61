package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
)

func (a *app) deleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "delete containers",
		ArgsUsage: "<container-id> [container-id...]",
		Description: `Removes what is left of stopped or created containers: processes, cgroups and
state. A running one is refused without --force.`,
		Flags: []cli.Flag{
			toggle("force", "kill the container first (SIGKILL); a container that does not exist is no error", "f"),
			regexFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 1); err != nil {
				return err
			}
			ids, err := a.selected(c, c.Args().Slice())
			if err != nil {
				return err
			}
			force := c.Bool("force")
			return each("delete", ids, func(id string) error {
				err := a.rt.Delete(id, force)
				if force && errors.Is(err, fault.ErrNotExist) {
					return nil
				}
				return err
			})
		},
	}
}

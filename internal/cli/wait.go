package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func (a *app) waitCommand() *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait for the end of containers and print their exit status",
		ArgsUsage: "<container-id> [container-id...]",
		Description: `Waits until the first process of each container has ended and prints its exit
status, 128+n when signal n ended it, one line for each container in the order
given. Whoever started the container takes the status from the kernel too; rt
can know it later only from Linux 6.15 on, and only if it was waiting already.`,
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 1); err != nil {
				return err
			}
			return each("wait", c.Args().Slice(), func(id string) error {
				status, err := a.rt.Wait(c.Context, id)
				if err == nil {
					fmt.Fprintln(a.out, status)
				}
				return err
			})
		},
	}
}

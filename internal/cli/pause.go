package cli

// pause.go: rt pause and rt resume.

import "github.com/urfave/cli/v2"

func (a *app) pauseCommand() *cli.Command {
	return a.onContainer("pause", "suspend all processes of a container",
		`Freezes all processes of a created or running container; its status is "paused"
until "rt resume". Limits can be changed meanwhile. KILL ends a paused container.`,
		func(id string) error { return a.rt.Pause(id) })
}

func (a *app) resumeCommand() *cli.Command {
	return a.onContainer("resume", "let a paused container go on",
		`Thaws the processes of a container that "rt pause" has frozen. A container that
is not paused is an error.`,
		func(id string) error { return a.rt.Resume(id) })
}

// onContainer is a command with one container as its only argument.
func (a *app) onContainer(name, usage, description string, do func(id string) error) *cli.Command {
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		ArgsUsage:   "<container-id>",
		Description: description,
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			id := c.Args().First()
			return about(name, id, do(id))
		},
	}
}

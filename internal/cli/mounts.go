package cli

// mounts.go: rt mounts.

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/spec"
)

func (a *app) mountsCommand() *cli.Command {
	return &cli.Command{
		Name:      "mounts",
		Usage:     "add mounts to a running container, or remove them",
		ArgsUsage: "add|remove <container-id> <file>",
		Description: `Mounts file systems and directories of the host in a created, running or
paused container, and unmounts what it has mounted. The file, or stdin for "-",
holds mounts in the form of config.json: an array, or an object with one under
"mounts":

    [{"destination": "/data", "source": "/srv/data", "options": ["bind", "ro"]}]

"add" mounts all or, after an error, none. "remove" looks at the destinations
only; mounts of config.json cannot be removed.`,
		Action: func(c *cli.Context) error {
			if err := exactly(c, 3); err != nil {
				return err
			}
			action, id := c.Args().Get(0), c.Args().Get(1)
			if action != "add" && action != "remove" {
				return &usage{command: "mounts", err: fmt.Errorf("%q is neither add nor remove", action)}
			}
			return about("mounts "+action, id, a.mounts(action, id, c.Args().Get(2)))
		},
	}
}

func (a *app) mounts(action, id, file string) error {
	data, name, err := readInput("mounts", file)
	if err != nil {
		return err
	}
	list, err := spec.DecodeMounts(data, name)
	if err != nil {
		return err
	}
	if action == "add" {
		return a.rt.AddMounts(id, list)
	}
	destinations := make([]string, len(list))
	for i, m := range list {
		destinations[i] = m.Destination
	}
	return a.rt.RemoveMounts(id, destinations)
}

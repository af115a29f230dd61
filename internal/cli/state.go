package cli

import (
	"bytes"
	"encoding/json"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/quickjson"
)

func (a *app) stateCommand() *cli.Command {
	return &cli.Command{
		Name:      "state",
		Usage:     "print the state of a container",
		ArgsUsage: "<container-id>",
		Description: `Prints the container's state as JSON: ociVersion, id, pid (0 when it is
stopped), status (creating, created, running, paused or stopped), bundle,
rootfs, created, annotations and owner.`,
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			id := c.Args().First()
			state, err := a.rt.State(id)
			if err != nil {
				return about("state", id, err)
			}
			return a.printJSON(state, "  ")
		},
	}
}

// printJSON writes v and a newline; indent "" puts all on one line.
func (a *app) printJSON(v any, indent string) error {
	text, err := quickjson.Marshal(v)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if indent == "" {
		out.Write(text)
	} else if err := json.Indent(&out, text, "", indent); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = a.out.Write(out.Bytes())
	return err
}

package cli

// device.go: rt device.

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
)

func (a *app) deviceCommand() *cli.Command {
	return &cli.Command{
		Name:      "device",
		Usage:     "add devices to a running container, or remove them",
		ArgsUsage: "add|remove <container-id> <device>...",
		Description: `Gives devices of the host to a created, running or paused container, and
takes them away again: the node and the right to use it. For "add" a device is

    HOST-PATH[:CONTAINER-PATH][:ACCESS]

where ACCESS is of the letters r, w and m (mknod), "rwm" if not given. For
"remove" it is the path in the container; devices of config.json cannot be
removed. What a program has open stays open.`,
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 3); err != nil {
				return err
			}
			action, id := c.Args().Get(0), c.Args().Get(1)
			list := c.Args().Slice()[2:]
			switch action {
			case "add":
				devices := make([]libcontainer.Device, len(list))
				for i, text := range list {
					var err error
					if devices[i], err = parseDevice(text); err != nil {
						return &usage{command: "device", err: err}
					}
				}
				return about("device add", id, a.rt.AddDevices(id, devices))
			case "remove":
				return about("device remove", id, a.rt.RemoveDevices(id, list))
			}
			return &usage{command: "device", err: fmt.Errorf("%q is neither add nor remove", action)}
		},
	}
}

// parseDevice reads a device as docker's --device has it.
func parseDevice(text string) (d libcontainer.Device, err error) {
	parts := strings.Split(text, ":")
	d.Host = parts[0]
	if n := len(parts); n > 1 && parts[n-1] != "" && strings.Trim(parts[n-1], "rwm") == "" {
		d.Access, parts = parts[n-1], parts[:n-1]
	}
	if len(parts) == 2 {
		d.Path = parts[1]
	}
	if len(parts) > 2 || d.Host == "" || len(parts) == 2 && d.Path == "" {
		err = fmt.Errorf("%q is not of the form HOST-PATH[:CONTAINER-PATH][:ACCESS]", text)
	}
	return d, err
}

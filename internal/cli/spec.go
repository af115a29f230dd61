package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
	"rt/libcontainer/spec"
)

func (a *app) specCommand() *cli.Command {
	return &cli.Command{
		Name:  "spec",
		Usage: "write a config.json to start from",
		Description: `Writes a config.json that runs "sh" on a terminal in the root file system
"rootfs" beside it. With --rootless the container has a user namespace in
which the caller is root.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "write it into the bundle `DIR`; the default is the current directory"},
			toggle("rootless", "write it for a user without privilege"),
		},
		Action: func(c *cli.Context) error {
			if err := exactly(c, 0); err != nil {
				return err
			}
			return writeSpec(filepath.Join(c.String("bundle"), "config.json"), c.Bool("rootless"))
		},
	}
}

// writeSpec writes a new file; it never replaces one.
func writeSpec(path string, rootless bool) error {
	data, err := json.MarshalIndent(spec.Default(rootless, libcontainer.CgroupV2()), "", "\t")
	if err != nil {
		return fault.New("spec", "", "encode", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fault.New("spec", path, "", errors.New("file exists")).WithHint("rt spec replaces nothing: remove it first")
	}
	if err == nil {
		_, err = f.Write(append(data, '\n'))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return pathFault("spec", err)
	}
	return nil
}

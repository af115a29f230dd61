package cli

import (
	"github.com/urfave/cli/v2"

	"rt/libcontainer"
)

func (a *app) featuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "features",
		Usage: "print what this rt can do",
		Description: `Prints the features structure of the OCI runtime specification as JSON.
containerd, Docker and Podman decide by it what they ask for.`,
		Action: func(c *cli.Context) error {
			if err := exactly(c, 0); err != nil {
				return err
			}
			f := libcontainer.Features()
			if f.Annotations == nil {
				f.Annotations = map[string]string{}
			}
			f.Annotations["rt.version"] = a.build.Version
			f.Annotations["rt.commit"] = a.build.Commit
			return a.printJSON(f, "    ")
		},
	}
}

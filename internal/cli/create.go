package cli

// create.go: rt create, and the flags that create and run share.

import (
	"context"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
)

func (a *app) createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "create a container",
		ArgsUsage: "<container-id>",
		Description: `Makes a container from a bundle: its namespaces, cgroups, file system and
first process, which then waits. "rt start" lets it execute the program that
process.args in config.json names.`,
		Flags: createFlags(),
		Action: func(c *cli.Context) error {
			if err := exactly(c, 1); err != nil {
				return err
			}
			if err := makeRoot(c); err != nil {
				return err
			}
			o := createOptions(c)
			o.Interruptible = interruptible
			return about("create", o.ID, a.rt.Create(c.Context, o))
		},
	}
}

// interruptible: by the signals that end a program. A container that is half
// made is undone then.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// createFlags are the flags of create and run.
func createFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "make the container from the bundle in `DIR`; the default is the current directory"},
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` instead of the bundle's config.json"},
		&cli.StringFlag{Name: "console-socket", Usage: "send the master of the container's terminal to the unix socket `PATH`"},
		&cli.StringFlag{Name: "pidfd-socket", Usage: "send a pidfd of the container's first process to the unix socket `PATH`"},
		&cli.StringFlag{Name: "pid-file", Usage: "write the pid of the container's first process to `FILE`"},
		toggle("no-pivot", "move the root file system with MS_MOVE instead of pivot_root; needed on a ramdisk"),
		toggle("no-new-keyring", "keep the caller's session keyring"),
		&cli.IntFlag{Name: "preserve-fds", Usage: "pass `N` more file descriptors, from 3 on, to the container; those of $LISTEN_FDS come first"},
	}
}

// createOptions are the values of createFlags. Relative paths are the
// caller's, not the bundle's.
func createOptions(c *cli.Context) libcontainer.CreateOptions {
	return libcontainer.CreateOptions{
		ID:            c.Args().First(),
		Bundle:        c.String("bundle"),
		ConfigFile:    c.String("config"),
		ConsoleSocket: c.String("console-socket"),
		PidfdSocket:   c.String("pidfd-socket"),
		PidFile:       c.String("pid-file"),
		NoPivot:       c.Bool("no-pivot"),
		NoNewKeyring:  c.Bool("no-new-keyring"),
		PreserveFds:   c.Int("preserve-fds"),
	}
}

// Package cli is the command line of rt: it turns flags into an options struct
// and makes one call into libcontainer. Command names, flags, exit codes and
// output are runc's, because Docker, containerd, Podman and scripts rely on
// them; what rt has beyond runc says so in docs/man.
//
// Exit codes: 0; 1 for an error, 255 for one of `exec`; 3 for an unknown
// command; `run` and `exec` in the foreground exit with the program's own status.
//
// The definitions of commands and flags are plain data: whatever costs time is
// inside an Action and runs for the one command that was asked for.
package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/seccomp"
)

// Build is what the linker knows of this binary.
type Build struct{ Version, Commit string }

// String is the output of --version after the program's name. Docker, Podman
// and containerd parse these lines.
func (b Build) String() string {
	return fmt.Sprintf("%s\ncommit: %s\nspec: %s\ngo: %s\nlibseccomp: %s",
		b.Version, b.Commit, specs.Version, runtime.Version(), seccomp.Version())
}

// Main runs the command line args, whose first is the program's name, and
// returns the exit code.
func Main(args []string, b Build) int {
	a := &app{build: b, out: os.Stdout, stderr: os.Stderr}
	return a.run(args)
}

// app is one invocation.
type app struct {
	build       Build
	out, stderr io.Writer
	log         *slog.Logger
	sink        sink
	rt          *libcontainer.Runtime
	// status is the exit code of an invocation without an error.
	status int
}

// unknownCommand is the package's error for one, whose text is runc's as well.
type unknownCommand struct{ cli.ExitCoder }

func (unknownCommand) hint() string { return "that is no command; rt --help lists those there are" }

func (a *app) run(args []string) int {
	a.sink = sink{stderr: a.stderr}
	a.log = slog.New(&handler{sink: &a.sink})
	if len(args) == 0 {
		args = []string{"rt"}
	}
	// The package's only way to say how versions are printed; not in a func
	// init because only this invocation needs it.
	name := filepath.Base(args[0])
	cli.VersionPrinter = func(*cli.Context) { fmt.Fprintf(a.out, "%s version %s\n", name, a.build) }
	u := a.urfave(name, args)
	err := u.Run(flagsFirst(u, args))
	defer a.sink.close()
	if coder, ok := err.(cli.ExitCoder); ok && strings.HasPrefix(err.Error(), "No help topic for") { //nolint:errorlint // the package's own
		err = unknownCommand{coder}
	}
	if err != nil {
		return a.sink.report(err)
	}
	return a.status
}

// urfave returns the definition of the command line: of all of it, or as much
// as the command that args ask for needs.
func (a *app) urfave(name string, args []string) *cli.App {
	u := &cli.App{
		Name:         name,
		Usage:        "Open Container Initiative runtime",
		Description:  description,
		Version:      a.build.Version,
		Compiled:     time.Unix(0, 0), // unused, but its default costs a stat
		Flags:        a.globalFlags(),
		Before:       a.before,
		OnUsageError: usageError,
		Writer:       a.out,
		// A comma in a value is part of it: --env A=1,2.
		DisableSliceFlagSeparator: true,
		ErrWriter:                 a.stderr,
		ExitErrHandler:            func(*cli.Context, error) {}, // see run
	}
	u.Commands = a.commands(u.Flags, args)
	for _, c := range u.Commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true // "help" is a fine id for a container
	}
	return u
}

const description = `rt creates, starts, reports, signals and deletes containers from bundles: a
directory with a configuration, config.json, and a root file system.

To run a container in the foreground:

    # rt run -b BUNDLE ID

The id is free to choose and unique below the state root. "rt spec" writes a
config.json to start from.`

// commands are those of the package cli that the args need: the one they name,
// or all.
func (a *app) commands(global []cli.Flag, args []string) []*cli.Command {
	known := []struct {
		name string
		make func() *cli.Command
	}{
		{"create", a.createCommand},
		{"delete", a.deleteCommand},
		{"device", a.deviceCommand},
		{"events", a.eventsCommand},
		{"exec", a.execCommand},
		{"features", a.featuresCommand},
		{"install", a.installCommand},
		{"kill", a.killCommand},
		{"list", a.listCommand},
		{"mounts", a.mountsCommand},
		{"pause", a.pauseCommand},
		{"ps", a.psCommand},
		{"resume", a.resumeCommand},
		{"run", a.runCommand},
		{"spec", a.specCommand},
		{"start", a.startCommand},
		{"state", a.stateCommand},
		{"stats", a.statsCommand},
		{"update", a.updateCommand},
		{"wait", a.waitCommand},
	}
	// The help of rt itself names all, whatever stands behind.
	if i := commandAt(global, args); i < len(args) && !slices.ContainsFunc(args[:i], isHelp) {
		for _, c := range known {
			if args[i] == c.name {
				return []*cli.Command{c.make()}
			}
		}
	}
	list := make([]*cli.Command, len(known))
	for i, c := range known {
		list[i] = c.make()
	}
	return list
}

package cli

// args.go: what stands on the command line besides flags.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
)

// flagsFirst moves the flags of a command in front of its arguments, so that
// they are accepted in any order: `rt kill ID --all`. What comes after "--" is
// left alone, and so is all of an unknown command.
func flagsFirst(u *cli.App, args []string) []string {
	i := commandAt(u.Flags, args)
	if i >= len(args) || args[i] == "--" {
		return args
	}
	c := u.Command(args[i])
	if c == nil || passesOn(c.Name) {
		return args
	}
	head, args := args[:i+1], args[i+1:]
	if c.Name == "exec" {
		return slices.Concat(head, programLast(c, args))
	}
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		switch n := 1 + valueOf(c.Flags, args[i]); {
		case args[i] == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case isHelp(args[i]):
			// The package would take the container for a help topic.
			return slices.Concat(head, args[i:i+1])
		case isFlag(args[i]) && i+n > len(args):
			// Its value is missing, which an id must not become.
			return slices.Concat(head, args[i:])
		case isFlag(args[i]):
			flags = append(flags, args[i:i+n]...)
			i += n - 1
		default:
			rest = append(rest, args[i])
		}
	}
	if slices.ContainsFunc(rest, dashed) {
		flags = append(flags, "--")
	}
	return slices.Concat(head, flags, rest)
}

// commandAt is the index of the command, behind the global flags; without one
// it is beyond the arguments.
func commandAt(global []cli.Flag, args []string) int {
	i := 1
	for i < len(args) && isFlag(args[i]) {
		i += 1 + valueOf(global, args[i])
	}
	return i
}

// passesOn: what stands behind the container is another program's, flags too.
func passesOn(command string) bool { return command == "ps" }

// programLast puts a "--" in front of exec's container, so that nothing behind
// it is taken for a flag of rt's. Flags get their first name: the parser refuses
// "-e A=1 --env B=2".
func programLast(c *cli.Command, args []string) []string {
	i := 0
	var flags []string
	for i < len(args) && isFlag(args[i]) {
		n := min(1+valueOf(c.Flags, args[i]), len(args)-i)
		flags = append(flags, firstName(c.Flags, args[i]))
		flags = append(flags, args[i+1:i+n]...)
		i += n
	}
	if i >= len(args) || args[i] == "--" {
		return slices.Concat(flags, args[i:])
	}
	return slices.Concat(flags, []string{"--"}, args[i:])
}

// firstName is the flag in arg under the first of its names.
func firstName(flags []cli.Flag, arg string) string {
	name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		first := "--" + f.Names()[0]
		if given {
			first += "=" + value
		}
		return first
	}
	return arg
}

// dashed says whether an argument would be taken for a flag or the end of
// flags.
func dashed(arg string) bool { return isFlag(arg) || arg == "--" }

// toggle is a flag without a value.
func toggle(name, usage string, aliases ...string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, Aliases: aliases, DisableDefaultText: true}
}

// formatFlag is the flag of commands whose output is for people or programs.
func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "print a `FORMAT`: table or json"}
}

// wantsJSON reads that flag.
func wantsJSON(c *cli.Context) (bool, error) {
	switch f := c.String("format"); f {
	case "table":
		return false, nil
	case "json":
		return true, nil
	default:
		return false, fault.New("", "--format", "", fmt.Errorf("%q is neither table nor json", f))
	}
}

// hidden leaves a flag out of the help.
func hidden(f *cli.BoolFlag) *cli.BoolFlag {
	f.Hidden = true
	return f
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// isFlag says whether arg is a flag for package flag: "-" alone is not.
func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' && arg != "--" }

// valueOf is 1 when the flag's value is the next argument, 0 when it has none
// or brings it along. An unknown flag has none; the parser will refuse it.
func valueOf(flags []cli.Flag, arg string) int {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return 0
	}
	for _, f := range flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		if _, ok := f.(*cli.BoolFlag); ok {
			return 0
		}
		return 1
	}
	return 0
}

// exactly refuses another number of arguments than n. The text is runc's.
func exactly(c *cli.Context, n int) error {
	if c.NArg() == n {
		return nil
	}
	return &usage{command: c.Command.Name, err: fmt.Errorf("%q requires exactly %d argument(s)", c.Command.Name, n)}
}

// atLeast refuses fewer arguments than n. The text is runc's.
func atLeast(c *cli.Context, n int) error {
	if c.NArg() >= n {
		return nil
	}
	return &usage{command: c.Command.Name, err: fmt.Errorf("%q requires a minimum of %d argument(s)", c.Command.Name, n)}
}

// usage is a wrong command line.
type usage struct {
	command string // "" before there is one
	err     error
	global  bool // a global flag stands behind the command
}

func (u *usage) Error() string { return u.err.Error() }

func (u *usage) hint() string {
	if u.global {
		return "global options stand before the command: rt --option " + u.command
	}
	if u.command == "" {
		return "see rt --help"
	}
	return "see rt " + u.command + " --help"
}

// usageError is called for flags that cannot be parsed.
func usageError(c *cli.Context, err error, isCommand bool) error {
	u := &usage{err: err}
	if isCommand {
		u.command = c.Command.Name
		if _, flag, ok := strings.Cut(err.Error(), "not defined: -"); ok {
			u.global = slices.ContainsFunc(c.App.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
		}
	}
	return u
}

// about puts the command and the container in front of an error:
// "create web1: mounts: …". An error that already names the container does not
// name it twice.
func about(command, id string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*fault.Error); ok && e.Object == id { //nolint:errorlint // only the outermost text is changed
		named := *e
		named.Object = ""
		err = &named
	}
	if id == "" {
		id = `""`
	}
	return fault.New(command+" "+id, "", "", err)
}

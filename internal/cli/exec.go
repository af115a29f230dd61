package cli

// exec.go: rt exec. As with runc, flags stand before the container's id: what
// comes behind it is the program's.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
)

// execStatus is the exit status for an error of rt itself: the program's own
// statuses must stay apart from it. It is runc's.
const execStatus = 255

func (a *app) execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "execute a program in a running container",
		ArgsUsage: "<container-id> <command> [arg...] | --process FILE <container-id>",
		Description: `Runs one more program in a created or running container: the container's own
process with the changes that the flags name, or the one that FILE describes.
Flags stand before the container's id; what follows it is the program's.

In the foreground rt forwards signals, connects the terminal and exits with the
program's own exit status (128+n when signal n ended it); an error of rt itself
is status 255.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Usage: "read the process, as under \"process\" in config.json, from `FILE`; other flags for the process are ignored then"},
			toggle("detach", "return as soon as the program runs", "d"),
			&cli.StringFlag{Name: "console-socket", Usage: "send the master of the process's terminal to the unix socket `PATH`"},
			&cli.StringFlag{Name: "pidfd-socket", Usage: "send a pidfd of the process to the unix socket `PATH`"},
			&cli.StringFlag{Name: "pid-file", Usage: "write the pid of the process to `FILE`"},
			toggle("tty", "give the process a terminal", "t"),
			&cli.StringFlag{Name: "cwd", Usage: "run it in `DIR` of the container"},
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "set `NAME=VALUE` in its environment"},
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "run it as `UID[:GID]`, numbers"},
			&cli.StringSliceFlag{Name: "additional-gids", Aliases: []string{"g"}, Usage: "give it the supplementary group `GID`, a number"},
			&cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}, Usage: "add the capability `CAP_NAME`"},
			toggle("no-new-privs", "never let it gain privileges"),
			&cli.StringFlag{Name: "apparmor", Usage: "confine it by the AppArmor `PROFILE`"},
			&cli.StringFlag{Name: "process-label", Usage: "give it the SELinux `LABEL`"},
			&cli.StringSliceFlag{Name: "cgroup", Usage: "put it into an existing cgroup below the container's: `[CONTROLLER[,CONTROLLER]:]PATH`"},
			&cli.IntFlag{Name: "preserve-fds", Usage: "pass `N` more file descriptors, from 3 on, to the process"},
			toggle("ignore-paused", "do not refuse a paused container; the program begins when it is resumed"),
			hidden(toggle("no-subreaper", "accepted for old clients; exec is never a subreaper")),
		},
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 1); err != nil {
				return err
			}
			o := libcontainer.ExecOptions{
				ID:            c.Args().First(),
				ProcessFile:   c.String("process"),
				ConsoleSocket: c.String("console-socket"),
				PidfdSocket:   c.String("pidfd-socket"),
				PidFile:       c.String("pid-file"),
				PreserveFds:   c.Int("preserve-fds"),
				Cgroups:       c.StringSlice("cgroup"),
				IgnorePaused:  c.Bool("ignore-paused"),
				Detach:        c.Bool("detach"),
				Override: libcontainer.ProcessOverride{
					Args:         c.Args().Tail(),
					Cwd:          c.String("cwd"),
					Env:          c.StringSlice("env"),
					Terminal:     c.Bool("tty"),
					AppArmor:     c.String("apparmor"),
					SELinux:      c.String("process-label"),
					Capabilities: c.StringSlice("cap"),
				},
			}
			if c.IsSet("no-new-privs") {
				set := c.Bool("no-new-privs")
				o.Override.NoNewPrivileges = &set
			}
			err := execIDs(&o.Override, c.String("user"), c.IsSet("user"), c.StringSlice("additional-gids"))
			if err == nil && !o.Detach {
				o.Attach = attach
				o.Relay, err = libcontainer.NewSignalRelay(forwardedSignals()...)
			}
			if err == nil {
				var result libcontainer.ExecResult
				result, err = a.rt.Exec(c.Context, o)
				a.status = result.Status
			}
			if err != nil {
				if e, ok := asExec(err); ok {
					err = e
				}
				return execFailure{about("exec", o.ID, err)}
			}
			return nil
		},
	}
}

// execIDs parses --user and --additional-gids. A name is never looked up: in the
// container's files it could mean any id.
func execIDs(o *libcontainer.ProcessOverride, user string, given bool, groups []string) error {
	if given {
		uid, gid, both := strings.Cut(user, ":")
		id, err := parseID("--user", uid)
		if err != nil {
			return err
		}
		o.UID = &id
		if both {
			id, err := parseID("--user", gid)
			if err != nil {
				return err
			}
			o.GID = &id
		}
	}
	for _, g := range groups {
		id, err := parseID("--additional-gids", g)
		if err != nil {
			return err
		}
		o.AdditionalGids = append(o.AdditionalGids, id)
	}
	return nil
}

// parseID takes a number from 0 to 4294967294, in one way of writing it. The
// one above stands for no id at all.
func parseID(flag, text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && n == 1<<32-1:
		err = fmt.Errorf("%q is no id: they go from 0 to 4294967294", text)
	case err != nil:
		err = fmt.Errorf("%q is not a number", text)
	case strconv.FormatUint(n, 10) != text:
		err = fmt.Errorf("%q is not how the number %d is written", text, n)
	default:
		return uint32(n), nil
	}
	return 0, fault.New("", flag, "", err).WithHint("ids are numbers: UID or UID:GID")
}

// execFailure gives an error exec's own exit status.
type execFailure struct{ error }

func (execFailure) ExitCode() int   { return execStatus }
func (e execFailure) Unwrap() error { return e.error }

package cli

// ps.go: rt ps.

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
)

func (a *app) psCommand() *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Usage:     "list the processes of a container",
		ArgsUsage: "<container-id> [ps options]",
		Description: `Prints those lines of ps(1) on the host that are about processes of the
container. What stands behind the container is passed on to ps; the default is
-ef. The output must have a column PID. With --format json it is the list of pids.`,
		Flags: []cli.Flag{
			formatFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := atLeast(c, 1); err != nil {
				return err
			}
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			id := c.Args().First()
			return about("ps", id, a.ps(id, asJSON, c.Args().Tail()))
		},
	}
}

func (a *app) ps(id string, asJSON bool, options []string) error {
	pids, err := a.rt.Processes(id)
	if err != nil {
		return err
	}
	if asJSON {
		if pids == nil {
			pids = []int{}
		}
		return a.printJSON(pids, "")
	}
	if len(options) == 0 {
		options = []string{"-ef"}
	}
	out, err := exec.Command("ps", options...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fault.New("ps", "", "", err).WithHint("install ps (Debian: procps), or use --format json")
	}
	if err != nil {
		return fault.New("ps", "", strings.TrimSpace(string(out)), err)
	}
	lines, err := linesOf(string(out), pids)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.out, printable(lines))
	return err
}

// linesOf returns the title and the lines of these processes from the output of
// ps. The column is found by counting words, as runc does: columns with blanks
// in them must stand behind PID.
func linesOf(output string, pids []int) (string, error) {
	title, rest, _ := strings.Cut(output, "\n")
	column := slices.Index(strings.Fields(title), "PID")
	if column < 0 {
		return "", fault.New("ps", "", "", errors.New("couldn't find PID field in ps output")).
			WithHint("pass options with which ps prints a column PID")
	}
	var b strings.Builder
	b.WriteString(title + "\n")
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) <= column {
			return "", fault.New("ps", "", "", fmt.Errorf("no PID in the line %.60q", line))
		}
		pid, err := strconv.Atoi(fields[column])
		if err != nil {
			return "", fault.New("ps", "", "", fmt.Errorf("unable to parse pid: %w", err)).
				WithHint("columns with blanks in them must stand behind PID")
		}
		if slices.Contains(pids, pid) {
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"rt/libcontainer"
	"rt/libcontainer/fault"
	"rt/libcontainer/state"
)

func (a *app) listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list containers",
		Description: `Lists the containers below the state root, sorted by id. One whose state cannot
be read has the status "broken"; stderr says why. "rt delete --force" removes it.`,
		Flags: []cli.Flag{
			formatFlag(),
			toggle("quiet", "print ids only", "q"),
		},
		Action: func(c *cli.Context) error {
			if err := exactly(c, 0); err != nil {
				return err
			}
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			return a.list(c, asJSON, c.Bool("quiet"))
		},
	}
}

func (a *app) list(c *cli.Context, asJSON, quiet bool) error {
	list, broken, err := a.rt.List()
	if err := missingIsEmpty(c, err); err != nil {
		return fault.New("list", "", "", err)
	}
	for _, err := range broken {
		a.sink.report(fault.New("list", "", "", err))
		var e *fault.Error
		if errors.As(err, &e) && !errors.Is(err, state.ErrForeign) {
			list = append(list, &libcontainer.State{ID: e.Object, Status: "broken"})
		}
	}
	slices.SortFunc(list, func(x, y *libcontainer.State) int { return strings.Compare(x.ID, y.ID) })
	switch {
	case quiet:
		out := bufio.NewWriter(a.out)
		for _, s := range list {
			fmt.Fprintln(out, s.ID)
		}
		return out.Flush()
	case asJSON:
		if list == nil {
			list = []*libcontainer.State{} // [], which jq '.[]' can read; runc says null
		}
		return a.printJSON(list, "")
	}
	return a.table(list)
}

func (a *app) table(list []*libcontainer.State) error {
	out := bufio.NewWriter(a.out) // the table writes word by word
	w := tabwriter.NewWriter(out, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", cell(s.ID), s.Pid, s.Status, cell(s.Bundle), s.Created.Format(time.RFC3339Nano), cell(s.Owner))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// cell is a text in a table: printable, and in one line.
func cell(s string) string { return strings.ReplaceAll(printable(s), "\n", `\x0a`) }

// missingIsEmpty forgives a default state root for not being there.
func missingIsEmpty(c *cli.Context, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !c.IsSet("root") {
		return nil
	}
	return err
}

package cli

// several.go: commands that take more than one container.

import (
	"errors"
	"regexp"

	"github.com/urfave/cli/v2"

	"rt/libcontainer/fault"
	"rt/libcontainer/state"
)

// regexFlag is the flag of commands whose arguments can be expressions.
func regexFlag() cli.Flag {
	return toggle("regex", "the arguments are regular expressions (RE2); every container whose id one of them matches")
}

// selected returns the ids that the arguments mean: with --regex those below
// the root that one of them matches anywhere, sorted; else the arguments.
func (a *app) selected(c *cli.Context, args []string) ([]string, error) {
	if !c.Bool("regex") {
		return args, nil
	}
	var expressions []*regexp.Regexp
	for _, arg := range args {
		re, err := regexp.Compile(arg)
		if err != nil {
			return nil, fault.New("", "--regex", "", err)
		}
		expressions = append(expressions, re)
	}
	ids, err := a.ids(c)
	if err != nil {
		return nil, err
	}
	var matched []string
	for _, id := range ids {
		for _, re := range expressions {
			if re.MatchString(id) {
				matched = append(matched, id)
				break
			}
		}
	}
	return matched, nil
}

// ids are all containers below the root, broken ones too, sorted. A default
// root that nobody has made yet holds none; a root that was asked for and is
// not there is an error.
func (a *app) ids(c *cli.Context) ([]string, error) {
	store, err := state.Open(root(c), false)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	ids, err := store.List()
	return ids, missingIsEmpty(c, err)
}

// each calls do for every id, whatever became of the one before, and puts the
// command and the id in front of each error.
func each(command string, ids []string, do func(id string) error) error {
	var errs failures
	for _, id := range ids {
		if err := do(id); err != nil {
			errs = append(errs, about(command, id, err))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// failures are the errors of several containers; each is reported by itself.
type failures []error

func (f failures) Error() string   { return errors.Join(f...).Error() }
func (f failures) Unwrap() []error { return f }
